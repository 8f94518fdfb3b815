// projection_sql.cpp - `stele projection create` and `ask`: projections that are declared in SQL, of a server. The rest
// of what can be done to a projection is projection.cpp, and the same for all kinds of them.
#include <fstream>
#include <iterator>
#include <ostream>

#include "base/json_reader.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/projection_server.hpp"
#include "cli/exit_code.hpp"
#include "cli/output/record_writer.hpp"
#include "cli/report.hpp"
#include "cli/target/http_client.hpp"
#include "cli/target/target.hpp"
#include "cli/target/wire.hpp"

namespace stele::cli {
namespace {

result<std::string> declaration_in(const std::string& path, Session& session) {
  if (path == "-") return std::string(std::istreambuf_iterator<char>(session.in), {});
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error(errc::not_found, "cannot read " + path).help("check the path");
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// The address of a query with its parameters: "name=value" words, and the moment.
result<std::string> question_path(const ProjectionAskOptions& options) {
  std::string path = projection_path(options.name) + "/queries/" + percent_encoded(options.query);
  char mark = '?';
  const auto add = [&](std::string_view name, std::string_view value) {
    path += mark + percent_encoded(name) + "=" + percent_encoded(value);
    mark = '&';
  };
  for (const std::string_view word : options.parameters) {
    const auto equals = word.find('=');
    if (equals == std::string_view::npos || equals == 0)
      return usage_error("--param cannot be '" + std::string(word) + "'").help("write --param name=value");
    add(word.substr(0, equals), word.substr(equals + 1));
  }
  if (!options.as_of.empty()) add("as_of", options.as_of);
  return path;
}

// The first row says which columns there are; all have the same.
Shape columns_of_rows(const JsonValue& rows) {
  Shape shape;
  for (const JsonValue row : rows.elements()) {
    for (const auto [key, value] : row.members())
      shape.push_back({std::string(key), std::string(key), Column::Kind::text});
    break;
  }
  return shape;
}

}  // namespace

result<int> execute(const ProjectionCreateOptions& options, Session& session) {
  STELE_TRY(const auto text, declaration_in(options.file, session));
  STELE_TRY(const auto place, place_of(session));
  if (place.url.empty())
    return usage_error("projections run in a server, not in a directory").help("give --url http://HOST:PORT");
  STELE_TRY(auto client, HttpClient::make(place.url, place.token));
  STELE_TRY(const auto answer, client.send({.method = "POST",
                                            .target = "/v1/projections",
                                            .headers = {"Content-Type: application/sql"},
                                            .body = text}));
  if (answer.status != 200 && answer.status != 201 && answer.status != 202)
    return error_of_problem(answer.status, answer.body);
  session.out << answer.body << '\n';
  return exit_done;
}

result<int> execute(const ProjectionAskOptions& options, Session& session) {
  STELE_TRY(const auto path, question_path(options));
  STELE_TRY(auto server, ProjectionServer::of(session));
  STELE_TRY(const auto body, server.get(path));
  STELE_TRY(const auto document, JsonDocument::parse(body));
  const auto rows = document.root().find("rows");
  if (!rows) return Error(errc::unavailable, "the server's answer cannot be read");
  RecordWriter writer(session, columns_of_rows(*rows));
  STELE_TRY(const bool listed, writer.only_lists_fields());
  if (listed) return exit_done;
  for (const JsonValue row : rows->elements()) STELE_CHECK(writer.add(row.raw()));
  STELE_CHECK(writer.finish());
  const auto cut = document.root().find("truncated");
  if (cut && cut->as_bool().value_or(false)) session.err << "there are more rows than a server gives\n";
  return exit_done;
}

}  // namespace stele::cli

// sql.cpp - `stele sql`: a read-only question in SQL about the log of a directory or of a server. The answering is
// src/sql's business, or the server's; here it is asked and printed.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <ostream>

#include "base/json_text.hpp"
#include "base/sqlite.hpp"
#include "cli/commands/commands.hpp"
#include "cli/exit_code.hpp"
#include "cli/output/json_object.hpp"
#include "cli/output/record_writer.hpp"
#include "cli/output/text.hpp"
#include "cli/report.hpp"
#include "cli/target/http_client.hpp"
#include "cli/target/target.hpp"
#include "cli/target/wire.hpp"
#include "sql/row_text.hpp"
#include "stele/projection.hpp"

namespace stele::cli {
namespace {

constexpr std::uint64_t rows_by_default = 10'000;
constexpr std::uint64_t most_remote_rows = 100'000;

// How an answer ended, wherever it came from.
struct SqlEnd {
  std::uint64_t rows = 0;
  std::uint64_t events_read = 0;
  std::string cut_by;
  std::vector<std::string> looks;
};

// ---- What is asked

result<std::string> sql_text(const SqlOptions& options, Session& session) {
  if (!options.query.empty() && !options.file.empty())
    return usage_error("there is a question on the command line and one in a file").help("give one of them");
  if (!options.query.empty()) return options.query;
  if (options.file.empty()) return std::string(std::istreambuf_iterator<char>(session.in), {});
  std::ifstream file(options.file, std::ios::binary);
  if (!file) return Error(errc::not_found, "cannot read " + options.file).help("check the path");
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// Whole numbers are numbers, everything else is text.
result<std::pair<std::string, sql::Parameter>> sql_parameter(const std::string& word) {
  const auto equals = word.find('=');
  if (equals == std::string::npos || equals == 0)
    return usage_error("--param cannot be '" + word + "'").help("write --param name=value");
  std::string value = word.substr(equals + 1);
  const auto document = JsonDocument::parse(value);
  const auto whole = document ? document->root().as_i64() : std::nullopt;
  return std::pair(word.substr(0, equals), whole ? sql::Parameter(*whole) : sql::Parameter(std::move(value)));
}

result<sql::Question> sql_question(const SqlOptions& options, Session& session) {
  sql::Question question;
  STELE_TRY(question.sql, sql_text(options, session));
  for (const auto& word : options.parameters) {
    STELE_TRY(auto parameter, sql_parameter(word));
    question.parameters.push_back(std::move(parameter));
  }
  question.limits = {.rows = options.limit.value_or(rows_by_default),
                     .bytes = 0,
                     .time = std::chrono::milliseconds(static_cast<std::int64_t>(options.seconds * 1000))};
  question.given_up = [stop = session.stop] { return stop.stop_requested(); };
  return question;
}

// ---- Printing

Shape sql_shape(const std::vector<std::string>& columns) {
  Shape shape;
  for (const auto& name : columns) shape.push_back({name, name, Column::Kind::text});
  return shape;
}

// In a format for machines the last record says so; people are told beside the data.
result<void> announce_sql_end(Session& session, RecordWriter& writer, const SqlEnd& end) {
  if (!end.cut_by.empty() && (session.format() == Format::ndjson || session.format() == Format::json))
    STELE_CHECK(
        writer.add(JsonObject()
                       .raw("$truncated", JsonObject().text("by", end.cut_by).number("rows", end.rows).take())
                       .take()));
  STELE_CHECK(writer.finish());
  if (!end.cut_by.empty())
    session.err << fmt::format("{}, and there are more: the {} was reached · -n 0 --timeout 0 for all\n",
                               counted(end.rows, "row"), end.cut_by);
  return {};
}

result<void> print_sql_plan(Session& session, const SqlEnd& end) {
  static const Shape shape{{"look", "asked of the store", Column::Kind::text}};
  RecordWriter writer(session, shape);
  for (const auto& look : end.looks) STELE_CHECK(writer.add(JsonObject().text("look", look).take()));
  STELE_CHECK(writer.finish());
  session.err << fmt::format("{}, {} read\n", counted(end.rows, "row"), counted(end.events_read, "event"));
  return {};
}

// ---- A directory

// What the file of a read model says, whoever keeps it up to date. Nothing: it is no model.
std::optional<sql::ProjectorCheckpoint> checkpoint_in(const std::filesystem::path& file) {
  const auto stem = file.stem().string();
  const auto mark = stem.rfind("-v");
  if (file.extension() != ".db" || mark == std::string::npos) return std::nullopt;
  auto db = sqlite::Connection::open(file.string(), sqlite::Mode::read_only);
  if (!db) return std::nullopt;
  auto select = db->prepare("SELECT position FROM stele_checkpoint");
  if (!select) return std::nullopt;
  const auto found = select->step();
  if (!found || !*found) return std::nullopt;
  return sql::ProjectorCheckpoint{.projector = stem.substr(0, mark),
                                  .version = std::atoi(stem.c_str() + mark + 2),
                                  .position = Position(static_cast<std::uint64_t>(select->integer(0))),
                                  .state = {}};
}

// A rebuilt projection has several files: the one that has come furthest counts.
std::vector<sql::ProjectorCheckpoint> checkpoints_in(const std::filesystem::path& models) {
  std::vector<sql::ProjectorCheckpoint> all;
  for (const auto& folder : {models, models / "declared"}) {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
      auto one = checkpoint_in(entry.path());
      if (!one) continue;
      const auto there = std::ranges::find_if(
          all, [&](const auto& it) { return it.projector == one->projector && it.version == one->version; });
      if (there == all.end())
        all.push_back(*std::move(one));
      else
        there->position = std::max(there->position, one->position);
    }
  }
  std::ranges::sort(all, {}, &sql::ProjectorCheckpoint::projector);
  return all;
}

result<SqlEnd> print_sql_rows(Session& session, sql::LogQuery& query, bool plan) {
  RecordWriter writer(session, sql_shape(query.columns()));
  STELE_TRY(const bool listed, writer.only_lists_fields());
  if (listed) return SqlEnd{};
  std::string row;
  auto more = query.next();
  for (; more && *more; more = query.next()) {
    if (plan) continue;
    row.clear();
    sql::append_row_object(row, query);
    STELE_CHECK(writer.add(row));
  }
  if (!more && !plan) writer.finish_with(more.error());
  STELE_CHECK(more);
  SqlEnd end{query.rows(), query.events_read(), query.cut_by(), query.looks()};
  if (!plan) STELE_CHECK(announce_sql_end(session, writer, end));
  return end;
}

result<SqlEnd> ask_sql_directory(Session& session, const std::string& dir, sql::Question question,
                                 const SqlOptions& options) {
  STELE_TRY(const auto store, open(dir, {.access = Access::read_only}));
  sql::LogSource source{.store = store.get()};
  source.checkpoints = [dir] { return checkpoints_in(std::filesystem::path(dir) / "models"); };
  if (!options.as_of.empty()) {
    STELE_TRY(const auto moment, parse_moment(options.as_of));
    STELE_TRY(source.as_of, position_of(*store, moment));
  }
  STELE_TRY(auto query, sql::LogQuery::open(std::move(source), std::move(question)));
  return print_sql_rows(session, query, options.plan);
}

// ---- A server

std::string parameter_json(const sql::Parameter& value) {
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return std::to_string(*whole);
  const auto* text = std::get_if<std::string>(&value);
  return text ? base::json_string(*text) : "null";
}

// A server has limits of its own: "all" is as much as it gives, and the answer says when that was not all.
std::string question_json(const sql::Question& question, const SqlOptions& options) {
  JsonObject body;
  body.text("sql", question.sql);
  JsonObject parameters;
  for (const auto& [name, value] : question.parameters) parameters.raw(name, parameter_json(value));
  body.raw("parameters", parameters.take());
  const auto rows = question.limits.rows == 0 ? most_remote_rows : question.limits.rows;
  body.number("limit", std::min(rows, most_remote_rows));
  const auto time = static_cast<std::uint64_t>(question.limits.time.count());
  body.number("timeout_ms", time == 0 ? 60'000 : std::min<std::uint64_t>(time, 60'000));
  if (!options.as_of.empty()) body.text("as_of", options.as_of);
  return body.take();
}

struct SqlReply {
  std::vector<std::string> columns;
  std::vector<std::string> records;
  SqlEnd end;
};

result<SqlReply> read_sql_reply(std::string_view body) {
  STELE_TRY(const auto document, JsonDocument::parse(body, {.allow_repeated_keys = true}));
  const auto root = document.root();
  const auto columns = root.find("columns");
  const auto rows = root.find("rows");
  if (!columns || !rows) return Error(errc::unavailable, "the server's answer cannot be read");
  SqlReply reply;
  for (const JsonValue name : columns->elements()) reply.columns.emplace_back(name.as_string().value_or(""));
  for (const JsonValue row : rows->elements()) {
    JsonObject record;
    std::size_t at = 0;
    for (const JsonValue value : row.elements())
      if (at < reply.columns.size()) record.raw(reply.columns[at++], value.raw());
    reply.records.push_back(record.take());
  }
  reply.end.rows = reply.records.size();
  if (const auto read = root.find("events_read")) reply.end.events_read = read->as_u64().value_or(0);
  if (const auto cut = root.find("truncated")) reply.end.cut_by = cut->as_string().value_or("");
  if (const auto looks = root.find("looks"))
    for (const JsonValue look : looks->elements())
      reply.end.looks.emplace_back(look.as_string().value_or(""));
  return reply;
}

result<SqlEnd> ask_sql_server(Session& session, const Place& place, const sql::Question& question,
                              const SqlOptions& options) {
  STELE_TRY(auto client, HttpClient::make(place.url, place.token));
  STELE_TRY(const auto answer, client.send({.method = "POST",
                                            .target = "/v1/sql",
                                            .headers = {"Content-Type: application/json"},
                                            .body = question_json(question, options)}));
  if (answer.status != 200) return error_of_problem(answer.status, answer.body);
  STELE_TRY(const auto reply, read_sql_reply(answer.body));
  if (options.plan) return reply.end;
  RecordWriter writer(session, sql_shape(reply.columns));
  STELE_TRY(const bool listed, writer.only_lists_fields());
  if (listed) return reply.end;
  for (const auto& record : reply.records) STELE_CHECK(writer.add(record));
  STELE_CHECK(announce_sql_end(session, writer, reply.end));
  return reply.end;
}

}  // namespace

result<int> execute(const SqlOptions& options, Session& session) {
  STELE_TRY(const auto place, place_of(session));
  STELE_TRY(auto question, sql_question(options, session));
  auto end = place.url.empty() ? ask_sql_directory(session, place.dir, std::move(question), options)
                               : ask_sql_server(session, place, question, options);
  STELE_CHECK(end);
  if (options.plan) STELE_CHECK(print_sql_plan(session, *end));
  return exit_done;
}

}  // namespace stele::cli

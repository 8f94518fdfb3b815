// projection.cpp - `stele projection`: the read models of a server, how far they are, what is parked, and everything
// that can be done about it. Projections run in the application's process, so there is nothing here for a directory.
// Building one anew, with its progress, is projection_rebuild.cpp.
#include <fmt/format.h>

#include <ostream>

#include "base/json_reader.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/projection_server.hpp"
#include "cli/exit_code.hpp"
#include "cli/output/json_object.hpp"
#include "cli/output/record_writer.hpp"
#include "cli/report.hpp"

namespace stele::cli {
namespace {

const Shape& projection_shape() {
  using enum Column::Kind;
  static const Shape shape{{"name", "projection", text}, {"version", "", number},
                           {"state", "state", text},     {"position", "position", number},
                           {"head", "", number},         {"behind_events", "behind", number},
                           {"behind_us", "", number},    {"events_per_second", "events/s", number},
                           {"applied", "", number},      {"retries", "", number},
                           {"parked", "parked", number}, {"skipped", "", number},
                           {"can_roll_back", "", text},  {"synchronous", "", text},
                           {"rebuild", "", payload},     {"note", "", text},
                           {"reason", "reason", text}};
  return shape;
}

const Shape& details_shape() {
  static const Shape shape = [] {
    using enum Column::Kind;
    Shape all = projection_shape();
    for (const char* name : {"apply_times", "delivered", "applied_in", "visible"})
      all.push_back({name, "", payload});
    return all;
  }();
  return shape;
}

const Shape& parked_shape() {
  using enum Column::Kind;
  static const Shape shape{{"position", "position", number}, {"state", "state", text},
                           {"type", "type", text},           {"stream", "stream", text},
                           {"sequence", "", text},           {"error", "error", text},
                           {"tries", "tries", number},       {"since", "since", time}};
  return shape;
}

// The records of a list that the answer has under `member`, or the answer itself where there is none.
result<int> print_projections(Session& session, const Shape& shape, const std::string& path,
                              std::string_view member) {
  RecordWriter writer(session, shape);
  STELE_TRY(const bool listed, writer.only_lists_fields());
  if (listed) return exit_done;
  STELE_TRY(auto server, ProjectionServer::of(session));
  STELE_TRY(const auto body, server.get(path));
  STELE_TRY(const auto document, JsonDocument::parse(body));
  const auto list = member.empty() ? std::nullopt : document.root().find(member);
  if (list) {
    for (const JsonValue each : list->elements()) STELE_CHECK(writer.add(each.raw()));
  } else {
    STELE_CHECK(writer.add(body));
  }
  STELE_CHECK(writer.finish());
  return exit_done;
}

}  // namespace

result<int> execute(const ProjectionListOptions&, Session& session) {
  return print_projections(session, projection_shape(), "/v1/projections", "projections");
}

result<int> execute(const ProjectionInfoOptions& options, Session& session) {
  return print_projections(session, details_shape(), projection_path(options.name), "");
}

result<int> execute(const ProjectionErrorsOptions& options, Session& session) {
  return print_projections(session, parked_shape(), projection_path(options.name) + "/errors", "errors");
}

result<int> execute(const ProjectionWaitOptions& options, Session& session) {
  std::string path = projection_path(options.name) + "/wait?timeout=" + std::to_string(options.seconds);
  if (options.position) path += "&position=" + std::to_string(*options.position);
  return print_projections(session, projection_shape(), path, "");
}

result<int> execute(const ProjectionActOptions& options, Session& session) {
  JsonObject body;
  if (options.position) body.number("position", *options.position);
  if (!options.reason.empty()) body.text("reason", options.reason);
  STELE_TRY(auto server, ProjectionServer::of(session));
  STELE_TRY(const auto answer, server.post(projection_path(options.name) + "/" + options.verb, body.take()));
  session.out << answer << '\n';
  return exit_done;
}

result<int> execute(const ProjectionRemoveOptions& options, Session& session) {
  STELE_TRY(auto server, ProjectionServer::of(session));
  STELE_CHECK(server.remove(projection_path(options.name)));
  return exit_done;
}

}  // namespace stele::cli

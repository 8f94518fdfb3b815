// saga.cpp - `stele saga`: the sagas of a server, what they wait for, and what to do about one that is stuck. Sagas run
// in the application's process, so there is nothing here for a directory.
#include <fmt/format.h>

#include <ostream>

#include "base/json_reader.hpp"
#include "cli/commands/commands.hpp"
#include "cli/exit_code.hpp"
#include "cli/output/record_writer.hpp"
#include "cli/report.hpp"
#include "cli/target/http_client.hpp"
#include "cli/target/target.hpp"
#include "cli/target/wire.hpp"

namespace stele::cli {
namespace {

const Shape& saga_shape() {
  using enum Column::Kind;
  static const Shape shape{{"name", "saga", text},
                           {"running", "running", text},
                           {"position", "position", number},
                           {"head", "", number},
                           {"behind", "behind", number},
                           {"reacted", "reacted", number},
                           {"sent", "sent", number},
                           {"repeated", "", number},
                           {"refused", "refused", number},
                           {"fired", "fired", number},
                           {"ignored", "", number},
                           {"timers", "timers", number},
                           {"next_timer", "next timer", time},
                           {"troubled", "troubled", number},
                           {"stuck", "stuck", number},
                           {"reason", "reason", text}};
  return shape;
}

const Shape& trouble_shape() {
  using enum Column::Kind;
  static const Shape shape{{"instance", "instance", text}, {"stuck", "stuck", text},
                           {"what", "at", text},           {"position", "position", number},
                           {"error", "error", text},       {"since", "since", time},
                           {"tries", "tries", number},     {"waiting", "waiting", number}};
  return shape;
}

const Shape& timer_shape() {
  using enum Column::Kind;
  static const Shape shape{{"instance", "instance", text}, {"timer", "timer", text}, {"due", "due", time}};
  return shape;
}

result<HttpClient> client_of(const Session& session) {
  STELE_TRY(const auto place, place_of(session));
  if (place.url.empty())
    return usage_error("sagas run in a server, not in a directory").help("give --url http://HOST:PORT");
  return HttpClient::make(place.url, place.token);
}

std::string saga_path(const std::string& name) { return "/v1/sagas/" + percent_encoded(name); }

result<std::string> ask_server(Session& session, const HttpRequest& request) {
  STELE_TRY(auto client, client_of(session));
  STELE_TRY(auto reply, client.send(request));
  if (reply.status != 200) return error_of_problem(reply.status, reply.body);
  return std::move(reply.body);
}

// One record for each element of the list that the answer has under `member`.
result<int> print_list(Session& session, const Shape& shape, const std::string& path,
                       std::string_view member) {
  RecordWriter writer(session, shape);
  STELE_TRY(const bool listed, writer.only_lists_fields());
  if (listed) return exit_done;
  STELE_TRY(const auto body, ask_server(session, {.target = path}));
  STELE_TRY(const auto document, JsonDocument::parse(body));
  const auto list = document.root().find(member);
  if (!list) return Error(errc::unavailable, "the server's answer about sagas cannot be read");
  for (const JsonValue each : list->elements()) STELE_CHECK(writer.add(each.raw()));
  STELE_CHECK(writer.finish());
  return exit_done;
}

}  // namespace

result<int> execute(const SagaListOptions&, Session& session) {
  return print_list(session, saga_shape(), "/v1/sagas", "sagas");
}

result<int> execute(const SagaShowOptions& options, Session& session) {
  if (options.timers)
    return print_list(session, timer_shape(), saga_path(options.saga) + "/timers", "timers");
  return print_list(session, trouble_shape(), saga_path(options.saga), "troubles");
}

result<int> execute(const SagaActOptions& options, Session& session) {
  const auto path = saga_path(options.saga) + "/instances/" + percent_encoded(options.instance);
  STELE_TRY(const auto body,
            ask_server(session, {.method = "POST", .target = path + (options.skip ? "/skip" : "/retry")}));
  session.out << body << '\n';
  return exit_done;
}

}  // namespace stele::cli

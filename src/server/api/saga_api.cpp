// saga_api.cpp - the application's sagas over HTTP: what they have done, who is stuck and why, which timers are
// pending; and trying again. Handlers that return their answer may block: retry and skip wait for the step in progress.
#include "server/api/store_api.hpp"
#include "server/text.hpp"
#include "stele/saga.hpp"

namespace stele::server {
namespace {

constexpr std::size_t timers_page = 1'000;

void add_count(std::string& out, std::string_view name, std::uint64_t value) {
  out += ",\"" + std::string(name) + "\":" + std::to_string(value);
}

void add_words(std::string& out, std::string_view name, std::string_view value) {
  out += ",\"" + std::string(name) + "\":" + json_quoted(value);
}

std::string_view truth(bool value) { return value ? "true" : "false"; }

// Without the closing brace.
std::string saga_members(const SagaStatus& status) {
  std::string out =
      "{\"name\":" + json_quoted(status.name) + ",\"running\":" + std::string(truth(status.running));
  add_count(out, "position", status.position.value());
  add_count(out, "head", status.head.value());
  add_count(out, "behind", status.head.value() - status.position.value());
  add_count(out, "reacted", status.reacted);
  add_count(out, "sent", status.sent);
  add_count(out, "repeated", status.repeated);
  add_count(out, "refused", status.refused);
  add_count(out, "fired", status.fired);
  add_count(out, "ignored", status.ignored);
  add_count(out, "timers", status.timers);
  out += ",\"next_timer\":" + (status.next_timer ? json_quoted(to_string(*status.next_timer)) : "null");
  add_count(out, "troubled", status.troubled);
  add_count(out, "stuck", status.stuck);
  add_words(out, "reason", status.reason);
  return out;
}

std::string trouble_json(const SagaTrouble& trouble) {
  std::string out =
      "{\"instance\":" + json_quoted(trouble.instance) + ",\"stuck\":" + std::string(truth(trouble.stuck));
  add_words(out, "what", trouble.what);
  add_count(out, "position", trouble.position.value());
  add_words(out, "error", trouble.error);
  add_words(out, "since", to_string(trouble.since));
  add_count(out, "tries", trouble.tries);
  add_count(out, "waiting", trouble.waiting);
  return out + "}";
}

template <class List, class Render>
std::string json_list(const List& list, Render render) {
  std::string out = "[";
  for (const auto& each : list) out += (out.size() > 1 ? "," : "") + render(each);
  return out + "]";
}

Answer list_sagas(const std::vector<SagaRunner*>& sagas, const Request&) {
  const auto one = [](const SagaRunner* saga) { return saga_members(saga->status()) + "}"; };
  return Response::json(200, "{\"sagas\":" + json_list(sagas, one) + "}");
}

Answer show_saga(SagaRunner& saga, const Request&) {
  return Response::json(
      200, saga_members(saga.status()) + ",\"troubles\":" + json_list(saga.troubles(), trouble_json) + "}");
}

Answer list_timers(SagaRunner& saga, const Request&) {
  const auto one = [](const SagaTimer& timer) {
    return "{\"instance\":" + json_quoted(timer.instance) + ",\"timer\":" + json_quoted(timer.timer) +
           ",\"due\":" + json_quoted(to_string(timer.due)) + "}";
  };
  return Response::json(200, "{\"timers\":" + json_list(saga.timers(timers_page), one) + "}");
}

Answer acted(const SagaRunner& saga, const Request& request, std::string_view verb,
             const result<void>& done) {
  STELE_CHECK(done);
  return Response::json(200, "{\"saga\":" + json_quoted(saga.status().name) +
                                 ",\"instance\":" + json_quoted(request.param("instance")) +
                                 ",\"done\":" + json_quoted(verb) + "}");
}

Answer retry_instance(SagaRunner& saga, const Request& request) {
  return acted(saga, request, "retry", saga.retry(request.param("instance")));
}

Answer skip_instance(SagaRunner& saga, const Request& request) {
  return acted(saga, request, "skip", saga.skip(request.param("instance")));
}

using SagaCall = Answer (*)(SagaRunner&, const Request&);

// Of the saga that the address names.
Handler on_saga(std::vector<SagaRunner*> sagas, SagaCall call) {
  return [sagas = std::move(sagas), call](const Request& request) -> Answer {
    const auto name = request.param("saga");
    for (SagaRunner* saga : sagas)
      if (saga->status().name == name) return call(*saga, request);
    return Error(errc::not_found, "no saga of this server is called `" + std::string(name) + "`")
        .help("GET /v1/sagas lists them");
  };
}

ServedRoute saga_route(std::string method, std::string pattern, Handler handler, RouteDoc doc) {
  const auto scope = method == "GET" ? Scope::query : Scope::admin;
  return {.route = {.method = std::move(method),
                    .pattern = std::move(pattern),
                    .handler = std::move(handler),
                    .doc = std::move(doc),
                    .scope = scope},
          .own = true};
}

}  // namespace

std::vector<ServedRoute> saga_routes(const std::shared_ptr<Core>& core) {
  const auto sagas = core->app ? core->app->sagas() : std::vector<SagaRunner*>();
  return {
      saga_route("GET", "/v1/sagas", [sagas](const Request& request) { return list_sagas(sagas, request); },
                 {.summary = "The application's sagas, with their counts"}),
      saga_route("GET", "/v1/sagas/{saga}", on_saga(sagas, show_saga),
                 {.summary = "One saga, and its instances in trouble"}),
      saga_route("GET", "/v1/sagas/{saga}/timers", on_saga(sagas, list_timers),
                 {.summary = "Pending timers, the next one first", .description = "At most 1000 of them."}),
      saga_route("POST", "/v1/sagas/{saga}/instances/{instance}/retry", on_saga(sagas, retry_instance),
                 {.summary = "Try again now what an instance is stuck at"}),
      saga_route("POST", "/v1/sagas/{saga}/instances/{instance}/skip", on_saga(sagas, skip_instance),
                 {.summary = "Give up the one thing an instance is stuck at, and go on",
                  .description = "That it was skipped is recorded in the instance's stream."}),
  };
}

}  // namespace stele::server

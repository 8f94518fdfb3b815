// projection_api.cpp - the application's projections over HTTP: how far they are, why they stand still, what is parked;
// and stopping, rebuilding, switching them. Handlers that return their answer may block: these wait for a batch.
#include <algorithm>

#include "declared/shelf.hpp"
#include "server/api/projection_json.hpp"
#include "server/api/store_api.hpp"
#include "server/text.hpp"
#include "stele/wire.hpp"

namespace stele::server {
namespace {

constexpr std::uint64_t longest_wait_s = 30;

// ---- What the requests say

struct WithReason {
  std::optional<std::string> reason;
};
struct RebuildBody {
  std::optional<bool> swap;
  std::optional<bool> compare;
  std::optional<bool> estimate;
  std::optional<bool> discard;
  std::optional<std::uint64_t> batch;
};
struct RetryBody {
  std::optional<std::uint64_t> position;
};
struct SkipBody {
  std::uint64_t position = 0;
  std::string reason;
};

// No body is an empty one: most of these need no words.
template <class Body>
result<Body> body_of(const Request& request) {
  return from_json<Body>(request.body.empty() ? std::string_view("{}") : std::string_view(request.body),
                         UnknownFields::refuse);
}

// ---- Looking

Answer shown(const Runner& runner) { return Response::json(200, projection_json(runner.status())); }

Answer list_projections(const std::vector<Projections*>& all, const Request&) {
  std::string out;
  for (const Projections* projections : all)
    for (const ProjectionStatus& status : projections->status())
      out += (out.empty() ? "" : ",") + projection_json(status);
  return Response::json(200, "{\"projections\":[" + out + "]}");
}

// With the version that is being built to take its place, where there is one.
Answer show_projection(Runner& runner, const declared::Shelf* shelf) {
  auto details = projection_details_json(runner);
  const auto next = shelf ? shelf->upcoming(runner.target().name()) : nullptr;
  const bool its = next && shelf->find(runner.target().name())->runner == &runner;
  if (its) details.insert(details.size() - 1, ",\"next\":" + projection_json(next->runner->status()));
  return Response::json(200, std::move(details));
}

Answer list_parked(Runner& runner, const Request&) {
  STELE_TRY(const auto events, runner.parked());
  std::string out;
  for (const ParkedEvent& event : events) out += (out.empty() ? "" : ",") + parked_json(event);
  return Response::json(200, "{\"errors\":[" + out + "]}");
}

result<std::uint64_t> number_in_query(const Request& request, std::string_view name,
                                      std::uint64_t otherwise) {
  const auto text = request.query_value(name);
  if (!text) return otherwise;
  const auto number = parse_u64(*text);
  if (!number)
    return Error(errc::invalid, "`" + std::string(name) + "` is not a whole number: " + std::string(*text));
  return *number;
}

Answer wait_for_position(Runner& runner, const Request& request) {
  STELE_TRY(const auto position, number_in_query(request, "position", runner.status().head.value()));
  STELE_TRY(const auto seconds, number_in_query(request, "timeout", 5));
  const std::chrono::seconds patience(std::min(seconds, longest_wait_s));
  STELE_CHECK(runner.wait(Position(position), patience));
  return shown(runner);
}

// ---- Doing

// A pause is remembered in the store until it is ended: whoever paused a projection does not expect it to go on because
// the server was restarted. Where the store cannot be written, it lasts as long as the process.
constexpr std::string_view pause_space = "projection-pause";

std::string pause_key(const Runner& runner) {
  return runner.target().name() + "-v" + std::to_string(runner.target().version());
}

Answer pause_it(EventStore& store, Runner& runner, const Request& request) {
  STELE_TRY(auto body, body_of<WithReason>(request));
  const auto reason = body.reason.value_or("paused on request");
  runner.pause(reason);
  const auto kept = store.records().put(pause_space, pause_key(runner), reason);
  if (!kept && kept.error().kind() != errc::read_only)
    return Error(kept.error()).at("paused, but not beyond a restart");
  return shown(runner);
}

result<void> end_pause(EventStore& store, const Runner& runner) {
  const auto forgotten = store.records().erase(pause_space, pause_key(runner));
  if (!forgotten && forgotten.error().kind() != errc::read_only) return forgotten.error();
  return {};
}

Answer resume_it(EventStore& store, Runner& runner, const Request&) {
  STELE_CHECK(end_pause(store, runner));
  runner.resume();
  return shown(runner);
}

Answer start_it(Runner& runner, const Request&) {
  runner.start();
  return shown(runner);
}

Answer stop_it(EventStore& store, Runner& runner, const Request&) {
  STELE_CHECK(end_pause(store, runner));
  runner.stop();
  return shown(runner);
}

// As they were left. What cannot be read is no pause.
void pause_as_before(EventStore& store, const std::vector<Projections*>& all) {
  for (const Projections* projections : all)
    for (Runner* runner : projections->runners())
      if (const auto reason = store.records().get(pause_space, pause_key(*runner)); reason && *reason)
        runner->pause(**reason);
}

Answer rebuild_it(Runner& runner, const Request& request) {
  STELE_TRY(const auto body, body_of<RebuildBody>(request));
  if (body.estimate.value_or(false)) {
    STELE_TRY(const auto estimate, runner.estimate_rebuild());
    return Response::json(200, estimate_json(estimate));
  }
  if (body.discard.value_or(false)) {
    STELE_CHECK(runner.discard_rebuild());
    return shown(runner);
  }
  RebuildOptions options;
  options.swap = body.swap.value_or(true);
  options.compare = body.compare.value_or(false);
  if (body.batch) options.batch = static_cast<std::size_t>(*body.batch);
  STELE_CHECK(runner.rebuild(options));
  return Response::json(202, projection_json(runner.status()));
}

Answer swap_it(Runner& runner, const Request&) {
  STELE_CHECK(runner.swap());
  return shown(runner);
}

Answer roll_back(Runner& runner, const Request&) {
  STELE_CHECK(runner.rollback());
  return shown(runner);
}

std::string applied_json(std::uint64_t applied) { return "{\"applied\":" + std::to_string(applied) + "}"; }

Answer retry_parked(Runner& runner, const Request& request) {
  STELE_TRY(const auto body, body_of<RetryBody>(request));
  STELE_TRY(const auto applied, runner.retry(Position(body.position.value_or(0))));
  return Response::json(200, applied_json(applied));
}

Answer skip_parked(Runner& runner, const Request& request) {
  STELE_TRY(const auto body, body_of<SkipBody>(request));
  if (body.reason.empty())
    return Error(errc::invalid, "`reason` is empty").help("say why this event may be missing for good");
  STELE_TRY(const auto applied, runner.skip(Position(body.position), body.reason));
  return Response::json(200, applied_json(applied));
}

// ---- Addresses

using ProjectionCall = std::function<Answer(Runner&, const Request&)>;

// Of the projection that the address names; looked up each time, since projections come and go.
Handler on_projection(std::vector<Projections*> all, ProjectionCall call) {
  return [all = std::move(all), call = std::move(call)](const Request& request) -> Answer {
    const auto name = request.param("projection");
    for (const Projections* projections : all)
      if (Runner* runner = projections->find(name)) return call(*runner, request);
    return Error(errc::not_found, "no projection of this server is called `" + std::string(name) + "`")
        .help("GET /v1/projections lists them");
  };
}

ServedRoute projection_route(std::string method, std::string pattern, Handler handler, RouteDoc doc) {
  const bool asks = method == "GET";
  ServedRoute route;
  route.route.method = std::move(method);
  route.route.pattern = std::move(pattern);
  route.route.handler = std::move(handler);
  route.route.doc = std::move(doc);
  if (!asks) route.route.scope = Scope::admin;
  route.own = true;
  return route;
}

template <class Call>
struct OperationOf {
  const char* word;
  Call* call;
  const char* summary;
  const char* description;
};
using Operation = OperationOf<Answer(Runner&, const Request&)>;
using KeptOperation = OperationOf<Answer(EventStore&, Runner&, const Request&)>;

constexpr KeptOperation kept_operations[]{
    {"pause", pause_it, "Stop applying, with a reason",
     "Body: {\"reason\"?}. Whoever waits goes on waiting. Lasts until resume or stop, also over restarts of "
     "the "
     "server."},
    {"resume", resume_it, "End a pause", ""},
    {"stop", stop_it, "Stop it, and give up the lease", "Another process that stands by takes over."},
};

constexpr Operation operations[]{
    {"start", start_it, "Start again after a stop or a failure", "A failed one resumes at its event."},
    {"rebuild", rebuild_it, "Build another model beside the one that serves, then switch",
     "Body: {\"swap\"?, \"compare\"?, \"batch\"?}; or {\"estimate\":true} for what it would take, "
     "{\"discard\":true} to give up one that is being built. The old model serves until the switch."},
    {"swap", swap_it, "Let the built model serve", "Answers when it does."},
    {"rollback", roll_back, "Let the model before the last switch serve again",
     "It is brought up to date first."},
    {"retry", retry_parked, "Apply parked events again",
     "Body: {\"position\"?}: the sequence of this event, or everything that is parked."},
    {"skip", skip_parked, "Give up one event that cannot be applied", "Body: {\"position\", \"reason\"}."},
};

}  // namespace

std::vector<ServedRoute> projection_routes(const std::shared_ptr<Core>& core) {
  auto all = core->app ? core->app->projections() : std::vector<Projections*>();
  if (core->shelf) all.push_back(&core->shelf->projections());
  const std::string one = "/v1/projections/{projection}";
  std::vector<ServedRoute> routes;
  routes.push_back(projection_route("GET", "/v1/projections",
                                    [all](const Request& request) { return list_projections(all, request); },
                                    {.summary = "The application's projections, with how far they are"}));
  const auto show = [shelf = core->shelf.get()](Runner& runner, const Request&) {
    return show_projection(runner, shelf);
  };
  routes.push_back(projection_route("GET", one, on_projection(all, show),
                                    {.summary = "One projection, with its latencies and costs"}));
  routes.push_back(projection_route("GET", one + "/errors", on_projection(all, list_parked),
                                    {.summary = "Events that are not in the model, and why"}));
  routes.push_back(projection_route(
      "GET", one + "/wait", on_projection(all, wait_for_position),
      {.summary = "Wait until a position is visible",
       .query = {{"position", "up to here; the head when missing"}, {"timeout", "seconds, 5; at most 30"}}}));
  pause_as_before(core->store, all);
  for (const KeptOperation& each : kept_operations)
    routes.push_back(projection_route(
        "POST", one + "/" + each.word,
        on_projection(all,
                      [&store = core->store, call = each.call](Runner& runner, const Request& request) {
                        return call(store, runner, request);
                      }),
        {.summary = each.summary, .description = each.description}));
  for (const Operation& each : operations)
    routes.push_back(projection_route("POST", one + "/" + each.word, on_projection(all, each.call),
                                      {.summary = each.summary, .description = each.description}));
  return routes;
}

}  // namespace stele::server

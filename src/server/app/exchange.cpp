// exchange.cpp - the steps of answering one request, in order.
#include "server/app/exchange.hpp"

#include <algorithm>
#include <atomic>
#include <exception>

#include "server/app/conflict.hpp"
#include "server/app/model_wait.hpp"
#include "server/app/preconditions.hpp"
#include "server/http/uri.hpp"
#include "server/log.hpp"
#include "server/ops/audit.hpp"
#include "server/text.hpp"

namespace stele::server {
namespace {

constexpr std::chrono::seconds slow_request{1};

// Unique within and across runs: the process's random part, then a count.
std::string next_request_id() {
  static const std::string prefix = to_string(Uuid::random()).substr(24);
  static std::atomic<std::uint64_t> count{0};
  return prefix + "-" + std::to_string(count.fetch_add(1, std::memory_order_relaxed) + 1);
}

const std::string* header_of(const Response& response, std::string_view name) {
  for (const auto& field : response.headers) {
    if (field.name == name) return &field.value;
  }
  return nullptr;
}

// OPTIONS is answered for every path there is; it never reaches a handler.
Response method_problem(const Request& request, const std::string& allow) {
  if (request.method == "OPTIONS") {
    Response out;
    out.status = 204;
    return std::move(out).header("Allow", allow + ", OPTIONS");
  }
  return Response::problem(
             Problem(405, "method-not-allowed", request.method + " is not offered at this address"))
      .header("Allow", allow);
}

// Better to be told at once than to wait in a queue nobody will work off in time.
Problem overloaded() {
  return Problem(503, "unavailable", "too many requests are waiting").retry_after(std::chrono::seconds(1));
}

}  // namespace

// Retry-After is whole seconds and only where waiting helps.
Response render_problem(const Core& core, const Problem& problem, std::string_view instance,
                        std::string_view request_id) {
  auto out = Response::text(problem.status(), core.problems.render(problem, instance, request_id),
                            "application/problem+json");
  if (problem.retry_after().count() > 0) {
    out.headers.push_back({"Retry-After", std::to_string(problem.retry_after().count())});
  }
  return out;
}

Exchange::Exchange(std::shared_ptr<Core> core)
    : core_(std::move(core)), request_(std::make_shared<Request>()) {
  core_->running.fetch_add(1);
}

Exchange::~Exchange() { core_->running.fetch_sub(1); }

std::shared_ptr<Exchange> Exchange::prepare(std::shared_ptr<Core> core, ParsedRequest parsed) {
  auto out = std::make_shared<Exchange>(std::move(core));
  out->understand(parsed);
  return out;
}

// The order matters: an address that cannot be decoded has no route, and conventions need the route's say.
void Exchange::understand(ParsedRequest& parsed) {
  auto& request = *request_;
  request.method = std::move(parsed.method);
  request.target = std::move(parsed.target);
  request.headers = std::move(parsed.headers);
  request.body = std::move(parsed.body);
  request.id = next_request_id();
  const auto refuse = [this](Problem problem) { refused_ = Response::problem(std::move(problem)); };

  const auto target = split_target(request.target);
  if (!target) return refuse(Problem(400, "invalid-request", "the request target is not a path"));
  auto match = core_->router.find(request.method, target->path);
  auto query = parse_query_text(target->query);
  if (match.broken_escape || !query) {
    return refuse(Problem(400, "invalid-request", "the address holds a broken %-escape or is not UTF-8"));
  }
  request.path = percent_decode(target->path).value_or("");
  request.query = *std::move(query);
  request.params = std::move(match.params);
  route_ = match.route;
  refused_ = refuse_stranger(route_ != nullptr && route_->open_to_all);
  if (refused_) return;
  if (route_ == nullptr && !match.allow.empty()) {
    refused_ = method_problem(request, match.allow);
  } else if (route_ == nullptr) {
    refuse(not_found("there is nothing at " + request.path).help("GET /openapi.json lists every address"));
  } else if (auto denied = refuse_scope()) {
    refuse(*std::move(denied));
  } else if (auto problem = read_conventions(request)) {
    refuse(*std::move(problem));
  } else if (auto unknown = refuse_unknown_query()) {
    refuse(*std::move(unknown));
  }
}

// What is wrong with a token is not told: "expired" would confirm that somebody had guessed one (RFC 6750, 3.1).
std::optional<Response> Exchange::refuse_stranger(bool open_to_all) {
  if (core_->tokens.empty() || open_to_all) return std::nullopt;
  token_ =
      core_->tokens.find(request_->header("authorization").value_or(""),
                         std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now()));
  if (token_ != nullptr) {
    request_->token = token_->name;
    return std::nullopt;
  }
  return Response::problem(Problem(401, "unauthenticated", "this server wants an access token")
                               .help("send it as `Authorization: Bearer TOKEN`; `stele token new` makes one"))
      .header("WWW-Authenticate", "Bearer realm=\"stele\"");
}

std::optional<Problem> Exchange::refuse_scope() const {
  if (token_ == nullptr) return std::nullopt;
  const auto scope = scope_of(route_->route);
  if (std::ranges::find(token_->scopes, scope) != token_->scopes.end()) return std::nullopt;
  return Problem(403, "denied",
                 "the token `" + token_->name + "` may not do this: it lacks the scope `" +
                     std::string(to_string(scope)) + "`")
      .with("token", token_->name)
      .with("needed", to_string(scope));
}

// For the server's own addresses only: what an application does with its parameters is its business.
std::optional<Problem> Exchange::refuse_unknown_query() const {
  if (!route_->own) return std::nullopt;
  std::string known;
  for (const auto& field : route_->route.doc.query) known += (known.empty() ? "" : ", ") + field.name;
  for (const auto& given : request_->query) {
    bool found = false;
    for (const auto& field : route_->route.doc.query) found |= field.name == given.name;
    if (found) continue;
    return Problem(400, "invalid-request", "there is no query parameter `" + given.name + "` here")
        .help(known.empty() ? "this address takes none" : "known: " + known);
  }
  return std::nullopt;
}

bool Exchange::pipelined() const {
  return route_ != nullptr && route_->pipelined && !request_->idempotency_key && !refused_;
}

void Exchange::run(Reply reply) {
  reply_ = std::move(reply);
  if (refused_) return finish(*std::exchange(refused_, std::nullopt));
  if (core_->stopping.load()) {
    return finish(Response::problem(
        Problem(503, "unavailable", "the server is stopping").retry_after(std::chrono::seconds(2))));
  }
  if (!request_->idempotency_key) return proceed();
  if (!core_->workers.try_run([self = shared_from_this()] { self->begin_keyed(); })) {
    finish(Response::problem(overloaded()));
  }
}

// The key is looked up before anything is decided, and held until end().
void Exchange::begin_keyed() {
  auto begun = core_->idempotency.begin(*request_);
  if (!begun) return finish(Response::problem(problem_of(begun.error(), false)));
  if (*begun) return finish(*std::move(*begun));
  keyed_ = true;
  proceed();
}

void Exchange::proceed() {
  if (wants_to_wait(route_->route, *request_)) return wait_then_call();
  call_handler();
}

void Exchange::wait_then_call() {
  if (request_->after_version && !route_->route.stream) {
    return finish(Response::problem(
        Problem(400, "invalid-request", "after_version means nothing here").help("use after_position")));
  }
  waited_ = true;
  wait_for_model(core_, route_->route, request_, [self = shared_from_this()](ModelWait wait) {
    if (wait.reached) return self->call_handler();
    self->late(wait.wanted);
  });
}

// 503 and not 504: Retry-After is defined for it, and clients do retry it.
void Exchange::late(std::optional<Position> wanted) {
  if (request_->prefer.lenient) {
    request_->stale = true;
    return call_handler();
  }
  const auto current = route_->route.model->position();
  const auto goal = wanted.value_or(core_->store.head().position);
  const auto behind = goal > current ? goal.value() - current.value() : 0;
  auto problem =
      Problem(503, "read-model-behind", "the read model has not caught up in the time you gave it")
          .with("current", current.value())
          .with("behind_events", behind)
          .retry_after(std::chrono::seconds(1))
          .help("give it more time (Prefer: wait=30), or take a stale answer (Prefer: handling=lenient)");
  if (wanted) problem = std::move(problem).with("wanted", wanted->value());
  if (request_->after_version)
    problem = std::move(problem).with("wanted_version", request_->after_version->value());
  finish(Response::problem(std::move(problem)));
}

// Asynchronous handlers run here, on the network thread; all others may block and get a worker.
void Exchange::call_handler() {
  const auto& route = route_->route;
  if (route.async) return call_async();
  if (!core_->workers.try_run([self = shared_from_this()] { self->call_blocking(); })) {
    finish(Response::problem(overloaded()));
  }
}

void Exchange::log_thrown(std::string_view what) const {
  log_line(LogLevel::error, "handler.threw", what, {{"request_id", request_->id}, {"path", request_->path}});
}

// Only logged here: the responder answers 500 when it goes away without an answer, and where it was kept or has
// answered already, a second answer would be wrong.
void Exchange::call_async() {
  try {
    route_->route.async(request_, Responder([self = shared_from_this()](Answer answer) {
                          self->answered(std::move(answer));
                        }));
  } catch (const std::exception& thrown) {
    log_thrown(thrown.what());
  } catch (...) {
    log_thrown("not an std::exception");
  }
}

// What an exception says may be meant for nobody outside: it goes to the log, not into the answer.
void Exchange::call_blocking() {
  const auto fail = [this](std::string_view what) {
    log_thrown(what);
    answered(Response::problem(Problem(500, "internal", "the handler failed")));
  };
  std::optional<Answer> answer;
  try {
    answer = route_->route.handler(*request_);
  } catch (const std::exception& thrown) {
    return fail(thrown.what());
  } catch (...) {
    return fail("not an std::exception");
  }
  answered(*std::move(answer));
}

// A conflict needs the events since, and reading them may block: not on the store's own thread.
void Exchange::answered(Answer answer) {
  acted_ = true;
  if (answer) return finish(*std::move(answer));
  const auto& error = answer.error();
  const bool conditional = request_->expected.kind() != ExpectedVersion::Kind::any;
  if (error.kind() != errc::conflict) return finish(Response::problem(problem_of(error, conditional)));
  core_->workers.run([self = shared_from_this(), error, conditional] {
    self->finish(Response::problem(conflict_problem(self->core_->store, error, conditional)));
  });
}

// Headers are added before the answer is kept, so that a repeat gets the same ones.
void Exchange::finish(Response response) {
  if (response.refusal) {
    auto rendered = render_problem(*core_, *response.refusal, request_->target, request_->id);
    for (auto& field : response.headers) rendered.headers.push_back(std::move(field));
    response = std::move(rendered);
  }
  add_headers(response);
  if (!acted_ || !is_audited(*request_, scope_of(route_->route))) return hand_over(std::move(response));
  const auto status = response.status;
  const auto kept = std::make_shared<Response>(std::move(response));
  audit(core_->store, *request_, status, [self = shared_from_this(), kept] {
    self->core_->workers.run([self, kept] { self->hand_over(std::move(*kept)); });
  });
}

void Exchange::hand_over(Response response) {
  if (!keyed_) return deliver(std::move(response));
  core_->workers.run([self = shared_from_this(), response = std::move(response)]() mutable {
    self->finish_keyed(std::move(response));
  });
}

// The effect is durable already: an answer that cannot be stored is still given.
void Exchange::finish_keyed(Response response) {
  if (const auto kept = core_->idempotency.end(*request_, response); !kept) {
    log_line(LogLevel::error, "idempotency.not_kept", "the answer of an Idempotency-Key could not be stored",
             {{"request_id", request_->id}, {"error", kept.error().to_string()}});
  }
  deliver(std::move(response));
}

// The request id is added last: it names this request, not the one whose answer was stored.
void Exchange::deliver(Response response) {
  response.headers.push_back({"Stele-Request-Id", request_->id});
  const bool read = request_->method == "GET" || request_->method == "HEAD";
  const auto* etag = header_of(response, "ETag");
  if (read && response.status == 200 && etag != nullptr && etag_listed(*request_, *etag)) {
    response.status = 304;
    response.body.clear();
    response.source = nullptr;
    response.opened = nullptr;
    response.content_type.clear();
  }
  record(response.status);
  auto reply = std::exchange(reply_, nullptr);
  reply(std::move(response));
}

void Exchange::add_headers(Response& response) {
  const auto add = [&](std::string name, std::string value) {
    response.headers.push_back({std::move(name), std::move(value)});
  };
  if (response.written_position) add("Stele-Position", std::to_string(response.written_position->value()));
  if (response.read_version) add("Stele-Read-Version", std::to_string(response.read_version->value()));
  if (response.read_position) {
    const auto head = core_->store.head().position;
    const auto at = *response.read_position;
    add("Stele-Behind-Events", std::to_string(head > at ? head.value() - at.value() : 0));
  }
  if (request_->stale) {
    add("Stele-Stale", "true");
    add("Preference-Applied", "handling=lenient");
  } else if (waited_) {
    add("Preference-Applied", "wait=" + std::to_string(request_->prefer.wait.count()));
  }
}

// Failures and slow requests are logged always; the rest on demand, for a line each would cost more than an
// append.
void Exchange::record(int status) const {
  const auto took = std::chrono::steady_clock::now() - began_;
  const auto index = route_ ? route_->index : core_->router.routes().size();
  core_->metrics.request_done(index, request_->method, status, took);
  const bool slow = took > slow_request;
  if (!core_->options.log_requests && status < 500 && !slow) return;
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
  log_line(status >= 500 || slow ? LogLevel::warn : LogLevel::info, "request", "request answered",
           {{"method", request_->method},
            {"target", request_->target},
            {"status", static_cast<std::uint64_t>(status)},
            {"micros", static_cast<std::uint64_t>(micros)},
            {"request_id", request_->id},
            {"traceparent", request_->traceparent}});
}

}  // namespace stele::server

// web.hpp - a domain over HTTP: from a request to a command, from a refusal to a problem document, from a running
// projection to what a request waits for. Everything an application says again and again between app.hpp (routes) and
// handler.hpp (commands). Not a framework: each piece is a function, and whoever wants other words calls none of them.
//
//   app.route({.method = "POST", .pattern = "/api/tallies/{name}", .handler = [&](const stele::Request& request) {
//     return stele::answer_command<CountBody>(request, [&](const CountBody& body) -> stele::Answer {
//       STELE_TRY(const auto done, stele::handle<Tally>(*store, Count{..., body.by}, stele::context_of(request),
//                                                       stele::options_of(request)));
//       if (done.refusal) return stele::Response::problem(stele::refusal_of(*done.refusal));
//       return stele::Response::json(200, stele::to_json(done.state)).etag(*done.revision);
//     });
//   }});
//
// Threading: functions without state; RunnerModel as its Runner.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "stele/app.hpp"
#include "stele/handler.hpp"
#include "stele/projection.hpp"
#include "stele/saga.hpp"
#include "stele/wire.hpp"

namespace stele {

// ---- Requests

// Why the body cannot be read at all: 415, for a media type that is said and is not JSON. What curl says when nobody
// tells it (application/x-www-form-urlencoded) passes, since the body is read as JSON all the same.
[[nodiscard]] std::optional<Problem> wrong_media_type(const Request& request);

// 400 invalid-command for an error of from_json(): a JSON Pointer (RFC 6901) and a sentence for everything that is
// wrong, not only for the first.
[[nodiscard]] Problem malformed_body(const Error& why);

// The body as a T. Unknown members are refused: a misspelt optional one would otherwise be lost without a word.
template <class T>
[[nodiscard]] std::expected<T, Problem> body_as(const Request& request) {
  if (auto wrong = wrong_media_type(request)) return std::unexpected(*std::move(wrong));
  auto read = from_json<T>(std::string_view(request.body), UnknownFields::refuse);
  if (!read) return std::unexpected(malformed_body(read.error()));
  return *std::move(read);
}

// `answer` with the body as a Body, or the problem that it is none.
template <class Body, class Answering>
[[nodiscard]] Answer answer_command(const Request& request, Answering&& answer) {
  auto body = body_as<Body>(request);
  if (!body) return Response::problem(std::move(body).error());
  return std::forward<Answering>(answer)(*std::move(body));
}

// What ids in paths and bodies may be made of, so that each is a stream name, a path segment and a file name without
// quoting: 1 to 64 letters, digits, '.', '_' or '-'.
[[nodiscard]] bool is_id(std::string_view text);
// 400 invalid-command; `member` is where it stood: "orderId" is reported as "/orderId".
[[nodiscard]] Problem wrong_id(std::string_view member, std::string_view text);

// Who asks and why, as the request says it: X-User-Id, X-Correlation-Id, X-Causation-Id, traceparent and
// Idempotency-Key. Nobody is authenticated by this: an application that knows its users replaces `user`.
[[nodiscard]] Context context_of(const Request& request);
// If-Match and If-None-Match as the expected version, and more patience than the toolkit's default with aggregates
// that many people use at once.
[[nodiscard]] HandleOptions options_of(const Request& request);

// ---- Refusals

// A refusal as its problem document: the rule's name, its facts (a JSON object) as members, and a sentence; without
// one, the name in words ("CreditExceeded": "credit exceeded"). 404 for rules that begin with NoSuch, otherwise 422
// business-rule.
[[nodiscard]] Problem refusal_of(std::string_view rule, const std::string& facts, std::string sentence = {});
template <class... R>
[[nodiscard]] Problem refusal_of(const std::variant<R...>& why) {
  return refusal_of(type_name(why), content_json(why));
}

// ---- What goes on beside the requests

// A projection's runner, seen as what a route waits for (Route::model). Neither owns nor stops it.
// A projection that stops never calls: the request runs out of patience, and its answer says where the model stands.
class RunnerModel final : public ReadModel {
 public:
  explicit RunnerModel(Runner& runner) : runner_(runner) {}
  [[nodiscard]] Position position() const override;
  std::uint64_t notify_at(Position wanted, std::function<void()> reached) override;
  void cancel(std::uint64_t ticket) override;

 private:
  Runner& runner_;
};

// A line of /readyz for each of the projections that have been added so far (not ready when it has failed or was
// stopped), and their position, lag, rate, errors and visibility delay in /metrics. `projections` must outlive the
// server.
void watch_projections(App& app, const Projections& projections);

// Position, pending timers, stuck instances and sent commands of a saga in /metrics. A stuck instance is somebody's
// work and no reason not to serve the others, so readiness does not ask. `saga` must outlive the server.
void watch_saga(App& app, const SagaRunner& saga);

}  // namespace stele

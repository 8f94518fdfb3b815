// append_api.cpp - POST /v1/streams/{stream}/events and POST /v1/append. Nothing waits here: the store's completion
// carries the answer.
#include "projection/appends_through.hpp"
#include "server/api/append_body.hpp"
#include "server/api/store_api.hpp"
#include "server/app/preconditions.hpp"
#include "server/http/uri.hpp"
#include "server/text.hpp"

namespace stele::server {
namespace {

// Larger bodies are parsed by a worker: a network thread serves many.
constexpr std::size_t inline_body_bytes = 64u << 10;

// For the metric: who is to look at it - the caller (conflict, invalid, denied) or the operator.
AppendOutcome outcome_of(const result<AppendResult>& done) {
  if (done) return AppendOutcome::ok;
  switch (done.error().kind()) {
    case errc::conflict:
      return AppendOutcome::conflict;
    case errc::invalid:
    case errc::too_large:
      return AppendOutcome::invalid;
    case errc::denied:
      return AppendOutcome::denied;
    default:
      return AppendOutcome::unavailable;
  }
}

// The fixed shape of docs/http-api.md.
std::string render_result(const AppendResult& done, bool duplicate) {
  std::string out = "{\"first\":" + std::to_string(done.first.value()) +
                    ",\"last\":" + std::to_string(done.last.value()) + ",\"revisions\":{";
  bool first = true;
  for (const auto& [stream, revision] : done.revisions) {
    if (!std::exchange(first, false)) out += ',';
    append_json_string(out, stream);
    out += ':' + std::to_string(revision.value());
  }
  out += "},\"recorded_at\":\"" + to_string(done.recorded_at) + "\",\"duplicate\":";
  return out + (duplicate ? "true}" : "false}");
}

// Under an Idempotency-Key a repeat gets the answer of the first try, word for word; that it is a repeat stands in
// a header.
Response appended(const AppendResult& done, bool keyed) {
  const bool replayed = keyed && done.was_duplicate;
  auto out = Response::json(201, render_result(done, done.was_duplicate && !keyed)).position(done.last);
  if (replayed) out = std::move(out).header("Idempotency-Replayed", "true");
  if (done.revisions.size() != 1) return out;
  const auto& [stream, revision] = done.revisions.front();
  return std::move(out).etag(revision).header(
      "Location", "/v1/streams/" + percent_encode(stream) + "/events/" + std::to_string(revision.value()));
}

// Ids from the key make the append itself repeatable, should the process die before the answer is stored. Without
// them, a trace context is kept in the metadata of events that have none.
void complete_events(const Request& request, AppendRequest& append) {
  std::size_t index = 0;
  for (auto& write : append.writes) {
    for (auto& event : write.events) {
      const bool own_id = !event.id.is_nil();
      if (request.idempotency_key && !own_id) event.id = event_id_of_key(*request.idempotency_key, index);
      ++index;
      if (own_id || request.idempotency_key || !event.metadata.empty() || request.traceparent.empty())
        continue;
      event.metadata = "{\"traceparent\":\"" + request.traceparent + "\"}";
    }
  }
}

struct AppendSize {
  std::size_t events = 0;
  std::size_t bytes = 0;
};

// Counted before the request is given away.
AppendSize size_of(const AppendRequest& append) {
  AppendSize out;
  for (const auto& write : append.writes) {
    out.events += write.events.size();
    for (const auto& event : write.events) out.bytes += event.data.size() + event.metadata.size();
  }
  return out;
}

// With a key, a repeated id whose content differs means: the key was used for another body.
Answer answer_of(result<AppendResult> done, bool keyed) {
  if (done) return appended(*done, keyed);
  const auto& error = done.error();
  const bool reused = keyed && error.kind() == errc::invalid && error.fact("id").has_value();
  if (!reused) return error;
  return Response::problem(Problem(422, "idempotency-key-reused", error.message()).help("use a new key"));
}

// The completion runs on the store's thread: it counts, renders a few hundred bytes, and hands over.
void submit(const std::shared_ptr<Core>& core, const std::shared_ptr<const Request>& request,
            AppendRequest append, Responder respond) {
  complete_events(*request, append);
  const auto size = size_of(append);
  const auto began = std::chrono::steady_clock::now();
  const bool keyed = request->idempotency_key.has_value();
  core->appends->append_async(std::move(append), [core, size, began, keyed, respond = std::move(respond)](
                                                     result<AppendResult> done) mutable {
    core->metrics.append_done(outcome_of(done), size.events, size.bytes,
                              std::chrono::steady_clock::now() - began);
    respond(answer_of(std::move(done), keyed));
  });
}

// An empty body that was announced is a malformed one and gets a better answer further on.
std::optional<Problem> refuse_missing_body(const Request& request) {
  if (!request.body.empty() || request.header("content-length") || request.header("transfer-encoding")) {
    return std::nullopt;
  }
  return Problem(411, "length-required", "an append needs a body")
      .help("send Content-Length or a chunked body");
}

// The name is checked before the body is read: it is the cheaper refusal.
OrProblem<AppendRequest> stream_append(const Request& request) {
  if (auto problem = refuse_missing_body(request)) return std::unexpected(*std::move(problem));
  AppendRequest out;
  StreamWrite write;
  write.stream = request.param("stream");
  if (const auto ok = check_stream_name(write.stream); !ok)
    return std::unexpected(problem_of(ok.error(), false));
  write.expected = request.expected;
  auto events = parse_events(request);
  if (!events) return std::unexpected(std::move(events).error());
  write.events = *std::move(events);
  out.writes.push_back(std::move(write));
  return out;
}

// Conditions come in the body here; one header cannot speak for several streams.
OrProblem<AppendRequest> multi_append(const Request& request) {
  if (auto problem = refuse_missing_body(request)) return std::unexpected(*std::move(problem));
  const auto type = request.content_type();
  if (!type.empty() && type != "application/json") {
    return std::unexpected(Problem(415, "unsupported-media-type", "`" + type + "` is not taken here")
                               .with_json("offered", R"(["application/json"])"));
  }
  if (request.expected.kind() != ExpectedVersion::Kind::any) {
    return std::unexpected(Problem(400, "invalid-request", "If-Match says nothing about several streams")
                               .help("give `expected` for each write in the body"));
  }
  return parse_append(request.body);
}

using ParseAppend = OrProblem<AppendRequest> (*)(const Request&);

// Order is kept for small bodies: they are submitted in the order they arrived on their connection.
AsyncHandler append_handler(const std::shared_ptr<Core>& core, ParseAppend parse) {
  return
      [weak = std::weak_ptr(core), parse](const std::shared_ptr<const Request>& request, Responder respond) {
        const auto live = weak.lock();
        if (!live) return;
        auto work = [live, parse, request, respond = std::move(respond)]() mutable {
          auto append = parse(*request);
          if (!append) return respond(Response::problem(std::move(append).error()));
          if (append->condition) live->add_older_names(append->condition->fail_if);
          submit(live, request, *std::move(append), std::move(respond));
        };
        if (request->body.size() <= inline_body_bytes) return work();
        live->workers.run(std::move(work));
      };
}

constexpr std::string_view append_result_schema =
    R"({"type":"object","required":["first","last","revisions","recorded_at","duplicate"],"properties":{)"
    R"("first":{"type":"integer"},"last":{"type":"integer"},"revisions":{"type":"object","additionalProperties":)"
    R"({"type":"integer"}},"recorded_at":{"type":"string","format":"date-time"},"duplicate":{"type":"boolean"}}})";

}  // namespace

std::vector<ServedRoute> append_routes(const std::shared_ptr<Core>& core) {
  ServedRoute stream{
      .route = {.method = "POST",
                .pattern = "/v1/streams/{stream}/events",
                .async = append_handler(core, stream_append),
                .doc = {.summary = "Append events to one stream",
                        .description = "If-Match / If-None-Match give the expected version. JSON (one "
                                       "event or an array), NDJSON, or one binary event.",
                        .request_schema = R"({"$ref":"#/components/schemas/NewEvents"})",
                        .response_schema = std::string(append_result_schema),
                        .query = {{"type", "event type of a binary event"}}}},
      .own = true,
      .pipelined = true};
  ServedRoute multi{
      .route = {.method = "POST",
                .pattern = "/v1/append",
                .async = append_handler(core, multi_append),
                .doc = {.summary = "Append to several streams, atomically",
                        .description = "All of it happens at consecutive positions, or nothing does.",
                        .request_schema = R"({"$ref":"#/components/schemas/AppendRequest"})",
                        .response_schema = std::string(append_result_schema)}},
      .own = true,
      .pipelined = true};
  return {std::move(stream), std::move(multi)};
}

}  // namespace stele::server

// response.cpp - building answers and problem documents; how they become bytes is http/wire.cpp.
#include "base/assert.hpp"
#include "base/json_text.hpp"
#include "server/text.hpp"
#include "stele/app.hpp"

namespace stele {

Problem::Problem(int status, std::string slug, std::string detail)
    : status_(status), slug_(std::move(slug)), detail_(std::move(detail)) {
  STELE_ASSERT(status >= 400 && status < 600, "a problem needs a status from 400 to 599", status);
}

Problem Problem::with(std::string name, std::string_view text) && {
  members_.push_back({std::move(name), server::json_quoted(text)});
  return std::move(*this);
}

Problem Problem::with(std::string name, std::uint64_t number) && {
  members_.push_back({std::move(name), std::to_string(number)});
  return std::move(*this);
}

Problem Problem::with_json(std::string name, std::string json) && {
  members_.push_back({std::move(name), std::move(json)});
  return std::move(*this);
}

Problem Problem::at(std::string pointer, std::string message) && {
  violations_.push_back({std::move(pointer), std::move(message)});
  return std::move(*this);
}

Problem Problem::help(std::string what_to_do) && {
  help_ = std::move(what_to_do);
  return std::move(*this);
}

Problem Problem::retry_after(std::chrono::seconds pause) && {
  retry_after_ = pause;
  return std::move(*this);
}

Problem business_rule(std::string_view rule, std::string detail, std::vector<Field> facts) {
  auto problem = Problem(422, "business-rule", std::move(detail)).with("rule", rule);
  for (auto& fact : facts) problem = std::move(problem).with(std::move(fact.name), fact.value);
  return problem;
}

Problem invalid_command(std::string detail, std::vector<Problem::Violation> violations) {
  Problem problem(400, "invalid-command", std::move(detail));
  for (auto& v : violations) problem = std::move(problem).at(std::move(v.pointer), std::move(v.message));
  return problem;
}

Problem not_found(std::string detail) { return {404, "not-found", std::move(detail)}; }

Response Response::json(int status, std::string body) {
  Response out;
  out.status = status;
  out.content_type = "application/json";
  out.body = std::move(body);
  return out;
}

Response Response::text(int status, std::string body, std::string content_type) {
  Response out;
  out.status = status;
  out.content_type = std::move(content_type);
  out.body = std::move(body);
  return out;
}

Response Response::problem(Problem why) {
  Response out;
  out.status = why.status();
  out.refusal = std::move(why);
  return out;
}

Response Response::stream(std::string content_type, BodySource source) {
  Response out;
  out.content_type = std::move(content_type);
  out.source = std::move(source);
  return out;
}

Response Response::live(StreamOpened opened) {
  Response out;
  out.content_type = "text/event-stream";
  out.opened = std::move(opened);
  return out;
}

Response Response::header(std::string name, std::string value) && {
  headers.push_back({std::move(name), std::move(value)});
  return std::move(*this);
}

Response Response::etag(Revision version) && {
  return std::move(*this).header("ETag", "\"" + std::to_string(version.value()) + "\"");
}

Response Response::position(Position last_written) && {
  written_position = last_written;
  return std::move(*this);
}

Response Response::read(Revision version, Position model_position) && {
  read_version = version;
  read_position = model_position;
  return std::move(*this);
}

// The client must not wait for ever because a handler forgot it.
Responder::~Responder() {
  if (send_) send_(Response::problem(Problem(500, "no-answer", "the handler ended without an answer")));
}

// Twice would answer somebody else's request on a kept connection.
void Responder::operator()(Answer answer) {
  STELE_ASSERT(static_cast<bool>(send_), "a request was answered twice");
  auto send = std::exchange(send_, nullptr);
  send(std::move(answer));
}

}  // namespace stele

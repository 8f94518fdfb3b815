// problems.cpp - problem types, their pages, and Errors as problems.
#include "server/app/problems.hpp"

#include <array>

#include "server/http/wire.hpp"
#include "server/text.hpp"

namespace stele::server {
namespace {

struct Row {
  std::string_view slug;
  int status;
  std::string_view title;
  std::string_view meaning;
};

constexpr std::array<Row, 29> own_problems{{
    {"invalid-request", 400, "The request cannot be understood",
     "Something in the request is malformed; `detail` and `errors` say what and where. Correct it; repeating "
     "it "
     "unchanged cannot succeed."},
    {"invalid-command", 400, "The command is malformed",
     "The body is not the command this address takes. `errors` lists every problem with a JSON Pointer."},
    {"unauthenticated", 401, "Who are you?",
     "Send an access token that this server knows and that has not expired: `Authorization: Bearer TOKEN`."},
    {"denied", 403, "You may not do this",
     "`needed` names the scope that your access token lacks. Ask whoever runs the server for one that has "
     "it."},
    {"not-found", 404, "There is nothing here",
     "What the address names does not exist, or not yet. If you have just written it, repeat the request "
     "with "
     "`after_version` or `after_position`."},
    {"method-not-allowed", 405, "This method is not offered here", "The Allow header lists those that are."},
    {"not-acceptable", 406, "None of the accepted media types is offered",
     "`offered` lists the media types of this address."},
    {"request-timeout", 408, "The request did not arrive in time", "Send it again, faster; see /v1/limits."},
    {"version-conflict", 409, "The stream has moved since you looked",
     "Read what happened since (`events_since`), decide again, retry. 409 when the expected version came in "
     "the "
     "body or from a rule, 412 when it came in If-Match or If-None-Match."},
    {"condition-conflict", 409, "An event matches the append condition",
     "Somebody appended what your decision should have known: `position` is the newest event behind `after` "
     "that "
     "matches, `event` shows it. Read what matches behind `after`, decide again, and retry with the last "
     "position "
     "you read."},
    {"request-in-progress", 409, "A request with this Idempotency-Key is still running",
     "Wait and repeat the same request: you will get its answer."},
    {"gone", 410, "It existed and was removed for good", "Do not retry."},
    {"length-required", 411, "A body is needed", "Send a body with Content-Length or chunked."},
    {"too-large", 413, "Over a limit", "`limit` names it; all limits are listed at /v1/limits."},
    {"uri-too-long", 414, "The address is too long", "Limits are listed at /v1/limits."},
    {"unsupported-media-type", 415, "The body's media type is not taken here",
     "`offered` lists the media types; set the Content-Type header."},
    {"expectation-failed", 417, "Only 100-continue can be expected", "Leave the Expect header out."},
    {"business-rule", 422, "A business rule says no",
     "The command was understood and refused; `rule` names the rule, the other members are the facts. "
     "Nothing "
     "was written."},
    {"idempotency-key-reused", 422, "This Idempotency-Key was used for another request",
     "A key belongs to one request: same method, address and body. Use a new key."},
    {"busy", 429, "Too much at once", "Retry after the pause in Retry-After."},
    {"headers-too-large", 431, "The headers are too large", "Limits are listed at /v1/limits."},
    {"internal", 500, "Something went wrong inside",
     "This is a fault of the server; its log has the request id."},
    {"no-answer", 500, "The handler gave no answer",
     "This is a fault of the application behind this address."},
    {"corrupt", 500, "Stored bytes cannot be read",
     "Either bytes on disk fail their checksum, or an event is intact and its content is not what its type "
     "needs "
     "(then `event_type` names the type). Run `stele verify` on the server's directory: it finds the first "
     "and "
     "passes the second."},
    {"not-implemented", 501, "Not implemented", "This server does not know this method or coding."},
    {"unavailable", 503, "Not available now",
     "Retry later. An append that ended like this may or may not have happened: repeating it with the same "
     "ids "
     "or the same Idempotency-Key is harmless."},
    {"read-model-behind", 503, "The read model has not caught up yet",
     "Wait longer (`Prefer: wait=30`), retry, or take a stale answer (`Prefer: handling=lenient`)."},
    {"http-version", 505, "This HTTP version is not spoken here", "Use HTTP/1.1."},
    {"disk-full", 507, "The disk is full", "Nothing was written. Free space; the store goes on by itself."},
}};

// Facts that are numbers for programs; everything else stays text, however it looks.
constexpr std::array<std::string_view, 18> numeric_facts{
    "expected",      "actual",  "position", "revision", "head",   "limit", "size",  "wanted", "current",
    "behind_events", "version", "offset",   "line",     "column", "pid",   "after", "first",  "last"};

// By name and not by look: a stream called "42" stays text.
bool is_numeric_fact(const Fact& fact) {
  for (const auto name : numeric_facts) {
    if (name == fact.name) return parse_u64(fact.value).has_value();
  }
  return false;
}

struct Mapping {
  int status;
  std::string_view slug;
};

// What a model that has a say answers, whoever appends: also handlers of applications.
bool is_rule_of_projection(const Error& error) { return error.fact("rule") && error.fact("projection"); }

// Each kind of error answers "what can the caller do", and so does its status.
Mapping mapping_of(const Error& error, bool conditional) {
  switch (error.kind()) {
    case errc::invalid:
      if (is_rule_of_projection(error)) return {422, "business-rule"};
      return {400, "invalid-request"};
    case errc::conflict:
      if (is_condition_conflict(error)) return {409, "condition-conflict"};
      return {conditional ? 412 : 409, "version-conflict"};
    case errc::not_found:
      return {404, "not-found"};
    case errc::gone:
      return {410, "gone"};
    case errc::too_large:
      return {413, "too-large"};
    case errc::busy:
      return {429, "busy"};
    case errc::disk_full:
      return {507, "disk-full"};
    case errc::read_only:
      return {503, "unavailable"};
    case errc::corrupt:
      return {500, "corrupt"};
    case errc::timeout:
      return {503, "unavailable"};
    case errc::denied:
      return {403, "denied"};
    case errc::unavailable:
      return {503, "unavailable"};
  }
  return {500, "internal"};
}

void append_member(std::string& out, std::string_view name, std::string_view json) {
  out += ',';
  append_json_string(out, name);
  out += ':';
  out += json;
}

void append_violations(std::string& out, const std::vector<Problem::Violation>& violations) {
  out += ",\"errors\":[";
  for (std::size_t i = 0; i < violations.size(); ++i) {
    if (i > 0) out += ',';
    out += "{\"pointer\":";
    append_json_string(out, violations[i].pointer);
    out += ",\"message\":";
    append_json_string(out, violations[i].message);
    out += '}';
  }
  out += ']';
}

// An event that names its type was read whole: its bytes are intact, and only what they say is not understood.
std::string detail_of(const Error& error) {
  if (error.kind() != errc::corrupt || !error.fact("type")) return error.message();
  return error.message() + " (the content of the event, not its checksum)";
}

// `type` of a problem is the problem's own.
std::string member_of(const Fact& fact) { return fact.name == "type" ? "event_type" : fact.name; }

}  // namespace

ProblemTable::ProblemTable() {
  for (const auto& row : own_problems) {
    pages_.emplace(row.slug, ProblemPage{row.status, std::string(row.title), std::string(row.meaning)});
  }
}

bool ProblemTable::declare(const App::ProblemType& type) {
  return pages_.emplace(type.slug, ProblemPage{422, type.title, type.meaning}).second;
}

const ProblemPage* ProblemTable::find(std::string_view slug) const {
  const auto found = pages_.find(slug);
  return found == pages_.end() ? nullptr : &found->second;
}

// Texts may come from clients and are made safe here; members were made JSON by whoever added them.
std::string ProblemTable::render(const Problem& problem, std::string_view instance,
                                 std::string_view request_id) const {
  const auto* page = find(problem.slug());
  std::string out = "{\"type\":";
  append_json_string(out, "/problems/" + problem.slug());
  append_member(out, "title",
                json_quoted(page ? std::string_view(page->title) : reason_phrase(problem.status())));
  append_member(out, "status", std::to_string(problem.status()));
  append_member(out, "detail", json_quoted(problem.detail()));
  append_member(out, "instance", json_quoted(instance));
  if (!request_id.empty()) append_member(out, "request_id", json_quoted(request_id));
  for (const auto& member : problem.members()) append_member(out, member.name, member.value);
  if (!problem.violations().empty()) append_violations(out, problem.violations());
  if (!problem.help().empty()) append_member(out, "help", json_quoted(problem.help()));
  out += '}';
  return out;
}

// Of the conflicts only those of a condition speak of a place in the log and not of a stream.
bool is_condition_conflict(const Error& error) {
  return error.kind() == errc::conflict && error.fact("after") && !error.fact("stream");
}

// Every fact becomes a member, except pointers, which belong to the list of errors.
Problem problem_of(const Error& error, bool conditional) {
  const auto [status, slug] = mapping_of(error, conditional);
  Problem out(status, std::string(slug), detail_of(error));
  for (const auto& fact : error.facts()) {
    if (fact.name == "pointer") {
      out = std::move(out).at(fact.value, error.message());
    } else if (is_numeric_fact(fact)) {
      out = std::move(out).with_json(member_of(fact), fact.value);
    } else {
      out = std::move(out).with(member_of(fact), fact.value);
    }
  }
  if (!error.help().empty()) out = std::move(out).help(error.help());
  if (error.kind() == errc::busy || status == 503) out = std::move(out).retry_after(std::chrono::seconds(1));
  return out;
}

}  // namespace stele::server

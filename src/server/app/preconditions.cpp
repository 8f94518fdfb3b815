// preconditions.cpp - parsing of conditional, preference and time-travel inputs.
#include "server/app/preconditions.hpp"

#include <algorithm>

#include "server/text.hpp"

namespace stele::server {
namespace {

constexpr std::chrono::seconds longest_wait{60};
constexpr std::size_t longest_key = 255;
using MaybeProblem = std::optional<Problem>;

Problem malformed(std::string what, std::string help) {
  return Problem(400, "invalid-request", std::move(what)).help(std::move(help));
}

// Conditions on reads are about caching, those on writes about versions.
bool is_read(const Request& request) { return request.method == "GET" || request.method == "HEAD"; }

// `"203"` -> 203.
std::optional<Revision> parse_etag(std::string_view tag) {
  if (tag.size() < 3 || tag.front() != '"' || tag.back() != '"') return std::nullopt;
  const auto number = parse_u64(tag.substr(1, tag.size() - 2));
  return number ? std::optional<Revision>(Revision(*number)) : std::nullopt;
}

// Silence about a condition that cannot be kept would be an unconditional write.
MaybeProblem read_expected(Request& request) {
  const auto match = request.header("if-match");
  const auto none_match = request.header("if-none-match");
  if (is_read(request)) return std::nullopt;
  if (match && none_match) return malformed("both If-Match and If-None-Match were given", "send one of them");
  if (none_match) {
    if (*none_match != "*") {
      return malformed("If-None-Match: " + *none_match + " cannot be used on a write",
                       "`If-None-Match: *` means: the stream must not exist yet");
    }
    request.expected = ExpectedVersion::no_stream();
  } else if (match && *match == "*") {
    request.expected = ExpectedVersion::exists();
  } else if (match) {
    const auto version = parse_etag(*match);
    if (!version) {
      return malformed("If-Match: " + *match + " is not a version",
                       "send the ETag of the last read, for example If-Match: \"203\", or *");
    }
    request.expected = ExpectedVersion::exact(*version);
  }
  return std::nullopt;
}

// Preferences that are not understood are ignored, as RFC 7240 wants it.
void read_prefer(Request& request) {
  const auto value = request.header("prefer");
  if (!value) return;
  for (std::string_view rest = *value; !rest.empty();) {
    const auto item = next_item(rest);
    if (item == "handling=lenient") request.prefer.lenient = true;
    if (!item.starts_with("wait=")) continue;
    if (const auto seconds = parse_u64(item.substr(5))) {
      const auto capped = std::min<std::uint64_t>(*seconds, static_cast<std::uint64_t>(longest_wait.count()));
      request.prefer.wait = std::chrono::seconds(capped);
    }
  }
}

// The draft writes keys as quoted strings, most clients do not: both are the same key.
MaybeProblem read_key(Request& request) {
  const auto value = request.header("idempotency-key");
  if (!value || request.method != "POST") return std::nullopt;
  std::string_view key = *value;
  if (key.size() >= 2 && key.front() == '"' && key.back() == '"') key = key.substr(1, key.size() - 2);
  const bool printable = std::all_of(key.begin(), key.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if (key.empty() || key.size() > longest_key || !printable) {
    return malformed("the Idempotency-Key is not usable",
                     "1 to " + std::to_string(longest_key) + " visible ASCII characters, for example a UUID");
  }
  request.idempotency_key = std::string(key);
  return std::nullopt;
}

bool is_lower_hex(std::string_view text) { return text.find_first_not_of("0123456789abcdef") == text.npos; }

// Ids of nothing but zeros are invalid (W3C Trace Context).
bool is_trace_id(std::string_view text) {
  return is_lower_hex(text) && text.find_first_not_of('0') != text.npos;
}

// Strict to the last character, since all of it is stored with events. Only version 00 says what may follow: nothing.
bool is_trace_context(std::string_view text) {
  if (text.size() != 55 || !text.starts_with("00-") || text[35] != '-' || text[52] != '-') return false;
  return is_trace_id(text.substr(3, 32)) && is_trace_id(text.substr(36, 16)) && is_lower_hex(text.substr(53));
}

// Parsed for every route, so that a malformed one is refused also where it would be ignored.
MaybeProblem read_moments(Request& request) {
  if (const auto text = request.query_value("as_of")) {
    auto moment = parse_moment(*text);
    if (!moment) {
      return malformed("as_of: " + moment.error().message(),
                       "a version (v204), a position (p90211), a time (2026-03-01T10:00Z) or an age (-2h)");
    }
    request.as_of = *moment;
  }
  if (const auto text = request.query_value("after_version")) {
    request.after_version = parse_revision(*text);
    if (!request.after_version)
      return malformed("after_version is not a version", "for example after_version=204");
  }
  if (const auto text = request.query_value("after_position")) {
    request.after_position = parse_position(*text);
    if (!request.after_position) {
      return malformed("after_position is not a position", "for example after_position=90211");
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<Revision> parse_revision(std::string_view text) {
  if (text.starts_with('v')) text.remove_prefix(1);
  const auto number = parse_u64(text);
  return number ? std::optional<Revision>(Revision(*number)) : std::nullopt;
}

std::optional<Position> parse_position(std::string_view text) {
  if (text.starts_with('p')) text.remove_prefix(1);
  const auto number = parse_u64(text);
  return number ? std::optional<Position>(Position(*number)) : std::nullopt;
}

std::optional<Problem> read_conventions(Request& request) {
  read_prefer(request);
  if (const auto trace = request.header("traceparent"); trace && is_trace_context(*trace)) {
    request.traceparent = *trace;
  }
  if (auto problem = read_expected(request)) return problem;
  if (auto problem = read_key(request)) return problem;
  return read_moments(request);
}

bool etag_listed(const Request& request, std::string_view etag) {
  const auto value = request.header("if-none-match");
  if (!value || etag.empty()) return false;
  for (std::string_view rest = *value; !rest.empty();) {
    auto item = next_item(rest);
    if (item == "*") return true;
    if (item.starts_with("W/")) item.remove_prefix(2);
    if (item == etag) return true;
  }
  return false;
}

}  // namespace stele::server

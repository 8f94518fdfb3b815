// http_request.cpp - any bytes as HTTP/1.1, shown whole and cut in two anywhere: the parser takes no more than it is
// given, ends the same way, and gives the same request.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

#include "server/http/parser.hpp"

namespace {

using namespace stele::server;

constexpr ParserLimits limits{.header_bytes = 2048, .body_bytes = 4096};

struct Outcome {
  int status = 0;  // of the failure; 0: none
  std::optional<ParsedRequest> request;
};

// Feeds `first`, then everything; each call sees what the one before has left.
Outcome parse(std::string_view input, std::size_t first) {
  RequestParser parser(limits);
  std::size_t at = 0;
  std::size_t shown = first;
  while (!parser.done() && !parser.failure()) {
    const auto taken = parser.feed(input.substr(at, shown - at));
    if (taken > shown - at) __builtin_trap();
    at += taken;
    if (taken > 0) continue;
    if (shown == input.size()) break;
    shown = input.size();
  }
  Outcome outcome;
  if (parser.failure()) {
    outcome.status = parser.failure()->status;
    if (outcome.status < 400 || parser.failure()->detail.empty()) __builtin_trap();
  } else if (parser.done()) {
    outcome.request = parser.take();
    if (outcome.request->body.size() > limits.body_bytes) __builtin_trap();
  }
  return outcome;
}

bool same(const ParsedRequest& a, const ParsedRequest& b) {
  const auto same_field = [](const auto& x, const auto& y) { return x.name == y.name && x.value == y.value; };
  return a.method == b.method && a.target == b.target && a.body == b.body && a.keep_alive == b.keep_alive &&
         std::ranges::equal(a.headers, b.headers, same_field);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto whole = parse(input, input.size());
  const auto cut = parse(input, input.empty() ? 0 : data[0] % input.size());
  // How much of a head counts as shown at once depends on the cut: close to the limit one may be too large.
  const bool at_limit = whole.status == 431 || cut.status == 431 || whole.status == 414 || cut.status == 414;
  if (whole.request.has_value() != cut.request.has_value() && !at_limit) __builtin_trap();
  if (whole.request && cut.request && !same(*whole.request, *cut.request)) __builtin_trap();
  return 0;
}

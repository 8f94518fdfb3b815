// append_body.cpp - any bytes as the body of an append, in each of its media types: a request or a problem that says
// something, never both, and nothing that the store's own rules would not look at again.
#include <cstdint>
#include <string>
#include <string_view>

#include "server/api/append_body.hpp"

namespace {

void events_of(std::string_view body, const char* type) {
  stele::Request request;
  request.method = "POST";
  request.body = body;
  request.headers.push_back({"content-type", type});
  request.headers.push_back({"stele-event-type", "Fuzzed"});
  const auto events = stele::server::parse_events(request);
  if (!events && (events.error().status() < 400 || events.error().status() > 499)) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  events_of(body, "application/json");
  events_of(body, "application/x-ndjson");
  events_of(body, "application/octet-stream");
  const auto append = stele::server::parse_append(body);
  if (append && append->writes.empty()) __builtin_trap();
  if (!append && (append.error().status() < 400 || append.error().status() > 499)) __builtin_trap();
  return 0;
}

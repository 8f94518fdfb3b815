// event_json.cpp - any line as an exported event: what can be read is written again, read again, and is the same to
// the byte, on one line.
#include <cstdint>
#include <string>
#include <string_view>

#include "event/event_json.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view line(reinterpret_cast<const char*>(data), size);
  const auto event = stele::parse_event_json(line);
  if (!event) {
    if (event.error().message().empty()) __builtin_trap();
    return 0;
  }
  std::string written;
  stele::append_event_json(written, *event);
  if (written.find('\n') != std::string::npos) __builtin_trap();
  const auto again = stele::parse_event_json(written);
  if (!again || !(*again == *event)) __builtin_trap();
  return 0;
}

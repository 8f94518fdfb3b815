// sse.cpp - any bytes as an event stream, whole and cut in two: the same messages.
#include <cstdint>
#include <string>
#include <string_view>

#include "cli/target/sse_reader.hpp"

namespace {

std::string messages_of(std::string_view bytes, std::size_t cut) {
  std::string seen;
  stele::cli::SseReader reader([&](const stele::cli::SseMessage& message) {
    seen += message.event + "|" + message.data + "|" + message.id + "\n";
    return true;
  });
  (void)reader.take(bytes.substr(0, cut));
  (void)reader.take(bytes.substr(cut));
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (messages_of(bytes, bytes.size()) != messages_of(bytes, data[0] % (bytes.size() + 1))) __builtin_trap();
  return 0;
}

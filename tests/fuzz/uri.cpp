// uri.cpp - any text as a request target and as a query: decoding is undone by encoding, and nothing is read behind
// the end.
#include <cstdint>
#include <string>
#include <string_view>

#include "server/http/uri.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stele::server;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto target = split_target(text)) {
    if (target->path.empty()) __builtin_trap();
    (void)parse_query_text(target->query);
  }
  if (const auto decoded = percent_decode(text)) {
    const auto again = percent_decode(percent_encode(*decoded));
    if (!again || *again != *decoded) __builtin_trap();
  }
  if (const auto fields = parse_query_text(text)) {
    std::string written;
    for (const auto& field : *fields)
      written +=
          (written.empty() ? "" : "&") + percent_encode(field.name) + "=" + percent_encode(field.value);
    const auto again = parse_query_text(written);
    if (!again || (again->size() != fields->size() && !written.empty())) __builtin_trap();
  }
  return 0;
}

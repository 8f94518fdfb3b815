// manifest.cpp - any text as a store's manifest, and as a stream's retention: what is accepted is written and read
// back unchanged.
#include <cstdint>
#include <string_view>

#include "engine/log/directory.hpp"
#include "event/retention.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto manifest = stele::engine::log::parse_manifest(text)) {
    const auto again = stele::engine::log::parse_manifest(stele::engine::log::encode_manifest(*manifest));
    if (!again || !(*again == *manifest)) __builtin_trap();
  }
  if (const auto keep = stele::parse_retention(text)) {
    if (keep->max_count && *keep->max_count == 0) __builtin_trap();
  }
  return 0;
}

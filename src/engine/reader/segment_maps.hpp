// segment_maps.hpp - closed segments as memory, for reads of single events: no call to the system for each of them.
// Segments that are still written, or cannot be mapped, are read like any file.
//
// Mapped on first use, kept until the store closes. Threading: every member from any thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <shared_mutex>
#include <string_view>

#include "engine/segments.hpp"

namespace stele::engine {

class SegmentMaps {
 public:
  // The whole file; empty when it cannot be mapped. Only for a segment that nobody writes to any more.
  [[nodiscard]] std::string_view bytes_of(std::uint32_t ordinal, const OpenSegment& segment) {
    {
      const std::shared_lock lock(mutex_);
      if (const auto found = maps_.find(ordinal); found != maps_.end()) return bytes_of(found->second);
    }
    // Outside of the lock: two may map the same file, one of the maps is kept. Touching a page behind the end of a
    // file ends the process; one that was cut short is read by calls, and those tell.
    auto mapped = segment.file->map();
    if (mapped && (*mapped)->bytes().size() < segment.visible_end.load(std::memory_order_acquire))
      *mapped = nullptr;
    const std::unique_lock lock(mutex_);
    const auto [kept, fresh] = maps_.try_emplace(ordinal, mapped ? std::move(*mapped) : nullptr);
    STELE_ASSERT(fresh || kept->first == ordinal, "a segment is mapped once", ordinal);
    return bytes_of(kept->second);
  }

 private:
  using Map = std::unique_ptr<io::Mapping>;
  [[nodiscard]] static std::string_view bytes_of(const Map& map) {
    return map ? map->bytes() : std::string_view{};
  }

  std::shared_mutex mutex_;
  std::map<std::uint32_t, Map> maps_;
};

}  // namespace stele::engine

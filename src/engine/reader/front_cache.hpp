// front_cache.hpp - headers of large frames that were verified before. The header of a frame with many writes is
// covered by one checksum over kilobytes; whoever reads scattered events would pay for it with each of them.
//
// Only what passed its checksum is kept, so a header damaged on the disk later is not seen while it is kept: what
// is served stays right. Threading: every member from any thread.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>

#include "base/assert.hpp"
#include "engine/log/frame.hpp"

namespace stele::engine {

class FrontCache {
 public:
  // By segment (ordinals are never given twice) and offset in it.
  [[nodiscard]] std::optional<log::FrameFront> find(std::uint32_t segment, std::uint64_t offset) const {
    const auto hash = hash_of(segment, offset);
    const auto& shard = shards_[hash % shards_.size()];
    const std::lock_guard lock(shard.mutex);
    for (const auto& slot : shard.sets[hash / shards_.size() % shard.sets.size()].slots)
      if (slot.offset == offset && slot.segment == segment) return slot.front;
    return std::nullopt;
  }
  void keep(std::uint32_t segment, std::uint64_t offset, const log::FrameFront& front) {
    STELE_ASSERT(offset > 0 && front.events > 0, "a frame lies behind the segment's header", offset);
    const auto hash = hash_of(segment, offset);
    auto& shard = shards_[hash % shards_.size()];
    const std::lock_guard lock(shard.mutex);
    auto& set = shard.sets[hash / shards_.size() % shard.sets.size()];
    set.slots[set.oldest++ % set.slots.size()] = {segment, offset, front};
  }

 private:
  struct Slot {
    std::uint32_t segment = 0;
    std::uint64_t offset = 0;  // 0: free
    log::FrameFront front;
  };
  struct Set {
    std::array<Slot, 4> slots;
    std::uint32_t oldest = 0;
  };
  struct alignas(64) Shard {
    mutable std::mutex mutex;
    std::array<Set, 32> sets;
  };
  [[nodiscard]] static std::uint64_t hash_of(std::uint32_t segment, std::uint64_t offset) {
    return ((std::uint64_t{segment} << 32 ^ offset) * 0x9E3779B97F4A7C15u) >> 32;
  }

  std::array<Shard, 64> shards_;
};

}  // namespace stele::engine

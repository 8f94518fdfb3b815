// location_column.hpp - position to place on disk, for every event: one dense, append-only column. Knows
// nothing about what stands there.
//
// Threading: one writer at a time; any number of readers, without locks. A reader must not ask beyond a
// position that was published to it (the visible head), which is what orders the two.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/assert.hpp"
#include "stele/types.hpp"

namespace stele::engine {

// The record of one event: which segment (its ordinal in the store) and the byte where the record begins.
struct Location {
  std::uint32_t segment = 0;
  std::uint32_t offset = 0;
  bool operator==(const Location&) const = default;
};

class LocationColumn {
 public:
  LocationColumn() : blocks_(std::make_unique<std::array<std::atomic<Block*>, max_blocks>>()) {}
  ~LocationColumn() {
    for (auto& block : *blocks_) delete block.load(std::memory_order_relaxed);
  }
  LocationColumn(const LocationColumn&) = delete;
  LocationColumn& operator=(const LocationColumn&) = delete;

  // Positions come densely from 1.
  void append(Location location) {
    const auto index = size_++;
    STELE_ASSERT(index / block_entries < max_blocks, "the location column has room", index);
    auto& slot = (*blocks_)[index / block_entries];
    auto* block = slot.load(std::memory_order_relaxed);
    STELE_ASSERT((block == nullptr) == (index % block_entries == 0), "a block is made for its first entry",
                 index);
    if (block == nullptr) {
      block = new Block;
      slot.store(block, std::memory_order_release);
    }
    (*block)[index % block_entries] = location;
  }

  [[nodiscard]] Location at(Position position) const {
    STELE_ASSERT(position.value() >= 1, "positions begin at 1", position.value());
    const auto index = position.value() - 1;
    const auto* block = (*blocks_)[index / block_entries].load(std::memory_order_acquire);
    STELE_ASSERT(block != nullptr, "a published position has a location", position.value());
    return (*block)[index % block_entries];
  }

 private:
  static constexpr std::size_t block_entries = 1 << 16;
  static constexpr std::size_t max_blocks = 1 << 16;  // 4 billion events
  using Block = std::array<Location, block_entries>;

  std::unique_ptr<std::array<std::atomic<Block*>, max_blocks>> blocks_;
  std::uint64_t size_ = 0;
};

}  // namespace stele::engine

// growing_column.hpp - one dense, append-only column in memory, read while it grows. Knows nothing about what
// stands in it, and is never sealed itself.
//
// Threading: one writer at a time; any number of readers, without locks. A reader must not ask beyond an index
// that was published to it, which is what orders the two.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/assert.hpp"

namespace stele::engine {

// Blocks double in size, so a column of ten entries is small and one of a billion has a short directory; none
// ever moves.
template <class T>
class GrowingColumn {
 public:
  GrowingColumn() = default;
  ~GrowingColumn() {
    for (auto& block : blocks_) delete[] block.load(std::memory_order_relaxed);
  }
  GrowingColumn(const GrowingColumn&) = delete;
  GrowingColumn& operator=(const GrowingColumn&) = delete;

  void append(T value) {
    const auto place = place_of(size_);
    STELE_ASSERT(place.block < blocks_.size(), "the column has room", size_);
    auto* block = blocks_[place.block].load(std::memory_order_relaxed);
    STELE_ASSERT((block == nullptr) == (place.at == 0), "a block is made for its first entry", size_);
    if (block == nullptr) {
      block = new T[first_block << place.block];
      blocks_[place.block].store(block, std::memory_order_release);
    }
    block[place.at] = value;
    ++size_;
  }

  [[nodiscard]] T at(std::uint64_t index) const {
    const auto place = place_of(index);
    STELE_ASSERT(place.block < blocks_.size(), "the entry can exist", index);
    const auto* block = blocks_[place.block].load(std::memory_order_acquire);
    STELE_ASSERT(block != nullptr, "a published entry is there", index);
    return block[place.at];
  }

  // Entries from `index` on.
  void copy(std::uint64_t index, std::span<T> into) const {
    while (!into.empty()) {
      const auto place = place_of(index);
      STELE_ASSERT(place.block < blocks_.size(), "the entry can exist", index);
      const auto* block = blocks_[place.block].load(std::memory_order_acquire);
      STELE_ASSERT(block != nullptr, "published entries are there", index);
      const auto count = std::min(into.size(), (first_block << place.block) - place.at);
      std::copy_n(block + place.at, count, into.begin());
      into = into.subspan(count);
      index += count;
    }
  }

 private:
  static constexpr std::size_t first_block = 1024;
  struct Place {
    std::size_t block;
    std::size_t at;
  };
  static Place place_of(std::uint64_t index) {
    const auto shifted = index + first_block;
    const auto block = static_cast<std::size_t>(std::bit_width(shifted) - std::bit_width(first_block));
    return {block, static_cast<std::size_t>(shifted - (first_block << block))};
  }

  std::array<std::atomic<T*>, 24> blocks_{};  // room for more than an index part can hold
  std::uint64_t size_ = 0;
};

}  // namespace stele::engine

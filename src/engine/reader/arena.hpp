// arena.hpp - memory for the bytes of one batch of events: handed out in pieces, taken back all at once. A
// piece never moves, so views into it stay valid until clear().
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/assert.hpp"
namespace stele::engine {

// One thread at a time.
class Arena {
 public:
  std::span<char> take(std::size_t bytes) {
    if (block_ == blocks_.size() || blocks_[block_].size - used_ < bytes) next_block(bytes);
    auto* at = blocks_[block_].bytes.get() + used_;
    used_ += bytes;
    STELE_ASSERT(used_ <= blocks_[block_].size, "a piece lies in its block", used_, blocks_[block_].size);
    return {at, bytes};
  }
  std::string_view copy(std::string_view text) {
    const auto into = take(text.size());
    std::ranges::copy(text, into.begin());
    return {into.data(), into.size()};
  }
  // Gives back what was taken last, beyond `kept` bytes of it.
  void shrink_last(std::span<char> taken, std::size_t kept) {
    STELE_ASSERT(kept <= taken.size() && taken.size() <= used_, "no more is given back than was taken", kept,
                 taken.size(), used_);
    STELE_ASSERT(taken.data() + taken.size() == blocks_[block_].bytes.get() + used_,
                 "only the last piece shrinks");
    used_ -= taken.size() - kept;
  }
  // What is handed out, blocks that are full counted whole.
  [[nodiscard]] std::size_t bytes() const { return before_ + used_; }
  void clear() {
    before_ = 0;
    // One huge event must not hold its memory for ever.
    if (blocks_.size() > 1 || (!blocks_.empty() && blocks_[0].size > largest_kept)) blocks_.clear();
    block_ = 0;
    used_ = 0;
  }

 private:
  struct Block {
    std::unique_ptr<char[]> bytes;
    std::size_t size;
  };
  static constexpr std::size_t smallest = 64 << 10;
  static constexpr std::size_t largest_kept = 4 << 20;

  void next_block(std::size_t bytes) {
    const auto size =
        std::max({bytes, smallest, blocks_.empty() ? 0 : std::min(blocks_.back().size * 2, largest_kept)});
    if (!blocks_.empty()) before_ += blocks_.back().size;
    blocks_.push_back({std::make_unique_for_overwrite<char[]>(size), size});
    block_ = blocks_.size() - 1;
    STELE_ASSERT(size >= bytes, "a new block holds the piece", size, bytes);
    used_ = 0;
  }

  std::vector<Block> blocks_;
  std::size_t block_ = 0;
  std::size_t used_ = 0;    // of that block
  std::size_t before_ = 0;  // in the blocks before it
};

}  // namespace stele::engine

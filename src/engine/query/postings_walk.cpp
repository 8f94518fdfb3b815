// postings_walk.cpp - galloping over block heads, then halving; inside a block halving alone.
#include "engine/query/postings_walk.hpp"

#include <algorithm>
#include <span>

#include "base/assert.hpp"

namespace stele::engine {

PostingsWalk::PostingsWalk(std::unique_ptr<const Postings> postings, TypeMask wanted, Direction way)
    : postings_(std::move(postings)), wanted_(wanted), way_(way) {
  STELE_ASSERT(postings_ != nullptr && postings_->count() > 0, "a posting list has positions");
  if (way_ == Direction::backward) ahead_ = postings_->blocks();
}

// A block that was decoded may end before `at`, or hold nothing but what lies behind `bound`: then it stays decoded,
// since the next call with a later bound begins in it.
result<std::optional<Position>> PostingsWalk::seek(Position at, Position bound) {
  STELE_ASSERT(!precedes(way_, bound, at), "a walk is bounded ahead of itself", at.value(), bound.value());
  for (;;) {
    if (const auto found = from_entries(at)) {
      STELE_ASSERT(!precedes(way_, *found, at), "a walk does not turn around", found->value(), at.value());
      if (precedes(way_, bound, *found)) return std::optional<Position>{};
      return found;
    }
    STELE_TRY(const bool more, load(at, bound));
    if (!more) return std::optional<Position>{};
  }
}

std::optional<Position> PostingsWalk::from_entries(Position at) {
  if (size_ == 0) return std::nullopt;
  const auto begin = entries_->begin();
  if (way_ == Direction::forward) {
    if ((*entries_)[size_ - 1] < at) return std::nullopt;
    here_ = static_cast<std::size_t>(std::lower_bound(begin + here_, begin + size_, at) - begin);
    STELE_ASSERT(here_ < size_, "a block that reaches a position has one behind it", here_, size_);
    return (*entries_)[here_];
  }
  if ((*entries_)[0] > at) return std::nullopt;
  here_ = static_cast<std::size_t>(std::upper_bound(begin, begin + here_, at) - begin);
  STELE_ASSERT(here_ > 0, "a block that reaches a position has one before it", here_, size_);
  return (*entries_)[here_ - 1];
}

result<bool> PostingsWalk::load(Position at, Position bound) {
  size_ = 0;
  return way_ == Direction::forward ? load_forward(at, bound) : load_backward(at, bound);
}

// Blocks without a wanted type are passed by their heads alone: that is what makes "this tag, that rare type" cheap.
result<bool> PostingsWalk::load_forward(Position at, Position bound) {
  STELE_TRY(ahead_, first_reaching(ahead_, at));
  for (; ahead_ < postings_->blocks(); ++ahead_) {
    STELE_TRY(const auto block, postings_->block(ahead_));
    if (block.first > bound) return false;
    if (is_wanted(block)) return decode(ahead_++);
  }
  return false;
}

result<bool> PostingsWalk::load_backward(Position at, Position bound) {
  STELE_TRY(ahead_, count_beginning(ahead_, at));
  for (; ahead_ > 0; --ahead_) {
    STELE_TRY(const auto block, postings_->block(ahead_ - 1));
    if (block.last < bound) return false;
    if (is_wanted(block)) return decode(--ahead_);
  }
  return false;
}

result<bool> PostingsWalk::decode(std::size_t index) {
  if (!entries_) entries_ = std::make_unique_for_overwrite<Entries>();
  STELE_TRY(size_, postings_->decode(index, std::span<Position, Postings::block_positions>(*entries_)));
  STELE_ASSERT(size_ > 0 && size_ <= entries_->size(), "a block holds positions", size_, index);
  STELE_ASSERT((*entries_)[0] <= (*entries_)[size_ - 1], "positions ascend", (*entries_)[0].value(), index);
  here_ = way_ == Direction::forward ? 0 : size_;
  return true;
}

// Galloping first: the next block is mostly one of the next few.
result<std::size_t> PostingsWalk::first_reaching(std::size_t low, Position at) const {
  const auto blocks = postings_->blocks();
  auto high = low;
  for (std::size_t step = 1; high < blocks; step *= 2) {
    STELE_TRY(const auto block, postings_->block(high));
    if (block.last >= at) break;
    low = high + 1;
    high = std::min(blocks, low + step);
  }
  while (low < high) {
    const auto middle = low + (high - low) / 2;
    STELE_TRY(const auto block, postings_->block(middle));
    if (block.last < at) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  STELE_ASSERT(low <= blocks, "a list ends with its last block", low, blocks);
  return low;
}

// The mirror image: from the end of the list towards its beginning.
result<std::size_t> PostingsWalk::count_beginning(std::size_t high, Position at) const {
  auto low = high;
  for (std::size_t step = 1; low > 0; step *= 2) {
    STELE_TRY(const auto block, postings_->block(low - 1));
    if (block.first <= at) break;
    high = low - 1;
    low = high - std::min(high, step);
  }
  while (low < high) {
    const auto middle = low + (high - low) / 2;
    STELE_TRY(const auto block, postings_->block(middle));
    if (block.first <= at) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  STELE_ASSERT(low <= postings_->blocks(), "no more blocks begin than there are", low, postings_->blocks());
  return low;
}

}  // namespace stele::engine

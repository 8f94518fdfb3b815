// postings_walk.hpp - along one posting list, forward or backward, by blocks: blocks that end too early or
// hold none of the wanted types are passed without being decoded.
//
// One thread at a time. After an error the walk is over.
#pragma once

#include <array>
#include <memory>
#include <optional>

#include "engine/index/part.hpp"
#include "engine/query/course.hpp"

namespace stele::engine {

class PostingsWalk {
 public:
  // Of blocks without any of the types in `wanted` nothing is reported; 0 wants all.
  PostingsWalk(std::unique_ptr<const Postings> postings, TypeMask wanted, Direction way);

  // The next position from `at` on (included), not behind `bound`. `at` and `bound` only ever move along the way.
  result<std::optional<Position>> seek(Position at, Position bound);
  [[nodiscard]] std::uint64_t count() const { return postings_->count(); }

 private:
  using Entries = std::array<Position, Postings::block_positions>;

  // Of the decoded block, if it reaches `at`.
  [[nodiscard]] std::optional<Position> from_entries(Position at);
  // Decodes the next block that may hold something in [at, bound]; false: there is none.
  result<bool> load(Position at, Position bound);
  result<bool> load_forward(Position at, Position bound);
  result<bool> load_backward(Position at, Position bound);
  result<bool> decode(std::size_t index);
  // The first block from `low` on that does not end before `at`; the number of blocks: none.
  result<std::size_t> first_reaching(std::size_t low, Position at) const;
  // How many of the first `high` blocks begin at or before `at`.
  result<std::size_t> count_beginning(std::size_t high, Position at) const;
  [[nodiscard]] bool is_wanted(const Postings::Block& block) const {
    return wanted_ == 0 || (block.types & wanted_) != 0;
  }

  std::unique_ptr<const Postings> postings_;
  std::unique_ptr<Entries> entries_;  // none until a block is looked into
  TypeMask wanted_;
  Direction way_;
  std::size_t size_ = 0;   // of the decoded block; 0: none is
  std::size_t here_ = 0;   // forward: the entry reached; backward: one behind it
  std::size_t ahead_ = 0;  // forward: the block to look at next; backward: one behind it
};

}  // namespace stele::engine

// merged.hpp - several walks as one: every position that any of them finds, each once, in order. For the
// streams of a query item and the items of a query.
//
// A heap by what is known of each walk, so that a step costs the logarithm of their number. One thread at a
// time; after an error the walk is over.
#pragma once

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "engine/query/course.hpp"

namespace stele::engine {

// Walk: result<std::optional<Position>> seek(Position at, Position bound).
template <class Walk>
class Merged {
 public:
  explicit Merged(Direction way) : way_(way) {}

  void add(Walk walk) {
    STELE_ASSERT(!begun_, "walks are added before the first step");
    const auto nothing_known = way_ == Direction::forward ? Position{} : Position(~std::uint64_t{0});
    entries_.push_back({std::move(walk), nothing_known, false});
  }
  [[nodiscard]] bool empty() const { return entries_.empty(); }

  // The next position from `at` on (included), not behind `bound`. `at` and `bound` only ever move along the way.
  result<std::optional<Position>> seek(Position at, Position bound) {
    begun_ = true;
    if (entries_.size() == 1) return entries_.front().walk.seek(at, bound);
    while (!entries_.empty()) {
      const auto& top = entries_.front();
      if (precedes(way_, bound, top.known)) break;
      if (top.found && !precedes(way_, top.known, at)) return std::optional(top.known);
      STELE_CHECK(advance(later(way_, at, top.known), bound));
    }
    return std::optional<Position>{};
  }

  // The sum of what `figure` says of each.
  template <class Figure>
  [[nodiscard]] std::uint64_t total(Figure figure) const {
    std::uint64_t sum = 0;
    for (const auto& entry : entries_) sum += figure(entry.walk);
    return sum;
  }
  [[nodiscard]] auto begin() { return entries_.begin(); }
  [[nodiscard]] auto end() { return entries_.end(); }

 private:
  struct Entry {
    Walk walk;
    Position known;  // found: it has this one next; otherwise: nothing before this one
    bool found = false;
  };

  // Moves the walk that is the furthest behind.
  result<void> advance(Position from, Position bound) {
    const auto behind = [this](const Entry& a, const Entry& b) { return precedes(way_, b.known, a.known); };
    std::ranges::pop_heap(entries_, behind);
    auto& entry = entries_.back();
    STELE_TRY(const auto next, entry.walk.seek(from, bound));
    STELE_ASSERT(!next || !precedes(way_, *next, entry.known), "a walk does not turn around",
                 entry.known.value());
    entry.found = next.has_value();
    entry.known = next.value_or(beyond(way_, bound));
    std::ranges::push_heap(entries_, behind);
    return {};
  }

  Direction way_;
  bool begun_ = false;
  std::vector<Entry> entries_;
};

}  // namespace stele::engine

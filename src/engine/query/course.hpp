// course.hpp - walking positions in either direction with one piece of code: what comes first on the way, and
// what lies behind a position. Not about what is found there.
#pragma once

#include "stele/store.hpp"

namespace stele::engine {

// Positions from first to last, both included; empty when last is before first.
struct Extent {
  Position first;
  Position last;
  [[nodiscard]] bool empty() const { return last < first; }
  [[nodiscard]] bool holds(Position at) const { return first <= at && at <= last; }
  [[nodiscard]] std::uint64_t size() const { return empty() ? 0 : last.value() - first.value() + 1; }
};

// Whether a walk meets `a` before `b`.
[[nodiscard]] constexpr bool precedes(Direction way, Position a, Position b) {
  return way == Direction::forward ? a < b : b < a;
}
// The one that a walk meets later.
[[nodiscard]] constexpr Position later(Direction way, Position a, Position b) {
  return precedes(way, a, b) ? b : a;
}
// The next position on the way. Backward from 1 it is 0, where nothing stands.
[[nodiscard]] constexpr Position beyond(Direction way, Position at) {
  return way == Direction::forward ? at.next() : Position(at.value() - 1);
}
// Where a walk through the extent begins, and where it ends.
[[nodiscard]] constexpr Position near_end(Direction way, const Extent& extent) {
  return way == Direction::forward ? extent.first : extent.last;
}
[[nodiscard]] constexpr Position far_end(Direction way, const Extent& extent) {
  return way == Direction::forward ? extent.last : extent.first;
}

}  // namespace stele::engine

// snapshot_pace.hpp - not more than so many a second: when the next one may begin. A plain calculation on times
// that the caller brings; waiting is the caller's business.
#pragma once

#include <algorithm>
#include <chrono>

#include "base/assert.hpp"

namespace stele::detail {

class SnapshotPace {
 public:
  using Clock = std::chrono::steady_clock;

  explicit SnapshotPace(double per_second)
      : gap_(std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(1 / per_second))) {
    STELE_ASSERT(per_second > 0, "a rate lets something through");
  }
  // When the next place is free; takes nothing.
  [[nodiscard]] Clock::time_point free_at() const { return free_; }
  // Takes the next place; what was not used of the past is not made up for.
  [[nodiscard]] Clock::time_point next(Clock::time_point now) {
    const auto place = std::max(now, free_);
    free_ = place + gap_;
    return place;
  }

 private:
  Clock::duration gap_;
  Clock::time_point free_{};
};

}  // namespace stele::detail

// meters.hpp - what a runner counts: latency from recorded to visible, events per second, cost by type of event.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "stele/projection.hpp"

namespace stele::projection {

// Counting is one relaxed increment; reading while counting gives a figure that is a few events old.
class LatencyMeter {
 public:
  void add(std::chrono::microseconds latency);
  [[nodiscard]] LatencyHistogram read() const;

 private:
  std::array<std::atomic<std::uint64_t>, LatencyHistogram::bounds_us.size() + 1> counts_{};
  std::atomic<std::int64_t> sum_us_{0};
};

// Events per second over this window and the one before it. Not thread-safe: its owner holds a lock.
class RateMeter {
 public:
  using Clock = std::chrono::steady_clock;
  void add(std::uint64_t events, Clock::time_point now);
  [[nodiscard]] double per_second(Clock::time_point now) const;

 private:
  static constexpr std::chrono::seconds window{2};
  Clock::time_point since_{};  // the beginning of the window before
  Clock::time_point turn_{};   // the beginning of this one
  std::uint64_t before_ = 0;
  std::uint64_t current_ = 0;
};

// What applying costs, by type. Two readings of the clock and a look into a small map per event.
// Threading: any.
class ApplyMeter {
 public:
  // `events`: how many it stands for, where not each is measured.
  void add(std::string_view type, std::chrono::nanoseconds took, std::uint64_t events = 1);
  [[nodiscard]] std::vector<ApplyTime> read() const;  // the costliest type first

 private:
  mutable std::mutex mutex_;
  std::map<std::string, ApplyTime, std::less<>> times_;
};

}  // namespace stele::projection

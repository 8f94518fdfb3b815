// meters.cpp - the arithmetic of a runner's figures.
#include "projection/meters.hpp"

#include <algorithm>
#include <cmath>

namespace stele {

std::chrono::microseconds LatencyHistogram::quantile(double q) const {
  if (count == 0) return std::chrono::microseconds{0};
  const auto wanted =
      static_cast<std::uint64_t>(std::ceil(std::clamp(q, 0.0, 1.0) * static_cast<double>(count)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < bounds_us.size(); ++i) {
    seen += counts[i];
    if (seen >= wanted) return std::chrono::microseconds(bounds_us[i]);
  }
  return std::chrono::microseconds::max();
}

namespace projection {

// Buckets are found by bisection over 14 bounds: a few nanoseconds per event.
void LatencyMeter::add(std::chrono::microseconds latency) {
  const auto& bounds = LatencyHistogram::bounds_us;
  const auto us = std::max<std::int64_t>(latency.count(), 0);  // a clock may step back between two readings
  const auto bucket = std::lower_bound(bounds.begin(), bounds.end(), us) - bounds.begin();
  counts_[static_cast<std::size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
  sum_us_.fetch_add(us, std::memory_order_relaxed);
}

LatencyHistogram LatencyMeter::read() const {
  LatencyHistogram read;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    read.counts[i] = counts_[i].load(std::memory_order_relaxed);
    read.count += read.counts[i];
  }
  read.sum = std::chrono::microseconds(sum_us_.load(std::memory_order_relaxed));
  return read;
}

// Two windows, so that the figure neither jumps to zero at a turn nor remembers for long.
void RateMeter::add(std::uint64_t events, Clock::time_point now) {
  if (now - turn_ >= window) {
    const bool adjacent = now - turn_ < 2 * window;
    before_ = adjacent ? current_ : 0;
    since_ = adjacent ? turn_ : now;
    turn_ = now;
    current_ = 0;
  }
  current_ += events;
}

double RateMeter::per_second(Clock::time_point now) const {
  if (now - turn_ >= 2 * window) return 0;
  const std::chrono::duration<double> span = std::max<Clock::duration>(now - since_, std::chrono::seconds(1));
  return static_cast<double>(before_ + current_) / span.count();
}

// Types are few: each is a struct of the application's. A log of made-up ones must not fill the memory.
void ApplyMeter::add(std::string_view type, std::chrono::nanoseconds took, std::uint64_t events) {
  constexpr std::size_t most_types = 1'000;
  const std::lock_guard lock(mutex_);
  auto found = times_.find(type);
  if (found == times_.end()) {
    if (times_.size() >= most_types) return;
    found = times_.emplace(std::string(type), ApplyTime{.type = std::string(type)}).first;
  }
  ApplyTime& time = found->second;
  time.events += events;
  time.total += took * events;
  time.longest = std::max(time.longest, took);
}

std::vector<ApplyTime> ApplyMeter::read() const {
  std::vector<ApplyTime> all;
  const std::lock_guard lock(mutex_);
  all.reserve(times_.size());
  for (const auto& [type, time] : times_) all.push_back(time);
  std::ranges::sort(all, std::greater{}, &ApplyTime::total);
  return all;
}

}  // namespace projection
}  // namespace stele

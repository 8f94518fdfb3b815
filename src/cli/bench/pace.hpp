// pace.hpp - when the next request is due. At a given rate the arrivals are fixed before the first one is sent: a
// slow answer does not delay the schedule, it shows as latency. Without a rate, as fast as answers come back.
#pragma once

#include <chrono>
#include <cstdint>
#include <thread>

namespace stele::cli::bench {

using Clock = std::chrono::steady_clock;

[[nodiscard]] inline Clock::duration as_duration(double seconds) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}
[[nodiscard]] inline double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// One of `callers` that share a rate; their arrivals are spread evenly. Used by one thread at a time.
class Pace {
 public:
  Pace(Clock::time_point begin, std::uint64_t rate, std::uint64_t caller = 0, std::uint64_t callers = 1)
      : next_(begin), open_(rate != 0) {
    if (!open_) return;
    step_ = as_duration(static_cast<double>(callers) / static_cast<double>(rate));
    next_ += as_duration(static_cast<double>(caller) / static_cast<double>(rate));
  }

  // The moment that latency counts from. Does not wait.
  Clock::time_point next() {
    if (!open_) return Clock::now();
    const auto due = next_;
    next_ += step_;
    return due;
  }
  // The same, and waits until then, at most until `end`.
  Clock::time_point wait_next(Clock::time_point end) {
    const auto due = next();
    if (open_) std::this_thread::sleep_until(due < end ? due : end);
    return due;
  }

 private:
  Clock::time_point next_;
  Clock::duration step_{};
  bool open_;
};

}  // namespace stele::cli::bench

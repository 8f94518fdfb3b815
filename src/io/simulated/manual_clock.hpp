// manual_clock.hpp - time that stands still until a test or a simulator moves it.
#pragma once

#include <chrono>
#include <mutex>

#include "io/world.hpp"

namespace stele::io::simulated {

// Safe from any thread.
class ManualClock final : public Clock {
 public:
  // 2026-01-01T00:00:00Z unless told otherwise.
  ManualClock() : ManualClock(Timestamp(std::chrono::microseconds(1'767'225'600'000'000))) {}
  explicit ManualClock(Timestamp start) : now_(start) {}

  Timestamp now() override;
  std::chrono::nanoseconds monotonic() override;
  // Both clocks.
  void advance(std::chrono::microseconds by);
  // The wall clock only, forward or back: what an administrator or NTP does.
  void set(Timestamp now);

 private:
  std::mutex mutex_;
  Timestamp now_;
  std::chrono::nanoseconds monotonic_{0};
};

}  // namespace stele::io::simulated

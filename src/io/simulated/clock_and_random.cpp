// clock_and_random.cpp - the simulated clock and the simulated randomness.
#include "base/assert.hpp"
#include "io/simulated/manual_clock.hpp"
#include "io/simulated/seeded_random.hpp"

namespace stele::io::simulated {

std::uint64_t SeededRandom::step() {
  state_ += 0x9E3779B97F4A7C15;
  auto mixed = state_;
  mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
  return mixed ^ (mixed >> 31);
}

void SeededRandom::fill(std::span<std::uint8_t> into) {
  const std::lock_guard guard(mutex_);
  for (std::size_t i = 0; i < into.size();) {
    for (auto word = step(), left = std::uint64_t{8}; left > 0 && i < into.size(); --left, word >>= 8) {
      into[i++] = static_cast<std::uint8_t>(word);
    }
  }
}

std::uint64_t SeededRandom::below(std::uint64_t end) {
  const std::lock_guard guard(mutex_);
  const auto drawn = step();
  return end == 0 ? 0 : drawn % end;
}

Timestamp ManualClock::now() {
  const std::lock_guard guard(mutex_);
  return now_;
}

std::chrono::nanoseconds ManualClock::monotonic() {
  const std::lock_guard guard(mutex_);
  return monotonic_;
}

void ManualClock::advance(std::chrono::microseconds by) {
  STELE_ASSERT(by.count() >= 0, "time is advanced, not turned back", by.count());
  const std::lock_guard guard(mutex_);
  now_ += by;
  monotonic_ += by;
}

void ManualClock::set(Timestamp now) {
  const std::lock_guard guard(mutex_);
  now_ = now;
}

}  // namespace stele::io::simulated

// seeded_random.hpp - randomness that a seed replays, the same on every machine. Not for keys.
#pragma once

#include <cstdint>
#include <mutex>
#include <span>

#include "io/world.hpp"

namespace stele::io::simulated {

// splitmix64. Safe from any thread; with more than one the order of calls is theirs.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
  void fill(std::span<std::uint8_t> into) override;
  // From 0 to `end`, exclusive; 0 when `end` is 0.
  std::uint64_t below(std::uint64_t end);

 private:
  std::uint64_t step();  // under mutex_
  std::mutex mutex_;
  std::uint64_t state_;
};

}  // namespace stele::io::simulated

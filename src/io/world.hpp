// world.hpp - everything outside the process that the engine can touch: disk, clock, randomness. Given to the
// engine when it is made, so that the same code runs on the real world and on a simulated one that a seed
// replays. Threads are not here, but a simulator may take their place (background.hpp).
#pragma once

#include <chrono>
#include <cstdint>
#include <span>

#include "io/background.hpp"
#include "io/disk.hpp"
#include "stele/types.hpp"

namespace stele::io {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Timestamp now() = 0;  // may step back, as clocks do
  // Never steps back; only differences mean something.
  virtual std::chrono::nanoseconds monotonic() = 0;
};

class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(std::span<std::uint8_t> into) = 0;
  std::uint64_t next();
};

// Borrows; copy freely. Whoever made them keeps them alive longer than what was built on them.
struct World {
  Disk& disk;
  Clock& clock;
  Random& random;
  Background* background = nullptr;  // none: work beside the callers has threads
};

// This machine. Lives as long as the process.
World& real_world();

}  // namespace stele::io

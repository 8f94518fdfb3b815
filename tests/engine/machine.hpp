// machine.hpp - a store on a simulated machine: its disk can fail, fill up, rot and lose power.
#pragma once

#include <filesystem>
#include <memory>

#include "engine/embedded_store.hpp"
#include "io/simulated/manual_clock.hpp"
#include "io/simulated/memory_disk.hpp"
#include "io/simulated/seeded_random.hpp"
#include "store_fixture.hpp"

namespace stele::test {

// A machine without a real disk under it. Segments are as small as they may be unless told otherwise.
struct Machine {
  explicit Machine(std::uint64_t seed) : random(seed) {}
  io::simulated::MemoryDisk disk;
  io::simulated::ManualClock clock;
  io::simulated::SeededRandom random;
  io::World world{disk, clock, random};
  std::uint64_t segment_bytes = 64 << 10;

  result<std::unique_ptr<engine::EmbeddedStore>> open(Access access = Access::read_write) {
    return engine::EmbeddedStore::open(world, "/store",
                                       {.access = access, .create = true, .segment_bytes = segment_bytes});
  }
};

inline const std::filesystem::path first_segment{"/store/log/00000000000000000001.seg"};

}  // namespace stele::test

// rot.hpp - bytes that change on the disk, one at a time, on copies of it: what the engine makes of them is told or
// without consequence, and never a wrong answer.
#pragma once

#include "checks.hpp"
#include "io/simulated/memory_disk.hpp"

namespace stele::simulation {

struct RotCounts {
  std::uint64_t flips = 0;
  std::uint64_t told =
      0;  // at opening or by the read that met it; the others changed nothing that anyone can see
};

// `disk` holds a store that nobody has open, all of it synced; `model` knows what is in it. The copy is used up.
void check_rot(io::simulated::MemoryDisk& disk, const Model& model, std::uint64_t segment_bytes, Dice& dice,
               Judge& judge, RotCounts& counts);

}  // namespace stele::simulation

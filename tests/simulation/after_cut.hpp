// after_cut.hpp - what the power leaves behind when it is cut at this moment: opened by the engine, held against the
// model. The life that goes on is not touched.
#pragma once

#include <memory>

#include "checks.hpp"
#include "io/simulated/memory_disk.hpp"

namespace stele::simulation {

struct CutCounts {
  std::uint64_t cuts = 0;
  std::uint64_t double_cuts = 0;
  std::uint64_t openings = 0;
};

// `disk` is a copy, and is used up.
void check_after_cut(io::simulated::MemoryDisk& disk, const Model& model, std::uint64_t segment_bytes,
                     Dice& dice, Judge& judge, CutCounts& counts);

// A store that was just opened against a model that may know of more appends than have survived: cuts the model to
// what is there. False: it could not be read, or was not as it must be.
bool settle(EventStore& store, Model& model, Judge& judge);

}  // namespace stele::simulation

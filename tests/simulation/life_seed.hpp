// life_seed.hpp - remembers which life and which step is being lived, for the last words of a process that aborts.
#pragma once

#include <cstddef>
#include <cstdint>

namespace stele::simulation {

void at_step(std::uint64_t seed, std::size_t step);

}  // namespace stele::simulation

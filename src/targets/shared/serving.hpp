// serving.hpp - which of a projection's models serves, which one served before, which one is being built. The meaning
// alone: SQLite keeps it in a file (sqlite/serving_file.hpp), database servers in a row (server/serving_row.hpp).
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "stele/projection.hpp"

namespace stele::targets {

// Models of one projection and version are numbered; the first one is 0 and needs no record.
struct Serving {
  std::uint64_t serving = 0;
  std::optional<std::uint64_t> previous;
  struct Building {
    std::uint64_t number = 0;
    RebuildOptions options;
    // Which start of the machine it was begun in, where a build does not wait for the disk: so it outlives a killed
    // process but not a power cut. Empty where it does.
    std::string boot;
  };
  std::optional<Building> building;

  [[nodiscard]] std::uint64_t next() const {
    return std::max({serving, previous.value_or(0), building ? building->number : 0}) + 1;
  }
};

}  // namespace stele::targets

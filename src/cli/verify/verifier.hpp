// verifier.hpp - reads every byte of a store and says, layer by layer, whether it is what it should be.
// Writes nothing and repairs nothing; a store that is being written meanwhile is checked up to where it was.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "stele/result.hpp"
#include "stele/types.hpp"

namespace stele::cli {

// One thing that is not as it should be. Empty and 0 stand for "not known" or "does not matter".
struct Finding {
  Position first;
  Position last;
  std::string stream;
  std::string file;
  std::string what;
};

struct Layer {
  std::string name;
  std::string summary;  // what was read to come to this answer
  std::vector<Finding> findings;
  std::uint64_t more = 0;  // findings beyond the ones listed
};

struct Verification {
  std::vector<Layer> layers;
  std::uint64_t bytes = 0;
  [[nodiscard]] bool ok() const;
};

// Layers: structure (files, frames, nothing missing), checksums (every byte), order (positions, versions, times,
// durable marks), index (its files beside the log, and what look-ups answer), retention (rules and tombstones), records
// (every value), watermark. Errors: not_found or invalid when there is no store to look at, corrupt when its MANIFEST
// cannot be read. The directory of a backup has one layer: its files, and every frame in them.
[[nodiscard]] result<Verification> verify_store(const std::string& directory);

}  // namespace stele::cli

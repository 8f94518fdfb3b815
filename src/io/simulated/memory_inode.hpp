// memory_inode.hpp - the two truths about one simulated file: what readers see and what the device holds.
// Only the memory disk uses it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "io/simulated/seeded_random.hpp"

namespace stele::io::simulated {

// Not synchronised; the disk's lock guards it.
struct MemoryInode {
  // A write, or, with no bytes, a change of size.
  struct Change {
    std::uint64_t offset = 0;  // of a change of size: the new one
    std::string bytes;
    bool resizes = false;
  };

  std::string seen;
  std::string device;
  std::vector<Change> unsynced;
  std::uint64_t failed_syncs = 0;  // every handle tells each of them once
  int failure = 0;                 // errno of the last one

  void write(std::uint64_t offset, std::string_view bytes);
  void resize(std::uint64_t size);
  void sync();
  // The pages become clean without having been written.
  void lose_unsynced() { unsynced.clear(); }
  // Clean pages are read again from the device.
  void drop_cache();
  void crash(SeededRandom& random);
};

}  // namespace stele::io::simulated

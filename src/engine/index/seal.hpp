// seal.hpp - a complete part of the index in memory becomes a file. When that may be done, and what happens to the
// part then, is the sealer's business.
#pragma once

#include <functional>

#include "engine/index/active_part.hpp"
#include "engine/index/name_hash.hpp"
#include "io/disk.hpp"

namespace stele::engine {

struct SealInto {
  io::Disk& disk;
  std::filesystem::path directory;  // of the index
  Uuid store;
  const std::atomic<bool>* stop = nullptr;
  TermHash hash = hash_term;
  std::function<void()> pause = {};  // called every MiB: whatever cannot wait until a large file is done
};

// Nothing is added to the part any more. Durable, name and all, when it returns the path. Errors: disk_full,
// unavailable (stopped), those of the disk; nothing stays behind then.
result<std::filesystem::path> seal(const ActivePart& part, const CoveredSegment& segment,
                                   const SealInto& into);

}  // namespace stele::engine

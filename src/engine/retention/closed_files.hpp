// closed_files.hpp - the segment files of an open store that nobody writes to any more: what compaction and archiving
// work on, by their names on the disk. What becomes of them is theirs.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "engine/index/index.hpp"
#include "engine/log/open_segment.hpp"
#include "engine/log/rewrite.hpp"

namespace stele::engine {

struct ClosedFile {
  std::filesystem::path path;
  std::shared_ptr<io::File> file;
  log::ClosedSegment segment;    // its bytes are those of `file`
  std::uint64_t file_bytes = 0;  // as they are on the disk
};

struct ClosedPlace {
  io::Disk& disk;
  std::filesystem::path log_directory;
  Uuid store;
  const log::ColdPlaces& cold;
};

// Their names and, behind them, that of the one which is not closed.
result<std::vector<std::string>> closed_names(const ClosedPlace& place, const Index& index);
// corrupt: not a whole segment of this store. read_only, invalid: it has features that this version does not know.
result<ClosedFile> open_closed(const ClosedPlace& place, const std::string& name,
                               const std::string& next_name);

// Removes a file if it is there.
result<void> forget_file(io::Disk& disk, const std::filesystem::path& path);

}  // namespace stele::engine

// index_files.hpp - the directory of index files: which of them may be believed for the log at hand, and what may go.
// Nothing in it is ever needed: what is missing, damaged or of another log is made anew from the log.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/index/sealed_part.hpp"
#include "engine/log/recovery.hpp"
#include "io/disk.hpp"

namespace stele::engine {

// A segment file of the log as its header tells.
struct LogSegment {
  std::size_t input = 0;  // in the list of files
  log::SegmentHeader header;
  std::uint64_t size = 0;
};
// Those whose header can be read, by position. Of two for one position neither is there.
result<std::vector<LogSegment>> read_log_segments(const std::vector<log::SegmentInput>& inputs,
                                                  const Uuid& store);

class IndexFiles {
 public:
  IndexFiles(io::Disk& disk, std::filesystem::path directory, const Uuid& store)
      : disk_(disk), directory_(std::move(directory)), store_(store) {}

  [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }
  [[nodiscard]] io::Disk& disk() const { return disk_; }
  [[nodiscard]] const Uuid& store() const { return store_; }

  // Writers only, before anything is sealed.
  result<void> make_directory() const;
  // Empty when there is no directory.
  result<std::vector<std::string>> list() const;

  // The widest files that agree with the log, oldest first, none overlapping. The last segment is never among what
  // they cover: it may still grow.
  result<std::vector<std::shared_ptr<SealedPart>>> trusted(const std::vector<std::string>& names,
                                                           const std::vector<LogSegment>& log) const;
  // Writers only: everything that is ours and not one of `kept`.
  result<void> remove_all_but(const std::vector<std::string>& kept) const;
  // corrupt, not_found: as it says.
  result<std::shared_ptr<SealedPart>> open(const std::string& name) const;

 private:
  // Behind the last segment that the file covers, counted in `log`; nothing: it does not agree.
  [[nodiscard]] static std::optional<std::size_t> agrees(const SealedPart& part,
                                                         const std::vector<LogSegment>& log,
                                                         std::size_t begin);

  io::Disk& disk_;
  std::filesystem::path directory_;
  Uuid store_;
};

}  // namespace stele::engine

// backup_list.hpp - what a backup directory holds: its file BACKUP, as text and as values. Nothing here copies or
// reads the files it names.
//
// A list always describes a beginning of one store's log, up to `last`. It is replaced as a whole, and only when
// everything it names is on the disk: so whatever happens to a run, the directory is the backup that the list says.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/log/directory.hpp"
#include "io/disk.hpp"

namespace stele::engine {

// One segment of the log as it lies in the backup.
struct SegmentCopy {
  Position first;              // its segment's; the file is named by it and by the salt
  Position last;               // its last event, or what a rewritten segment stands for
  std::uint64_t salt = 0;      // tells two segments of the same place apart
  std::uint64_t bytes = 0;     // that count: what stands behind them in the file is not part of the backup
  std::uint32_t crc = 0;       // of those bytes
  Timestamp last_recorded_at;  // no event in it or in front of it is younger
  bool closed = false;         // nothing will ever be added to it
  bool operator==(const SegmentCopy&) const = default;

  [[nodiscard]] std::string file_name() const;  // "00000000000000000001-1122334455667788.seg"
};

// The keyed records, copied as one file.
struct RecordsCopy {
  std::string file;
  std::uint64_t bytes = 0;
  std::uint32_t crc = 0;
  bool operator==(const RecordsCopy&) const = default;
};

struct BackupList {
  log::Manifest store;  // of the store that was backed up
  Timestamp taken_at;
  std::vector<SegmentCopy> segments;  // by position, each beginning behind the one before
  std::optional<RecordsCopy> records;
  bool operator==(const BackupList&) const = default;

  [[nodiscard]] Position last() const { return segments.empty() ? Position{} : segments.back().last; }
  [[nodiscard]] const SegmentCopy* find(Position first) const;
  // Adds the segment, or replaces the one of its place.
  void put(const SegmentCopy& segment);
};

[[nodiscard]] std::filesystem::path backup_list_path(const std::filesystem::path& backup);

// Text, one "name values" per line, the last line the checksum of the rest.
[[nodiscard]] std::string encode_backup_list(const BackupList& list);
// corrupt: not a list, damaged, or its segments do not follow each other. invalid: of a newer version.
[[nodiscard]] result<BackupList> parse_backup_list(std::string_view text);

// not_found: there is no backup in the directory.
result<BackupList> read_backup_list(io::Disk& disk, const std::filesystem::path& backup);

}  // namespace stele::engine

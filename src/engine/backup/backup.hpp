// backup.hpp - a copy of a store in another directory: taken while the store is written, added to by the next run,
// checked, and made into a store again. Read models are not in it: they come back from the log.
//
// What a backup holds is always a beginning of the log, up to an event that was durable when the run began, and the
// keyed records as they were a moment earlier: never one that knows of an event which is not there.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/backup/backup_list.hpp"
#include "io/world.hpp"

namespace stele::engine {

struct BackupProgress {
  std::size_t segment = 0;  // this one is done, counted from 1
  std::size_t of = 0;
  std::uint64_t bytes = 0;  // copied by now
};

struct BackupOptions {
  std::function<void(const BackupProgress&)> progress = {};
};

struct BackupReport {
  Position last;               // the backup holds every event up to here
  std::uint64_t segments = 0;  // in all
  std::uint64_t kept = 0;      // of them untouched, because they were there
  std::uint64_t bytes = 0;     // copied in this run, records included
};

// Copies what the directory `to` does not have yet. Empty or new: a full backup; a backup of the same store: what was
// appended or rewritten since. Every copied byte is read back from the disk and compared. Killed at any moment, the
// directory is the backup of a somewhat earlier position, and the next run goes on from there.
//
// Errors: not_found (no store), corrupt (the store is damaged: nothing that the backup had is replaced), invalid (`to`
// is something else, or a backup of another store, or has more than the store), busy (another run), disk_full.
result<BackupReport> back_up(const io::World& world, const std::filesystem::path& store,
                             const std::filesystem::path& to, const BackupOptions& options = {});

// Reads every byte of a backup. What is wrong, one line for each file; empty: it can be restored.
struct BackupCheck {
  BackupList list;
  std::uint64_t bytes = 0;
  std::uint64_t events = 0;
  struct Finding {
    std::string file;
    Position first;  // 0 and 0: no event is hurt
    Position last;
    std::string what;
  };
  std::vector<Finding> findings;
};
result<BackupCheck> check_backup(io::Disk& disk, const std::filesystem::path& backup);

struct RestoreOptions {
  std::optional<Position> until = {};  // nothing behind it; an append that goes beyond is left out whole
  std::optional<Timestamp> until_time = {};  // nothing that was recorded later
  // Spaces of the records that are left out when the log is cut: they may know events that are not restored.
  std::vector<std::string> forget = {};
};

struct RestoreReport {
  Uuid store;  // the new store's id
  Position last;
  std::uint64_t events = 0;
  std::uint64_t bytes = 0;
};

// A new store in `to`, which is made or must be empty; every byte is checked on the way. It gets an id of its own: its
// positions go their own way from here, and nothing that follows the old store may take it for that. Interrupted, it is
// no store yet, and the next call with the same directory begins anew.
//
// Errors: not_found (no backup), corrupt (the backup is damaged; the store is not made), invalid (`to` is not empty,
// or the backup does not reach `until`), disk_full.
result<RestoreReport> restore(const io::World& world, const std::filesystem::path& backup,
                              const std::filesystem::path& to, const RestoreOptions& options = {});

}  // namespace stele::engine

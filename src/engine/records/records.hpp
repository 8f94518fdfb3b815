// records.hpp - small keyed records beside the log, in one SQLite file: snapshots, checkpoints, outcomes of
// idempotent commands. Not events: nothing here is ever the truth about the past.
//
// put, insert, erase and erase_older are on disk when they return (write-ahead log, synchronous=FULL). Calls
// that arrive while one is being synced share the next sync, so that many callers cost little more than one.
// Each record has a checksum: one that was changed on the disk is `corrupt` for whoever gets it, never a wrong value.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "io/world.hpp"
#include "stele/store.hpp"

namespace stele::engine {

// Opens `file`, creating it for a writer. A read-only store without the file reads as empty until the writer
// makes one; writing to it is `read_only`. Errors: corrupt (not a database, or damaged), busy, denied,
// not_found (the folder), unavailable (the disk answers with errors). Safe from any thread. `clock` says when a
// record was written, for erase_older; it must outlive the records.
[[nodiscard]] result<std::unique_ptr<Records>> open_records(const std::filesystem::path& file, bool read_only,
                                                            io::Clock& clock = io::real_world().clock);

// Reads all of the file: SQLite's own structure, and the checksum that every record has. Errors: as open_records(),
// and those of a file that is too damaged to be read at all (corrupt).
struct RecordsCheck {
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;  // of their values
  std::vector<std::string> findings;
};
[[nodiscard]] result<RecordsCheck> check_records(const std::filesystem::path& file);

}  // namespace stele::engine

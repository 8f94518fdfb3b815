// records.hpp - small keyed records beside the log, in one SQLite file: snapshots, checkpoints, outcomes of
// idempotent commands. Not events: nothing here is ever the truth about the past.
//
// put, insert, erase and erase_older are on disk when they return (write-ahead log, synchronous=FULL). Calls
// that arrive while one is being synced share the next sync, so that many callers cost little more than one.
#pragma once

#include <filesystem>
#include <memory>

#include "io/world.hpp"
#include "stele/store.hpp"

namespace stele::engine {

// Opens `file`, creating it for a writer. A read-only store without the file reads as empty until the writer
// makes one; writing to it is `read_only`. Errors: corrupt (not a database, or damaged), busy, denied,
// not_found (the folder), unavailable (the disk answers with errors). Safe from any thread. `clock` says when a
// record was written, for erase_older; it must outlive the records.
[[nodiscard]] result<std::unique_ptr<Records>> open_records(const std::filesystem::path& file, bool read_only,
                                                            io::Clock& clock = io::real_world().clock);

}  // namespace stele::engine

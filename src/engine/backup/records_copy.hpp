// records_copy.hpp - the keyed records of a store as one file that nobody writes: how a backup holds them.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "engine/backup/backup_list.hpp"

namespace stele::engine {

// One consistent state of `records`, also while it is written, as the new file `to`, synced and read back. Nothing:
// the store has none.
result<std::optional<RecordsCopy>> copy_records_file(io::Disk& disk, const std::filesystem::path& records,
                                                     const std::filesystem::path& to);

// Out of a backup again, checked; without the records of the spaces in `forget`.
result<void> restore_records_file(io::Disk& disk, const std::filesystem::path& from, const RecordsCopy& copy,
                                  const std::filesystem::path& to, const std::vector<std::string>& forget);

}  // namespace stele::engine

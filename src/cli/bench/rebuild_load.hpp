// rebuild_load.hpp - building a read model from the whole log, the balance of every account: in memory, as a program
// would fold it for itself, and in SQLite by the projection runner. The log was made by log_source.hpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>

#include "stele/store.hpp"

namespace stele::cli::bench {

struct RebuildMeasured {
  std::uint64_t events = 0;
  std::uint64_t accounts = 0;
  std::int64_t cents = 0;  // over all accounts: two ways of building must agree
  double seconds = 0;
};
[[nodiscard]] result<RebuildMeasured> rebuild_in_memory(EventStore& store);
// Until the model is at the head. `models`: where its file is made.
[[nodiscard]] result<RebuildMeasured> rebuild_in_sqlite(EventStore& store,
                                                        const std::filesystem::path& models,
                                                        const std::stop_token& stop);

}  // namespace stele::cli::bench

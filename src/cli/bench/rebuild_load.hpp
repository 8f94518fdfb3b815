// rebuild_load.hpp - building a read model from the whole log, the balance of every account: in memory, as a program
// would fold it for itself, in SQLite by the projection runner, and beside a model that serves; and what SQLite alone
// needs for the same rows. The log was made by log_source.hpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

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

// A second model beside the one that rebuild_in_sqlite() has left in `models`, and the switch to it, while events are
// appended and the balance of accounts is asked for; then the way back. An answer that fails, or that lacks an
// account, is an error.
struct LiveRebuildMeasured {
  RebuildMeasured built;
  std::uint64_t appended = 0;
  std::uint64_t questions = 0;
};
struct LiveRebuildPlan {
  std::uint64_t streams = 1;  // of the log
  std::uint64_t appends_per_second = 1000;
  std::uint64_t questions_per_second = 50;
};
[[nodiscard]] result<LiveRebuildMeasured> rebuild_beside(EventStore& store,
                                                         const std::filesystem::path& models,
                                                         const LiveRebuildPlan& plan,
                                                         const std::stop_token& stop);

// ---- SQLite alone: the log is read and decoded already, so that nothing is measured but the rows

struct Movements {
  struct One {
    std::uint32_t account;
    std::int32_t cents;
  };
  std::vector<std::string> accounts;
  std::vector<One> list;  // in the order of the log
};
[[nodiscard]] result<Movements> movements_of(EventStore& store);
// One upsert for each, prepared once, in transactions of 262,144.
[[nodiscard]] result<RebuildMeasured> upsert_each(const Movements& movements,
                                                  const std::filesystem::path& file);
// Folded in memory first, then one insert for each account, in the order of the key, in one transaction.
[[nodiscard]] result<RebuildMeasured> insert_once(const Movements& movements,
                                                  const std::filesystem::path& file);

}  // namespace stele::cli::bench

// rebuild_limits.cpp - the same table with nothing around it: SQLite's statements over amounts that lie in memory.
#include <algorithm>
#include <numeric>
#include <string_view>
#include <unordered_map>

#include "base/sqlite.hpp"
#include "cli/bench/pace.hpp"
#include "cli/bench/rebuild_load.hpp"

namespace stele::cli::bench {
namespace {

constexpr std::uint64_t rows_in_transaction = 262'144;

// Tuned as generously as a model that is being built.
result<sqlite::Connection> open_table(const std::filesystem::path& file) {
  STELE_TRY(auto db, sqlite::Connection::open(file.string(), sqlite::Mode::read_write, sqlite::Sync::normal));
  STELE_CHECK(db.run("PRAGMA synchronous=OFF; PRAGMA cache_size=-131072; PRAGMA wal_autocheckpoint=16384"));
  STELE_CHECK(
      db.run("CREATE TABLE balance(account TEXT PRIMARY KEY, cents INTEGER NOT NULL) STRICT, WITHOUT ROWID"));
  return db;
}

result<RebuildMeasured> finish_table(sqlite::Connection& db, const Movements& movements,
                                     Clock::time_point begin) {
  STELE_CHECK(db.run("PRAGMA synchronous=FULL; PRAGMA wal_checkpoint(TRUNCATE)"));
  RebuildMeasured measured{.events = movements.list.size(), .seconds = seconds_since(begin)};
  STELE_TRY(auto sums, db.prepare("SELECT count(*), coalesce(sum(cents), 0) FROM balance"));
  STELE_CHECK(sums.step());
  measured.accounts = static_cast<std::uint64_t>(sums.integer(0));
  measured.cents = sums.integer(1);
  return measured;
}

}  // namespace

result<RebuildMeasured> upsert_each(const Movements& movements, const std::filesystem::path& file) {
  STELE_TRY(auto db, open_table(file));
  const auto begin = Clock::now();
  STELE_TRY(auto upsert, db.prepare("INSERT INTO balance VALUES(?1, ?2) ON CONFLICT(account)"
                                    " DO UPDATE SET cents = cents + excluded.cents"));
  STELE_CHECK(db.begin());
  std::uint64_t rows = 0;
  for (const auto& [account, cents] : movements.list) {
    upsert.bind_all(std::string_view(movements.accounts[account]), std::int64_t{cents});
    STELE_CHECK(upsert.run());
    if (++rows % rows_in_transaction != 0) continue;
    STELE_CHECK(db.commit());
    STELE_CHECK(db.begin());
  }
  STELE_CHECK(db.commit());
  return finish_table(db, movements, begin);
}

// By name, as a program would that does not know them beforehand.
result<RebuildMeasured> insert_once(const Movements& movements, const std::filesystem::path& file) {
  STELE_TRY(auto db, open_table(file));
  const auto begin = Clock::now();
  std::unordered_map<std::string_view, std::int64_t> sums;
  for (const auto& [account, cents] : movements.list) sums[movements.accounts[account]] += cents;
  std::vector<std::pair<std::string_view, std::int64_t>> rows(sums.begin(), sums.end());
  std::ranges::sort(rows);
  STELE_TRY(auto insert, db.prepare("INSERT INTO balance VALUES(?1, ?2)"));
  STELE_CHECK(db.begin());
  for (const auto& [account, cents] : rows) {
    insert.bind_all(account, cents);
    STELE_CHECK(insert.run());
  }
  STELE_CHECK(db.commit());
  return finish_table(db, movements, begin);
}

}  // namespace stele::cli::bench

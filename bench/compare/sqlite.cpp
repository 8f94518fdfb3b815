// sqlite.cpp - SQLite as an event store: one table in the reference shape, WAL, synchronous=FULL, prepared statements,
// and a queue in front. The primary key is the check of the expected version.
#include <fmt/format.h>
#include <sqlite3.h>

#include "queue.hpp"

namespace stele::compare {
namespace {

constexpr auto schema = R"(
  PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-262144;
  CREATE TABLE IF NOT EXISTS events(
    global_position INTEGER PRIMARY KEY, stream_id TEXT NOT NULL, stream_position INTEGER NOT NULL,
    event_id BLOB NOT NULL, event_type TEXT NOT NULL, data BLOB NOT NULL, created_at INTEGER NOT NULL,
    UNIQUE(stream_id, stream_position)))";
constexpr auto insert_sql =
    "INSERT INTO events(stream_id, stream_position, event_id, event_type, data, created_at)"
    " VALUES(?1, ?2, ?3, ?4, ?5, unixepoch())";
constexpr auto replay_sql = "SELECT stream_id, data FROM events ORDER BY global_position";
constexpr auto load_sql = "SELECT stream_id, data FROM events WHERE stream_id = ?1 ORDER BY stream_position";

// The events are folded where they are, so many positions in a transaction.
constexpr sqlite3_int64 rebuild_positions = 262'144;
constexpr auto balances_schema = R"(
  DROP TABLE IF EXISTS balance; DROP TABLE IF EXISTS checkpoint;
  CREATE TABLE balance(account TEXT PRIMARY KEY, cents INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE checkpoint(position INTEGER NOT NULL); INSERT INTO checkpoint VALUES(0))";
constexpr auto fold_sql =
    "INSERT INTO balance SELECT stream_id,"
    " sum(CAST(replace(json_extract(CAST(data AS TEXT), '$.amount'), '.', '') AS INTEGER)) FROM events"
    " WHERE global_position > ?1 AND global_position <= ?2 GROUP BY stream_id"
    " ON CONFLICT(account) DO UPDATE SET cents = cents + excluded.cents";
constexpr auto balances_sql =
    "SELECT (SELECT count(*) FROM events), (SELECT sum(cents) FROM balance),"
    " (SELECT coalesce(max(global_position), 0) FROM events)";

struct CloseDatabase {
  void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
};
struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

std::string_view column(sqlite3_stmt* statement, int number) {
  const auto* const bytes = static_cast<const char*>(sqlite3_column_blob(statement, number));
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement, number))};
}

class Sqlite final : public QueuedRival {
 public:
  ~Sqlite() override { stop_queue(); }

  result<void> open(const std::string& file) {
    sqlite3* db = nullptr;
    const bool opened = sqlite3_open(file.c_str(), &db) == SQLITE_OK;
    db_.reset(db);
    if (!opened || sqlite3_exec(db, schema, nullptr, nullptr, nullptr) != SQLITE_OK) return failed();
    return prepare(insert_, insert_sql) && prepare(replay_, replay_sql) && prepare(load_, load_sql)
               ? result<void>()
               : failed();
  }

  [[nodiscard]] std::string durability() const override {
    return "WAL, synchronous=FULL; own queue in front";
  }

  result<std::uint64_t> replay(const OnEvent& event) override { return walk(replay_.get(), event); }
  result<std::uint64_t> load(const std::string& stream) override {
    sqlite3_bind_text(load_.get(), 1, stream.data(), static_cast<int>(stream.size()), SQLITE_STATIC);
    return walk(load_.get(), {});
  }
  result<Balances> rebuild(bool each) override {
    if (each) return no_such_form();
    Statement fold;
    const bool ready = sqlite3_exec(db_.get(), balances_schema, nullptr, nullptr, nullptr) == SQLITE_OK &&
                       prepare(fold, fold_sql);
    if (!ready) return failed();
    STELE_TRY(const auto log, ask_balances());
    for (sqlite3_int64 after = 0; after < log.last; after += rebuild_positions)
      STELE_CHECK(fold_positions(fold.get(), after));
    STELE_TRY(const auto done, ask_balances());
    return done.balances;
  }

 private:
  struct Asked {
    Balances balances;
    sqlite3_int64 last;
  };
  result<Asked> ask_balances() {
    Statement ask;
    if (!prepare(ask, balances_sql) || sqlite3_step(ask.get()) != SQLITE_ROW) return failed();
    return Asked{.balances = {.events = static_cast<std::uint64_t>(sqlite3_column_int64(ask.get(), 0)),
                              .cents = sqlite3_column_int64(ask.get(), 1)},
                 .last = sqlite3_column_int64(ask.get(), 2)};
  }

  result<void> fold_positions(sqlite3_stmt* fold, sqlite3_int64 after) {
    if (sqlite3_exec(db_.get(), "BEGIN IMMEDIATE", nullptr, nullptr, nullptr) != SQLITE_OK) return failed();
    sqlite3_bind_int64(fold, 1, after);
    sqlite3_bind_int64(fold, 2, after + rebuild_positions);
    const bool folded = sqlite3_step(fold) == SQLITE_DONE;
    sqlite3_reset(fold);
    const auto checkpoint =
        fmt::format("UPDATE checkpoint SET position = {}; COMMIT", after + rebuild_positions);
    if (folded && sqlite3_exec(db_.get(), checkpoint.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK)
      return {};
    return failed();
  }

  result<void> commit(std::span<const Append> appends) override {
    if (sqlite3_exec(db_.get(), "BEGIN IMMEDIATE", nullptr, nullptr, nullptr) != SQLITE_OK) return failed();
    for (const auto& append : appends) {
      for (std::uint64_t i = 0; i < append.count; ++i) STELE_CHECK(insert(append, i));
    }
    return sqlite3_exec(db_.get(), "COMMIT", nullptr, nullptr, nullptr) == SQLITE_OK ? result<void>()
                                                                                     : failed();
  }

  result<void> insert(const Append& append, std::uint64_t number) {
    auto* const row = insert_.get();
    const auto id = fresh_id();
    sqlite3_bind_text(row, 1, append.stream.data(), static_cast<int>(append.stream.size()), SQLITE_STATIC);
    sqlite3_bind_int64(row, 2, static_cast<sqlite3_int64>(append.expected + number));
    sqlite3_bind_blob(row, 3, id.data(), static_cast<int>(id.size()), SQLITE_STATIC);
    sqlite3_bind_text(row, 4, event_type.data(), static_cast<int>(event_type.size()), SQLITE_STATIC);
    sqlite3_bind_blob(row, 5, payload().data(), static_cast<int>(payload().size()), SQLITE_STATIC);
    const bool done = sqlite3_step(row) == SQLITE_DONE;
    sqlite3_reset(row);
    return done ? result<void>() : failed();
  }

  result<std::uint64_t> walk(sqlite3_stmt* statement, const OnEvent& event) {
    std::uint64_t events = 0;
    int step = 0;
    for (; (step = sqlite3_step(statement)) == SQLITE_ROW; ++events) {
      const auto data = column(statement, 1);
      if (event) event(column(statement, 0), data);
    }
    sqlite3_reset(statement);
    if (step != SQLITE_DONE) return failed();
    return events;
  }

  bool prepare(Statement& into, const char* sql) {
    sqlite3_stmt* statement = nullptr;
    const bool good = sqlite3_prepare_v2(db_.get(), sql, -1, &statement, nullptr) == SQLITE_OK;
    into.reset(statement);
    return good;
  }
  Error failed() { return {errc::unavailable, fmt::format("SQLite: {}", sqlite3_errmsg(db_.get()))}; }

  std::unique_ptr<sqlite3, CloseDatabase> db_;
  Statement insert_;
  Statement replay_;
  Statement load_;
};

}  // namespace

result<std::unique_ptr<Rival>> open_rival(const Place& place) {
  auto rival = std::make_unique<Sqlite>();
  STELE_CHECK(rival->open(place.directory + "/events.db"));
  return rival;
}

}  // namespace stele::compare

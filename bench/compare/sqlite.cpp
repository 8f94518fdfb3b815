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

 private:
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

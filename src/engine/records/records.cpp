// records.cpp - keyed records on SQLite: one connection that writes in groups, one that reads.
#include "engine/records/records.hpp"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "base/crc32c.hpp"
#include "base/sqlite.hpp"
#include "engine/records/records_schema.hpp"

namespace stele::engine {
namespace {

// SQLite does not notice a changed byte inside a value; this does. A zero stands between the parts.
std::int64_t crc_of_record(std::string_view space, std::string_view key, std::string_view value) {
  constexpr std::string_view zero("\0", 1);
  return base::crc32c(value, base::crc32c(zero, base::crc32c(key, base::crc32c(zero, base::crc32c(space)))));
}

Error damaged_record(std::string_view space, std::string_view key) {
  return Error(errc::corrupt, "the record '" + std::string(key) + "' of '" + std::string(space) +
                                  "' does not match its checksum")
      .with("space", std::string(space))
      .with("key", std::string(key))
      .help("restore records.db from a backup, or erase the record if what wrote it can make it anew");
}

// One caller's change, waiting for its turn; lives on the caller's stack.
struct RecordChange {
  enum class Kind : std::uint8_t { put, insert, erase, erase_older };
  Kind kind;
  std::string_view space;
  std::string_view key;
  std::string_view value;
  std::int64_t time = 0;  // erase_older: the bound; put and insert: now

  result<std::uint64_t> rows = std::uint64_t{0};
  bool done = false;
};

std::string_view sql_of(RecordChange::Kind kind) {
  switch (kind) {
    case RecordChange::Kind::put:
      return "INSERT INTO records(space, key, value, written, crc) VALUES(?1, ?2, ?3, ?4, ?5)"
             " ON CONFLICT(space, key) DO UPDATE SET value = excluded.value, written = excluded.written,"
             " crc = excluded.crc";
    case RecordChange::Kind::insert:
      return "INSERT INTO records(space, key, value, written, crc) VALUES(?1, ?2, ?3, ?4, ?5)"
             " ON CONFLICT(space, key) DO NOTHING";
    case RecordChange::Kind::erase:
      return "DELETE FROM records WHERE space = ?1 AND key = ?2";
    case RecordChange::Kind::erase_older:
      return "DELETE FROM records WHERE space = ?1 AND written < ?2";
  }
  return {};
}

result<std::uint64_t> apply_change(sqlite::Connection& db, const RecordChange& change) {
  STELE_TRY(sqlite::Statement * statement, db.cached(sql_of(change.kind)));
  statement->bind(1, change.space);
  if (change.kind == RecordChange::Kind::erase_older) {
    statement->bind(2, change.time);
  } else {
    statement->bind(2, change.key);
    if (change.kind != RecordChange::Kind::erase) {
      statement->bind_blob(3, change.value);
      statement->bind(4, change.time);
      statement->bind(5, crc_of_record(change.space, change.key, change.value));
    }
  }
  STELE_CHECK(statement->run());
  return static_cast<std::uint64_t>(db.changes());
}

// All of the group in one transaction. After an error nothing of it is there, whatever `rows` say.
result<void> commit_group(sqlite::Connection& db, const std::vector<RecordChange*>& group) {
  STELE_ASSERT(!group.empty(), "a transaction changes something");
  STELE_CHECK(db.begin());
  for (RecordChange* change : group) {
    change->rows = apply_change(db, *change);
    if (!change->rows) {
      db.rollback();
      return change->rows.error();
    }
  }
  auto committed = db.commit();
  if (!committed) db.rollback();
  return committed;
}

class SqliteRecords final : public Records {
 public:
  SqliteRecords(std::filesystem::path file, std::optional<sqlite::Connection> writer, io::Clock& clock)
      : file_(std::move(file)), clock_(clock), writer_(std::move(writer)) {}

  result<std::optional<std::string>> get(std::string_view space, std::string_view key) override;
  result<void> put(std::string_view space, std::string_view key, std::string_view value) override;
  result<bool> insert(std::string_view space, std::string_view key, std::string_view value) override;
  result<void> erase(std::string_view space, std::string_view key) override;
  result<std::uint64_t> erase_older(std::string_view space, Timestamp time) override;

 private:
  [[nodiscard]] std::int64_t now() { return clock_.now().time_since_epoch().count(); }
  result<std::uint64_t> submit(RecordChange change);
  void lead(std::unique_lock<std::mutex>& lock);
  result<sqlite::Connection*> reader();

  const std::filesystem::path file_;
  io::Clock& clock_;

  std::mutex queue_mutex_;
  std::condition_variable moved_;
  std::vector<RecordChange*> queue_;
  bool leading_ = false;                      // one caller writes for all at a time
  std::optional<sqlite::Connection> writer_;  // of the leader; nothing: read-only

  std::mutex reader_mutex_;
  std::optional<sqlite::Connection> reader_;
  bool reader_has_crc_ = false;
};

// Whoever finds nobody writing writes for all who wait; the others sleep until their change is done.
result<std::uint64_t> SqliteRecords::submit(RecordChange change) {
  if (!writer_)
    return Error(errc::read_only, file_.string() + ": the store was opened read-only")
        .help("write through the process that holds the store");
  std::unique_lock lock(queue_mutex_);
  queue_.push_back(&change);
  while (!change.done) {
    if (leading_)
      moved_.wait(lock);
    else
      lead(lock);
  }
  STELE_ASSERT(!change.rows || *change.rows <= 1 || change.kind == RecordChange::Kind::erase_older,
               "a key stands once", *change.rows);
  return std::move(change.rows);
}

// Writes everything that has queued up, the caller's own change among it. Meanwhile the next group gathers, so
// the sync of one transaction is shared by all who came during the one before it.
void SqliteRecords::lead(std::unique_lock<std::mutex>& lock) {
  STELE_ASSERT(!queue_.empty() && !leading_, "the leader has something to write", queue_.size());
  leading_ = true;
  const auto group = std::exchange(queue_, {});
  lock.unlock();
  if (auto all = commit_group(*writer_, group); !all && group.size() == 1) {
    group.front()->rows = all.error();
  } else if (!all) {
    // One change cannot be stored (too big, say): it must not take its neighbours with it.
    for (RecordChange* one : group)
      if (auto alone = commit_group(*writer_, {one}); !alone) one->rows = alone.error();
  }
  lock.lock();
  STELE_ASSERT(leading_, "one leads at a time", group.size());
  for (RecordChange* change : group) change->done = true;
  leading_ = false;
  moved_.notify_all();
}

// Null: there is nothing to read yet. Asked again each time, because the writer may make the file later.
result<sqlite::Connection*> SqliteRecords::reader() {
  if (reader_) return &*reader_;
  auto db = sqlite::Connection::open(file_.string(), sqlite::Mode::read_only);
  if (!db && db.error().kind() == errc::not_found) return nullptr;
  if (!db) return db.error();
  STELE_TRY(const RecordsTables tables, look_at_records_tables(*db));
  if (tables == RecordsTables::none) return nullptr;  // the writer is only just creating it
  reader_has_crc_ = tables == RecordsTables::summed;
  reader_ = std::move(*db);
  return &*reader_;
}

result<std::optional<std::string>> SqliteRecords::get(std::string_view space, std::string_view key) {
  const std::lock_guard lock(reader_mutex_);
  STELE_TRY(sqlite::Connection * db, reader());
  if (!db) return std::nullopt;
  STELE_TRY(sqlite::Statement * select,
            db->cached(reader_has_crc_ ? "SELECT value, crc FROM records WHERE space = ?1 AND key = ?2"
                                       : "SELECT value, NULL FROM records WHERE space = ?1 AND key = ?2"));
  select->bind_all(space, key);
  STELE_TRY(const bool found, select->step());
  if (!found) return std::nullopt;
  std::optional<std::string> value(select->blob(0));
  const bool whole = select->is_null(1) || select->integer(1) == crc_of_record(space, key, *value);
  select->reset();
  if (!whole) return damaged_record(space, key);
  return value;
}

result<void> SqliteRecords::put(std::string_view space, std::string_view key, std::string_view value) {
  STELE_CHECK(submit({RecordChange::Kind::put, space, key, value, now()}));
  return {};
}

result<bool> SqliteRecords::insert(std::string_view space, std::string_view key, std::string_view value) {
  STELE_TRY(const std::uint64_t rows, submit({RecordChange::Kind::insert, space, key, value, now()}));
  return rows == 1;
}

result<void> SqliteRecords::erase(std::string_view space, std::string_view key) {
  STELE_CHECK(submit({RecordChange::Kind::erase, space, key, {}}));
  return {};
}

result<std::uint64_t> SqliteRecords::erase_older(std::string_view space, Timestamp time) {
  return submit({RecordChange::Kind::erase_older, space, {}, {}, time.time_since_epoch().count()});
}

}  // namespace

result<std::unique_ptr<Records>> open_records(const std::filesystem::path& file, bool read_only,
                                              io::Clock& clock) {
  std::optional<sqlite::Connection> writer;
  if (!read_only) {
    STELE_TRY(writer, sqlite::Connection::open(file.string(), sqlite::Mode::read_write, sqlite::Sync::full));
    STELE_CHECK(make_records_tables(*writer));
  } else if (auto looked = sqlite::Connection::open(file.string(), sqlite::Mode::read_only);
             !looked && looked.error().kind() != errc::not_found) {
    return looked.error();  // a damaged file is said to be so here and not at the first get()
  }
  return std::make_unique<SqliteRecords>(file, std::move(writer), clock);
}

result<RecordsCheck> check_records(const std::filesystem::path& file) {
  RecordsCheck check;
  STELE_TRY(auto db, sqlite::Connection::open(file.string(), sqlite::Mode::read_only));
  STELE_TRY(sqlite::Statement structure, db.prepare("PRAGMA integrity_check(100)"));
  for (;;) {
    STELE_TRY(const bool more, structure.step());
    if (!more) break;
    if (structure.text(0) != "ok") check.findings.emplace_back(structure.text(0));
  }
  const auto tables = look_at_records_tables(db);
  if (!tables) check.findings.push_back(tables.error().message());
  if (!tables || *tables == RecordsTables::none) return check;
  const bool summed = *tables == RecordsTables::summed;
  STELE_TRY(sqlite::Statement all, db.prepare(summed ? "SELECT space, key, value, crc FROM records"
                                                     : "SELECT space, key, value, NULL FROM records"));
  for (;;) {
    STELE_TRY(const bool more, all.step());
    if (!more) break;
    ++check.records;
    check.bytes += all.blob(2).size();
    if (!all.is_null(3) && all.integer(3) != crc_of_record(all.text(0), all.text(1), all.blob(2)))
      check.findings.push_back(damaged_record(all.text(0), all.text(1)).message());
  }
  return check;
}

}  // namespace stele::engine

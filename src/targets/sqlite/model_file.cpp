// model_file.cpp - one row in one table says how far a model has come and what it was made by.
#include "targets/sqlite/model_file.hpp"

#include <filesystem>
#include <utility>
#include <vector>

#include "base/assert.hpp"

namespace stele::targets {
namespace {

// The schema is kept as its whole text: comparing texts cannot be wrong, and shows people what the file is.
constexpr std::string_view checkpoint_table =
    "CREATE TABLE stele_checkpoint(one INTEGER PRIMARY KEY CHECK(one = 1), position INTEGER NOT NULL,"
    " last_event INTEGER NOT NULL, last_event_id BLOB NOT NULL, schema TEXT NOT NULL) STRICT";

std::string_view bytes_of(Uuid&&) = delete;  // the view would outlive it
std::string_view bytes_of(const Uuid& id) {
  return {reinterpret_cast<const char*>(id.bytes().data()), id.bytes().size()};
}

Uuid uuid_of(std::string_view bytes) {
  std::array<std::uint8_t, 16> raw{};
  std::copy_n(bytes.begin(), std::min(bytes.size(), raw.size()), raw.begin());
  return Uuid(raw);
}

// The schema text the file was made with; empty for a file that is not a finished model.
result<std::string> schema_of_file(sqlite::Connection& db) {
  STELE_TRY(auto table,
            db.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'stele_checkpoint'"));
  STELE_TRY(const bool made, table.step());
  table.reset();
  if (!made) return std::string{};
  STELE_TRY(auto select, db.prepare("SELECT schema FROM stele_checkpoint WHERE one = 1"));
  STELE_TRY(const bool found, select.step());
  return found ? std::string(select.text(0)) : std::string{};
}

result<bool> is_empty_file(sqlite::Connection& db) {
  STELE_TRY(auto count, db.prepare("SELECT count(*) FROM sqlite_schema"));
  STELE_CHECK(count.step());
  return count.integer(0) == 0;
}

std::string quoted(std::string_view name) {
  std::string text = "\"";
  for (const char c : name) text += c == '"' ? "\"\"" : std::string(1, c);
  return text + '"';
}

// Indexes and triggers go with their tables.
result<std::vector<std::string>> drop_statements(sqlite::Connection& db) {
  STELE_TRY(auto names, db.prepare("SELECT type, name FROM sqlite_schema WHERE type IN ('table', 'view')"
                                   " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY type DESC"));
  std::vector<std::string> drops;
  while (true) {
    STELE_TRY(const bool row, names.step());
    if (!row) return drops;
    drops.push_back("DROP " + std::string(names.text(0)) + " IF EXISTS " + quoted(names.text(1)));
  }
}

// Runs inside a transaction, so that a file whose schema cannot be run stays what it was.
result<void> fill_empty(sqlite::Connection& db, const std::string& schema) {
  STELE_TRY(const auto drops, drop_statements(db));
  for (const std::string& drop : drops) STELE_CHECK(db.run(drop));
  STELE_CHECK(db.run(checkpoint_table));
  STELE_TRY(auto insert, db.prepare("INSERT INTO stele_checkpoint VALUES(1, 0, 0, ?1, ?2)"));
  constexpr Uuid no_event;  // bound values are borrowed until the statement has run
  insert.bind_blob(1, bytes_of(no_event));
  insert.bind(2, schema);
  STELE_CHECK(insert.run());
  if (auto made = db.run(schema); !made) return Error(made.error()).at("the projection's schema");
  return {};
}

result<sqlite::Connection> open_db(const std::string& path) {
  if (path.empty()) return sqlite::Connection::open("(scratch model)", sqlite::Mode::memory);
  return sqlite::Connection::open(path, sqlite::Mode::read_write, sqlite::Sync::normal);
}

// "Fresh" is a file that holds nothing at all, such as one that was only just created.
result<ModelFile> open_checked(const std::string& path, const std::string& schema) {
  STELE_TRY(sqlite::Connection db, open_db(path));
  STELE_TRY(const std::string made_with, schema_of_file(db));
  if (made_with == schema) return ModelFile{std::move(db), {}};
  STELE_TRY(const bool fresh, is_empty_file(db));
  STELE_CHECK(empty_model(db, schema));
  return ModelFile{std::move(db), fresh ? "" : "built anew: the schema has changed"};
}

}  // namespace

// A write-ahead log that outlived its file would be applied to the next one.
void remove_model(const std::filesystem::path& path) {
  for (const char* suffix : {"", "-wal", "-shm"}) {
    std::error_code ignored;  // what cannot be removed shows at the next open
    std::filesystem::remove(path.string() + suffix, ignored);
  }
}

// Damage is worth no more than a note here: the log has everything.
result<ModelFile> open_model(const std::string& path, const std::string& schema) {
  auto opened = open_checked(path, schema);
  if (opened || opened.error().kind() != errc::corrupt || path.empty()) return opened;
  const std::string damage = opened.error().message();
  remove_model(path);
  STELE_TRY(ModelFile again, open_checked(path, schema));
  again.note = "built anew: the file was damaged (" + damage + ")";
  return again;
}

result<void> empty_model(sqlite::Connection& db, const std::string& schema) {
  STELE_CHECK(db.begin());
  auto emptied = fill_empty(db, schema);
  if (emptied) emptied = db.commit();
  if (!emptied) db.rollback();
  return emptied;
}

result<Checkpoint> read_checkpoint(sqlite::Connection& db) {
  STELE_TRY(auto* select,
            db.cached("SELECT position, last_event, last_event_id FROM stele_checkpoint WHERE one = 1"));
  STELE_TRY(const bool found, select->step());
  if (!found) return Error(errc::corrupt, db.path() + ": the checkpoint is missing").help("delete the file");
  const Checkpoint at{.position = Position(static_cast<std::uint64_t>(select->integer(0))),
                      .last_event = Position(static_cast<std::uint64_t>(select->integer(1))),
                      .last_event_id = uuid_of(select->blob(2))};
  select->reset();
  return at;
}

// The condition on the old position makes two processes that project into one file impossible to overlook: the
// second one to commit changes no row.
result<void> write_checkpoint(sqlite::Connection& db, Position was, const Checkpoint& now) {
  STELE_ASSERT(now.position >= was, "a checkpoint never goes back", now.position.value(), was.value());
  STELE_TRY(auto* update,
            db.cached("UPDATE stele_checkpoint SET position = ?1, last_event = ?2, last_event_id = ?3"
                      " WHERE one = 1 AND position = ?4"));
  update->bind(1, static_cast<std::int64_t>(now.position.value()));
  update->bind(2, static_cast<std::int64_t>(now.last_event.value()));
  update->bind_blob(3, bytes_of(now.last_event_id));
  update->bind(4, static_cast<std::int64_t>(was.value()));
  STELE_CHECK(update->run());
  if (db.changes() == 1) return {};
  return Error(errc::conflict, db.path() + ": another process has changed this model")
      .with("path", db.path())
      .with("expected", was.value())
      .help("run each projection in one process only, then start it again");
}

}  // namespace stele::targets

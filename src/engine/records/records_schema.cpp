// records_schema.cpp - the tables of records.db, in each form that ever was.
#include "engine/records/records_schema.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.hpp"

namespace stele::engine {
namespace {

// A rowid table on purpose: snapshots are large values, and without rowids they would lie in the key's tree.
constexpr std::string_view records_schema =
    "CREATE TABLE IF NOT EXISTS records(space TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,"
    " written INTEGER NOT NULL, crc INTEGER, PRIMARY KEY(space, key));"
    "CREATE INDEX IF NOT EXISTS records_by_age ON records(space, written)";

// Files of before there were checksums get the column, and their records none until they are written again.
constexpr std::string_view plain_schema =
    "CREATE TABLE IF NOT EXISTS records(space TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,"
    " written INTEGER NOT NULL, PRIMARY KEY(space, key));"
    "CREATE INDEX IF NOT EXISTS records_by_age ON records(space, written)";
constexpr std::string_view add_sums = "ALTER TABLE records ADD COLUMN crc INTEGER";

using SchemaRows = std::vector<std::string>;

// One text for each thing that the database describes, as the database would write it. What ANALYZE makes may be there.
result<SchemaRows> schema_rows(sqlite::Connection& db) {
  STELE_TRY(sqlite::Statement all,
            db.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema"
                       " WHERE name NOT LIKE 'sqlite\\_stat%' ESCAPE '\\' ORDER BY name"));
  SchemaRows rows;
  for (;;) {
    STELE_TRY(const bool more, all.step());
    if (!more) return rows;
    auto& row = rows.emplace_back();
    for (int column = 0; column < 4; ++column) row.append(all.text(column)).push_back('\n');
  }
}

SchemaRows rows_made_by(std::initializer_list<std::string_view> statements) {
  auto db = sqlite::Connection::open("the schema of records", sqlite::Mode::memory);
  STELE_ASSERT(db, "a database in memory opens");
  for (const auto sql : statements) {
    const auto ran = db->run(sql);
    STELE_ASSERT(ran, "the statements are ours");
  }
  auto rows = schema_rows(*db);
  STELE_ASSERT(rows && !rows->empty(), "a schema describes something");
  return std::move(*rows);
}

Error strange_tables(const sqlite::Connection& db) {
  return Error(errc::corrupt, db.path() + ": the tables in it are not those of keyed records")
      .with("path", db.path())
      .help("restore records.db from a backup, or open it with the version of stele that wrote it");
}

}  // namespace

// The writer makes one after the other, so a reader may see the first of them only.
result<RecordsTables> look_at_records_tables(sqlite::Connection& db) {
  static const auto plain = rows_made_by({plain_schema});
  static const std::array summed = {rows_made_by({records_schema}), rows_made_by({plain_schema, add_sums})};
  STELE_TRY(const SchemaRows rows, schema_rows(db));
  if (rows.empty()) return RecordsTables::none;
  const auto all_of = [&](const SchemaRows& form) {
    return std::ranges::all_of(rows, [&](const auto& row) { return std::ranges::count(form, row) == 1; });
  };
  if (std::ranges::any_of(summed, all_of)) return RecordsTables::summed;
  if (all_of(plain)) return RecordsTables::plain;
  return strange_tables(db);
}

result<void> make_records_tables(sqlite::Connection& db) {
  STELE_TRY(const RecordsTables before, look_at_records_tables(db));
  if (before == RecordsTables::plain) STELE_CHECK(db.run(add_sums));
  STELE_CHECK(db.run(records_schema));
  STELE_TRY(const RecordsTables after, look_at_records_tables(db));
  STELE_ASSERT(after == RecordsTables::summed, "the tables are made");
  return {};
}

}  // namespace stele::engine

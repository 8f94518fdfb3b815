// records_schema.hpp - the tables of records.db: made, brought up to date, and compared with what they must be. The
// records themselves are in records.hpp.
#pragma once

#include "base/sqlite.hpp"

namespace stele::engine {

// Makes what is not there yet. Errors: corrupt (something else is there), and those of SQLite.
[[nodiscard]] result<void> make_records_tables(sqlite::Connection& db);

// What a file holds: nothing yet, records of before they had checksums, or records with them. SQLite has no checksum
// over its own description of the tables: one that is not, to the letter, what was written once is `corrupt`.
enum class RecordsTables : std::uint8_t { none, plain, summed };
[[nodiscard]] result<RecordsTables> look_at_records_tables(sqlite::Connection& db);

}  // namespace stele::engine

// tables.hpp - the tables of a question, given to a SQLite connection. What they answer is read from the store when
// it is asked for; nothing is copied beforehand.
#pragma once

#include <memory>

#include "sql/log_view.hpp"

struct sqlite3;

namespace stele::sql {

// `events`, with conditions on stream, position, type, category, tag, time and id done by the store.
void add_events_table(sqlite3* db, const std::shared_ptr<LogView>& view);
// `streams`, `snapshots` and `projector_checkpoints`.
void add_side_tables(sqlite3* db, const std::shared_ptr<LogView>& view);

}  // namespace stele::sql

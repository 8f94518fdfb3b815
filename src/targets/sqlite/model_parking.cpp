// model_parking.cpp - the statements behind stele_parked.
#include "targets/sqlite/model_parking.hpp"

#include <string>
#include <string_view>
#include <utility>

namespace stele::targets {
namespace {

constexpr std::string_view parked_table =
    "CREATE TABLE IF NOT EXISTS stele_parked(position INTEGER PRIMARY KEY, sequence TEXT NOT NULL,"
    " stream TEXT NOT NULL, type TEXT NOT NULL, state TEXT NOT NULL, why TEXT NOT NULL,"
    " tries INTEGER NOT NULL, since INTEGER NOT NULL) STRICT";

ParkedEvent::State parked_state(std::string_view name) {
  for (const auto state : {ParkedEvent::State::waiting, ParkedEvent::State::skipped})
    if (name == to_string(state)) return state;
  return ParkedEvent::State::failed;
}

ParkedEvent parked_in_row(const sqlite::Statement& row) {
  ParkedEvent event;
  event.position = Position(static_cast<std::uint64_t>(row.integer(0)));
  event.sequence = row.text(1);
  event.stream = row.text(2);
  event.type = row.text(3);
  event.state = parked_state(row.text(4));
  event.why = row.text(5);
  event.tries = static_cast<std::uint64_t>(row.integer(6));
  event.since = Timestamp(std::chrono::microseconds(row.integer(7)));
  return event;
}

}  // namespace

result<std::vector<ParkedEvent>> list_parked(sqlite::Connection& db) {
  std::vector<ParkedEvent> events;
  STELE_TRY(auto table, db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'stele_parked'"));
  STELE_TRY(const bool made, table.step());
  if (!made) return events;
  table.reset();
  STELE_TRY(auto rows, db.prepare("SELECT position, sequence, stream, type, state, why, tries, since"
                                  " FROM stele_parked ORDER BY position"));
  while (true) {
    STELE_TRY(const bool row, rows.step());
    if (!row) return events;
    events.push_back(parked_in_row(rows));
  }
}

result<void> put_parked(sqlite::Connection& db, const ParkedEvent& event) {
  STELE_CHECK(db.run(parked_table));
  STELE_TRY(auto* put, db.cached("INSERT OR REPLACE INTO stele_parked VALUES(?, ?, ?, ?, ?, ?, ?, ?)"));
  put->bind_all(static_cast<std::int64_t>(event.position.value()), std::string_view(event.sequence),
                std::string_view(event.stream), std::string_view(event.type), to_string(event.state),
                std::string_view(event.why), static_cast<std::int64_t>(event.tries),
                static_cast<std::int64_t>(event.since.time_since_epoch().count()));
  return put->run();
}

result<bool> remove_parked(sqlite::Connection& db, Position position) {
  STELE_CHECK(db.run(parked_table));
  STELE_TRY(auto* remove, db.cached("DELETE FROM stele_parked WHERE position = ?"));
  remove->bind(1, static_cast<std::int64_t>(position.value()));
  STELE_CHECK(remove->run());
  return db.changes() == 1;
}

}  // namespace stele::targets

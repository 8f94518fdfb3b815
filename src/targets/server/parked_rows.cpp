// parked_rows.cpp - the statements behind stele_parked, in words that both servers understand.
#include "targets/server/parked_rows.hpp"

#include <array>
#include <string>

#include "targets/shared/parked_text.hpp"

namespace stele::targets {
namespace {

bool no_row(const ServerRow&) { return true; }

ParkedEvent parked_in_row(const ServerRow& row) {
  return {.position = Position(static_cast<std::uint64_t>(row.integer(0))),
          .sequence = std::string(row.text(1)),
          .stream = std::string(row.text(2)),
          .type = std::string(row.text(3)),
          .state = parked_state(row.text(4)),
          .why = std::string(row.text(5)),
          .tries = static_cast<std::uint64_t>(row.integer(6)),
          .since = row.time(7)};
}

}  // namespace

std::string parked_table_of(SqlDialect dialect) {
  const std::string text = dialect == SqlDialect::postgres ? "TEXT" : "LONGTEXT";
  return "CREATE TABLE stele_parked(position BIGINT PRIMARY KEY, sequence " + text + " NOT NULL, stream " +
         text + " NOT NULL, type " + text + " NOT NULL, state " + text + " NOT NULL, why " + text +
         " NOT NULL, tries BIGINT NOT NULL, since BIGINT NOT NULL)";
}

// Another process may do the same at this moment.
result<void> ensure_parked_table(SqlLink& link, const std::string& space) {
  STELE_TRY(const bool there, link.has_table(space, "stele_parked"));
  if (there) return {};
  const auto made = link.command(parked_table_of(link.dialect()));
  if (made) return {};
  STELE_TRY(const bool made_by_another, link.has_table(space, "stele_parked"));
  if (made_by_another) return {};
  return Error(made.error()).at(space + ": the table of parked events");
}

result<std::vector<ParkedEvent>> list_parked(SqlLink& link) {
  std::vector<ParkedEvent> events;
  STELE_CHECK(
      link.execute("SELECT position, sequence, stream, type, state, why, tries, since FROM stele_parked"
                   " ORDER BY position",
                   {}, [&](const ServerRow& row) {
                     events.push_back(parked_in_row(row));
                     return true;
                   }));
  return events;
}

result<void> put_parked(SqlLink& link, const ParkedEvent& event) {
  STELE_TRY([[maybe_unused]] const bool replaced, remove_parked(link, event.position));
  const std::string why = reason_to_keep(event.why);
  const std::array<SqlValue, 8> values{event.position,
                                       event.sequence,
                                       event.stream,
                                       event.type,
                                       to_string(event.state),
                                       why,
                                       static_cast<std::int64_t>(event.tries),
                                       event.since};
  STELE_CHECK(link.execute(link.dialect() == SqlDialect::postgres
                               ? "INSERT INTO stele_parked VALUES($1, $2, $3, $4, $5, $6, $7, $8)"
                               : "INSERT INTO stele_parked VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
                           values, no_row));
  return {};
}

result<bool> remove_parked(SqlLink& link, Position position) {
  const std::array<SqlValue, 1> values{position};
  STELE_TRY(const std::int64_t rows, link.execute(link.dialect() == SqlDialect::postgres
                                                      ? "DELETE FROM stele_parked WHERE position = $1"
                                                      : "DELETE FROM stele_parked WHERE position = ?",
                                                  values, no_row));
  return rows == 1;
}

}  // namespace stele::targets

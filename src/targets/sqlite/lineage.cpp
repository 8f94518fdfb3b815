// lineage.cpp - which event made which row: triggers on a model's tables that write down every change with the
// position of the event that was being applied. They are part of the schema, so a model has them from its first event
// on, or not at all.
#include <algorithm>

#include "base/sqlite.hpp"
#include "stele/sqlite.hpp"

namespace stele {
namespace {

constexpr std::string_view lineage_tables =
    "CREATE TABLE stele_lineage(id INTEGER PRIMARY KEY, position INTEGER NOT NULL, tab TEXT NOT NULL,"
    " key TEXT NOT NULL, after TEXT) STRICT;\n"
    "CREATE INDEX stele_lineage_by_row ON stele_lineage(tab, key, id);\n"
    "CREATE INDEX stele_lineage_by_position ON stele_lineage(position);\n"
    "CREATE TABLE stele_lineage_now(one INTEGER PRIMARY KEY CHECK(one = 1), position INTEGER NOT NULL) "
    "STRICT;\n"
    "INSERT INTO stele_lineage_now VALUES(1, 0);\n";

// What a row was before is what its last change had left behind.
constexpr std::string_view changes_sql =
    "SELECT position, tab, key, before, after FROM (SELECT id, position, tab, key, after,"
    " lag(after) OVER (PARTITION BY tab, key ORDER BY id) AS before FROM stele_lineage WHERE ";

std::string quoted_name(std::string_view name) {
  std::string text = "\"";
  for (const char c : name) text += c == '"' ? "\"\"" : std::string(1, c);
  return text + '"';
}

std::string quoted_text(std::string_view value) {
  std::string text = "'";
  for (const char c : value) text += c == '\'' ? "''" : std::string(1, c);
  return text + '\'';
}

struct TracedTable {
  std::string name;
  std::vector<std::string> columns;
  std::vector<std::string> key;  // empty: the row id
};

// JSON knows no bytes: a blob is shown in hexadecimal.
std::string traced_value(std::string_view row, std::string_view column) {
  const auto name = std::string(row) + "." + quoted_name(column);
  return "iif(typeof(" + name + ") = 'blob', hex(" + name + "), " + name + ")";
}

std::string key_of(const TracedTable& table, std::string_view row) {
  if (table.key.empty()) return "json_array(" + std::string(row) + ".rowid)";
  std::string out = "json_array(";
  for (std::size_t i = 0; i < table.key.size(); ++i)
    out += (i > 0 ? ", " : "") + traced_value(row, table.key[i]);
  return out + ")";
}

std::string content_of(const TracedTable& table, std::string_view row) {
  std::string out = "json_object(";
  for (std::size_t i = 0; i < table.columns.size(); ++i)
    out += (i > 0 ? ", " : "") + quoted_text(table.columns[i]) + ", " + traced_value(row, table.columns[i]);
  return out + ")";
}

std::string noted_change(const TracedTable& table, std::string_view key, std::string_view content,
                         std::string_view condition) {
  return " INSERT INTO stele_lineage(position, tab, key, after) SELECT position, " + quoted_text(table.name) +
         ", " + std::string(key) + ", " + std::string(content) + " FROM stele_lineage_now" +
         std::string(condition) + ";";
}

std::string trigger(const TracedTable& table, std::string_view event, const std::string& body) {
  return "CREATE TRIGGER " + quoted_name("stele_lineage_" + std::string(event) + "_" + table.name) +
         " AFTER " + std::string(event) + " ON " + quoted_name(table.name) + " BEGIN" + body + " END;\n";
}

// A row whose key changes goes away under the old one.
std::string triggers_of(const TracedTable& table) {
  const auto made = noted_change(table, key_of(table, "NEW"), content_of(table, "NEW"), "");
  const auto gone = noted_change(table, key_of(table, "OLD"), "NULL", "");
  const auto moved = noted_change(table, key_of(table, "OLD"), "NULL",
                                  " WHERE " + key_of(table, "OLD") + " <> " + key_of(table, "NEW"));
  return trigger(table, "INSERT", made) + trigger(table, "UPDATE", moved + made) +
         trigger(table, "DELETE", gone);
}

result<TracedTable> traced_table(sqlite::Connection& db, std::string name) {
  TracedTable table{.name = std::move(name), .columns = {}, .key = {}};
  std::vector<std::pair<std::int64_t, std::string>> key;
  STELE_TRY(auto columns, db.prepare("SELECT name, pk FROM pragma_table_info(?1) ORDER BY cid"));
  columns.bind(1, std::string_view(table.name));
  while (true) {
    STELE_TRY(const bool row, columns.step());
    if (!row) break;
    table.columns.emplace_back(columns.text(0));
    if (columns.integer(1) > 0) key.emplace_back(columns.integer(1), columns.text(0));
  }
  std::ranges::sort(key);
  for (auto& [order, column] : key) table.key.push_back(std::move(column));
  return table;
}

result<std::vector<TracedTable>> tables_of(const SqliteProjection& projection) {
  STELE_TRY(auto db, sqlite::Connection::open(projection.name, sqlite::Mode::memory));
  STELE_CHECK(db.run(projection.schema));
  std::vector<std::string> names;
  STELE_TRY(auto select,
            db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
                       " ORDER BY name"));
  while (true) {
    STELE_TRY(const bool row, select.step());
    if (!row) break;
    names.emplace_back(select.text(0));
  }
  std::vector<TracedTable> tables;
  for (auto& name : names) {
    STELE_TRY(auto table, traced_table(db, std::move(name)));
    tables.push_back(std::move(table));
  }
  return tables;
}

LineageChange change_in(const SqlRow& row) {
  const auto content = [&](int column) {
    return row.is_null(column) ? std::nullopt : std::optional(std::string(row.text(column)));
  };
  return {.position = Position(static_cast<std::uint64_t>(row.integer(0))),
          .table = std::string(row.text(1)),
          .key = std::string(row.text(2)),
          .before = content(3),
          .after = content(4)};
}

result<std::vector<LineageChange>> changes_where(SqliteSnapshot& model, const std::string& sql,
                                                 const std::vector<SqlValue>& values) {
  std::vector<LineageChange> changes;
  STELE_CHECK(model.each(sql, std::span<const SqlValue>(values), [&](const SqlRow& row) {
    changes.push_back(change_in(row));
    return true;
  }));
  return changes;
}

}  // namespace

result<SqliteProjection> with_lineage(SqliteProjection projection) {
  STELE_TRY(const auto tables, tables_of(projection));
  const auto end = projection.schema.find_last_not_of(" \t\r\n");
  const bool ended = end == std::string::npos || projection.schema[end] == ';';
  projection.schema += (ended ? "\n" : "\n;\n") + std::string(lineage_tables);
  for (const auto& table : tables) projection.schema += triggers_of(table);
  projection.project = [project = std::move(projection.project)](SqliteModel& model,
                                                                 const EventView& event) -> result<void> {
    STELE_CHECK(model.run("UPDATE stele_lineage_now SET position = ?", {event.position}));
    return project(model, event);
  };
  return projection;
}

result<std::vector<LineageChange>> lineage_of_row(SqliteSnapshot& model, std::string_view table,
                                                  std::string_view key, std::uint64_t limit) {
  return changes_where(model, std::string(changes_sql) + "tab = ?1 AND key = ?2) ORDER BY id LIMIT ?3",
                       {table, key, limit});
}

// The window needs the whole history of the rows, so they are found first.
result<std::vector<LineageChange>> lineage_of_event(SqliteSnapshot& model, Position event,
                                                    std::uint64_t limit) {
  return changes_where(model,
                       std::string(changes_sql) +
                           "(tab, key) IN (SELECT tab, key FROM stele_lineage WHERE position = ?1))"
                           " WHERE position = ?1 ORDER BY id LIMIT ?2",
                       {event, limit});
}

}  // namespace stele

// model_compare.cpp - counts and checksums over whole tables, in one pass each; rows one by one only where those
// differ.
#include "targets/sqlite/model_compare.hpp"

#include <string_view>

#include "base/sqlite.hpp"

namespace stele::targets {
namespace {

struct TableSum {
  std::uint64_t rows = 0;
  std::uint64_t sum = 0;  // over the rows' checksums: their order does not count
  bool there = false;
};

std::string as_identifier(std::string_view name) {
  std::string text = "\"";
  for (const char c : name) text += c == '"' ? "\"\"" : std::string(1, c);
  return text + '"';
}

// FNV-1a. NULL, '' and the end of a column are told apart.
std::uint64_t sum_of_row(const sqlite::Statement& row) {
  std::uint64_t sum = 0xcbf29ce484222325;
  const auto take = [&](unsigned char byte) { sum = (sum ^ byte) * 0x100000001b3; };
  for (int column = 0; column < row.columns(); ++column) {
    take(row.is_null(column) ? 1 : 2);
    for (const char c : row.text(column)) take(static_cast<unsigned char>(c));
    take(0);
  }
  return sum;
}

std::string row_in_words(const sqlite::Statement& row) {
  std::string text;
  for (int column = 0; column < row.columns(); ++column) {
    if (column > 0) text += " | ";
    text += row.is_null(column) ? std::string_view("NULL") : row.text(column).substr(0, 80);
  }
  return text;
}

result<std::vector<std::string>> tables_of_both(sqlite::Connection& db) {
  STELE_TRY(auto names, db.prepare("SELECT name FROM main.sqlite_schema WHERE type = 'table'"
                                   " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
                                   " AND name NOT LIKE 'stele\\_%' ESCAPE '\\'"
                                   " UNION SELECT name FROM after.sqlite_schema WHERE type = 'table'"
                                   " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
                                   " AND name NOT LIKE 'stele\\_%' ESCAPE '\\' ORDER BY name"));
  std::vector<std::string> tables;
  while (true) {
    STELE_TRY(const bool row, names.step());
    if (!row) return tables;
    tables.emplace_back(names.text(0));
  }
}

// A table that only one of them has is empty in the other.
result<TableSum> sum_of(sqlite::Connection& db, const std::string& table) {
  TableSum sum;
  auto rows = db.prepare("SELECT * FROM " + table);
  if (!rows) return sum;
  sum.there = true;
  while (true) {
    STELE_TRY(const bool row, rows->step());
    if (!row) return sum;
    ++sum.rows;
    sum.sum += sum_of_row(*rows);
  }
}

// Tables of different columns have no rows to set against each other.
result<void> add_examples(sqlite::Connection& db, const std::string& of, const std::string& without,
                          const std::string& sign, std::size_t examples, std::vector<std::string>& into) {
  auto rows = db.prepare("SELECT * FROM " + of + " EXCEPT SELECT * FROM " + without + " LIMIT " +
                         std::to_string(examples));
  if (!rows) return {};
  while (true) {
    STELE_TRY(const bool row, rows->step());
    if (!row) return {};
    into.push_back(sign + row_in_words(*rows));
  }
}

result<TableComparison> compare_table(sqlite::Connection& db, const std::string& name, std::size_t examples) {
  const std::string before = "main." + as_identifier(name);
  const std::string after = "after." + as_identifier(name);
  STELE_TRY(const TableSum old_sum, sum_of(db, before));
  STELE_TRY(const TableSum new_sum, sum_of(db, after));
  TableComparison table;
  table.table = name;
  table.rows_before = old_sum.rows;
  table.rows_after = new_sum.rows;
  table.same = old_sum.there && new_sum.there && old_sum.rows == new_sum.rows && old_sum.sum == new_sum.sum;
  if (table.same) return table;
  STELE_CHECK(add_examples(db, before, after, "- ", examples, table.examples));
  STELE_CHECK(add_examples(db, after, before, "+ ", examples, table.examples));
  return table;
}

}  // namespace

result<std::vector<TableComparison>> compare_models(const std::string& before, const std::string& after,
                                                    std::size_t examples) {
  STELE_TRY(sqlite::Connection db, sqlite::Connection::open(before, sqlite::Mode::read_only));
  STELE_TRY(auto attach, db.prepare("ATTACH ?1 AS after"));
  attach.bind(1, std::string_view(after));
  STELE_CHECK(attach.run());
  STELE_TRY(const auto names, tables_of_both(db));
  std::vector<TableComparison> tables;
  for (const std::string& name : names) {
    STELE_TRY(auto table, compare_table(db, name, examples));
    tables.push_back(std::move(table));
  }
  return tables;
}

}  // namespace stele::targets

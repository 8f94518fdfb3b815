// space_compare.cpp - counts and checksums over whole tables, made by the server in one pass each; rows one by one only
// where those differ.
#include "targets/server/space_compare.hpp"

#include <algorithm>
#include <array>

namespace stele::targets {
namespace {

// Of one table in one space; the order of rows does not count.
struct SpaceSum {
  std::uint64_t rows = 0;
  std::string sum;
};

class SpaceComparison {
 public:
  SpaceComparison(SqlLink& link, const std::string& before, const std::string& after, std::size_t examples)
      : link_(link),
        before_(before),
        after_(after),
        examples_(examples),
        postgres_(link.dialect() == SqlDialect::postgres) {}

  result<std::vector<TableComparison>> run() {
    STELE_TRY(auto tables, tables_of(before_));
    STELE_TRY(const auto others, tables_of(after_));
    tables.insert(tables.end(), others.begin(), others.end());
    std::ranges::sort(tables);
    const auto twice = std::ranges::unique(tables);
    tables.erase(twice.begin(), twice.end());
    std::vector<TableComparison> comparisons;
    for (const std::string& table : tables) {
      STELE_TRY(auto comparison, compare(table));
      comparisons.push_back(std::move(comparison));
    }
    return comparisons;
  }

 private:
  result<std::vector<std::string>> names(const std::string& sql, std::span<const SqlValue> values) {
    std::vector<std::string> found;
    STELE_CHECK(link_.execute(sql, values, [&](const ServerRow& row) {
      found.emplace_back(row.text(0));
      return true;
    }));
    return found;
  }

  result<std::vector<std::string>> tables_of(const std::string& space) {
    const std::array<SqlValue, 1> values{space};
    STELE_TRY(auto found,
              names(std::string("SELECT table_name FROM information_schema.tables WHERE table_type ="
                                " 'BASE TABLE' AND table_schema = ") +
                        (postgres_ ? "$1" : "?"),
                    values));
    std::erase_if(found, [](const std::string& name) { return name.starts_with("stele_"); });
    return found;
  }

  // A row as a text in which NULL and the word are told apart.
  result<std::string> row_text(const std::string& space, const std::string& table) {
    if (postgres_) return std::string("(t.*)::text");  // a column may be called t
    const std::array<SqlValue, 2> values{space, table};
    STELE_TRY(const auto columns,
              names("SELECT column_name FROM information_schema.columns WHERE table_schema = ?"
                    " AND table_name = ? ORDER BY ordinal_position",
                    values));
    std::string text = "concat_ws(' | '";
    for (const std::string& column : columns) text += ", quote(t." + link_.quoted(column) + ")";
    return text + ")";
  }

  // A table that only one of them has is empty in the other.
  result<std::string> rows_of(const std::string& space, const std::string& table) {
    std::string none =
        postgres_ ? "SELECT ''::text AS line WHERE false" : "SELECT '' AS line FROM dual WHERE 1 = 0";
    STELE_TRY(const bool there, link_.has_table(space, table));
    if (!there) return none;
    STELE_TRY(const std::string text, row_text(space, table));
    return "SELECT " + text + " AS line FROM " + link_.quoted(space) + "." + link_.quoted(table) + " t";
  }

  result<SpaceSum> sum_of(const std::string& rows) {
    const std::string hash = postgres_ ? "hashtextextended(line, 0)::numeric"
                                       : "cast(conv(left(md5(line), 15), 16, 10) AS DECIMAL(30))";
    SpaceSum found;
    STELE_CHECK(link_.execute("SELECT count(*), coalesce(sum(" + hash + "), 0) FROM (" + rows + ") r", {},
                              [&](const ServerRow& row) {
                                found = {static_cast<std::uint64_t>(row.integer(0)),
                                         std::string(row.text(1))};
                                return false;
                              }));
    return found;
  }

  result<void> add_examples(const std::string& sign, const std::string& of, const std::string& without,
                            TableComparison& into) {
    const std::string sql = "SELECT left(line, 400) FROM (" + of + " EXCEPT ALL " + without +
                            ") r ORDER BY 1 LIMIT " + std::to_string(examples_);
    STELE_CHECK(link_.execute(sql, {}, [&](const ServerRow& row) {
      into.examples.push_back(sign + " " + std::string(row.text(0)));
      return true;
    }));
    return {};
  }

  result<TableComparison> compare(const std::string& table) {
    STELE_TRY(const std::string old_rows, rows_of(before_, table));
    STELE_TRY(const std::string new_rows, rows_of(after_, table));
    STELE_TRY(const SpaceSum before, sum_of(old_rows));
    STELE_TRY(const SpaceSum after, sum_of(new_rows));
    TableComparison comparison{.table = table,
                               .rows_before = before.rows,
                               .rows_after = after.rows,
                               .same = before.rows == after.rows && before.sum == after.sum,
                               .examples = {}};
    if (comparison.same) return comparison;
    STELE_CHECK(add_examples("-", old_rows, new_rows, comparison));
    STELE_CHECK(add_examples("+", new_rows, old_rows, comparison));
    return comparison;
  }

  SqlLink& link_;
  const std::string& before_;
  const std::string& after_;
  const std::size_t examples_;
  const bool postgres_;
};

}  // namespace

result<std::vector<TableComparison>> compare_spaces(SqlLink& link, const std::string& before,
                                                    const std::string& after, std::size_t examples) {
  return SpaceComparison(link, before, after, examples).run();
}

}  // namespace stele::targets

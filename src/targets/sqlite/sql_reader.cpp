// sql_reader.cpp - binding values, walking rows: what queries and projections share.
#include "base/assert.hpp"
#include "base/sqlite.hpp"
#include "stele/sqlite.hpp"
#include "targets/sqlite/model.hpp"

namespace stele {
namespace {

constexpr std::size_t many_keys = 65'536;

// The public header carries them as void*: it must not name what lies below src/.
sqlite::Connection& connection_of(void* connection) { return *static_cast<sqlite::Connection*>(connection); }
const sqlite::Statement& statement_of(const void* statement) {
  return *static_cast<const sqlite::Statement*>(statement);
}

// Borrowed texts stay alive until the reset: both happen inside one execute().
void bind_values(sqlite::Statement& statement, std::span<const SqlValue> values) {
  int index = 0;
  for (const SqlValue& value : values) {
    ++index;
    if (const auto* number = std::get_if<std::int64_t>(&value.get()))
      statement.bind(index, *number);
    else if (const auto* text = std::get_if<std::string_view>(&value.get()))
      statement.bind(index, *text);
    else
      statement.bind_null(index);
  }
}

Error misused(std::string what, std::string_view sql) {
  return Error(errc::invalid, std::move(what)).with("sql", std::string(sql));
}

// Ends the statement whichever way its rows are left.
class ResetAtEnd {
 public:
  explicit ResetAtEnd(sqlite::Statement& statement) : statement_(statement) {}
  ~ResetAtEnd() { statement_.reset(); }
  ResetAtEnd(const ResetAtEnd&) = delete;
  ResetAtEnd& operator=(const ResetAtEnd&) = delete;

 private:
  sqlite::Statement& statement_;
};

}  // namespace

std::int64_t SqlRow::integer(int column) const {
  STELE_ASSERT(column >= 0 && column < statement_of(statement_).columns(), "the row has this column", column);
  return statement_of(statement_).integer(column);
}
std::string_view SqlRow::text(int column) const {
  STELE_ASSERT(column >= 0 && column < statement_of(statement_).columns(), "the row has this column", column);
  return statement_of(statement_).text(column);
}
bool SqlRow::is_null(int column) const {
  STELE_ASSERT(column >= 0 && column < statement_of(statement_).columns(), "the row has this column", column);
  return statement_of(statement_).is_null(column);
}

int SqlRow::columns() const { return statement_of(statement_).columns(); }
std::string_view SqlRow::name(int column) const {
  STELE_ASSERT(column >= 0 && column < statement_of(statement_).columns(), "the row has this column", column);
  return statement_of(statement_).column_name(column);
}
std::string SqlRow::json(int column) const {
  STELE_ASSERT(column >= 0 && column < statement_of(statement_).columns(), "the row has this column", column);
  std::string text;
  sqlite::append_json(text, statement_of(statement_).cell(column));
  return text;
}

// The checks come before binding: a value too many would otherwise be a broken invariant of ours, and a write in
// a query would fail only on read connections.
result<void> SqlReader::execute(std::string_view sql, std::span<const SqlValue> values, bool only_reads,
                                const std::function<bool(const SqlRow&)>& go_on) {
  if (sums_ && !sums_->empty()) STELE_CHECK(sums_->write(connection_of(connection_)));
  STELE_TRY(sqlite::Statement * statement, connection_of(connection_).cached(sql));
  if (only_reads && !statement->only_reads()) return misused("a query may not change the model", sql);
  if (static_cast<std::size_t>(statement->parameters()) != values.size())
    return misused("the statement takes " + std::to_string(statement->parameters()) + " values, " +
                       std::to_string(values.size()) + " were given",
                   sql);
  const ResetAtEnd reset(*statement);
  bind_values(*statement, values);
  while (true) {
    STELE_TRY(const bool row, statement->step());
    if (!row || !go_on(SqlRow(statement))) return {};
  }
}

result<void> SqlReader::each(std::string_view sql, SqlValues values,
                             const std::function<void(const SqlRow&)>& row) {
  return execute(sql, {values.begin(), values.size()}, true, [&](const SqlRow& one) {
    row(one);
    return true;
  });
}

result<void> SqlReader::each(std::string_view sql, std::span<const SqlValue> values,
                             const std::function<bool(const SqlRow&)>& row) {
  return execute(sql, values, true, row);
}

result<bool> SqlReader::first(std::string_view sql, SqlValues values,
                              const std::function<void(const SqlRow&)>& row) {
  bool found = false;
  STELE_CHECK(execute(sql, {values.begin(), values.size()}, true, [&](const SqlRow& one) {
    found = true;
    row(one);
    return false;
  }));
  return found;
}

result<std::int64_t> SqliteModel::run(std::string_view sql, SqlValues values) {
  return run(sql, std::span<const SqlValue>(values.begin(), values.size()));
}

result<std::int64_t> SqliteModel::run(std::string_view sql, std::span<const SqlValue> values) {
  STELE_CHECK(execute(sql, values, false, [](const SqlRow&) { return true; }));
  return connection_of(connection_).changes();
}

result<void> SqliteModel::add(std::string_view sql, SqlValues keys, SqlValues amounts) {
  return add(sql, std::span<const SqlValue>(keys.begin(), keys.size()),
             std::span<const SqlValue>(amounts.begin(), amounts.size()));
}

result<void> SqliteModel::add(std::string_view sql, std::span<const SqlValue> keys,
                              std::span<const SqlValue> amounts) {
  return sums_->add(connection_of(connection_), sql, keys, amounts);
}

void SqliteSnapshot::give_up_after(std::chrono::milliseconds time) {
  connection_of(connection_).give_up_after(time);
}

// Runs of the same key are common (one account, many events); the rest is made unique at the commit, or when a long
// batch would fill the memory with them.
void SqliteModel::changed(std::string_view key) {
  if (!keys_->empty() && keys_->back() == key) return;
  if (keys_->size() >= many_keys && keys_->size() == keys_->capacity()) targets::make_unique(*keys_);
  keys_->emplace_back(key);
}

}  // namespace stele

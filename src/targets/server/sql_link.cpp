// sql_link.cpp - gathering rows into blocks, and reading rows: what does not depend on the server.
#include "targets/server/sql_link.hpp"

#include "base/assert.hpp"
#include "targets/shared/standing.hpp"

namespace stele {
namespace targets {
namespace {

constexpr std::size_t block_bytes = std::size_t{1} << 20;

}  // namespace

void SqlLink::rollback() {
  block_ = {};
  roll_back();
}

result<std::int64_t> SqlLink::execute(std::string_view sql, std::span<const SqlValue> values,
                                      const Row& row) {
  STELE_CHECK(send_rows());
  return run_statement(sql, values, row);
}

result<void> SqlLink::add_row(std::string_view table, std::string_view columns,
                              std::span<const SqlValue> row) {
  if (block_.table != table || block_.columns != columns) {
    STELE_CHECK(send_rows());
    block_.table = table;
    block_.columns = columns;
  }
  STELE_CHECK(encode_row(block_.rows, row));
  return block_.rows.size() < block_bytes ? result<void>() : send_rows();
}

result<void> SqlLink::send_rows() {
  if (block_.rows.empty()) return {};
  auto sent = send_block(block_.table, block_.columns, block_.rows);
  block_.rows.clear();
  return sent;
}

Checkpoint checkpoint_of(const ServerRow& row) {
  return {.position = Position(static_cast<std::uint64_t>(row.integer(0))),
          .last_event = Position(static_cast<std::uint64_t>(row.integer(1))),
          .last_event_id = parse_uuid(row.text(2)).value_or(Uuid{})};
}

}  // namespace targets

// ---- Rows, questions, the model

namespace {

std::span<const SqlValue> span_of(SqlValues values) { return {values.begin(), values.size()}; }

}  // namespace

std::string_view ServerRow::text(int column) const {
  STELE_ASSERT(column >= 0 && static_cast<std::size_t>(column) < cells_.size(), "the row has this column",
               column, cells_.size());
  return cells_[static_cast<std::size_t>(column)].value_or(std::string_view{});
}
bool ServerRow::is_null(int column) const {
  STELE_ASSERT(column >= 0 && static_cast<std::size_t>(column) < cells_.size(), "the row has this column",
               column, cells_.size());
  return !cells_[static_cast<std::size_t>(column)].has_value();
}
std::int64_t ServerRow::integer(int column) const {
  if (is_null(column)) return 0;
  const auto number = targets::integer_in(text(column));
  STELE_ASSERT(number.has_value(), "the column holds a 64-bit integer", column, text(column));
  return *number;
}

result<void> ServerReader::each(std::string_view sql, SqlValues values,
                                const std::function<void(const ServerRow&)>& row) {
  STELE_CHECK(link_->execute(sql, span_of(values), [&](const ServerRow& one) {
    row(one);
    return true;
  }));
  return {};
}

result<bool> ServerReader::first(std::string_view sql, SqlValues values,
                                 const std::function<void(const ServerRow&)>& row) {
  bool found = false;
  STELE_CHECK(link_->execute(sql, span_of(values), [&](const ServerRow& one) {
    found = true;
    row(one);
    return false;
  }));
  return found;
}

result<std::int64_t> ServerModel::run(std::string_view sql, SqlValues values) {
  return link_->execute(sql, span_of(values), [](const ServerRow&) { return true; });
}

result<void> ServerModel::copy(std::string_view table, std::string_view columns, SqlValues row) {
  return link_->add_row(table, columns, span_of(row));
}

// Runs of the same key are common; the rest is made unique at the commit.
void ServerModel::changed(std::string_view key) {
  if (keys_->empty() || keys_->back() != key) keys_->emplace_back(key);
}

SqlDialect ServerModel::dialect() const { return link_->dialect(); }

}  // namespace stele

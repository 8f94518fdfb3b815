// views.cpp - how each event changes the bank's read models, and the questions put to them.
#include "bank/views.hpp"

#include <algorithm>
#include <memory>

namespace bank {
namespace {

using stele::EventView;
using stele::result;
using stele::SqliteModel;
using stele::SqlRow;

std::string_view account_in(const EventView& at) { return at.stream.substr(Account::category.size() + 1); }

std::string date_of(stele::Timestamp time) { return stele::to_string(time).substr(0, 10); }
std::string month_of(stele::Timestamp time) { return stele::to_string(time).substr(0, 7); }

Money money_in(const SqlRow& row, int column) { return Money::from_units(row.integer(column)); }
std::uint64_t number_in(const SqlRow& row, int column) {
  return static_cast<std::uint64_t>(row.integer(column));
}

stele::Error account_not_found(std::string_view account_id) {
  return stele::Error(stele::errc::not_found, "there is no account " + std::string(account_id))
      .with("account", std::string(account_id));
}

// ---- accounts

// Events may be appended without the bank's commands; money that moves on an account nobody opened still
// shows.
result<void> move_money(SqliteModel& model, const EventView& at, Money amount, std::string_view description) {
  const std::string_view account = account_in(at);
  STELE_CHECK(
      model.run("INSERT INTO account VALUES(?1, '', ?2, ?3, 'open') ON CONFLICT(id) DO UPDATE"
                " SET balance = balance + excluded.balance, version = excluded.version",
                {account, amount, at.revision}));
  STELE_CHECK(model.run("INSERT INTO recent VALUES(?, ?, ?, ?, ?)",
                        {account, at.revision, at.recorded_at, description, amount}));
  STELE_CHECK(
      model.run("DELETE FROM recent WHERE account = ?1 AND version <= (SELECT version FROM recent"
                " WHERE account = ?1 ORDER BY version DESC LIMIT 1 OFFSET 10)",
                {account}));
  model.changed(account);
  return {};
}

// ---- statements

// Sums are made here and not in SQL: Money throws when it leaves its range, and the projection stops with
// that.
result<void> add_movement(SqliteModel& model, const EventView& at, Money amount,
                          std::string_view description) {
  const std::string_view account = account_in(at);
  Money balance;
  STELE_CHECK(
      model.first("SELECT balance FROM movement WHERE account = ? ORDER BY month DESC, version DESC LIMIT 1",
                  {account}, [&](const SqlRow& row) { balance = money_in(row, 0); }));
  STELE_CHECK(model.run("INSERT INTO movement VALUES(?, ?, ?, ?, ?, ?, ?)",
                        {account, month_of(at.recorded_at), at.revision, at.recorded_at, description, amount,
                         balance + amount}));
  model.changed(account);
  return {};
}

bool is_month(std::string_view text) {
  const auto parsed = stele::parse_time(std::string(text) + "-01");
  return text.size() == 7 && parsed && month_of(*parsed) == text;
}

}  // namespace

std::string stream_of(std::string_view account_id) {
  return std::string(Account::category) + "-" + std::string(account_id);
}

result<void> Accounts::project(SqliteModel& model, const AccountCreated& e, const EventView& at) {
  STELE_CHECK(
      model.run("INSERT INTO account VALUES(?1, ?2, 0, ?3, 'open') ON CONFLICT(id) DO UPDATE"
                " SET owner = excluded.owner, version = excluded.version, status = excluded.status",
                {account_in(at), e.owner, at.revision}));
  model.changed(account_in(at));
  return {};
}
result<void> Accounts::project(SqliteModel& model, const MoneyDeposited& e, const EventView& at) {
  return move_money(model, at, e.amount, e.description);
}
result<void> Accounts::project(SqliteModel& model, const MoneyWithdrawn& e, const EventView& at) {
  return move_money(model, at, -e.amount, e.description);
}
result<void> Accounts::project(SqliteModel& model, const AccountClosed&, const EventView& at) {
  STELE_CHECK(model.run("UPDATE account SET status = 'closed', version = ?2 WHERE id = ?1",
                        {account_in(at), at.revision}));
  model.changed(account_in(at));
  return {};
}

result<void> Statements::project(SqliteModel& model, const AccountCreated&, const EventView& at) {
  return add_movement(model, at, Money{}, "");
}
result<void> Statements::project(SqliteModel& model, const MoneyDeposited& e, const EventView& at) {
  return add_movement(model, at, e.amount, e.description);
}
result<void> Statements::project(SqliteModel& model, const MoneyWithdrawn& e, const EventView& at) {
  return add_movement(model, at, -e.amount, e.description);
}

// ---- Questions

result<AccountSummary> summary_of(stele::SqliteSnapshot& accounts, std::string_view account_id) {
  AccountSummary summary{.account_id = std::string(account_id),
                         .balance = {},
                         .recent_transactions = {},
                         .version = 0,
                         .status = {}};
  STELE_TRY(const bool known, accounts.first("SELECT balance, version, status FROM account WHERE id = ?",
                                             {account_id}, [&](const SqlRow& row) {
                                               summary.balance = money_in(row, 0);
                                               summary.version = number_in(row, 1);
                                               summary.status = row.text(2);
                                             }));
  if (!known) return account_not_found(account_id);
  STELE_CHECK(
      accounts.each("SELECT at, description, amount FROM recent WHERE account = ? ORDER BY version DESC",
                    {account_id}, [&](const SqlRow& row) {
                      summary.recent_transactions.push_back(
                          {date_of(row.time(0)), std::string(row.text(1)), money_in(row, 2)});
                    }));
  return summary;
}

result<std::vector<AccountRow>> list_accounts(stele::SqliteSnapshot& accounts, std::string_view after,
                                              std::uint64_t limit) {
  std::vector<AccountRow> rows;
  STELE_CHECK(accounts.each(
      "SELECT id, owner, balance, version, status FROM account WHERE id > ? ORDER BY id LIMIT ?",
      {after, std::min<std::uint64_t>(limit, INT64_MAX)}, [&](const SqlRow& row) {
        rows.push_back({std::string(row.text(0)), std::string(row.text(1)), money_in(row, 2),
                        number_in(row, 3), std::string(row.text(4))});
      }));
  return rows;
}

result<Statement> statement_of(stele::SqliteSnapshot& statements, std::string_view account_id,
                               std::string_view month) {
  if (!is_month(month))
    return stele::Error(stele::errc::invalid, "'" + std::string(month) + "' is no month")
        .help("write it as 2026-03");
  Statement statement{.account_id = std::string(account_id),
                      .month = std::string(month),
                      .opening_balance = {},
                      .rows = {},
                      .closing_balance = {}};
  STELE_TRY(const bool known, statements.first("SELECT 1 FROM movement WHERE account = ? LIMIT 1",
                                               {account_id}, [](const SqlRow&) {}));
  if (!known) return account_not_found(account_id);
  STELE_CHECK(statements.first(
      "SELECT balance FROM movement WHERE account = ? AND month < ?"
      " ORDER BY month DESC, version DESC LIMIT 1",
      {account_id, month}, [&](const SqlRow& row) { statement.opening_balance = money_in(row, 0); }));
  statement.closing_balance = statement.opening_balance;
  // The opening of the account is remembered as a movement of nothing without a text; it is no row for
  // people.
  STELE_CHECK(
      statements.each("SELECT at, description, amount, balance, version FROM movement WHERE account = ?"
                      " AND month = ? AND NOT (amount = 0 AND description = '') ORDER BY version",
                      {account_id, month}, [&](const SqlRow& row) {
                        statement.rows.push_back({date_of(row.time(0)), std::string(row.text(1)),
                                                  money_in(row, 2), money_in(row, 3), number_in(row, 4)});
                        statement.closing_balance = money_in(row, 3);
                      }));
  return statement;
}

result<AccountSummary> summary_as_of(stele::EventStore& store, std::string_view account_id,
                                     const stele::Moment& moment) {
  const std::string stream = stream_of(account_id);
  auto events = store.read_stream({.stream = stream, .from = {}});
  if (!events && events.error().kind() == stele::errc::not_found) return account_not_found(account_id);
  if (!events) return events.error();
  STELE_TRY(const stele::Position up_to, stele::position_of(store, moment, stream));
  STELE_TRY(const auto scratch, stele::SqliteTarget::scratch(stele::sqlite_projection<Accounts>()));
  STELE_CHECK(stele::fold(*scratch, **events, up_to));
  STELE_TRY(auto snapshot, scratch->snapshot());
  return summary_of(snapshot, account_id);
}

}  // namespace bank

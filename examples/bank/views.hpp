// views.hpp - what people ask a bank, and the read models that answer: the account's summary and the list of
// accounts from one, monthly statements from the other. The audit trail is no model: it is the stream itself.
//
// An account is told by its stream (BankAccount-<id>). Amounts are signed: money that leaves is negative. All
// answers come from one snapshot, whose position says what they reflect; to_json() of them is what HTTP
// sends.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bank/account.hpp"
#include "stele/sqlite.hpp"
#include "stele/wire.hpp"

namespace bank {

// ---- Answers

struct Transaction {
  std::string date;  // "2026-03-01", UTC
  std::string desc;
  Money amount;
};

struct AccountSummary {
  std::string account_id;
  Money balance;
  std::vector<Transaction> recent_transactions;  // the newest ten, newest first
  std::uint64_t version = 0;                     // the revision of the account's last event
  std::string status;                            // "open" or "closed"
};

struct AccountRow {
  std::string account_id;
  std::string owner;
  Money balance;
  std::uint64_t version = 0;
  std::string status;
};

struct StatementRow {
  std::string date;
  std::string desc;
  Money amount;
  Money balance;  // after it
  std::uint64_t version = 0;
};

struct Statement {
  std::string account_id;
  std::string month;
  Money opening_balance;
  std::vector<StatementRow> rows;
  Money closing_balance;
};

// ---- Models

// One row per account, and its newest transactions. Reports account ids as changed.
struct Accounts {
  static constexpr std::string_view name = "accounts";
  static constexpr int version = 1;
  static constexpr std::string_view category = Account::category;
  static constexpr std::string_view schema =
      "CREATE TABLE account(id TEXT PRIMARY KEY, owner TEXT NOT NULL, balance INTEGER NOT NULL,"
      " version INTEGER NOT NULL, status TEXT NOT NULL) STRICT, WITHOUT ROWID;"
      "CREATE TABLE recent(account TEXT NOT NULL, version INTEGER NOT NULL, at INTEGER NOT NULL,"
      " description TEXT NOT NULL, amount INTEGER NOT NULL, PRIMARY KEY(account, version)) STRICT, WITHOUT "
      "ROWID";
  using Events = Account::Events;

  static stele::result<void> project(stele::SqliteModel& model, const AccountCreated& e,
                                     const stele::EventView& at);
  static stele::result<void> project(stele::SqliteModel& model, const MoneyDeposited& e,
                                     const stele::EventView& at);
  static stele::result<void> project(stele::SqliteModel& model, const MoneyWithdrawn& e,
                                     const stele::EventView& at);
  static stele::result<void> project(stele::SqliteModel& model, const AccountClosed& e,
                                     const stele::EventView& at);
};

// Every movement with the balance after it, by account and month.
struct Statements {
  static constexpr std::string_view name = "statements";
  static constexpr int version = 1;
  static constexpr std::string_view category = Account::category;
  static constexpr std::string_view schema =
      "CREATE TABLE movement(account TEXT NOT NULL, month TEXT NOT NULL, version INTEGER NOT NULL, at "
      "INTEGER NOT NULL,"
      " description TEXT NOT NULL, amount INTEGER NOT NULL, balance INTEGER NOT NULL,"
      " PRIMARY KEY(account, month, version)) STRICT, WITHOUT ROWID";
  using Events = stele::events<AccountCreated, MoneyDeposited, MoneyWithdrawn>;

  static stele::result<void> project(stele::SqliteModel& model, const AccountCreated& e,
                                     const stele::EventView& at);
  static stele::result<void> project(stele::SqliteModel& model, const MoneyDeposited& e,
                                     const stele::EventView& at);
  static stele::result<void> project(stele::SqliteModel& model, const MoneyWithdrawn& e,
                                     const stele::EventView& at);
};

// ---- Questions. `not_found` names an account that the model does not know.

[[nodiscard]] stele::result<AccountSummary> summary_of(stele::SqliteSnapshot& accounts,
                                                       std::string_view account_id);
// By id, those behind `after`, at most `limit`.
[[nodiscard]] stele::result<std::vector<AccountRow>> list_accounts(stele::SqliteSnapshot& accounts,
                                                                   std::string_view after,
                                                                   std::uint64_t limit);
// `month` is "2026-03"; anything else is `invalid`. A month without movements has equal balances and no rows.
[[nodiscard]] stele::result<Statement> statement_of(stele::SqliteSnapshot& statements,
                                                    std::string_view account_id, std::string_view month);

// The summary as it was at `moment` (a revision counts in the account's own stream): the same rules folded
// over the account's events up to then, and the same question asked. `not_found` before the account was
// opened.
[[nodiscard]] stele::result<AccountSummary> summary_as_of(stele::EventStore& store,
                                                          std::string_view account_id,
                                                          const stele::Moment& moment);

// "BankAccount-<id>".
[[nodiscard]] std::string stream_of(std::string_view account_id);

}  // namespace bank

// account.hpp - a bank account, as the people at the counter would describe it: what can happen, what is
// asked, why the answer may be no, and the rules. Pure; where accounts are kept and shown is not said here.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "stele/decider.hpp"
#include "stele/decimal.hpp"
#include "stele/snapshot.hpp"

namespace bank {

using stele::Money;

// ---- What can happen.

struct AccountCreated {
  std::string account_id;
  std::string owner;
};
STELE_EVENT(AccountCreated, 1, account_id, owner);

struct MoneyDeposited {
  std::string account_id;
  Money amount;
  std::string description;
};
STELE_EVENT(MoneyDeposited, 1, account_id, amount, description);

struct MoneyWithdrawn {
  std::string account_id;
  Money amount;
  std::string description;
};
STELE_EVENT(MoneyWithdrawn, 1, account_id, amount, description);

struct AccountClosed {
  std::string account_id;
};
STELE_EVENT(AccountClosed, 1, account_id);

// ---- What people ask for.

struct OpenAccount {
  std::string account_id;
  std::string owner;
};
STELE_COMMAND(OpenAccount, account_id, owner);

struct DepositMoney {
  std::string account_id;
  Money amount;
  std::string description;
};
STELE_COMMAND(DepositMoney, account_id, amount, description);

struct WithdrawMoney {
  std::string account_id;
  Money amount;
  std::string description;
};
STELE_COMMAND(WithdrawMoney, account_id, amount, description);

struct CloseAccount {
  std::string account_id;
};
STELE_COMMAND(CloseAccount, account_id);

// ---- Why the answer may be no.

struct NoSuchAccount {
  std::string account_id;
};
STELE_REFUSAL(NoSuchAccount, account_id);

struct AccountTaken {
  std::string account_id;
};
STELE_REFUSAL(AccountTaken, account_id);

struct AccountIsClosed {
  std::string account_id;
};
STELE_REFUSAL(AccountIsClosed, account_id);

struct InsufficientFunds {
  Money balance;
  Money asked;
};
STELE_REFUSAL(InsufficientFunds, balance, asked);

struct MoneyLeft {
  Money balance;
};
STELE_REFUSAL(MoneyLeft, balance);

struct AmountNotPositive {
  Money amount;
};
STELE_REFUSAL(AmountNotPositive, amount);

// ---- The rules.

struct Account {
  static constexpr std::string_view category = "BankAccount";
  static const std::string& id(const auto& command) { return command.account_id; }

  // Accounts live for years: one snapshot every hundred events.
  static constexpr stele::SnapshotPolicy snapshots{};

  using Commands = stele::commands<OpenAccount, DepositMoney, WithdrawMoney, CloseAccount>;
  using Events = stele::events<AccountCreated, MoneyDeposited, MoneyWithdrawn, AccountClosed>;
  using Refusals = stele::refusals<NoSuchAccount, AccountTaken, AccountIsClosed, InsufficientFunds, MoneyLeft,
                                   AmountNotPositive>;
  using Decision = stele::decision<Events, Refusals>;

  // An account is one of these, and only remembers what the rules need.
  struct Missing {};
  struct Open {
    Money balance;
  };
  struct Closed {};
  using State = std::variant<Missing, Open, Closed>;

  // Before the account exists, it can only be opened.
  static Decision decide(const OpenAccount& c, const Missing&) {
    return stele::happened(AccountCreated{.account_id = c.account_id, .owner = c.owner});
  }
  static Decision decide(const auto& c, const Missing&) { return stele::refuse(NoSuchAccount{c.account_id}); }

  // While it is open, money moves in positive amounts, and never more than it holds.
  static Decision decide(const OpenAccount& c, const Open&) {
    return stele::refuse(AccountTaken{c.account_id});
  }
  static Decision decide(const DepositMoney& c, const Open&) {
    if (c.amount <= Money{}) return stele::refuse(AmountNotPositive{c.amount});
    return stele::happened(MoneyDeposited{c.account_id, c.amount, c.description});
  }
  static Decision decide(const WithdrawMoney& c, const Open& account) {
    if (c.amount <= Money{}) return stele::refuse(AmountNotPositive{c.amount});
    if (c.amount > account.balance)
      return stele::refuse(InsufficientFunds{.balance = account.balance, .asked = c.amount});
    return stele::happened(MoneyWithdrawn{c.account_id, c.amount, c.description});
  }
  static Decision decide(const CloseAccount& c, const Open& account) {
    if (account.balance != Money{}) return stele::refuse(MoneyLeft{account.balance});
    return stele::happened(AccountClosed{c.account_id});
  }

  // Once closed, it stays closed.
  static Decision decide(const auto& c, const Closed&) {
    return stele::refuse(AccountIsClosed{c.account_id});
  }

  // What each fact makes of the account. Facts are past: nothing here can say no, so a balance may be
  // negative when history says so.
  static State evolve(const Missing&, const AccountCreated&) { return Open{}; }
  static State evolve(const Open& a, const MoneyDeposited& e) { return Open{a.balance + e.amount}; }
  static State evolve(const Open& a, const MoneyWithdrawn& e) { return Open{a.balance - e.amount}; }
  static State evolve(const Open&, const AccountClosed&) { return Closed{}; }
};
static_assert(stele::decider<Account>);

}  // namespace bank

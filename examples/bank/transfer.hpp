// transfer.hpp - money from one account to another: both accounts change in one atomic append, or neither
// does. The rules of each side are the account's own (account.hpp).
#pragma once

#include <string>

#include "bank/account.hpp"
#include "stele/handler.hpp"

namespace bank {

struct TransferMoney {
  std::string from_account_id;
  std::string to_account_id;
  Money amount;
  std::string description;
};
STELE_COMMAND(TransferMoney, from_account_id, to_account_id, amount, description);

struct SameAccount {
  std::string account_id;
};
STELE_REFUSAL(SameAccount, account_id);

using TransferRefusals = stele::refusals<SameAccount, NoSuchAccount, AccountTaken, AccountIsClosed,
                                         InsufficientFunds, MoneyLeft, AmountNotPositive>;

// One side of a transfer as it stands afterwards. Not meaningful when the transfer was refused.
struct TransferSide {
  Money balance{};
  std::optional<stele::Revision> revision{};
};

struct Transferred {
  stele::Outcome<TransferRefusals> outcome;
  TransferSide from;
  TransferSide to;
};

// Errors as stele::transact.
[[nodiscard]] stele::result<Transferred> transfer(stele::EventStore& store, const TransferMoney& command,
                                                  const stele::Context& context = {},
                                                  const stele::HandleOptions& options = {});

// The balance of an account that is or was open; zero otherwise.
[[nodiscard]] Money balance_of(const Account::State& account);

}  // namespace bank

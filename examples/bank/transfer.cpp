// transfer.cpp - a transfer is a withdrawal and a deposit, decided and appended together.
#include "bank/transfer.hpp"

namespace bank {
namespace {

// After the append, since only it knows where a stream that was deleted goes on.
TransferSide side_of(const std::optional<stele::Part<Account>>& account) {
  if (!account) return {};
  return {balance_of(account->state()), account->revision()};
}

}  // namespace

Money balance_of(const Account::State& account) {
  const auto* open = std::get_if<Account::Open>(&account);
  return open ? open->balance : Money{};
}

stele::result<Transferred> transfer(stele::EventStore& store, const TransferMoney& command,
                                    const stele::Context& context, const stele::HandleOptions& options) {
  std::optional<stele::Part<Account>> from_part;
  std::optional<stele::Part<Account>> to_part;
  auto both = [&](stele::Work<TransferRefusals>& work) -> stele::result<void> {
    if (command.from_account_id == command.to_account_id) {
      work.refuse(SameAccount{command.from_account_id});
      return {};
    }
    STELE_TRY(auto from, work.load<Account>(command.from_account_id, options.expected));
    STELE_TRY(auto to, work.load<Account>(command.to_account_id));
    work.ask(from, WithdrawMoney{command.from_account_id, command.amount, command.description});
    work.ask(to, DepositMoney{command.to_account_id, command.amount, command.description});
    from_part = from;
    to_part = to;
    return {};
  };
  STELE_TRY(auto outcome, stele::transact<TransferRefusals>(store, command, context, options, both));
  return Transferred{std::move(outcome), side_of(from_part), side_of(to_part)};
}

}  // namespace bank

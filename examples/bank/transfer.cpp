// transfer.cpp - a transfer is a withdrawal and a deposit, decided and appended together.
#include "bank/transfer.hpp"

namespace bank {
namespace {

TransferSide side_of(const stele::Part<Account>& account) {
  return {balance_of(account.state()), account.revision()};
}

}  // namespace

Money balance_of(const Account::State& account) {
  const auto* open = std::get_if<Account::Open>(&account);
  return open ? open->balance : Money{};
}

stele::result<Transferred> transfer(stele::EventStore& store, const TransferMoney& command,
                                    const stele::Context& context, const stele::HandleOptions& options) {
  TransferSide from_side;
  TransferSide to_side;
  auto both = [&](stele::Work<TransferRefusals>& work) -> stele::result<void> {
    if (command.from_account_id == command.to_account_id) {
      work.refuse(SameAccount{command.from_account_id});
      return {};
    }
    STELE_TRY(auto from, work.load<Account>(command.from_account_id, options.expected));
    STELE_TRY(auto to, work.load<Account>(command.to_account_id));
    work.ask(from, WithdrawMoney{command.from_account_id, command.amount, command.description});
    work.ask(to, DepositMoney{command.to_account_id, command.amount, command.description});
    from_side = side_of(from);
    to_side = side_of(to);
    return {};
  };
  STELE_TRY(auto outcome, stele::transact<TransferRefusals>(store, command, context, options, both));
  return Transferred{std::move(outcome), from_side, to_side};
}

}  // namespace bank

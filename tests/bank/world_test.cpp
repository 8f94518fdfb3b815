// world_test.cpp - the bank on a machine that loses power: transfers between few accounts, asked for twice, in each
// other's way. Money is neither made nor lost, and the read model says the same as the accounts.
#include "stele/world.hpp"

#include <gtest/gtest.h>

#include "bank/transfer.hpp"
#include "bank/views.hpp"
#include "engine/store_fixture.hpp"
#include "stele/sqlite.hpp"

namespace bank {
namespace {

using namespace stele::literals;
using stele::errc;
using stele::Error;
using stele::World;
using Done = stele::result<void>;

constexpr std::uint64_t world_accounts = 5;
constexpr Money at_first = 200_money;

std::string world_account(std::uint64_t i) { return "acct-" + std::to_string(i); }

Done open_accounts(World& w) {
  for (std::uint64_t i = 0; i < world_accounts; ++i) {
    STELE_CHECK(w.send<Account>(OpenAccount{world_account(i), "Ada"}));
    STELE_CHECK(w.send<Account>(DepositMoney{world_account(i), at_first, "at first"}));
  }
  return {};
}

Money some_money(World& w) { return Money::from_units(static_cast<std::int64_t>(1 + w.below(15'000))); }

Done transfer_some(World& w) {
  const TransferMoney command{world_account(w.below(world_accounts)), world_account(w.below(world_accounts)),
                              some_money(w), "rent"};
  STELE_CHECK(
      w.ask([&](stele::EventStore& store, const stele::Context& context,
                const stele::HandleOptions& options) { return transfer(store, command, context, options); }));
  return {};
}

// What one person puts in and takes out again leaves everything as it was, or more by what could not be taken.
Done refuse_some(World& w) {
  STELE_TRY(const auto refused, w.send<Account>(WithdrawMoney{world_account(0), 1'000'000_money, "a dream"}));
  if (refused.accepted()) return Error(errc::corrupt, "more was taken than there is");
  return {};
}

Done money_is_conserved(World& w) {
  Money sum;
  bool complete = true;
  for (std::uint64_t i = 0; i < world_accounts; ++i) {
    STELE_TRY(const auto account, stele::Repository<Account>(w.store()).load(world_account(i)));
    const Money balance = balance_of(account.state);
    complete = complete && account.revision >= stele::Revision(1);
    sum += balance;
    if (balance < Money{})
      return Error(errc::corrupt, world_account(i) + " is below zero: " + to_string(balance));
  }
  if (!complete || sum == at_first * static_cast<std::int64_t>(world_accounts)) return {};
  return Error(errc::corrupt, "all accounts together hold " + to_string(sum));
}

stele::result<std::shared_ptr<stele::ProjectionTarget>> scratch_accounts() {
  STELE_TRY(auto target, stele::SqliteTarget::scratch(stele::sqlite_projection<Accounts>()));
  return std::shared_ptr<stele::ProjectionTarget>(std::move(target));
}

std::vector<std::string> shown_accounts(stele::ProjectionTarget& target) {
  std::vector<std::string> lines;
  auto snapshot = stele::test::must(static_cast<stele::SqliteTarget&>(target).snapshot());
  stele::test::must(
      snapshot.each("SELECT id, balance, version FROM account ORDER BY id", {}, [&](const auto& row) {
        lines.push_back(std::string(row.text(0)) + " " + std::to_string(row.integer(1)) + " v" +
                        std::to_string(row.integer(2)));
      }));
  return lines;
}

TEST(BankWorld, money_is_neither_made_nor_lost_whatever_happens) {
  const auto report = stele::world("bank")
                          .projection(scratch_accounts, shown_accounts)
                          .begins(open_accounts)
                          .people(transfer_some)
                          .people(transfer_some)
                          .people(refuse_some)
                          .always("money is conserved", money_is_conserved)
                          .seeds(stele::test::sanitized ? 1 : 5)
                          .steps(200)
                          .run();
  EXPECT_EQ(report.failed, 0u);
  EXPECT_GT(report.lives, report.seeds);
  EXPECT_GT(report.meddled, 0u);
  EXPECT_GT(report.repeats, 0u);
}

}  // namespace
}  // namespace bank

// transfer_test.cpp - money between two accounts: both change or neither does, whoever else is at it.
#include "bank/transfer.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <random>
#include <thread>

#include "domain/meddling_store.hpp"
#include "engine/store_fixture.hpp"

namespace bank {
namespace {

using namespace stele::literals;
using stele::Context;
using stele::Revision;
using stele::test::must;

class TransferTest : public stele::test::StoreTest {
 protected:
  void open_with(const std::string& id, Money amount) {
    (void)must(stele::handle<Account>(*store_, OpenAccount{id, "Ada"}));
    if (amount != Money{}) (void)must(stele::handle<Account>(*store_, DepositMoney{id, amount, "opening"}));
  }
  Money balance(const std::string& id) {
    return balance_of(must(stele::Repository<Account>(*store_).load(id)).state);
  }
  std::string refusal_of(const TransferMoney& command) {
    const auto before = store_->head().position;
    const auto done = must(transfer(*store_, command));
    EXPECT_FALSE(done.outcome.appended);
    EXPECT_EQ(store_->head().position, before);
    if (!done.outcome.refusal) return "accepted";
    return std::string(stele::type_name(*done.outcome.refusal)) + stele::content_json(*done.outcome.refusal);
  }
};

TEST_F(TransferTest, both_accounts_change_in_one_append) {
  open_with("acct-42", 5320.50_money);
  open_with("acct-99", 12000_money);
  const auto done =
      must(transfer(*store_, {"acct-42", "acct-99", 500_money, "Rent payment"}, {.user = "alice"}));
  ASSERT_TRUE(done.outcome.accepted());
  EXPECT_EQ(done.from.balance, 4820.50_money);
  EXPECT_EQ(done.to.balance, 12500_money);
  EXPECT_EQ(done.from.revision, Revision(2));
  EXPECT_EQ(done.outcome.appended->revisions.size(), 2u);
  EXPECT_EQ(done.outcome.appended->last.value(), done.outcome.appended->first.value() + 1);
  const auto log_end = log();
  EXPECT_EQ(log_end[4].type, "MoneyWithdrawn");
  EXPECT_EQ(log_end[4].data, R"({"accountId":"acct-42","amount":"500.00","description":"Rent payment"})");
  EXPECT_EQ(log_end[5].stream, "BankAccount-acct-99");
  EXPECT_NE(log_end[5].metadata.find(R"("command":"TransferMoney")"), std::string::npos);
}

TEST_F(TransferTest, a_refusal_of_either_side_leaves_both_alone) {
  open_with("poor", 10_money);
  open_with("rich", 100_money);
  open_with("gone", 0_money);
  (void)must(stele::handle<Account>(*store_, CloseAccount{"gone"}));
  EXPECT_EQ(refusal_of({"poor", "rich", 10.01_money, ""}),
            R"(InsufficientFunds{"balance":"10.00","asked":"10.01"})");
  EXPECT_EQ(refusal_of({"rich", "gone", 1_money, ""}), R"(AccountIsClosed{"accountId":"gone"})");
  EXPECT_EQ(refusal_of({"rich", "nobody", 1_money, ""}), R"(NoSuchAccount{"accountId":"nobody"})");
  EXPECT_EQ(refusal_of({"nobody", "rich", 1_money, ""}), R"(NoSuchAccount{"accountId":"nobody"})");
  EXPECT_EQ(refusal_of({"rich", "poor", 0_money, ""}), R"(AmountNotPositive{"amount":"0.00"})");
  EXPECT_EQ(refusal_of({"rich", "rich", 1_money, ""}), R"(SameAccount{"accountId":"rich"})");
}

TEST_F(TransferTest, a_conflict_on_either_side_is_decided_again) {
  open_with("from", 100_money);
  open_with("to", 0_money);
  stele::test::MeddlingStore meddling(*store_);
  meddling.before_append = [&](const auto&) {
    meddling.before_append = nullptr;
    (void)must(stele::handle<Account>(*store_, WithdrawMoney{"from", 80_money, "faster"}));
  };
  const auto late = must(transfer(meddling, {"from", "to", 50_money, ""}));
  ASSERT_FALSE(late.outcome.accepted());
  EXPECT_EQ(late.outcome.tries, 2u);
  EXPECT_EQ(balance("from"), 20_money);
  EXPECT_EQ(balance("to"), 0_money);
}

TEST_F(TransferTest, a_repeat_gets_the_first_answer_for_both_sides) {
  open_with("from", 100_money);
  open_with("to", 0_money);
  const TransferMoney rent{"from", "to", 60_money, "rent"};
  const Context once{.idempotency_key = "rent-march"};
  const auto first = must(transfer(*store_, rent, once));
  (void)must(stele::handle<Account>(*store_, DepositMoney{"from", 5_money, "later"}));
  reopen();
  const auto second = must(transfer(*store_, rent, once));
  EXPECT_TRUE(second.outcome.repeated);
  EXPECT_EQ(second.from.balance, 40_money);
  EXPECT_EQ(second.to.balance, 60_money);
  EXPECT_EQ(second.outcome.appended->revisions, first.outcome.appended->revisions);
  EXPECT_EQ(balance("from"), 45_money);
  EXPECT_FALSE(transfer(*store_, {"from", "to", 61_money, "rent"}, once));
}

// Read by one decision, changed by another: the append must notice.
TEST_F(TransferTest, an_account_that_was_only_looked_at_is_checked_too) {
  open_with("watched", 0_money);
  open_with("paid", 0_money);
  stele::test::MeddlingStore meddling(*store_);
  meddling.before_append = [&](const stele::AppendRequest& request) {
    meddling.before_append = nullptr;
    ASSERT_EQ(request.also_expect.size(), 1u);
    EXPECT_EQ(request.also_expect[0].stream, "BankAccount-watched");
    (void)must(stele::handle<Account>(*store_, DepositMoney{"watched", 1_money, ""}));
  };
  Money seen;
  const auto done = must(stele::transact<TransferRefusals>(
      meddling, DepositMoney{"paid", 5_money, ""}, {}, {}, [&](auto& work) -> stele::result<void> {
        STELE_TRY(auto watched, work.template load<Account>("watched"));
        STELE_TRY(auto paid, work.template load<Account>("paid"));
        seen = balance_of(watched.state());
        work.ask(paid, DepositMoney{"paid", 5_money, ""});
        return {};
      }));
  EXPECT_EQ(done.tries, 2u);
  EXPECT_EQ(seen, 1_money);
}

TEST_F(TransferTest, an_account_is_loaded_once_in_a_unit_of_work) {
  const auto twice = stele::transact<TransferRefusals>(
      *store_, OpenAccount{"a", "b"}, {}, {}, [&](auto& work) -> stele::result<void> {
        STELE_TRY(auto one, work.template load<Account>("a"));
        STELE_TRY(auto two, work.template load<Account>("a"));
        return {};
      });
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().kind(), stele::errc::invalid);
}

TEST_F(TransferTest, racing_transfers_neither_make_nor_lose_money) {
  constexpr int accounts = 4;
  constexpr int threads = 4;
  const int each = stele::test::sanitized ? 15 : 60;
  for (int a = 0; a < accounts; ++a) open_with("a" + std::to_string(a), 100_money);
  std::vector<std::thread> racing;
  for (int t = 0; t < threads; ++t)
    racing.emplace_back([&, t] {
      std::mt19937 random(static_cast<unsigned>(t));
      stele::HandleOptions patient;
      patient.max_tries = 10'000;
      for (int i = 0; i < each; ++i) {
        const auto from = "a" + std::to_string(random() % accounts);
        const auto to = "a" + std::to_string(random() % accounts);
        const auto done =
            transfer(*store_, {from, to, Money::from_units(1 + random() % 9'000), "race"}, {}, patient);
        EXPECT_TRUE(done) << done.error().to_string();
      }
    });
  for (auto& thread : racing) thread.join();
  Money sum;
  for (int a = 0; a < accounts; ++a) {
    const Money left = balance("a" + std::to_string(a));
    EXPECT_GE(left, 0_money);
    sum += left;
  }
  EXPECT_EQ(sum, 400_money);
}

}  // namespace
}  // namespace bank

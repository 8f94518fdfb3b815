// account_test.cpp - what the bank promises about an account, one sentence each.
#include "bank/account.hpp"

#include <gtest/gtest.h>

#include "stele/spec.hpp"

namespace bank {
namespace {

using stele::given;
using namespace stele::literals;

const AccountCreated ada_opens{"acct-1", "Ada"};
const MoneyDeposited salary{"acct-1", 100_money, "salary"};

TEST(Account, opens_once_and_belongs_to_somebody) {
  given<Account>().when(OpenAccount{"acct-1", "Ada"}).then(ada_opens);
  given<Account>(ada_opens).when(OpenAccount{"acct-1", "Eve"}).then_refused(AccountTaken{"acct-1"});
}

TEST(Account, takes_in_what_is_deposited) {
  given<Account>(ada_opens).when(DepositMoney{"acct-1", 100_money, "salary"}).then(salary);
}

TEST(Account, pays_out_up_to_what_it_holds) {
  given<Account>(ada_opens, salary)
      .when(WithdrawMoney{"acct-1", 100_money, "rent"})
      .then(MoneyWithdrawn{"acct-1", 100_money, "rent"});
}

TEST(Account, never_pays_out_more_than_it_holds) {
  given<Account>(ada_opens, salary)
      .when(WithdrawMoney{"acct-1", 100.01_money, "rent"})
      .then_refused(InsufficientFunds{.balance = 100_money, .asked = 100.01_money});
  given<Account>(ada_opens, salary, MoneyWithdrawn{"acct-1", 60_money, "rent"})
      .when(WithdrawMoney{"acct-1", 50_money, "food"})
      .then_refused(InsufficientFunds{.balance = 40_money, .asked = 50_money});
}

TEST(Account, moves_positive_amounts_only) {
  given<Account>(ada_opens, salary)
      .when(DepositMoney{"acct-1", 0_money, "nothing"})
      .then_refused(AmountNotPositive{0_money});
  given<Account>(ada_opens, salary)
      .when(WithdrawMoney{"acct-1", -1_money, "trick"})
      .then_refused(AmountNotPositive{-1_money});
}

TEST(Account, closes_only_when_it_is_empty) {
  given<Account>(ada_opens).when(CloseAccount{"acct-1"}).then(AccountClosed{"acct-1"});
  given<Account>(ada_opens, salary).when(CloseAccount{"acct-1"}).then_refused(MoneyLeft{100_money});
}

TEST(Account, is_unknown_before_it_was_opened) {
  given<Account>().when(DepositMoney{"acct-1", 1_money, ""}).then_refused(NoSuchAccount{"acct-1"});
  given<Account>().when(WithdrawMoney{"acct-1", 1_money, ""}).then_refused(NoSuchAccount{"acct-1"});
  given<Account>().when(CloseAccount{"acct-1"}).then_refused(NoSuchAccount{"acct-1"});
}

TEST(Account, stays_closed_once_it_is) {
  const AccountClosed closed{"acct-1"};
  given<Account>(ada_opens, closed)
      .when(OpenAccount{"acct-1", "Ada"})
      .then_refused(AccountIsClosed{"acct-1"});
  given<Account>(ada_opens, closed)
      .when(DepositMoney{"acct-1", 1_money, ""})
      .then_refused(AccountIsClosed{"acct-1"});
  given<Account>(ada_opens, closed).when(CloseAccount{"acct-1"}).then_refused(AccountIsClosed{"acct-1"});
}

TEST(Account, a_history_that_went_below_zero_is_still_a_history) {
  const auto account = stele::replay<Account>(
      std::vector<Account::Events::any>{AccountCreated{"acct-13", "Mallory"},
                                        MoneyWithdrawn{"acct-13", 100_money, "a race that was not caught"}});
  ASSERT_TRUE(account) << account.error().to_string();
  EXPECT_EQ(std::get<Account::Open>(*account).balance, -100_money);
}

TEST(Account, a_deposit_that_no_account_could_hold_is_an_error_and_no_crash) {
  const auto account = stele::replay<Account>(std::vector<Account::Events::any>{
      ada_opens, MoneyDeposited{"acct-1", Money::from_units(std::numeric_limits<std::int64_t>::max()), ""},
      salary});
  ASSERT_FALSE(account);
  EXPECT_EQ(account.error().kind(), stele::errc::corrupt);
  EXPECT_EQ(account.error().fact("index"), "2");
}

TEST(Account, the_words_of_the_bank_do_not_change_by_accident) {
  const auto lock = std::filesystem::path(STELE_SOURCE_DIR) / "tests/bank/account.schema.lock";
  const auto checked = stele::spec::check_schema_lock(lock, stele::vocabulary<Account>());
  EXPECT_TRUE(checked) << checked.error().to_string();
}

}  // namespace
}  // namespace bank

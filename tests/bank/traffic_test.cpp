// traffic_test.cpp - the demo's traffic obeys the bank's rules and stays off the documented accounts.
#include "bank/traffic.hpp"

#include "bank_fixture.hpp"

namespace bank::test {
namespace {

TEST_F(BankTest, traffic_moves_money_but_not_on_the_accounts_of_the_documents) {
  {
    const Traffic traffic(*store_, {.seed = 1, .pause = std::chrono::milliseconds(1)});
    ASSERT_TRUE(store_->wait_for(stele::Position(head() + 30), std::chrono::minutes(1)));
    EXPECT_GT(traffic.accepted(), 0u);
    EXPECT_EQ(traffic.failed(), 0u);
  }
  const auto after = head();
  EXPECT_EQ(get("/api/accounts/acct-42/summary?after_position=" + std::to_string(after)).at("/version"),
            "202");
  EXPECT_EQ(get("/api/accounts/acct-99/summary").at("/version"), "86");
  EXPECT_EQ(get("/api/accounts/acct-13/summary").at("/balance"), "-100.00");
  EXPECT_EQ(head(), after) << "it has stopped";
}

}  // namespace
}  // namespace bank::test

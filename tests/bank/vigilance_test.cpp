// vigilance_test.cpp - the fraud rule: what is suspicious and what is not, once per finding whoever dies when.
#include "bank/vigilance.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bank_fixture.hpp"
#include "engine/store_fixture.hpp"
#include "stele/handler.hpp"
#include "stele/spec.hpp"

namespace bank {
namespace {

using namespace stele::literals;
using std::chrono::microseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using stele::given;
using stele::Timestamp;
using stele::test::must;

// Far ahead, so that nothing the watcher records meanwhile comes behind it.
constexpr Timestamp noon{std::chrono::sys_days{std::chrono::year{2096} / 3 / 1} + std::chrono::hours(12)};

LargeWithdrawalNoted noted_at(Timestamp at, Money amount = 1000_money) { return {"a", amount, at}; }
NoteWithdrawal note_at(Timestamp at, Money amount = 1000_money) { return {"a", amount, at}; }

TEST(VigilanceRule, the_third_large_withdrawal_in_ten_minutes_is_suspicious) {
  given<Vigilance>().when(note_at(noon)).then(noted_at(noon));
  given<Vigilance>(noted_at(noon)).when(note_at(noon + minutes(1))).then(noted_at(noon + minutes(1)));
  given<Vigilance>(noted_at(noon), noted_at(noon + minutes(4), 2500_money))
      .when(note_at(noon + minutes(10)))
      .then(noted_at(noon + minutes(10)),
            SuspiciousActivityDetected{"a", 3, 4500_money, noon, noon + minutes(10)});
}

TEST(VigilanceRule, a_microsecond_more_than_ten_minutes_is_not) {
  const auto late = noon + minutes(10) + microseconds(1);
  given<Vigilance>(noted_at(noon), noted_at(noon + minutes(4))).when(note_at(late)).then(noted_at(late));
}

TEST(VigilanceRule, the_window_moves_on) {
  const auto then = noon + minutes(13);
  given<Vigilance>(noted_at(noon), noted_at(noon + minutes(6)), noted_at(noon + minutes(12)))
      .when(note_at(then))
      .then(noted_at(then), SuspiciousActivityDetected{"a", 3, 3000_money, noon + minutes(6), then});
}

TEST(VigilanceRule, the_next_finding_needs_withdrawals_of_its_own) {
  const SuspiciousActivityDetected found{"a", 3, 3000_money, noon, noon};
  given<Vigilance>(noted_at(noon), noted_at(noon), noted_at(noon), found)
      .when(note_at(noon + seconds(1)))
      .then(noted_at(noon + seconds(1)));
}

TEST(VigilanceRule, small_ones_are_not_noted) {
  given<Vigilance>().when(note_at(noon, 999.99_money)).then_refused(NotLarge{999.99_money});
  stele::given_saga<FraudWatch>().when(MoneyWithdrawn{"a", 999.99_money, ""}).does_nothing();
}

TEST(VigilanceRule, large_ones_are_handed_on_with_the_time_they_happened) {
  stele::given_saga<FraudWatch>()
      .when(MoneyWithdrawn{"a", 1000_money, "car"})
      .sends(NoteWithdrawal{"a", 1000_money, Timestamp()});
}

// ---- On a store

class FraudWatchTest : public stele::test::StoreTest {
 protected:
  void open_rich(const std::string& id) {
    books<OpenAccount>({id, "Ada"}, noon);
    books<DepositMoney>({id, 1'000'000_money, "opening"}, noon);
  }
  template <class C>
  void books(const C& command, Timestamp at) {
    stele::HandleOptions options;
    options.recorded_at = at;
    ASSERT_TRUE(must(stele::handle<Account>(*store_, command, {}, options)).accepted());
  }
  void withdraw(const std::string& id, Timestamp at) { books<WithdrawMoney>({id, 1500_money, "cash"}, at); }
  // One life of the watcher.
  void watch() { ASSERT_TRUE(stele::run_saga<FraudWatch>(*store_)->settle(minutes(1))); }
  std::vector<std::string> findings() {
    stele::QueryItem item;
    item.types.emplace_back("SuspiciousActivityDetected");
    std::vector<std::string> all;
    for (const auto& event : log(stele::Direction::forward, stele::Query::of(std::move(item))))
      all.push_back(event.stream + " " + event.data);
    return all;
  }
  void forget_checkpoint() { must(store_->records().erase("saga", "FraudWatch")); }
};

TEST_F(FraudWatchTest, each_finding_is_told_once_however_often_the_watcher_is_restarted) {
  open_rich("a");
  open_rich("b");
  for (int i = 0; i < 7; ++i) {
    withdraw("a", noon + minutes(i));
    if (i % 2 == 0) withdraw("b", noon + minutes(i));  // four, the third of them within the window
    watch();
    if (i % 3 == 0) forget_checkpoint();
    if (i % 4 == 1) reopen();
  }
  watch();
  EXPECT_THAT(findings(), testing::UnorderedElementsAre(
                              testing::HasSubstr(R"(Vigilance-a {"accountId":"a","withdrawals":3)"),
                              testing::HasSubstr(R"(Vigilance-b {"accountId":"b","withdrawals":3)"),
                              testing::HasSubstr(R"(Vigilance-a {"accountId":"a","withdrawals":3)")));
}

// However late it looks: the time that counts is the withdrawal's.
TEST_F(FraudWatchTest, a_watcher_that_comes_late_finds_the_same) {
  open_rich("a");
  for (int i = 0; i < 3; ++i) withdraw("a", noon + minutes(i * 6));
  for (int i = 0; i < 3; ++i) withdraw("a", noon + minutes(60 + i * 5));
  watch();
  ASSERT_EQ(findings().size(), 1u);
  EXPECT_THAT(findings().front(), testing::HasSubstr(R"("since":"2096-03-01T13:00:00.000000Z")"));
}

// ---- Over HTTP

using test::BankTest;

TEST_F(BankTest, three_large_withdrawals_in_a_row_are_found_and_listed) {
  EXPECT_EQ(get("/api/suspicions").body, R"({"suspicions":[]})") << "the past is known";
  for (int i = 0; i < 3; ++i)
    ASSERT_EQ(post("/api/accounts/acct-99/withdraw", R"({"amount":"1200.00"})").status, 200);
  ASSERT_TRUE(bank_->fraud_watch().settle(minutes(1)));
  const auto found = get("/api/suspicions");
  EXPECT_EQ(found.at("/suspicions/0/accountId"), "acct-99") << found.body;
  EXPECT_EQ(found.at("/suspicions/0/withdrawals"), "3");
  EXPECT_EQ(found.at("/suspicions/0/total"), "3600.00");
  EXPECT_EQ(get("/api/suspicions?limit=0").status, 400);
  restart();
  ASSERT_TRUE(bank_->fraud_watch().settle(minutes(1)));
  EXPECT_EQ(get("/api/suspicions").body, found.body);
}

}  // namespace
}  // namespace bank

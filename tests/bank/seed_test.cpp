// seed_test.cpp - the demo's past: the same for everyone, adds up, and survives being interrupted.
#include "bank/seed.hpp"

#include <gtest/gtest.h>

#include <map>

#include "bank/account.hpp"
#include "stele/wire.hpp"
#include "support/temp_directory.hpp"

namespace {

using TempDir = stele::test::TempDirectory;

// The balance after each event of one account.
std::vector<stele::Money> balances(const std::vector<bank::PastEvent>& all, const std::string& account) {
  std::vector<stele::Money> out;
  stele::Money balance;
  for (const auto& one : all) {
    if (one.stream != "BankAccount-" + account) continue;
    if (one.event.type == "MoneyDeposited")
      balance += stele::from_json<bank::MoneyDeposited>(one.event.data)->amount;
    if (one.event.type == "MoneyWithdrawn")
      balance -= stele::from_json<bank::MoneyWithdrawn>(one.event.data)->amount;
    out.push_back(balance);
  }
  return out;
}

std::string money(stele::Money amount) { return to_string(amount); }

class AnySeed : public testing::TestWithParam<std::uint64_t> {};

TEST_P(AnySeed, the_documented_accounts_stand_where_the_documents_say) {
  const auto all = bank::past(GetParam());
  const auto maya = balances(all, "acct-42");
  ASSERT_EQ(maya.size(), 203u);
  EXPECT_EQ(money(maya.back()), "5320.50");
  const auto harborview = balances(all, "acct-99");
  ASSERT_EQ(harborview.size(), 87u);
  EXPECT_EQ(money(harborview.back()), "12000.00");
  const auto jonas = balances(all, "acct-13");
  ASSERT_EQ(jonas.size(), 204u);
  EXPECT_EQ(money(jonas[200]), "200.00");
  EXPECT_EQ(money(jonas[201]), "3400.00");
  EXPECT_EQ(money(jonas[202]), "2900.00");
  EXPECT_EQ(money(jonas[203]), "-100.00");
}

TEST_P(AnySeed, only_the_planted_race_overdraws_an_account) {
  const auto all = bank::past(GetParam());
  std::map<std::string, std::size_t> events;
  for (const auto& one : all) ++events[one.stream];
  for (const auto& [stream, count] : events) {
    const auto account = stream.substr(12);
    const auto standing = balances(all, account);
    for (std::size_t i = 0; i < count; ++i)
      EXPECT_TRUE(standing[i] >= stele::Money{} || (account == "acct-13" && i == 203)) << stream << " v" << i;
  }
}

TEST_P(AnySeed, times_rise_and_revisions_are_dense) {
  std::map<std::string, std::uint64_t> next;
  auto last = bank::first_day;
  for (const auto& one : bank::past(GetParam())) {
    EXPECT_GE(one.at, last);
    EXPECT_LT(one.at, bank::base_date);
    EXPECT_EQ(one.revision, next[one.stream]++) << one.stream;
    last = one.at;
  }
}

INSTANTIATE_TEST_SUITE_P(bank, AnySeed, testing::Values(0u, 1u, 42u, 4711u, ~std::uint64_t{0}));

TEST(Seed, another_seed_is_another_past) {
  const auto one = bank::past(1);
  const auto two = bank::past(2);
  EXPECT_NE(one[100].event.data, two[100].event.data);
  EXPECT_NE(one[100].event.id, two[100].event.id);
}

TEST(Seed, the_store_holds_exactly_the_past) {
  const TempDir dir;
  const auto store = stele::open(dir.path());
  ASSERT_TRUE(store) << store.error().to_string();
  const auto all = bank::past(42);
  ASSERT_EQ(bank::seed(**store, 42).value(), all.size());
  auto cursor = (*store)->read({});
  std::size_t seen = 0;
  for (auto batch = (*cursor)->next_batch(100); !batch->empty(); batch = (*cursor)->next_batch(100)) {
    for (const auto& event : *batch) {
      const auto& wanted = all[seen++];
      EXPECT_EQ(event.position.value(), seen);
      EXPECT_EQ(event.id, wanted.event.id);
      EXPECT_EQ(event.stream, wanted.stream);
      EXPECT_EQ(event.data, wanted.event.data);
      EXPECT_EQ(event.recorded_at, wanted.at);
    }
  }
  EXPECT_EQ(seen, all.size());
}

TEST(Seed, an_interrupted_seeding_goes_on_where_it_stopped) {
  const TempDir dir;
  const auto store = stele::open(dir.path());
  ASSERT_TRUE(store) << store.error().to_string();
  const auto all = bank::past(7);
  for (std::size_t i = 0; i < 60; ++i) {
    stele::AppendRequest request;
    request.writes.push_back({all[i].stream, {}, {all[i].event}});
    request.recorded_at = all[i].at;
    ASSERT_TRUE((*store)->append(std::move(request)));
  }
  EXPECT_EQ(bank::seed(**store, 7).value(), all.size() - 60);
  EXPECT_EQ(bank::seed(**store, 7).value(), 0u) << "the second time there is nothing to do";
  EXPECT_EQ((*store)->head().events, all.size());
}

TEST(Seed, a_store_with_something_else_in_it_is_left_alone) {
  const TempDir dir;
  const auto store = stele::open(dir.path());
  ASSERT_TRUE(store) << store.error().to_string();
  stele::AppendRequest request;
  stele::NewEvent event;
  event.type = "Happened";
  event.data = "{}";
  request.writes.push_back({"mine", {}, {event}});
  ASSERT_TRUE((*store)->append(std::move(request)));
  EXPECT_EQ(bank::seed(**store, 42).value(), 0u);
  EXPECT_EQ((*store)->head().events, 1u);
}

}  // namespace

// views_test.cpp - the bank's read models: right to the cent, live and as of any moment, on a real store.
#include "bank/views.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "bank/seed.hpp"
#include "support/temp_directory.hpp"

namespace bank {
namespace {

using namespace stele::literals;
using stele::Position;
constexpr std::chrono::microseconds patience = std::chrono::seconds(30);

// A store, and both models running on it.
class ViewsTest : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = stele::open(dir_.path() / "store");
    ASSERT_TRUE(opened) << opened.error().to_string();
    store_ = std::move(*opened);
    projections_ = std::make_unique<stele::Projections>(*store_);
    accounts_ = start<Accounts>();
    statements_ = start<Statements>();
  }

  template <class P>
  std::shared_ptr<stele::SqliteTarget> start() {
    auto target = stele::SqliteTarget::open(dir_.path() / "models", stele::sqlite_projection<P>());
    if (!target || !projections_->add(*target)) ADD_FAILURE() << P::name;
    return target ? *target : nullptr;
  }
  template <class E>
  Position put(const E& event, std::string_view at) {
    stele::NewEvent recorded;
    recorded.type = stele::schema_of<E>.type;
    recorded.data = stele::to_json(event);
    stele::AppendRequest request;
    request.writes.push_back({stream_of(event.account_id), {}, {std::move(recorded)}});
    request.recorded_at = stele::parse_time(at);
    auto done = store_->append(std::move(request));
    if (!done) ADD_FAILURE() << done.error().to_string();
    return done ? done->last : Position{};
  }
  void catch_up() {
    for (stele::Runner* runner : projections_->runners())
      ASSERT_TRUE(runner->wait(store_->head().position, patience)) << runner->status().reason;
  }
  std::string summary(std::string_view account) {
    auto snapshot = accounts_->snapshot();
    auto answer = summary_of(*snapshot, account);
    return answer ? stele::to_json(*answer) : answer.error().to_string();
  }
  std::string statement(std::string_view account, std::string_view month) {
    auto snapshot = statements_->snapshot();
    auto answer = statement_of(*snapshot, account, month);
    return answer ? stele::to_json(*answer) : answer.error().to_string();
  }

  stele::test::TempDirectory dir_;
  std::unique_ptr<stele::EventStore> store_;
  std::shared_ptr<stele::SqliteTarget> accounts_;
  std::shared_ptr<stele::SqliteTarget> statements_;
  std::unique_ptr<stele::Projections> projections_;
};

// What the rules of the domain make of an account's first events; the models must agree with it.
stele::result<std::map<std::uint64_t, Money>> balances_by_revision(stele::EventStore& store,
                                                                   std::string_view account) {
  std::map<std::uint64_t, Money> balances;
  Money balance;
  STELE_TRY(const auto cursor, store.read_stream({.stream = stream_of(account), .from = {}}));
  while (true) {
    STELE_TRY(const auto events, cursor->next_batch(100));
    if (events.empty()) return balances;
    for (const stele::EventView& at : events) {
      STELE_CHECK(stele::each_event<Account::Events>(at, [&]<class E>(const E& e) {
        if constexpr (std::is_same_v<E, MoneyDeposited>) balance += e.amount;
        if constexpr (std::is_same_v<E, MoneyWithdrawn>) balance -= e.amount;
      }));
      balances[at.revision.value()] = balance;
    }
  }
}

TEST_F(ViewsTest, the_summary_shows_balance_version_and_the_newest_ten_first) {
  put(AccountCreated{"a-1", "Ada"}, "2026-01-05");
  for (int i = 1; i <= 12; ++i)
    put(MoneyDeposited{"a-1", 10.01_money, "pay " + std::to_string(i)}, "2026-01-06");
  put(MoneyWithdrawn{"a-1", 0.12_money, "fee \"x\""}, "2026-02-01");
  catch_up();
  const std::string text = summary("a-1");
  EXPECT_TRUE(text.starts_with(R"({"accountId":"a-1","balance":"120.00","recentTransactions":[)"
                               R"({"date":"2026-02-01","desc":"fee \"x\"","amount":"-0.12"},)"
                               R"({"date":"2026-01-06","desc":"pay 12","amount":"10.01"},)"))
      << text;
  EXPECT_TRUE(text.ends_with(
      R"({"date":"2026-01-06","desc":"pay 4","amount":"10.01"}],"version":13,"status":"open"})"))
      << text;
}

TEST_F(ViewsTest, a_closed_account_stays_visible_as_closed) {
  put(AccountCreated{"a-1", "Ada"}, "2026-01-05");
  put(AccountClosed{"a-1"}, "2026-01-06");
  catch_up();
  EXPECT_EQ(summary("a-1"),
            R"({"accountId":"a-1","balance":"0.00","recentTransactions":[],"version":1,"status":"closed"})");
}

TEST_F(ViewsTest, the_list_is_by_id_and_can_be_paged) {
  for (const char* id : {"c", "a", "b"}) put(AccountCreated{id, std::string("owner of ") + id}, "2026-01-05");
  put(MoneyDeposited{"b", 3.50_money, ""}, "2026-01-06");
  catch_up();
  auto snapshot = accounts_->snapshot();
  const auto page = list_accounts(*snapshot, "a", 1);
  ASSERT_TRUE(page);
  EXPECT_EQ(stele::to_json(*page),
            R"([{"accountId":"b","owner":"owner of b","balance":"3.50","version":1,"status":"open"}])");
  EXPECT_EQ(list_accounts(*snapshot, "", 100)->size(), 3u);
  EXPECT_TRUE(list_accounts(*snapshot, "c", 100)->empty());
}

TEST_F(ViewsTest, a_statement_leads_from_the_opening_to_the_closing_balance) {
  put(AccountCreated{"a-1", "Ada"}, "2026-01-05");
  put(MoneyDeposited{"a-1", 100.00_money, "pay"}, "2026-01-31T23:59:59.999999Z");
  put(MoneyWithdrawn{"a-1", 30.25_money, "rent"}, "2026-02-01");
  put(MoneyDeposited{"a-1", 0.25_money, "found"}, "2026-02-28");
  put(MoneyWithdrawn{"a-1", 70.00_money, "gone"}, "2026-04-01");
  catch_up();
  EXPECT_EQ(statement("a-1", "2026-02"),
            R"({"accountId":"a-1","month":"2026-02","openingBalance":"100.00","rows":[)"
            R"({"date":"2026-02-01","desc":"rent","amount":"-30.25","balance":"69.75","version":2},)"
            R"({"date":"2026-02-28","desc":"found","amount":"0.25","balance":"70.00","version":3}],)"
            R"("closingBalance":"70.00"})");
  EXPECT_EQ(
      statement("a-1", "2026-03"),
      R"({"accountId":"a-1","month":"2026-03","openingBalance":"70.00","rows":[],"closingBalance":"70.00"})");
  EXPECT_EQ(
      statement("a-1", "2025-12"),
      R"({"accountId":"a-1","month":"2025-12","openingBalance":"0.00","rows":[],"closingBalance":"0.00"})");
  EXPECT_NE(statement("a-1", "2026-01").find(R"("rows":[{"date":"2026-01-31","desc":"pay")"),
            std::string::npos)
      << "opening an account is no row";
}

TEST_F(ViewsTest, unknown_accounts_and_wrong_months_are_said_to_be_so) {
  put(AccountCreated{"a-1", "Ada"}, "2026-01-05");
  catch_up();
  EXPECT_TRUE(summary("nobody").starts_with("not_found: there is no account nobody")) << summary("nobody");
  EXPECT_TRUE(statement("nobody", "2026-01").starts_with("not_found")) << statement("nobody", "2026-01");
  for (const char* month : {"", "2026", "2026-13", "2026-1", "2026-01-01", "01-2026", "2026-00"})
    EXPECT_TRUE(statement("a-1", month).starts_with("invalid")) << month;
}

TEST_F(ViewsTest, events_of_other_streams_are_not_bookings) {
  stele::NewEvent stray;
  stray.type = "MoneyDeposited";
  stray.data = "this is not JSON";
  stele::AppendRequest request;
  request.writes.push_back({"Elsewhere-1", {}, {std::move(stray)}});
  ASSERT_TRUE(store_->append(std::move(request)));
  put(AccountCreated{"a-1", "Ada"}, "2099-01-05");
  catch_up();
  EXPECT_NE(summary("a-1").find("\"version\":0"), std::string::npos);
}

TEST_F(ViewsTest, money_beyond_every_range_stops_the_models_and_changes_nothing) {
  put(AccountCreated{"a-1", "Ada"}, "2026-01-05");
  put(MoneyDeposited{"a-1", 92'233'720'368'547'758.07_money, "all of it"}, "2026-01-06");
  catch_up();
  const Position beyond = put(MoneyDeposited{"a-1", 0.01_money, "and a cent"}, "2026-01-07");
  for (stele::Runner* runner : projections_->runners())
    EXPECT_EQ(runner->wait(beyond, patience).error().kind(), stele::errc::unavailable);
  EXPECT_NE(summary("a-1").find("\"balance\":\"92233720368547758.07\""), std::string::npos) << summary("a-1");
}

// ---- The seeded bank

class SeededViewsTest : public ViewsTest {
 protected:
  void SetUp() override {
    ViewsTest::SetUp();
    auto seeded = seed(*store_, 42);
    ASSERT_TRUE(seeded) << seeded.error().to_string();
    catch_up();
  }
};

TEST_F(SeededViewsTest, the_three_accounts_stand_where_the_documentation_says) {
  EXPECT_NE(summary("acct-42").find(R"("balance":"5320.50")"), std::string::npos) << summary("acct-42");
  EXPECT_NE(summary("acct-42").find(R"("version":202)"), std::string::npos);
  EXPECT_NE(summary("acct-99").find(R"("balance":"12000.00")"), std::string::npos);
  EXPECT_NE(summary("acct-99").find(R"("version":86)"), std::string::npos);
  EXPECT_NE(summary("acct-13").find(R"("balance":"-100.00")"), std::string::npos);
}

TEST_F(SeededViewsTest, all_models_agree_with_the_rules_on_every_account) {
  auto accounts = accounts_->snapshot();
  auto statements = statements_->snapshot();
  const auto rows = list_accounts(*accounts, "", 1000);
  ASSERT_TRUE(rows);
  EXPECT_GE(rows->size(), 3u);
  for (const AccountRow& row : *rows) {
    const auto balances = balances_by_revision(*store_, row.account_id);
    ASSERT_TRUE(balances);
    EXPECT_EQ(row.version, balances->rbegin()->first) << row.account_id;
    EXPECT_EQ(row.balance, balances->rbegin()->second) << row.account_id;
    EXPECT_EQ(statement_of(*statements, row.account_id, "2030-01")->closing_balance, row.balance)
        << row.account_id;
  }
}

TEST_F(SeededViewsTest, one_month_ends_where_the_next_begins) {
  auto statements = statements_->snapshot();
  Money last;
  for (const char* month :
       {"2025-10", "2025-11", "2025-12", "2026-01", "2026-02", "2026-03", "2026-04", "2026-05"}) {
    const auto statement = statement_of(*statements, "acct-42", month);
    ASSERT_TRUE(statement);
    EXPECT_EQ(statement->opening_balance, last) << month;
    Money sum = last;
    for (const StatementRow& row : statement->rows) EXPECT_EQ(sum += row.amount, row.balance) << row.version;
    last = statement->closing_balance;
  }
  EXPECT_EQ(last, 5320.50_money);
}

TEST_F(SeededViewsTest, at_the_head_the_past_and_the_present_give_one_answer) {
  for (const char* account : {"acct-42", "acct-99", "acct-13"}) {
    const auto then = summary_as_of(*store_, account, {stele::Moment::Head{}});
    ASSERT_TRUE(then) << then.error().to_string();
    EXPECT_EQ(stele::to_json(*then), summary(account));
  }
}

TEST_F(SeededViewsTest, as_of_any_revision_position_or_time_it_is_what_the_rules_say) {
  const std::uint64_t random_seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(random_seed));
  std::mt19937_64 random(random_seed);
  const auto balances = balances_by_revision(*store_, "acct-42");
  ASSERT_TRUE(balances);
  std::vector<stele::RecordedEvent> events;
  auto cursor = store_->read_stream({.stream = stream_of("acct-42"), .from = {}});
  for (auto batch = (*cursor)->next_batch(1000); batch && !batch->empty();
       batch = (*cursor)->next_batch(1000))
    for (const stele::EventView& event : *batch) events.push_back(event.to_owned());
  ASSERT_EQ(events.size(), balances->size());
#ifdef STELE_SANITIZED
  constexpr int instants = 60;
#else
  constexpr int instants = 300;
#endif
  for (int i = 0; i < instants; ++i) {
    const stele::RecordedEvent& event = events[random() % events.size()];
    stele::Moment moment{event.revision};
    if (i % 3 == 1) moment.at = event.position;
    if (i % 3 == 2) moment.at = event.recorded_at;
    const auto then = summary_as_of(*store_, "acct-42", moment);
    ASSERT_TRUE(then) << then.error().to_string();
    if (i % 3 != 2) {
      EXPECT_EQ(then->version, event.revision.value());
    }
    EXPECT_GE(then->version, event.revision.value()) << "of events recorded together, all count";
    EXPECT_EQ(then->balance, balances->at(then->version));
  }
}

TEST_F(SeededViewsTest, before_it_was_opened_there_was_no_account) {
  const auto before = summary_as_of(*store_, "acct-42", {first_day - std::chrono::hours(1)});
  ASSERT_FALSE(before);
  EXPECT_EQ(before.error().kind(), stele::errc::not_found);
  EXPECT_EQ(summary_as_of(*store_, "nobody", {stele::Moment::Head{}}).error().kind(), stele::errc::not_found);
  EXPECT_EQ(summary_as_of(*store_, "acct-42", {stele::Revision(9999)}).error().kind(),
            stele::errc::not_found);
}

}  // namespace
}  // namespace bank

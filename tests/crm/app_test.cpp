// app_test.cpp - the crm over HTTP, and how many were premium when: the model's answer is a replay's.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>

#include "crm/crm.hpp"
#include "crm/views.hpp"
#include "support/http_client.hpp"
#include "support/temp_directory.hpp"

namespace crm {
namespace {

using stele::test::Headers;
using stele::test::Reply;

class CrmTest : public testing::Test {
 protected:
  void SetUp() override {
    store_ = take(stele::open(dir_ / "store"));
    ASSERT_TRUE(seed(*store_));
    const auto head = store_->head().position;
    ASSERT_TRUE(seed(*store_));
    ASSERT_EQ(store_->head().position, head) << "again, it changes nothing";
    start();
  }
  void start() {
    crm_ = take(Crm::open(*store_, dir_ / "models"));
    app_ = std::make_unique<stele::App>("crm", "1");
    crm_->attach(*app_);
    stele::ServerOptions serving;
    serving.port = 0;
    server_ = take(stele::Server::start(*store_, app_.get(), serving));
    http_ = std::make_unique<stele::test::HttpClient>(server_->port());
  }
  void TearDown() override {
    http_.reset();
    server_.reset();
    app_.reset();
    crm_.reset();
    store_.reset();
  }
  template <class T>
  T take(stele::result<T> from) {
    EXPECT_TRUE(from) << from.error().to_string();
    return *std::move(from);
  }
  Reply post(const std::string& target, std::string_view body, const Headers& headers = {}) {
    return http_->post(target, body, headers);
  }
  // When everything in the log is visible.
  Reply settled(const std::string& target) {
    const auto more = target.contains('?') ? "&" : "?";
    return http_->get(target + more + "after_position=" + std::to_string(store_->head().position.value()));
  }

  // How many are premium in the state that a replay up to `at` leaves.
  std::uint64_t replayed(stele::Timestamp at) {
    std::map<std::string, User::State> users;
    const auto last = take(store_->position_at(at));
    const auto cursor = take(store_->read({}));
    while (true) {
      const auto batch = take(cursor->next_batch(100));
      if (batch.empty() || batch.front().position > last) break;
      for (const auto& event : batch) {
        if (event.position > last) break;
        auto& user = users[std::string(event.stream)];
        EXPECT_TRUE(stele::detail::fold_into<User>(user, event));
      }
    }
    return static_cast<std::uint64_t>(std::ranges::count_if(
        users, [](const auto& each) { return std::holds_alternative<User::Premium>(each.second); }));
  }

  stele::test::TempDirectory dir_;
  std::unique_ptr<stele::EventStore> store_;
  std::unique_ptr<Crm> crm_;
  std::unique_ptr<stele::App> app_;
  std::unique_ptr<stele::Server> server_;
  std::unique_ptr<stele::test::HttpClient> http_;
};

TEST_F(CrmTest, a_user_registers_becomes_premium_ends_it_and_leaves) {
  const auto made =
      post("/api/users", R"({"userId":"ada","firstName":"Ada","lastName":"Byron","email":"ada@x.org"})");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.header("location"), "/api/users/ada");
  EXPECT_EQ(
      settled("/api/users/ada").body,
      R"({"userId":"ada","firstName":"Ada","lastName":"Byron","email":"ada@x.org","status":"basic","version":0})");
  EXPECT_EQ(post("/api/users/ada/premium", "").at("/version"), "1");
  const auto premium = settled("/api/users/ada");
  EXPECT_EQ(premium.at("/status"), "premium");
  EXPECT_EQ(premium.at("/premiumSince").size(), 27u);
  EXPECT_EQ(post("/api/users/ada/premium/end", R"({"reason":"moved"})").status, 200);
  EXPECT_EQ(settled("/api/users/ada").at("/status"), "basic");
  EXPECT_EQ(post("/api/users/ada/deactivate", "").status, 200);
  EXPECT_EQ(post("/api/users/ada/deactivate", "").status, 200) << "twice is no mistake";
  EXPECT_EQ(settled("/api/users/ada").at("/status"), "deactivated");
  EXPECT_EQ(post("/api/users/ada/premium", "").at("/rule"), "UserIsDeactivated");
}

TEST_F(CrmTest, a_taken_address_is_refused_by_name_and_free_again_when_its_user_left) {
  const auto asks = [&](const std::string& id) {
    return post("/api/users", R"({"userId":")" + id + R"(","firstName":"A","email":"same@x.org"})");
  };
  ASSERT_EQ(asks("one").status, 201);
  const auto refused = asks("two");
  EXPECT_EQ(refused.status, 422);
  EXPECT_EQ(refused.at("/rule"), "EmailTaken");
  EXPECT_EQ(refused.at("/email"), "same@x.org");
  EXPECT_EQ(http_->get("/api/users/two").status, 404);
  ASSERT_EQ(post("/api/users/one/deactivate", "").status, 200);
  EXPECT_EQ(asks("two").status, 201);
}

TEST_F(CrmTest, what_cannot_be_a_request_is_told_with_its_place) {
  EXPECT_EQ(post("/api/users", R"({"firstName":7})").status, 400);
  EXPECT_EQ(post("/api/users", R"({"userId":"a/b","firstName":"A","email":"a@b"})").status, 400);
  EXPECT_EQ(post("/api/users", R"({"firstName":"A","email":"a@b","mail":"x"})").status, 400);
  EXPECT_EQ(post("/api/users", R"({"firstName":"A","email":"nonsense"})").at("/rule"), "EmailMalformed");
  EXPECT_EQ(post("/api/users/nobody/premium", "").status, 404);
  EXPECT_EQ(http_->get("/api/premium?month=2026-13").status, 400);
  EXPECT_EQ(http_->get("/api/premium?month=June").status, 400);
  EXPECT_EQ(http_->get("/api/premium?at=yesterday").status, 400);
}

TEST_F(CrmTest, old_events_are_read_as_todays_users) {
  const auto alice = settled("/api/users/100");
  EXPECT_EQ(alice.at("/firstName"), "Alice");
  EXPECT_EQ(alice.at("/lastName"), "Johnson");
  EXPECT_EQ(alice.at("/status"), "deactivated") << "premium until an event of another name, then gone";
  const auto one_word = settled("/api/users/113");
  EXPECT_EQ(one_word.at("/firstName"), "Dmitri");
  EXPECT_EQ(one_word.at("/lastName"), "");
  const auto stored = http_->get("/v1/streams/User-100/events/0");
  EXPECT_EQ(stored.at("/data/name"), "Alice Johnson") << "the log itself never changes";
}

TEST_F(CrmTest, a_query_for_todays_name_finds_events_of_the_older_one) {
  const auto ended = http_->get("/v1/events?type=PremiumEnded&limit=1000");
  EXPECT_EQ(ended.status, 200) << ended.body;
  EXPECT_NE(ended.body.find("\"event_type\":\"SubscriptionCancelled\""), std::string::npos);
  EXPECT_NE(ended.body.find("\"event_type\":\"PremiumEnded\""), std::string::npos);
  EXPECT_EQ(ended.body.find("\"event_type\":\"PremiumStarted\""), std::string::npos);
}

TEST_F(CrmTest, how_many_were_premium_at_the_end_of_a_month_equals_a_replay_to_that_instant) {
  for (const char* month : {"2026-04", "2026-05", "2026-06", "2026-07", "2026-08", "2026-09"}) {
    const auto end = end_of_month(month);
    ASSERT_TRUE(end);
    const auto answer = settled(std::string("/api/premium?month=") + month);
    ASSERT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.at("/premium"), std::to_string(replayed(*end))) << month;
  }
  EXPECT_EQ(settled("/api/premium?month=2026-04").at("/premium"), "0");
  EXPECT_NE(settled("/api/premium?month=2026-06").at("/premium"), "0");
}

TEST_F(CrmTest, an_instant_includes_what_happened_in_it) {
  const auto cursor = take(store_->read({}));
  while (true) {
    const auto batch = take(cursor->next_batch(64));
    if (batch.empty()) break;
    for (const auto& event : batch) {
      const auto at = stele::to_string(event.recorded_at);
      EXPECT_EQ(settled("/api/premium?at=" + at).at("/premium"), std::to_string(replayed(event.recorded_at)))
          << at;
    }
  }
}

TEST_F(CrmTest, months_end_where_the_next_begins) {
  EXPECT_EQ(stele::to_string(*end_of_month("2026-12")), "2026-12-31T23:59:59.999999Z");
  EXPECT_EQ(stele::to_string(*end_of_month("2028-02")), "2028-02-29T23:59:59.999999Z");
  for (const char* wrong : {"", "2026", "2026-00", "2026-13", "2026-1", "2026/01", "2026-0a", "+026-01"})
    EXPECT_FALSE(end_of_month(wrong)) << wrong;
}

TEST_F(CrmTest, the_models_come_back_identical_when_they_are_lost) {
  const auto before = settled("/api/premium?month=2026-07").body;
  TearDown();
  std::filesystem::remove_all(dir_ / "models");
  store_ = take(stele::open(dir_ / "store"));
  start();
  EXPECT_EQ(settled("/api/premium?month=2026-07").body, before);
}

TEST_F(CrmTest, a_store_with_a_younger_log_gets_no_past) {
  TearDown();
  store_ = take(stele::open(dir_ / "other"));
  stele::AppendRequest younger;
  younger.writes.push_back({"User-now", {}, {}});
  younger.writes.back().events.push_back(
      {.id = {}, .type = "PremiumStarted", .data = "{}", .metadata = {}, .tags = {}});
  younger.recorded_at = stele::parse_time("2026-09-01");
  ASSERT_TRUE(store_->append(std::move(younger)));
  ASSERT_TRUE(seed(*store_));
  EXPECT_EQ(store_->head().position.value(), 1u);
}

}  // namespace
}  // namespace crm

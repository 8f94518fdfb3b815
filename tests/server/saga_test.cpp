// The application's sagas over HTTP: what they have done, who is stuck, trying again; and types with older names.
#include <gmock/gmock.h>

#include "server_fixture.hpp"
#include "stele/decider.hpp"
#include "stele/saga.hpp"

namespace stele::test {
namespace parcels {

struct Sent {
  std::string parcel;
};
STELE_EVENT(Sent, 1, parcel);

// Asks after a parcel the next day. Somebody may forbid it to think.
struct Tracking {
  static constexpr std::string_view name = "Tracking";
  using Reacts = events<Sent>;
  using Reaction = reaction<>;
  static inline std::atomic<bool> confused = false;
  static std::string route(const Sent& e) { return e.parcel; }
  struct State {};
  static Reaction on(const Sent& e, const State&) {
    if (confused) throw std::runtime_error("which parcel?");
    return Reaction().schedule("ask", std::chrono::hours(e.parcel.starts_with("slow") ? 48 : 24));
  }
};
static_assert(saga<Tracking>);

}  // namespace parcels

namespace {

using parcels::Tracking;
using testing::HasSubstr;

class SagaApiTest : public ServerTest {
 protected:
  SagaApiTest() {
    Tracking::confused = false;
    runner_ = run_saga<Tracking>(*store_, {.tries = 1});
    app_.saga(*runner_);
    app_.type_names({{"ParcelSent", "Sent", "Posted"}});
    start(&app_);
  }
  ~SagaApiTest() override {
    stop();
    runner_.reset();
  }
  Reply call(const std::string& method, const std::string& target, const std::string& body = "") {
    auto http = client();
    return http.send(method, target, body, Headers{{"Content-Type", "application/json"}});
  }
  void send(const std::string& parcel) {
    append("Parcel-" + parcel, "Sent", R"({"parcel":")" + parcel + "\"}");
    ASSERT_TRUE(runner_->settle(std::chrono::minutes(1)));
  }

  App app_{"parcels", "1"};
  std::unique_ptr<SagaRunner> runner_;
};

TEST_F(SagaApiTest, sagas_are_listed_with_what_they_have_done) {
  send("p1");
  const auto listed = call("GET", "/v1/sagas");
  ASSERT_EQ(listed.status, 200) << listed.body;
  EXPECT_EQ(listed.at("/sagas/0/name"), "Tracking");
  EXPECT_EQ(listed.at("/sagas/0/running"), "true");
  EXPECT_EQ(listed.at("/sagas/0/reacted"), "1");
  EXPECT_EQ(listed.at("/sagas/0/timers"), "1");
  EXPECT_EQ(listed.at("/sagas/0/behind"), "0");
  EXPECT_EQ(listed.at("/sagas/0/stuck"), "0");
  EXPECT_EQ(call("GET", "/v1/sagas/Tracking").at("/head"), listed.at("/sagas/0/head"));
}

TEST_F(SagaApiTest, pending_timers_are_listed_the_next_one_first) {
  send("slow-1");
  send("p1");
  const auto timers = call("GET", "/v1/sagas/Tracking/timers");
  EXPECT_EQ(timers.at("/timers/0/instance"), "p1");
  EXPECT_EQ(timers.at("/timers/0/timer"), "ask");
  EXPECT_EQ(timers.at("/timers/1/instance"), "slow-1");
  EXPECT_LT(timers.at("/timers/0/due"), timers.at("/timers/1/due"));
}

TEST_F(SagaApiTest, a_stuck_instance_is_shown_with_its_reason_and_can_be_retried) {
  Tracking::confused = true;
  send("p 1/2");
  const auto shown = call("GET", "/v1/sagas/Tracking");
  EXPECT_EQ(shown.at("/troubles/0/instance"), "p 1/2");
  EXPECT_EQ(shown.at("/troubles/0/stuck"), "true");
  EXPECT_EQ(shown.at("/troubles/0/what"), "Sent");
  EXPECT_THAT(shown.at("/troubles/0/error"), HasSubstr("which parcel?"));
  EXPECT_EQ(shown.at("/stuck"), "1");
  Tracking::confused = false;
  const auto done = call("POST", "/v1/sagas/Tracking/instances/p%201%2F2/retry");
  EXPECT_EQ(done.body, R"({"saga":"Tracking","instance":"p 1/2","done":"retry"})");
  ASSERT_TRUE(runner_->settle(std::chrono::minutes(1)));
  EXPECT_EQ(call("GET", "/v1/sagas/Tracking").at("/stuck"), "0");
  EXPECT_EQ(call("GET", "/v1/sagas/Tracking").at("/timers"), "1");
}

TEST_F(SagaApiTest, what_an_instance_is_stuck_at_can_be_given_up) {
  Tracking::confused = true;
  send("p1");
  EXPECT_EQ(call("POST", "/v1/sagas/Tracking/instances/p1/skip").status, 200);
  EXPECT_EQ(call("GET", "/v1/sagas/Tracking").at("/troubled"), "0");
  EXPECT_THAT(call("GET", "/v1/streams/Saga_Tracking-p1/events").body, HasSubstr("skipped"));
}

TEST_F(SagaApiTest, what_is_not_there_is_not_found) {
  EXPECT_EQ(call("GET", "/v1/sagas/Nobody").status, 404);
  EXPECT_EQ(call("GET", "/v1/sagas/Nobody/timers").status, 404);
  EXPECT_EQ(call("POST", "/v1/sagas/Nobody/instances/p1/retry").status, 404);
  EXPECT_EQ(call("POST", "/v1/sagas/Tracking/instances/p1/retry").status, 404) << "it is not in trouble";
  EXPECT_EQ(call("GET", "/v1/sagas?limit=1").status, 400) << "no such parameter";
  EXPECT_THAT(call("GET", "/openapi.json").body, HasSubstr("/v1/sagas/{saga}/instances/{instance}/retry"));
}

TEST_F(SagaApiTest, a_bare_store_has_no_sagas) {
  stop();
  start();
  EXPECT_EQ(call("GET", "/v1/sagas").body, R"({"sagas":[]})");
}

// ---- Types with older names

TEST_F(SagaApiTest, a_query_for_todays_name_of_a_type_finds_its_older_names) {
  append("Parcel-1", "Posted", "{}");
  append("Parcel-2", "ParcelSent", "{}");
  append("Parcel-3", "Lost", "{}");
  const auto found = call("GET", "/v1/events?type=ParcelSent");
  EXPECT_EQ(found.at("/events/0/event_type"), "Posted");
  EXPECT_EQ(found.at("/events/1/event_type"), "ParcelSent");
  EXPECT_EQ(call("GET", "/v1/events?type=Posted").at("/next"), "null");
  EXPECT_EQ(call("GET", "/v1/events?type=Posted").body.find("ParcelSent"), std::string::npos)
      << "an old name is only itself";
  EXPECT_THAT(call("GET", "/v1/streams/Parcel-1/events?type=ParcelSent").body, HasSubstr("Posted"));
}

TEST_F(SagaApiTest, an_append_condition_on_todays_name_sees_its_older_names) {
  append("Parcel-1", "Posted", "{}");
  const auto body = [](const std::string& type) {
    return R"({"writes":[{"stream":"Parcel-9","events":[{"type":"Lost","data":{}}]}],)"
           R"("condition":{"fail_if":{"items":[{"types":[")" +
           type + R"("]}]},"after":0}})";
  };
  const auto refused = call("POST", "/v1/append", body("ParcelSent"));
  EXPECT_EQ(refused.status, 409) << refused.body;
  EXPECT_EQ(refused.at("/position"), "1");
  EXPECT_EQ(call("POST", "/v1/append", body("Sent")).status, 201);
}

}  // namespace
}  // namespace stele::test

// Looking through time over HTTP: states, steps, differences, searches and forks, and how each is refused.
#include <gmock/gmock.h>

#include "raw_socket.hpp"
#include "server_fixture.hpp"
#include "stele/decider.hpp"
#include "stele/history.hpp"

namespace stele::test {
namespace purse {

struct Filled {
  std::int64_t coins;
};
STELE_EVENT(Filled, 1, coins);
struct Taken {
  std::int64_t coins;
};
STELE_EVENT(Taken, 1, coins);
struct Take {
  std::int64_t coins;
};
STELE_COMMAND(Take, coins);
struct TooFew {
  std::int64_t coins;
};
STELE_REFUSAL(TooFew, coins);

struct Purse : aggregate<commands<Take>, events<Filled, Taken>, refusals<TooFew>> {
  static constexpr std::string_view category = "Purse";
  static std::string id(const auto&) { return "1"; }
  struct State {
    std::int64_t coins = 0;
  };
  static Decision decide(const Take& c, const State& purse) {
    if (c.coins > purse.coins) return refuse(TooFew{purse.coins});
    return happened(Taken{c.coins});
  }
  static State evolve(const State& purse, const Filled& e) { return {purse.coins + e.coins}; }
  static State evolve(const State& purse, const Taken& e) { return {purse.coins - e.coins}; }
};
static_assert(decider<Purse>);

}  // namespace purse

namespace {

using testing::HasSubstr;

class HistoryApiTest : public ServerTest {
 protected:
  HistoryApiTest() {
    append("Purse-1", "Filled", R"({"coins":10})");
    append("Purse-1", "Taken", R"({"coins":4})");
    NewEvent last;
    last.type = "Taken";
    last.data = R"({"coins":9})";
    last.metadata = R"({"userId":"eve","correlationId":"tx-9","command":"Take"})";
    append("Purse-1", std::move(last));
    app_.aggregates(aggregates<purse::Purse>());
    start(&app_);
  }
  ~HistoryApiTest() override { stop(); }
  Reply get(const std::string& target, const std::string& accept = "application/json") {
    auto http = client();
    return http.send("GET", target, "", Headers{{"Accept", accept}});
  }
  Reply post(const std::string& target, const std::string& body) {
    auto http = client();
    return http.send("POST", target, body, Headers{{"Content-Type", "application/json"}});
  }
  App app_{"purses", "1"};
};

TEST_F(HistoryApiTest, states_are_shown_at_any_moment) {
  EXPECT_EQ(get("/v1/aggregates").body,
            R"({"aggregates":[{"type":"Purse","fold":"stele::test::purse::Purse"}]})");
  const auto now = get("/v1/aggregates/Purse/1");
  ASSERT_EQ(now.status, 200) << now.body;
  EXPECT_EQ(now.at("/state/coins"), "-3");
  EXPECT_EQ(now.at("/version"), "2");
  EXPECT_EQ(get("/v1/aggregates/Purse/1?as_of=v0").at("/state/coins"), "10");
  EXPECT_EQ(get("/v1/aggregates/Purse/1?at=Filled").at("/state/coins"), "10");
  EXPECT_EQ(get("/v1/aggregates/Purse/1?as_of=start").at("/state/coins"), "0");
  EXPECT_EQ(get("/v1/aggregates/Purse/2").status, 404);
  EXPECT_EQ(get("/v1/aggregates/Cart/1").status, 404);
  EXPECT_EQ(get("/v1/aggregates/Purse/1?as_of=yesterday").status, 400);
  EXPECT_EQ(get("/v1/aggregates/Purse/1?at=Filled%20five").status, 400);
}

TEST_F(HistoryApiTest, what_is_kept_folded_follows_a_stream_that_grows_or_loses_its_beginning) {
  EXPECT_EQ(get("/v1/aggregates/Purse/1").at("/state/coins"), "-3");
  append("Purse-1", "Filled", R"({"coins":100})");
  EXPECT_EQ(get("/v1/aggregates/Purse/1").at("/state/coins"), "97");
  EXPECT_EQ(get("/v1/aggregates/Purse/1?as_of=v2").at("/state/coins"), "-3");
  ASSERT_TRUE(
      set_retention(*store_, "Purse-1", {.truncate_before = Revision(2), .max_count = {}, .max_age = {}}));
  EXPECT_EQ(get("/v1/aggregates/Purse/1").at("/state/coins"), "91") << "what is kept: 0 - 9 + 100";
  EXPECT_EQ(get("/v1/aggregates/Purse/1?as_of=v1").status, 404);
  for (int i = 0; i < 20; ++i) append("Purse-many" + std::to_string(i), "Filled", R"({"coins":1})");
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(get("/v1/aggregates/Purse/many" + std::to_string(i)).at("/state/coins"), "1");
  }
  EXPECT_EQ(get("/v1/aggregates/Purse/1").at("/state/coins"), "91") << "again, after others took its place";
}

TEST_F(HistoryApiTest, the_timeline_is_a_page_or_all_of_it) {
  const auto page = get("/v1/aggregates/Purse/1/timeline?limit=2");
  EXPECT_EQ(page.at("/steps/0/before/coins"), "0");
  EXPECT_EQ(page.at("/steps/1/state/coins"), "6");
  EXPECT_EQ(page.at("/steps/1/patch/0/path"), "/coins");
  EXPECT_EQ(page.at("/next"), "v2");
  EXPECT_EQ(get("/v1/aggregates/Purse/1/timeline?from=v2").at("/steps/0/event/event_type"), "Taken");
  const auto all = get("/v1/aggregates/Purse/1/timeline?from=v1&to=v2", "application/x-ndjson");
  EXPECT_THAT(all.body, HasSubstr(R"("before":{"coins":10})"));
  EXPECT_THAT(all.body, HasSubstr("{\"$end\":{\"to\":2}}\n"));
  EXPECT_EQ(get("/v1/aggregates/Purse/1/timeline?limit=0").status, 400);
  EXPECT_EQ(get("/v1/aggregates/Purse/1/timeline?from=v2&to=v1").status, 400);
}

TEST_F(HistoryApiTest, differences_and_blame_agree_with_the_states) {
  const auto diff = get("/v1/aggregates/Purse/1/diff?from=v0&to=v1");
  EXPECT_EQ(diff.at("/changes/0/before"), "10");
  EXPECT_EQ(diff.at("/patch/0/value"), "6");
  const auto blame = get("/v1/aggregates/Purse/1/blame");
  EXPECT_EQ(blame.at("/fields/0/version"), "2");
  EXPECT_EQ(blame.at("/fields/0/user"), "eve");
  EXPECT_EQ(get("/v1/aggregates/Purse/1/blame?field=coins&as_of=v1").at("/fields/1/value"), "10");
}

TEST_F(HistoryApiTest, the_first_bad_event_is_found) {
  const auto found = get("/v1/aggregates/Purse/1/first?where=coins%20%3C%200");
  ASSERT_EQ(found.status, 200) << found.body;
  EXPECT_EQ(found.at("/version"), "2");
  EXPECT_EQ(found.at("/before/coins"), "6");
  EXPECT_EQ(get("/v1/aggregates/Purse/1/first?where=coins%20%3E%20100").at("/found"), "false");
  const auto wrong = get("/v1/aggregates/Purse/1/first?where=coins%20%3C");
  EXPECT_EQ(wrong.status, 400);
  EXPECT_THAT(wrong.body, HasSubstr("column 8"));
}

TEST_F(HistoryApiTest, all_of_a_type_are_swept_page_by_page) {
  append("Purse-2", "Filled", R"({"coins":1})");
  append("Purse-3", "Taken", R"({"coins":1})");
  append("Purse-4", "Unheard", "{}");
  const auto all = get("/v1/aggregates/Purse?where=coins%20%3C%200");
  ASSERT_EQ(all.status, 200) << all.body;
  EXPECT_EQ(all.at("/found/0/stream"), "Purse-1");
  EXPECT_EQ(all.at("/found/0/version"), "2");
  EXPECT_EQ(all.at("/found/0/before/coins"), "6");
  EXPECT_EQ(all.at("/found/0/event/metadata/userId"), "eve");
  EXPECT_EQ(all.at("/found/1/stream"), "Purse-3");
  EXPECT_EQ(all.at("/unreadable/0/stream"), "Purse-4");
  EXPECT_EQ(all.at("/streams"), "4");
  EXPECT_EQ(all.at("/events"), "6");
  EXPECT_EQ(all.at("/complete"), "true");
  EXPECT_EQ(all.at("/fold"), "stele::test::purse::Purse");
  const auto some = get("/v1/aggregates/Purse?where=coins%20%3C%200&limit=1");
  EXPECT_EQ(some.at("/complete"), "false");
  EXPECT_EQ(some.at("/next"), "1");
  const auto rest = get("/v1/aggregates/Purse?where=coins%20%3C%200&after=1");
  EXPECT_EQ(rest.at("/found/0/stream"), "Purse-3");
  EXPECT_EQ(rest.at("/streams"), "3");
}

TEST_F(HistoryApiTest, a_sweep_in_lines_ends_with_a_record) {
  append("Purse-4", "Unheard", "{}");
  const auto all = get("/v1/aggregates/Purse?where=coins%20%3C%200", "application/x-ndjson");
  ASSERT_EQ(all.status, 200) << all.body;
  EXPECT_THAT(all.body, testing::StartsWith(R"({"stream":"Purse-1","version":2,"before":{"coins":6})"));
  EXPECT_THAT(all.body, HasSubstr("\n{\"$unreadable\":{\"stream\":\"Purse-4\",\"why\":"));
  EXPECT_THAT(all.body, testing::EndsWith(R"({"$end":{"found":1,"streams":2,"events":4,"complete":true,)"
                                          R"("next":null,"fold":"stele::test::purse::Purse"}})"
                                          "\n"));
  EXPECT_THAT(get("/v1/aggregates/Purse?where=version%20=%200&limit=1", "application/x-ndjson").body,
              HasSubstr(R"("complete":false,"next":"1")"));
}

TEST_F(HistoryApiTest, a_sweep_that_makes_no_sense_is_refused_before_it_begins) {
  EXPECT_EQ(get("/v1/aggregates/Purse").status, 400);
  EXPECT_THAT(get("/v1/aggregates/Purse?where=coins%20%3C").body, HasSubstr("column 8"));
  EXPECT_EQ(get("/v1/aggregates/Purse?where=true&limit=0").status, 400);
  EXPECT_EQ(get("/v1/aggregates/Purse?where=true&limit=1001", "application/x-ndjson").status, 400);
  EXPECT_EQ(get("/v1/aggregates/Purse?where=true&id=1").status, 400);
  EXPECT_EQ(get("/v1/aggregates/Cart?where=true").status, 404);
}

TEST_F(HistoryApiTest, a_client_that_leaves_ends_its_sweep) {
  NewEvent one;
  one.type = "Filled";
  one.data = R"({"coins":1})";
  for (int i = 0; i < 3; ++i) {
    AppendRequest many;
    many.writes.push_back({"Purse-long", {}, std::vector<NewEvent>(10'000, one)});
    ASSERT_TRUE(store_->append(std::move(many)));
  }
  const auto all = get("/v1/aggregates/Purse?where=coins%20%3C%20-9", "application/x-ndjson");
  EXPECT_THAT(all.body, testing::StartsWith("{\"$progress\":{\"streams\":"));
  EXPECT_THAT(all.body, HasSubstr("\"streams\":2,\"events\":30003,\"complete\":true"));
  for (int i = 0; i < 3; ++i) {
    RawSocket leaver(port());
    ASSERT_TRUE(
        leaver.send("GET /v1/aggregates/Purse?where=coins%20%3C%20-9 HTTP/1.1\r\nHost: x\r\n"
                    "Accept: application/x-ndjson\r\n\r\n"));
  }
  EXPECT_EQ(get("/v1/aggregates/Purse/1").status, 200) << "others have their turn";
}

TEST_F(HistoryApiTest, what_if_writes_nothing) {
  const auto before = head();
  const auto forked = post("/v1/aggregates/Purse/1/what-if",
                           R"({"drop":["v1"],"set":["v2.coins=1"],"insert":["v3 Filled {\"coins\":5}"]})");
  ASSERT_EQ(forked.status, 200) << forked.body;
  EXPECT_EQ(forked.at("/forked/state/coins"), "14");
  EXPECT_EQ(forked.at("/first_different"), "1");
  EXPECT_EQ(head(), before);
  EXPECT_EQ(post("/v1/aggregates/Purse/1/what-if", "{}").status, 400);
  EXPECT_EQ(post("/v1/aggregates/Purse/1/what-if", R"({"drop":"v1"})").status, 400);
  EXPECT_EQ(post("/v1/aggregates/Purse/1/what-if", R"({"drop":["v99"]})").status, 400);
  EXPECT_EQ(post("/v1/aggregates/Purse/1/what-if", "drop v1").status, 400);
}

TEST_F(HistoryApiTest, a_moment_is_retold_as_a_test) {
  EXPECT_THAT(get("/v1/aggregates/Purse/1/test", "text/plain").body,
              HasSubstr(R"(.then_refused(told<stele::test::purse::TooFew>(R"json({"coins":6})json"));)"));
}

TEST_F(HistoryApiTest, searches_say_how_far_they_went) {
  const auto found = get("/v1/search?actor=eve&where=data.coins%20%3E%205");
  ASSERT_EQ(found.status, 200) << found.body;
  EXPECT_EQ(found.at("/events/0/global_position"), "3");
  EXPECT_EQ(found.at("/searched/complete"), "true");
  const auto some = get("/v1/search?type=Taken&limit=1");
  EXPECT_EQ(some.at("/searched/complete"), "false");
  EXPECT_EQ(some.at("/next"), "p3");
  EXPECT_EQ(get("/v1/search?from=p3&text=coins").at("/events/0/global_position"), "3");
  EXPECT_EQ(get("/v1/search?where=coins%20%3C%200").status, 400) << "that is a state";
  EXPECT_EQ(get("/v1/search?limit=0").status, 400);
  EXPECT_EQ(get("/v1/search?from=v3").status, 400);
  const auto id =
      found.at("/events/0/event_id").empty() ? found.at("/events/0/id") : found.at("/events/0/event_id");
  const auto causes = get("/v1/events/" + id + "/causes");
  ASSERT_EQ(causes.status, 200) << causes.body;
  EXPECT_EQ(causes.at("/tree/0/asked"), "true");
  EXPECT_EQ(causes.at("/searched/complete"), "true");
  EXPECT_EQ(get("/v1/events/17/causes").status, 400);
}

}  // namespace
}  // namespace stele::test

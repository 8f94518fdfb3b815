// app_test.cpp - what an application gets from app.hpp: routes, refusals, waiting for a read model, live answers.
#include <gmock/gmock.h>

#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "server_fixture.hpp"

namespace stele::test {
namespace {

using testing::HasSubstr;

// A read model whose position the test moves.
class HandModel final : public ReadModel {
 public:
  [[nodiscard]] Position position() const override {
    const std::lock_guard lock(mutex_);
    return at_;
  }
  std::uint64_t notify_at(Position wanted, std::function<void()> reached) override {
    {
      const std::lock_guard lock(mutex_);
      if (at_ < wanted) {
        waiting_.emplace(++last_, std::pair(wanted, std::move(reached)));
        return last_;
      }
    }
    reached();
    return 0;
  }
  void cancel(std::uint64_t ticket) override {
    const std::lock_guard lock(mutex_);
    waiting_.erase(ticket);
  }
  void move_to(std::uint64_t position) {
    std::vector<std::function<void()>> run;
    {
      const std::lock_guard lock(mutex_);
      at_ = Position(position);
      std::erase_if(waiting_, [&](auto& entry) {
        if (entry.second.first > at_) return false;
        run.push_back(std::move(entry.second.second));
        return true;
      });
    }
    for (auto& reached : run) reached();
  }
  [[nodiscard]] std::size_t waiting() const {
    const std::lock_guard lock(mutex_);
    return waiting_.size();
  }
  void wait_for_waiters(std::size_t count) const {
    while (waiting() != count) std::this_thread::yield();
  }

 private:
  mutable std::mutex mutex_;
  Position at_;
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, std::pair<Position, std::function<void()>>> waiting_;
};

class AppTest : public ServerTest {
 protected:
  ~AppTest() override { stop(); }
  void get_route(const std::string& pattern, Handler handler) {
    app_.route(
        {.method = "GET", .pattern = pattern, .handler = std::move(handler), .doc = {.summary = "test"}});
  }
  void summary_route() {
    app_.route(
        {.method = "GET",
         .pattern = "/accounts/{id}",
         .handler = [this](const Request& request) -> Answer {
           return Response::json(200, "{\"id\":\"" + std::string(request.param("id")) + "\"}")
               .read(Revision(0), model_.position());
         },
         .model = &model_,
         .stream = [](const Request& request) { return "account-" + std::string(request.param("id")); }});
  }
  Reply get(const std::string& where, const Headers& headers = {}) {
    auto http = client();
    return http.get(where, headers);
  }

  HandModel model_;
  App app_{"test app", "2.5"};
};

TEST_F(AppTest, a_handler_sees_the_whole_request) {
  app_.route({.method = "POST", .pattern = "/things/{kind}/{id}", .handler = [](const Request& r) -> Answer {
                return Response::text(200, std::string(r.param("kind")) + "|" + std::string(r.param("id")) +
                                               "|" + std::string(r.query_value("q").value_or("-")) + "|" +
                                               r.header("x-many").value_or("-") + "|" + r.content_type() +
                                               "|" + to_string(r.expected) + "|" + r.body);
              }});
  start(&app_);
  auto http = client();
  EXPECT_EQ(http.post("/things/a%2Fb/c?q=1+2%263", "hello",
                      {{"X-Many", "1"},
                       {"X-Many", "2"},
                       {"Content-Type", "Text/Plain; charset=x"},
                       {"If-Match", "\"7\""}})
                .body,
            "a/b|c|1 2&3|1, 2|text/plain|7|hello");
}

TEST_F(AppTest, literal_routes_win_over_parameters) {
  get_route("/a/{x}", [](const Request&) -> Answer { return Response::text(200, "parameter"); });
  get_route("/a/b", [](const Request&) -> Answer { return Response::text(200, "literal"); });
  start(&app_);
  EXPECT_EQ(get("/a/b").body, "literal");
  EXPECT_EQ(get("/a/c").body, "parameter");
  EXPECT_EQ(get("/a/").status, 404);
  EXPECT_EQ(get("/a/b/c").status, 404);
}

TEST_F(AppTest, refusals_become_problem_documents) {
  get_route("/rule", [](const Request&) -> Answer {
    return Response::problem(business_rule("InsufficientFunds", "not enough", {{"balance", "20.00"}}));
  });
  get_route("/command", [](const Request&) -> Answer {
    return Response::problem(
        invalid_command("two problems", {{"/amount", "is missing"}, {"/to", "is empty"}}));
  });
  get_route("/own", [](const Request&) -> Answer {
    return Response::problem(
        Problem(422, "account-frozen", "it is").with("since", 3).with_json("by", "[1]").help("thaw it"));
  });
  app_.problem("account-frozen", "The account is frozen", "Ask the bank.");
  start(&app_);
  const auto rule = get("/rule");
  EXPECT_EQ(rule.status, 422);
  EXPECT_EQ(rule.at("/type"), "/problems/business-rule");
  EXPECT_EQ(rule.at("/rule"), "InsufficientFunds");
  EXPECT_EQ(rule.at("/balance"), "20.00");
  EXPECT_EQ(rule.at("/instance"), "/rule");
  const auto command = get("/command");
  EXPECT_EQ(command.status, 400);
  EXPECT_EQ(command.at("/errors/1/pointer"), "/to");
  const auto own = get("/own");
  EXPECT_EQ(own.at("/title"), "The account is frozen");
  EXPECT_EQ(own.at("/since"), "3");
  EXPECT_EQ(own.at("/by"), "[1]");
  EXPECT_EQ(own.at("/help"), "thaw it");
  EXPECT_THAT(get("/problems/account-frozen").body, HasSubstr("Ask the bank."));
}

TEST_F(AppTest, errors_become_the_status_of_their_kind) {
  const std::vector<std::pair<errc, int>> kinds{
      {errc::invalid, 400},   {errc::conflict, 409}, {errc::not_found, 404},   {errc::gone, 410},
      {errc::too_large, 413}, {errc::busy, 429},     {errc::disk_full, 507},   {errc::read_only, 503},
      {errc::corrupt, 500},   {errc::timeout, 503},  {errc::unavailable, 503}, {errc::denied, 403}};
  for (const auto& [kind, status] : kinds) {
    get_route("/" + std::string(to_string(kind)), [failure = kind](const Request&) -> Answer {
      return Error(failure, "because").with("pointer", "/a").help("do it");
    });
  }
  start(&app_);
  for (const auto& [kind, status] : kinds) {
    const auto reply = get("/" + std::string(to_string(kind)));
    EXPECT_EQ(reply.status, status) << to_string(kind);
    EXPECT_EQ(reply.at("/detail"), "because");
    EXPECT_EQ(reply.at("/help"), "do it");
    EXPECT_EQ(reply.at("/errors/0/pointer"), "/a");
  }
}

TEST_F(AppTest, a_conflict_under_if_match_is_412_with_the_events_since) {
  append("account-1");
  append("account-1");
  app_.route({.method = "POST", .pattern = "/deposit", .handler = [this](const Request& request) -> Answer {
                AppendRequest append;
                NewEvent event;
                event.type = "T";
                event.data = "1";
                append.writes.push_back({"account-1", request.expected, {event}});
                STELE_TRY(const auto done, store_->append(std::move(append)));
                return Response::json(200, "{}").etag(done.revisions[0].revision).position(done.last);
              }});
  start(&app_);
  auto http = client();
  const auto late = http.post("/deposit", "{}", {{"If-Match", "\"0\""}});
  EXPECT_EQ(late.status, 412);
  EXPECT_EQ(late.at("/events_since/0/stream_position"), "1");
  const auto done = http.post("/deposit", "{}", {{"If-Match", "\"1\""}});
  EXPECT_EQ(done.status, 200);
  EXPECT_EQ(done.header("stele-position"), "3");
}

TEST_F(AppTest, handlers_that_throw_or_forget_are_500_and_the_server_lives) {
  get_route("/throws", [](const Request&) -> Answer { throw std::runtime_error("secret"); });
  get_route("/throws-int", [](const Request&) -> Answer { throw 7; });
  app_.route(
      {.method = "GET", .pattern = "/forgets", .async = [](std::shared_ptr<const Request>, Responder) {}});
  start(&app_);
  const auto thrown = get("/throws");
  EXPECT_EQ(thrown.status, 500);
  EXPECT_THAT(thrown.body, testing::Not(HasSubstr("secret")));
  EXPECT_EQ(get("/throws-int").status, 500);
  EXPECT_EQ(get("/forgets").at("/type"), "/problems/no-answer");
  EXPECT_EQ(get("/livez").status, 200);
}

TEST_F(AppTest, asynchronous_handlers_that_throw_are_500_and_the_server_lives) {
  app_.route({.method = "GET", .pattern = "/throws", .async = [](std::shared_ptr<const Request>, Responder) {
                throw std::runtime_error("secret");
              }});
  app_.route({.method = "GET",
              .pattern = "/answers",
              .async = [](std::shared_ptr<const Request>, Responder respond) {
                respond(Response::text(200, "first"));
                throw 7;
              }});
  start(&app_);
  const auto thrown = get("/throws");
  EXPECT_EQ(thrown.status, 500);
  EXPECT_THAT(thrown.body, testing::Not(HasSubstr("secret")));
  EXPECT_EQ(get("/answers").body, "first");
  EXPECT_EQ(get("/livez").status, 200);
}

TEST_F(AppTest, a_body_that_throws_ends_with_an_error_record_or_visibly_cut) {
  const auto source = [] {
    return [parts = 0](std::string& into, std::size_t) mutable -> bool {
      into += "{}\n";
      if (++parts == 2) throw std::runtime_error("secret");
      return true;
    };
  };
  get_route("/lines",
            [&](const Request&) -> Answer { return Response::stream("application/x-ndjson", source()); });
  get_route("/text", [&](const Request&) -> Answer { return Response::stream("text/plain", source()); });
  start(&app_);
  const auto lines = get("/lines");
  EXPECT_EQ(lines.status, 200);
  EXPECT_THAT(lines.body, testing::StartsWith("{}\n{\"$error\":{"));
  EXPECT_THAT(lines.body, testing::EndsWith("}}\n"));
  EXPECT_THAT(lines.body, testing::Not(HasSubstr("secret")));
  EXPECT_EQ(get("/text").status, 0);  // the transfer has no end
  EXPECT_EQ(get("/livez").status, 200);
}

TEST_F(AppTest, callbacks_of_a_live_answer_that_throw_end_that_stream_only) {
  get_route("/opened", [](const Request&) -> Answer {
    return Response::live([](std::shared_ptr<EventStream>) { throw std::runtime_error("secret"); });
  });
  get_route("/closed", [](const Request&) -> Answer {
    return Response::live([](std::shared_ptr<EventStream> stream) {
      stream->on_close([] { throw 7; });
      stream->close();
    });
  });
  start(&app_);
  EXPECT_FALSE(SseClient(port(), "/opened").next());
  EXPECT_FALSE(SseClient(port(), "/closed").next());
  stop();  // runs what is queued
}

TEST_F(AppTest, an_asynchronous_answer_may_come_from_any_thread) {
  std::mutex mutex;
  std::vector<std::thread> threads;
  app_.route({.method = "GET",
              .pattern = "/later",
              .async = [&](std::shared_ptr<const Request> r, Responder respond) {
                const std::lock_guard lock(mutex);
                threads.emplace_back(
                    [r, respond = std::move(respond)]() mutable { respond(Response::text(200, r->path)); });
              }});
  start(&app_);
  EXPECT_EQ(get("/later").body, "/later");
  stop();
  for (auto& thread : threads) thread.join();
}

TEST_F(AppTest, a_query_waits_until_its_model_shows_the_write) {
  summary_route();
  append("account-7");
  append("account-7");
  start(&app_);
  for (const auto* after : {"?after_version=1", "?after_position=2", "?after_version=1&after_position=1"}) {
    model_.move_to(1);
    Reply reply;
    std::thread asking([&] { reply = get("/accounts/7" + std::string(after), {{"Prefer", "wait=60"}}); });
    model_.wait_for_waiters(1);
    model_.move_to(2);
    asking.join();
    EXPECT_EQ(reply.status, 200) << after;
    EXPECT_EQ(reply.header("preference-applied"), "wait=60");
    EXPECT_EQ(reply.header("stele-behind-events"), "0");
    EXPECT_EQ(reply.header("stele-read-version"), "0");
  }
}

TEST_F(AppTest, a_version_that_does_not_exist_yet_is_waited_for) {
  summary_route();
  append("account-7");
  start(&app_);
  model_.move_to(1);
  Reply reply;
  std::thread asking([&] { reply = get("/accounts/7?after_version=1", {{"Prefer", "wait=60"}}); });
  append("other-1");
  append("account-7");
  model_.move_to(3);
  asking.join();
  EXPECT_EQ(reply.status, 200);
}

TEST_F(AppTest, a_model_that_is_too_late_is_503_with_the_distance) {
  summary_route();
  for (int i = 0; i < 3; ++i) append("account-7");
  start(&app_);
  model_.move_to(1);
  const auto late = get("/accounts/7?after_version=2", {{"Prefer", "wait=0"}});
  EXPECT_EQ(late.status, 503);
  EXPECT_EQ(late.at("/type"), "/problems/read-model-behind");
  EXPECT_EQ(late.at("/current"), "1");
  EXPECT_EQ(late.at("/behind_events"), "2");
  EXPECT_EQ(late.at("/wanted_version"), "2");
  EXPECT_EQ(late.header("retry-after"), "1");
  const auto by_position = get("/accounts/7?after_position=3", {{"Prefer", "wait=0"}});
  EXPECT_EQ(by_position.at("/wanted"), "3");
  model_.wait_for_waiters(0);
}

TEST_F(AppTest, a_lenient_client_gets_a_stale_answer) {
  summary_route();
  for (int i = 0; i < 3; ++i) append("account-7");
  start(&app_);
  model_.move_to(1);
  const auto stale = get("/accounts/7?after_position=3", {{"Prefer", "wait=0, handling=lenient"}});
  EXPECT_EQ(stale.status, 200);
  EXPECT_EQ(stale.header("stele-stale"), "true");
  EXPECT_EQ(stale.header("stele-behind-events"), "2");
  EXPECT_EQ(stale.header("preference-applied"), "handling=lenient");
}

TEST_F(AppTest, malformed_conventions_are_refused_before_the_handler) {
  std::atomic<int> called{0};
  get_route("/x", [&](const Request&) -> Answer {
    ++called;
    return Response::json(200, "{}");
  });
  start(&app_);
  for (const auto* query : {"?as_of=never", "?after_version=x", "?after_position=-1"}) {
    EXPECT_EQ(get("/x" + std::string(query)).status, 400) << query;
  }
  EXPECT_EQ(called, 0);
  EXPECT_EQ(get("/x?as_of=v3&unknown=1", {{"Prefer", "nonsense;;=, wait=abc"}}).status, 200);
}

TEST_F(AppTest, a_live_answer_shows_the_newest_state) {
  std::mutex mutex;
  std::shared_ptr<EventStream> stream;
  std::atomic<bool> closed{false};
  get_route("/state", [&](const Request&) -> Answer {
    return Response::live([&](std::shared_ptr<EventStream> opened) {
      opened->on_close([&] { closed = true; });
      (void)opened->send({.data = "one\ntwo", .event = "state", .id = "1"});
      const std::lock_guard lock(mutex);
      stream = std::move(opened);
    });
  });
  start(&app_);
  {
    SseClient live(port(), "/state");
    const auto first = live.next();
    ASSERT_TRUE(first);
    EXPECT_EQ(first->event, "state");
    EXPECT_EQ(first->id, "1");
    EXPECT_EQ(first->data, "one\ntwo");
    for (;;) {
      const std::lock_guard lock(mutex);
      if (stream) break;
    }
    stream->send_latest({.data = "newest", .event = {}, .id = {}});
    EXPECT_EQ(live.next()->data, "newest");
  }
  while (!closed) std::this_thread::yield();
  EXPECT_FALSE(stream->open());
  EXPECT_FALSE(stream->send({.data = "x", .event = {}, .id = {}}));
}

TEST_F(AppTest, routes_that_cannot_be_served_are_refused_at_the_start) {
  const auto fails = [&](Route route) {
    App app("x", "1");
    app.route(std::move(route));
    const auto started = Server::start(*store_, &app, options_);
    return !started && started.error().kind() == errc::invalid;
  };
  const Handler handler = [](const Request&) -> Answer { return Response::json(200, "{}"); };
  EXPECT_TRUE(fails({.method = "GET", .pattern = "/v1/mine", .handler = handler}));
  EXPECT_TRUE(fails({.method = "GET", .pattern = "mine", .handler = handler}));
  EXPECT_TRUE(fails({.method = "get", .pattern = "/mine", .handler = handler}));
  EXPECT_TRUE(fails({.method = "GET", .pattern = "/mine"}));
  EXPECT_TRUE(fails({.method = "GET", .pattern = "/livez", .handler = handler}));
}

}  // namespace
}  // namespace stele::test

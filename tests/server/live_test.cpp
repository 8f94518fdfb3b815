// live_test.cpp - event streams of the store: history, then live, exactly once, whatever the client does.
#include <gmock/gmock.h>

#include <atomic>
#include <random>
#include <thread>

#include "raw_socket.hpp"
#include "server_fixture.hpp"

namespace stele::test {
namespace {

using testing::HasSubstr;

class LiveTest : public ServerTest {
 protected:
  // The next message that is an event of the log.
  static std::optional<SseMessage> next_event(SseClient& live) {
    for (;;) {
      auto message = live.next();
      if (!message || message->event == "message") return message;
    }
  }
  static std::string next_control(SseClient& live) {
    for (;;) {
      const auto message = live.next();
      if (!message) return "";
      if (message->event != "message") return message->event;
    }
  }
};

TEST_F(LiveTest, history_comes_first_then_what_happens) {
  append("a-1", "Old");
  start();
  SseClient live(port(), "/v1/events");
  EXPECT_EQ(live.status(), 200);
  const auto old = live.next();
  ASSERT_TRUE(old);
  EXPECT_EQ(old->id, "1");
  EXPECT_THAT(old->data, HasSubstr(R"("event_type":"Old")"));
  const auto caught_up = live.next();
  EXPECT_EQ(caught_up->event, "caught-up");
  EXPECT_EQ(caught_up->data, "{\"position\":1}");
  append("b-1", "New");
  EXPECT_THAT(next_event(live)->data, HasSubstr(R"("event_type":"New")"));
}

TEST_F(LiveTest, only_what_matches_is_delivered) {
  start();
  SseClient types(port(), "/v1/events?type=T1");
  SseClient categories(port(), "/v1/events?category=b");
  SseClient tags(port(), "/v1/events?tag=red");
  SseClient stream(port(), "/v1/streams/b-2/events");  // does not exist yet
  for (auto* live : {&types, &categories, &tags, &stream}) EXPECT_EQ(next_control(*live), "caught-up");
  append("a-1", "T0");
  append("a-1", "T1");
  append("b-1", "T0");
  NewEvent tagged;
  tagged.type = "T2";
  tagged.data = "{}";
  tagged.tags = {"blue", "red"};
  append("b-2", tagged);
  EXPECT_EQ(next_event(types)->id, "2");
  EXPECT_EQ(next_event(categories)->id, "3");
  EXPECT_EQ(next_event(categories)->id, "4");
  EXPECT_EQ(next_event(tags)->id, "4");
  EXPECT_EQ(next_event(stream)->id, "4");
}

TEST_F(LiveTest, from_and_last_event_id_say_where_to_begin) {
  for (int i = 0; i < 5; ++i) append("a-1");
  start();
  EXPECT_EQ(SseClient(port(), "/v1/events?from=p4").next()->id, "4");
  EXPECT_EQ(SseClient(port(), "/v1/streams/a-1/events?from=v2").next()->id, "3");
  EXPECT_EQ(SseClient(port(), "/v1/events", "3").next()->id, "4");
  EXPECT_EQ(SseClient(port(), "/v1/events?last_event_id=2").next()->id, "3");
  SseClient live(port(), "/v1/events?from=head");
  EXPECT_EQ(live.next()->event, "caught-up");
  EXPECT_EQ(SseClient(port(), "/v1/events", "x").status(), 400);
  EXPECT_EQ(SseClient(port(), "/v1/events?as_of=p1").status(), 400);
  EXPECT_EQ(SseClient(port(), "/v1/events?limit=3").status(), 400);
}

TEST_F(LiveTest, a_start_beyond_the_head_is_refused_with_the_head_and_harms_nobody) {
  options_.workers = 1;
  append("a-1", "Old");
  start();
  const Headers live{{"Accept", "text/event-stream"}};
  for (const std::string target :
       {"/v1/events?from=p3", "/v1/events?from=p999999", "/v1/events?from=p18446744073709551615",
        "/v1/events?last_event_id=2", "/v1/streams/a-1/events?from=p999999"}) {
    const auto refused = client().get(target, live);
    EXPECT_EQ(refused.status, 400) << target;
    EXPECT_EQ(refused.at("/head"), "1") << refused.body;
  }
  for (const std::string id : {"2", "999999", "18446744073709551615"}) {
    const auto refused = client().get("/v1/events", {{"Accept", "text/event-stream"}, {"Last-Event-ID", id}});
    EXPECT_EQ(refused.status, 400) << id;
    EXPECT_NE(refused.body.find(R"("head":1)"), std::string::npos) << "a number: " << refused.body;
  }
  SseClient next(port(), "/v1/events?from=p2");  // the very next event is no future
  EXPECT_EQ(next_control(next), "caught-up");
  SseClient early(port(), "/v1/events");
  EXPECT_EQ(next_event(early)->id, "1");
  append("a-1", "New");
  EXPECT_EQ(next_event(next)->id, "2");
  EXPECT_EQ(next_event(early)->id, "2");
  EXPECT_EQ(client().get("/livez").status, 200);
}

TEST_F(LiveTest, readers_of_a_long_history_leave_the_workers_to_others_too) {
  options_.workers = 1;
  options_.live_buffer_bytes = 256U << 20;  // never full: nothing but its own turn stops a reader
  const std::uint64_t events = slow_build ? 10'000 : 40'000;
  for (std::uint64_t i = 0; i < events; i += 5000) append_many("a-1", 5000);
  start();
  std::vector<std::unique_ptr<SseClient>> readers;
  for (int i = 0; i < 3; ++i) readers.push_back(std::make_unique<SseClient>(port(), "/v1/events"));
  EXPECT_EQ(client().get("/v1/streams/a-1").status, 200);
  readers.pop_back();  // leaves in the middle
  for (auto& reader : readers) {
    for (std::uint64_t i = 1; i <= events; ++i) ASSERT_EQ(next_event(*reader)->id, std::to_string(i));
    EXPECT_EQ(next_control(*reader), "caught-up");
  }
  append("a-1");
  for (auto& reader : readers) EXPECT_EQ(next_event(*reader)->id, std::to_string(events + 1));
}

TEST_F(LiveTest, a_client_that_resumes_at_random_sees_every_event_once) {
  start();
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const int disconnects = slow_build ? 25 : 100;
  const std::uint64_t events = slow_build ? 500 : 3000;
  std::thread writer([&] {
    for (std::uint64_t i = 0; i < events; i += 5) append_many("a-" + std::to_string(i % 7), 5);
  });
  std::uint64_t seen = 0;
  int connections = 0;
  std::string last;
  while (seen < events) {
    SseClient live(port(), "/v1/events", last);
    ++connections;
    auto left = connections <= disconnects ? random() % (2 * events / static_cast<std::uint64_t>(disconnects))
                                           : events;
    while (seen < events) {
      const auto message = next_event(live);
      ASSERT_TRUE(message) << "the stream ended by itself behind " << last;
      ASSERT_EQ(message->id, std::to_string(seen + 1));
      last = message->id;
      ++seen;
      if (left-- == 0) break;
    }
  }
  writer.join();
  EXPECT_EQ(seen, events);
  EXPECT_GE(connections, 2);
}

TEST_F(LiveTest, many_clients_see_the_same_under_concurrent_writers) {
  start();
  constexpr std::uint64_t each = slow_build ? 50 : 300;
  constexpr int writers = 3;
  constexpr std::size_t readers = slow_build ? 4 : 12;
  std::vector<std::thread> threads;
  std::atomic<std::size_t> complete{0};
  for (std::size_t r = 0; r < readers; ++r) {
    threads.emplace_back([&, r] {
      SseClient live(port(), r % 2 == 0 ? "/v1/events" : "/v1/events?category=w");
      for (std::uint64_t i = 1; i <= each * writers; ++i) {
        const auto message = next_event(live);
        if (!message || message->id != std::to_string(i)) return;
      }
      ++complete;
    });
  }
  for (int w = 0; w < writers; ++w) {
    threads.emplace_back([&, w] {
      for (std::uint64_t i = 0; i < each; ++i) append("w-" + std::to_string(w));
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(complete, readers);
}

TEST_F(LiveTest, a_slow_client_holds_nobody_up_and_misses_nothing) {
  options_.live_buffer_bytes = 4096;
  start();
  RawSocket slow(port(), 2048);
  ASSERT_TRUE(slow.send("GET /v1/events HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n"));
  auto text = slow.receive_until("caught-up");
  const int events = 400;
  for (int i = 0; i < events; i += 4) append_many("a-1", 4, "\"" + std::string(10'000, 'x') + "\"");
  auto http = client();
  EXPECT_EQ(http.get("/livez").status, 200);
  const auto last = "id: " + std::to_string(events) + "\n";
  text += slow.receive_until(last);
  std::size_t at = 0;
  for (int i = 1; i <= events; ++i) {
    const auto next = text.find("id: " + std::to_string(i) + "\ndata", at);
    ASSERT_NE(next, std::string::npos) << "event " << i;
    at = next + 1;
    EXPECT_EQ(text.find("id: " + std::to_string(i) + "\ndata", at), std::string::npos)
        << "event " << i << " twice";
  }
  EXPECT_THAT(text, HasSubstr("event: fell-behind"));
}

TEST_F(LiveTest, a_quiet_stream_gets_heartbeats) {
  options_.heartbeat = std::chrono::milliseconds(50);
  start();
  RawSocket socket(port());
  ASSERT_TRUE(socket.send("GET /v1/events HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n"));
  const auto text = socket.receive_until(": heartbeat\n\n");
  EXPECT_THAT(text, HasSubstr("Content-Type: text/event-stream\r\n"));
  EXPECT_THAT(text, HasSubstr("X-Accel-Buffering: no\r\n"));
  EXPECT_THAT(text, HasSubstr("Cache-Control: no-store\r\n"));
  EXPECT_THAT(text, HasSubstr("retry: 2000\n"));
  EXPECT_THAT(text, HasSubstr(": heartbeat"));
}

TEST_F(LiveTest, a_stopping_server_says_so_and_ends_the_stream) {
  start();
  SseClient live(port(), "/v1/events");
  EXPECT_EQ(next_control(live), "caught-up");
  std::thread stopping([&] { server_->stop(); });
  EXPECT_EQ(next_control(live), "gone");
  EXPECT_FALSE(live.next());
  stopping.join();
}

TEST_F(LiveTest, idle_clients_are_counted_and_let_go_of) {
  start();
  const auto live_gauge = [this](int count) {
    auto http = client();
    const auto wanted = "stele_live_connections{protocol=\"sse\"} " + std::to_string(count) + "\n";
    while (http.get("/metrics").body.find(wanted) == std::string::npos) std::this_thread::yield();
  };
  {
    std::vector<std::unique_ptr<SseClient>> idle;
    const int clients = slow_build ? 20 : 200;
    for (int i = 0; i < clients; ++i) {
      idle.push_back(std::make_unique<SseClient>(port(), "/v1/events?type=Never" + std::to_string(i)));
    }
    for (auto& live : idle) EXPECT_EQ(next_control(*live), "caught-up");
    live_gauge(clients);
    for (int i = 0; i < 100; ++i) append("a-1");
  }
  live_gauge(0);
  EXPECT_EQ(head(), 100U);
}

}  // namespace
}  // namespace stele::test

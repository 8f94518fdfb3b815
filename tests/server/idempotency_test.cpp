// idempotency_test.cpp - one effect and one answer per Idempotency-Key, also across restarts and crashes.
#include <gmock/gmock.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "server/app/idempotency.hpp"
#include "server_fixture.hpp"

namespace stele::test {
namespace {

constexpr std::string_view order_events = "/v1/streams/order-1/events";
constexpr std::string_view placed = R"({"type":"Placed","data":1})";

class IdempotencyTest : public ServerTest {
 protected:
  Reply post(std::string_view body, const std::string& key,
             const std::string& where = std::string(order_events)) {
    auto http = client();
    return http.post(where, body, {{"Idempotency-Key", key}});
  }
};

TEST_F(IdempotencyTest, a_repeat_gets_the_first_answer_and_has_no_effect) {
  start();
  const auto first = post(placed, "k-1");
  const auto again = post(placed, "k-1");
  EXPECT_EQ(first.status, 201);
  EXPECT_EQ(again.status, 201);
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(again.header("etag"), first.header("etag"));
  EXPECT_EQ(again.header("stele-position"), first.header("stele-position"));
  EXPECT_EQ(first.header("idempotency-replayed"), "");
  EXPECT_EQ(again.header("idempotency-replayed"), "true");
  EXPECT_EQ(head(), 1U);
}

TEST_F(IdempotencyTest, a_repeat_after_a_restart_gets_the_first_answer) {
  start();
  const auto first = post(placed, "k-1");
  restart();
  const auto again = post(placed, "k-1");
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(again.header("idempotency-replayed"), "true");
  EXPECT_EQ(head(), 1U);
}

TEST_F(IdempotencyTest, a_crash_between_append_and_record_still_gives_one_effect_and_the_same_answer) {
  start();
  const auto first = post(placed, "k-1");
  stop();
  ASSERT_TRUE(store_->records().erase("idempotency", "k-1"));
  restart();
  const auto again = post(placed, "k-1");
  EXPECT_EQ(again.status, 201);
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(again.header("idempotency-replayed"), "true");
  EXPECT_EQ(head(), 1U);
}

TEST_F(IdempotencyTest, another_body_under_the_key_is_refused) {
  start();
  ASSERT_EQ(post(placed, "k-1").status, 201);
  for (const auto& [body, where] : std::vector<std::pair<std::string, std::string>>{
           {R"({"type":"Placed","data":2})", std::string(order_events)},
           {std::string(placed), "/v1/streams/order-2/events"}}) {
    const auto other = post(body, "k-1", where);
    EXPECT_EQ(other.status, 422);
    EXPECT_EQ(other.at("/type"), "/problems/idempotency-key-reused");
  }
  EXPECT_EQ(head(), 1U);
}

TEST_F(IdempotencyTest, another_header_that_decides_is_another_request) {
  start();
  const auto send = [&](const std::string& key, Headers headers) {
    headers.emplace_back("Idempotency-Key", key);
    auto http = client();
    return http.post(std::string(order_events), placed, headers);
  };
  const Headers octets{{"Content-Type", "application/octet-stream"}};
  const auto with = [](Headers headers, const std::string& name, const std::string& value) {
    headers.emplace_back(name, value);
    return headers;
  };
  ASSERT_EQ(send("k-1", with(octets, "Stele-Event-Type", "A")).status, 201);
  EXPECT_EQ(send("k-1", with(octets, "Stele-Event-Type", "A")).header("idempotency-replayed"), "true");
  EXPECT_EQ(send("k-1", with(octets, "Stele-Event-Type", "B")).at("/type"),
            "/problems/idempotency-key-reused");
  ASSERT_EQ(send("k-2", {{"If-Match", "\"0\""}}).status, 201);
  EXPECT_EQ(send("k-2", {{"If-Match", "\"0\""}}).header("idempotency-replayed"), "true");
  for (const auto& other : {Headers{{"If-Match", "\"1\""}}, Headers{{"If-None-Match", "*"}}, Headers{}}) {
    EXPECT_EQ(send("k-2", other).at("/type"), "/problems/idempotency-key-reused");
  }
  EXPECT_EQ(head(), 2U);
}

TEST_F(IdempotencyTest, a_repeat_is_marked_once_also_when_the_first_record_was_lost) {
  start();
  ASSERT_EQ(post(placed, "k-1").status, 201);
  ASSERT_TRUE(store_->records().erase("idempotency", "k-1"));
  ASSERT_EQ(post(placed, "k-1").header("idempotency-replayed"), "true");  // known by its ids; stored again
  Wire wire(port());
  ASSERT_TRUE(wire.send("POST " + std::string(order_events) +
                        " HTTP/1.1\r\nHost: x\r\nIdempotency-Key: k-1\r\n" +
                        "Content-Type: application/json\r\nContent-Length: " + std::to_string(placed.size()) +
                        "\r\n\r\n" + std::string(placed)));
  const auto answer = wire.read_until("\r\n\r\n").value_or("");
  const auto first = answer.find("Idempotency-Replayed");
  ASSERT_NE(first, std::string::npos) << answer;
  EXPECT_EQ(answer.find("Idempotency-Replayed", first + 1), std::string::npos) << answer;
}

TEST_F(IdempotencyTest, another_body_is_refused_even_when_the_record_was_lost) {
  start();
  ASSERT_EQ(post(placed, "k-1").status, 201);
  ASSERT_TRUE(store_->records().erase("idempotency", "k-1"));
  const auto other = post(R"({"type":"Placed","data":2})", "k-1");
  EXPECT_EQ(other.status, 422) << other.body;
  EXPECT_EQ(head(), 1U);
}

TEST_F(IdempotencyTest, a_refused_request_may_be_tried_again_under_its_key) {
  start();
  EXPECT_EQ(post("{", "k-1").status, 400);
  EXPECT_EQ(post(placed, "k-1").status, 201);
}

TEST_F(IdempotencyTest, keys_that_are_none_are_refused) {
  start();
  EXPECT_EQ(post(placed, "").status, 400);
  EXPECT_EQ(post(placed, "two words").status, 400);
  EXPECT_EQ(post(placed, std::string(256, 'k')).status, 400);
  EXPECT_EQ(post(placed, "\"quoted\"").status, 201);
  EXPECT_EQ(post(placed, "quoted").header("idempotency-replayed"), "true");
  EXPECT_EQ(head(), 1U);
}

TEST_F(IdempotencyTest, a_repeat_while_the_first_still_runs_is_told_to_wait) {
  std::mutex mutex;
  std::condition_variable changed;
  int entered = 0;
  bool go_on = false;
  App app("test", "1");
  app.route({.method = "POST", .pattern = "/slow", .handler = [&](const Request&) -> Answer {
               std::unique_lock lock(mutex);
               ++entered;
               changed.notify_all();
               changed.wait(lock, [&] { return go_on; });
               return Response::json(200, "{\"n\":" + std::to_string(entered) + "}");
             }});
  start(&app);
  Reply first;
  std::thread running([&] { first = post("{}", "k-1", "/slow"); });
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return entered == 1; });
  }
  const auto meanwhile = post("{}", "k-1", "/slow");
  const auto different = post("[]", "k-1", "/slow");
  {
    const std::lock_guard lock(mutex);
    go_on = true;
    changed.notify_all();
  }
  running.join();
  EXPECT_EQ(meanwhile.status, 409);
  EXPECT_EQ(meanwhile.at("/type"), "/problems/request-in-progress");
  EXPECT_EQ(meanwhile.header("retry-after"), "1");
  EXPECT_EQ(different.status, 422);
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(post("{}", "k-1", "/slow").body, first.body);
  EXPECT_EQ(entered, 1);
  stop();
}

TEST_F(IdempotencyTest, many_clients_with_one_key_have_one_effect) {
  start();
  std::vector<std::thread> clients;
  std::vector<Reply> replies(slow_build ? 4 : 16);
  for (auto& reply : replies) {
    clients.emplace_back([&] {
      do reply = post(placed, "k-1");
      while (reply.status == 409);
    });
  }
  for (auto& thread : clients) thread.join();
  for (const auto& reply : replies) EXPECT_EQ(reply.body, replies.front().body);
  EXPECT_EQ(head(), 1U);
}

TEST_F(IdempotencyTest, old_answers_are_forgotten) {
  server::Idempotency keys(store_->records());
  Request request;
  request.method = "POST";
  request.idempotency_key = "k";
  ASSERT_FALSE(keys.begin(request)->has_value());
  ASSERT_TRUE(keys.end(request, Response::json(200, "{}")));
  ASSERT_TRUE(keys.begin(request)->has_value());
  const auto later =
      std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now()) +
      std::chrono::hours(1);
  EXPECT_EQ(keys.forget_before(later).value_or(0), 1U);
  EXPECT_FALSE(keys.begin(request)->has_value());
}

}  // namespace
}  // namespace stele::test

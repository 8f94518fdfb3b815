// What a stream keeps, over HTTP: changing it, deleting, ending.
#include <gmock/gmock.h>

#include <thread>

#include "server_fixture.hpp"

namespace stele::test {
namespace {

class RetentionTest : public ServerTest {
 protected:
  RetentionTest() {
    start();
    for (int i = 0; i < 5; ++i) append("order-1");
  }
  Reply call(const std::string& method, const std::string& target, const std::string& body = "",
             const Headers& headers = {}) {
    auto http = client();
    return http.send(method, target, body, headers);
  }
};

TEST_F(RetentionTest, a_patch_changes_what_it_names) {
  EXPECT_EQ(call("GET", "/v1/streams/order-1/retention").body,
            R"({"stream":"order-1","truncate_before":null,"max_count":null,"max_age":null})");
  EXPECT_EQ(call("PATCH", "/v1/streams/order-1", R"({"max_count":2,"max_age":900})").status, 200);
  const auto second = call("PATCH", "/v1/streams/order-1", R"({"max_age":null,"truncate_before":1})");
  EXPECT_EQ(second.body, R"({"stream":"order-1","truncate_before":1,"max_count":2,"max_age":null})");
  EXPECT_EQ(call("GET", "/v1/streams/order-1/retention").body, second.body);
  EXPECT_EQ(call("GET", "/v1/streams/order-1").at("/events"), "2");
  EXPECT_EQ(call("GET", "/v1/streams/order-1/events/1").status, 404);
  EXPECT_EQ(call("GET", "/v1/streams/order-1/events/3").status, 200);
}

TEST_F(RetentionTest, of_two_patches_at_once_neither_is_lost) {
  const auto patch = [&](const std::string& body) {
    EXPECT_EQ(call("PATCH", "/v1/streams/order-1", body).status, 200) << body;
  };
  for (int round = 1; round <= (slow_build ? 5 : 25); ++round) {
    const auto value = std::to_string(round);
    std::thread other([&] { patch(R"({"max_age":)" + value + "}"); });
    patch(R"({"max_count":)" + value + "}");
    other.join();
    EXPECT_EQ(call("GET", "/v1/streams/order-1/retention").body,
              R"({"stream":"order-1","truncate_before":null,"max_count":)" + value + R"(,"max_age":)" +
                  value + "}");
  }
}

TEST_F(RetentionTest, nonsense_is_refused) {
  for (const auto* body : {"", "[]", R"({"max_count":0})", R"({"max_count":"2"})", R"({"keep":2})",
                           R"({"truncate_before":-1})"}) {
    EXPECT_EQ(call("PATCH", "/v1/streams/order-1", body).status, 400) << body;
  }
  EXPECT_EQ(call("PATCH", "/v1/streams/$all", R"({"max_count":2})").status, 400);
  EXPECT_EQ(call("DELETE", "/v1/streams/order-1?mode=quick").status, 400);
}

TEST_F(RetentionTest, a_deleted_stream_is_not_found_until_it_is_written_again) {
  EXPECT_EQ(call("DELETE", "/v1/streams/order-1", "", Headers{{"If-Match", "\"3\""}}).status, 412);
  const auto done = call("DELETE", "/v1/streams/order-1", "", Headers{{"If-Match", "\"4\""}});
  EXPECT_EQ(done.body, R"({"stream":"order-1","mode":"soft","position":6})");
  EXPECT_EQ(call("GET", "/v1/streams/order-1/events").status, 404);
  EXPECT_EQ(call("DELETE", "/v1/streams/order-1").status, 404);
  append("order-1");
  EXPECT_EQ(call("GET", "/v1/streams/order-1").at("/version"), "5");
}

TEST_F(RetentionTest, a_tombstoned_stream_is_gone) {
  EXPECT_EQ(call("DELETE", "/v1/streams/order-1?mode=tombstone").status, 200);
  EXPECT_EQ(call("GET", "/v1/streams/order-1").status, 410);
  EXPECT_EQ(call("GET", "/v1/streams/order-1/events").status, 410);
  EXPECT_EQ(call("DELETE", "/v1/streams/order-1").status, 410);
  const auto refused = call("POST", "/v1/streams/order-1/events", R"({"type":"Placed","data":{}})",
                            Headers{{"Content-Type", "application/json"}});
  EXPECT_EQ(refused.status, 410) << refused.body;
}

}  // namespace
}  // namespace stele::test

// append_test.cpp - appending over HTTP: the fixed shapes, expected versions, and every way to get it wrong.
#include <gmock/gmock.h>

#include "server_fixture.hpp"

namespace stele::test {
namespace {

using testing::HasSubstr;

class AppendTest : public ServerTest {
 protected:
  AppendTest() { start(); }
  Reply post(const std::string& target, std::string_view body, const Headers& headers = {}) {
    auto http = client();
    return http.post(target, body, headers);
  }
};

constexpr std::string_view events_of = "/v1/streams/order-1/events";
constexpr std::string_view one = R"({"type":"Placed","data":{"total":10.50}})";

TEST_F(AppendTest, one_event_gives_the_fixed_answer) {
  const auto reply = post(std::string(events_of), one);
  EXPECT_EQ(reply.status, 201);
  EXPECT_EQ(reply.at("/first"), "1");
  EXPECT_EQ(reply.at("/last"), "1");
  EXPECT_EQ(reply.at("/revisions"), R"({"order-1":0})");
  EXPECT_EQ(reply.at("/duplicate"), "false");
  EXPECT_TRUE(parse_time(reply.at("/recorded_at")));
  EXPECT_EQ(reply.header("etag"), "\"0\"");
  EXPECT_EQ(reply.header("stele-position"), "1");
  EXPECT_EQ(reply.header("location"), "/v1/streams/order-1/events/0");
}

TEST_F(AppendTest, an_array_is_appended_as_one) {
  const auto reply = post(std::string(events_of), "[" + std::string(one) + "," + std::string(one) + "]");
  EXPECT_EQ(reply.status, 201);
  EXPECT_EQ(reply.at("/last"), "2");
  EXPECT_EQ(head(), 2U);
}

TEST_F(AppendTest, ndjson_is_one_event_a_line) {
  const auto body = std::string(one) + "\n\n" + std::string(one) + "\n";
  EXPECT_EQ(post(std::string(events_of), body, {{"Content-Type", "application/x-ndjson"}}).at("/last"), "2");
  const auto reply = post(std::string(events_of), std::string(one) + "\n{\"type\":1,\"data\":2}\n",
                          {{"Content-Type", "application/x-ndjson"}});
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(reply.at("/errors/0/pointer"), "/1/type");
  EXPECT_EQ(head(), 2U);
}

TEST_F(AppendTest, bytes_are_one_binary_event) {
  const std::string bytes("\x00\xff\x80 x", 5);
  const Headers octets{{"Content-Type", "application/octet-stream"}};
  EXPECT_EQ(post(std::string(events_of) + "?type=Blob", bytes, octets).status, 201);
  EXPECT_EQ(post(std::string(events_of), bytes,
                 {{"Content-Type", "application/octet-stream"}, {"Stele-Event-Type", "Blob2"}})
                .status,
            201);
  EXPECT_EQ(post(std::string(events_of), bytes, octets).status, 400);
  auto http = client();
  const auto read = http.get(std::string(events_of) + "/0");
  EXPECT_EQ(read.at("/data_base64"), "AP+AIHg=");
  EXPECT_EQ(read.at("/event_type"), "Blob");
  EXPECT_EQ(read.at("/content_type"), "application/octet-stream");
}

TEST_F(AppendTest, payload_bytes_come_back_unchanged) {
  const std::string data = R"({ "b":1.10 ,"a":12345678901234567890.000000001,"u":"\u00e9","e":1E400 })";
  const auto reply = post(std::string(events_of),
                          R"({"type":"T","data":)" + data + R"(,"metadata":{"z" : 1},"tags":["x"]})");
  ASSERT_EQ(reply.status, 201) << reply.body;
  auto http = client();
  const auto read = http.get(std::string(events_of) + "/0");
  EXPECT_EQ(read.at("/data"), data);
  EXPECT_EQ(read.at("/metadata"), R"({"z" : 1})");
  EXPECT_EQ(read.at("/tags"), R"(["x"])");
}

TEST_F(AppendTest, a_given_id_makes_a_repeat_harmless) {
  const std::string body = R"({"id":"01890a5d-ac96-774b-bcce-b302099a8057","type":"T","data":1})";
  EXPECT_EQ(post(std::string(events_of), body).at("/duplicate"), "false");
  const auto again = post(std::string(events_of), body);
  EXPECT_EQ(again.status, 201);
  EXPECT_EQ(again.at("/duplicate"), "true");
  EXPECT_EQ(again.at("/first"), "1");
  EXPECT_EQ(head(), 1U);
}

TEST_F(AppendTest, stream_names_are_percent_decoded_and_checked) {
  EXPECT_EQ(post("/v1/streams/a%2Fb%20%C3%A9-1/events", one).at("/revisions"), "{\"a/b \u00e9-1\":0}");
  EXPECT_EQ(post("/v1/streams/%24own/events", one).status, 400);
  EXPECT_EQ(post("/v1/streams/a%0Ab/events", one).status, 400);
  EXPECT_EQ(post("/v1/streams/a%zz/events", one).status, 400);
  EXPECT_EQ(post("/v1/streams/a%ff/events", one).status, 400);
  EXPECT_EQ(post("/v1/streams/" + std::string(513, 'a') + "/events", one).status, 413);
  EXPECT_EQ(head(), 1U);
}

TEST_F(AppendTest, if_match_is_the_expected_version) {
  EXPECT_EQ(post(std::string(events_of), one, {{"If-None-Match", "*"}}).status, 201);
  EXPECT_EQ(post(std::string(events_of), one, {{"If-Match", "\"0\""}}).status, 201);
  EXPECT_EQ(post(std::string(events_of), one, {{"If-Match", "*"}}).status, 201);
  EXPECT_EQ(head(), 3U);

  const auto late = post(std::string(events_of), one, {{"If-Match", "\"0\""}});
  EXPECT_EQ(late.status, 412);
  EXPECT_EQ(late.header("content-type"), "application/problem+json");
  EXPECT_EQ(late.at("/type"), "/problems/version-conflict");
  EXPECT_EQ(late.at("/expected"), "0");
  EXPECT_EQ(late.at("/actual"), "2");
  EXPECT_EQ(late.at("/events"), "/v1/streams/order-1/events?from=v1");
  EXPECT_EQ(late.at("/events_since/0/stream_position"), "1");
  EXPECT_EQ(late.at("/events_since/1/stream_position"), "2");
  EXPECT_EQ(late.at("/events_since_complete"), "true");

  EXPECT_EQ(post(std::string(events_of), one, {{"If-None-Match", "*"}}).status, 412);
  EXPECT_EQ(post("/v1/streams/none-1/events", one, {{"If-Match", "*"}}).status, 412);
  EXPECT_EQ(head(), 3U);
}

TEST_F(AppendTest, the_events_since_are_capped) {
  for (int i = 0; i < 15; ++i) append("order-1");
  const auto late = post(std::string(events_of), one, {{"If-Match", "\"1\""}});
  EXPECT_EQ(late.status, 412);
  EXPECT_EQ(late.at("/events_since_complete"), "false");
  EXPECT_NE(late.at("/events_since/9"), "");
  EXPECT_EQ(late.at("/events_since/10"), "");
}

TEST_F(AppendTest, conditions_that_mean_nothing_are_refused) {
  for (const auto& headers : std::vector<Headers>{{{"If-Match", "203"}},
                                                  {{"If-Match", "W/\"203\""}},
                                                  {{"If-Match", "\"1\", \"2\""}},
                                                  {{"If-None-Match", "\"1\""}},
                                                  {{"If-Match", "*"}, {"If-None-Match", "*"}}}) {
    EXPECT_EQ(post(std::string(events_of), one, headers).status, 400) << headers.front().second;
  }
  EXPECT_EQ(head(), 0U);
}

TEST_F(AppendTest, several_streams_are_appended_atomically) {
  const auto reply = post("/v1/append", R"({"writes":[
      {"stream":"a-1","expected":"no_stream","events":[{"type":"T","data":1},{"type":"T","data":2}]},
      {"stream":"b-1","events":[{"type":"T","data":3}]}]})");
  EXPECT_EQ(reply.status, 201) << reply.body;
  EXPECT_EQ(reply.at("/revisions"), R"({"a-1":1,"b-1":0})");

  const auto conflict =
      post("/v1/append", R"({"writes":[{"stream":"b-1","expected":0,"events":[{"type":"T","data":4}]}],
      "also_expect":[{"stream":"a-1","expected":0}]})");
  EXPECT_EQ(conflict.status, 409);
  EXPECT_EQ(conflict.at("/stream"), "a-1");
  EXPECT_EQ(conflict.at("/actual"), "1");
  EXPECT_EQ(head(), 3U);
}

std::string booking(const std::string& customer, std::uint64_t after) {
  return R"({"writes":[{"stream":")" + customer +
         R"(","events":[{"type":"Booked","data":1,"tags":["seat:1"]}]}],)" +
         R"("condition":{"fail_if":{"items":[{"types":["Booked"],"tags":["seat:1"]}]},"after":)" +
         std::to_string(after) + "}}";
}

TEST_F(AppendTest, a_condition_that_is_not_met_is_409_and_shows_the_event_in_the_way) {
  EXPECT_EQ(post("/v1/append", booking("Customer-1", 0)).status, 201);
  const auto refused = post("/v1/append", booking("Customer-2", 0));
  EXPECT_EQ(refused.status, 409) << refused.body;
  EXPECT_EQ(refused.at("/type"), "/problems/condition-conflict");
  EXPECT_EQ(refused.at("/position"), "1");
  EXPECT_EQ(refused.at("/after"), "0");
  EXPECT_EQ(refused.at("/event_type"), "Booked");
  EXPECT_EQ(refused.at("/retry"), "yes");
  EXPECT_EQ(refused.at("/event/stream_id"), "Customer-1");
  EXPECT_EQ(refused.at("/events"), "/v1/events?from=p1");
  EXPECT_EQ(post("/v1/append", booking("Customer-2", 1)).status, 201) << "the decision has seen it";
  EXPECT_EQ(head(), 2U);
}

TEST_F(AppendTest, a_condition_that_looks_beyond_the_head_or_asks_for_nothing_is_400) {
  EXPECT_EQ(post("/v1/append", booking("Customer-1", 5)).at("/head"), "0");
  for (const auto* fail_if : {R"({"items":[]})", R"({"items":[{}]})", R"({"items":[{"types":[]}]})"}) {
    const auto reply = post("/v1/append", R"({"writes":[{"stream":"a","events":[{"type":"T","data":1}]}],)"
                                          R"("condition":{"after":0,"fail_if":)" +
                                              std::string(fail_if) + "}}");
    EXPECT_EQ(reply.status, 400) << fail_if << " -> " << reply.body;
    EXPECT_EQ(reply.at("/errors/0/pointer"), "/condition/fail_if") << reply.body;
  }
  EXPECT_EQ(head(), 0U);
}

TEST_F(AppendTest, a_guarded_append_sent_again_with_its_key_gets_its_first_answer) {
  const Headers key{{"Idempotency-Key", "booking-1"}};
  const auto first = post("/v1/append", booking("Customer-1", 0), key);
  const auto again = post("/v1/append", booking("Customer-1", 0), key);
  EXPECT_EQ(again.status, 201);
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(head(), 1U);
}

TEST_F(AppendTest, every_problem_of_a_body_is_named_by_its_pointer) {
  const auto reply = post("/v1/append", R"({"writes":[{"stream":"","expected":"soon","events":[
      {"typ":"T"},{"type":"T","data":1,"id":"x","tags":[1],"metadata":3}]},7],
      "also_expect":[{"stream":"a"}],"extra/~":1})");
  EXPECT_EQ(reply.status, 400);
  for (const auto* pointer :
       {"/writes/0/expected", "/writes/0/events/0/type", "/writes/0/events/0/data", "/writes/0/events/0/typ",
        "/writes/0/events/1/id", "/writes/0/events/1/tags/0", "/writes/0/events/1/metadata", "/writes/1",
        "/also_expect/0/expected", "/extra~1~0"}) {
    EXPECT_THAT(reply.body, HasSubstr("{\"pointer\":\"" + std::string(pointer) + "\"")) << reply.body;
  }
  EXPECT_EQ(head(), 0U);
}

TEST_F(AppendTest, broken_bodies_are_refused_and_leave_no_trace) {
  const std::vector<std::pair<std::string, std::string>> bodies{
      {std::string(events_of), ""},
      {std::string(events_of), "{"},
      {std::string(events_of), "[]"},
      {std::string(events_of), "7"},
      {std::string(events_of), R"({"type":"T","data":01})"},
      {std::string(events_of), R"({"type":"","data":1})"},
      {std::string(events_of), R"({"type":"T","data":1} x)"},
      {std::string(events_of), "{\"type\":\"T\",\"data\":\"\xff\"}"},
      {std::string(events_of), R"({"type":"T","data":1,"data_base64":"AA=="})"},
      {std::string(events_of), R"({"type":"T","data_base64":"?"})"},
      {std::string(events_of), R"({"type":"T","data":1,"id":"00000000-0000-0000-0000-000000000000"})"},
      {"/v1/append", R"({"writes":[]})"},
      {"/v1/append", R"({})"},
      {"/v1/append", R"({"writes":[{"stream":"a","events":[]}]})"},
      {"/v1/append", R"({"writes":[{"stream":"a","events":[{"type":"T","data":1}]},)"
                     R"({"stream":"a","events":[{"type":"T","data":1}]}]})"},
      {"/v1/append", R"({"writes":[{"stream":"a","events":[{"type":"T","data":1}]}],)"
                     R"("condition":{"fail_if":{"items":[{}]},"after":"x"}})"},
  };
  for (const auto& [target, body] : bodies) {
    const auto reply = post(target, body);
    EXPECT_EQ(reply.status, 400) << body << " -> " << reply.body;
    EXPECT_EQ(reply.at("/status"), "400") << body;
  }
  EXPECT_EQ(head(), 0U);
}

TEST_F(AppendTest, wrong_kinds_of_body_are_refused) {
  EXPECT_EQ(post(std::string(events_of), one, {{"Content-Type", "text/html"}}).status, 415);
  EXPECT_EQ(post("/v1/append", one, {{"Content-Type", "application/x-ndjson"}}).status, 415);
  EXPECT_EQ(post("/v1/append", one, {{"If-Match", "*"}}).status, 400);
  auto http = client();
  EXPECT_EQ(http.send("PUT", std::string(events_of), "", {}).status, 405);
  EXPECT_EQ(http.send("PUT", std::string(events_of), "", {}).header("allow"), "POST, GET, HEAD");
  EXPECT_EQ(head(), 0U);
}

TEST_F(AppendTest, no_body_at_all_is_length_required) {
  Wire wire(port());
  ASSERT_TRUE(wire.send("POST /v1/append HTTP/1.1\r\nHost: a\r\n\r\n"));
  EXPECT_THAT(wire.read_until("\r\n").value_or(""), HasSubstr("411"));
}

TEST_F(AppendTest, over_a_limit_is_too_large_and_says_where) {
  const std::string long_type(Limits::event_type_bytes + 1, 'T');
  const auto event = [](const std::string& type) { return R"({"type":")" + type + R"(","data":1})"; };
  const std::vector<std::tuple<std::string, std::string, std::string>> cases{
      {std::string(events_of), event(long_type), ""},
      {std::string(events_of), "[" + event("T") + "," + event(long_type) + "]", "/1"},
      {"/v1/append", R"({"writes":[{"stream":"a","events":[)" + event(long_type) + "]}]}",
       "/writes/0/events/0"},
      {"/v1/append",
       R"({"writes":[{"stream":")" + std::string(513, 'a') + R"(","events":[)" + event("T") + "]}]}",
       "/writes/0/stream"}};
  for (const auto& [target, body, pointer] : cases) {
    const auto reply = post(target, body);
    EXPECT_EQ(reply.status, 413) << reply.body;
    EXPECT_EQ(reply.at("/type"), "/problems/too-large");
    EXPECT_EQ(reply.at("/errors/0/pointer"), pointer);
  }
  EXPECT_EQ(
      post(std::string(events_of) + "?type=" + long_type, "x", {{"Content-Type", "application/octet-stream"}})
          .status,
      413);
  const auto mixed = post(std::string(events_of), "[" + event(long_type) + "," + event("") + "]");
  EXPECT_EQ(mixed.status, 400) << "what is malformed must be corrected first";
  EXPECT_EQ(mixed.at("/errors/1/pointer"), "/1");
  EXPECT_EQ(head(), 0U);
}

TEST_F(AppendTest, one_event_over_its_limit_is_too_large_and_not_written) {
  const auto reply =
      post(std::string(events_of), R"({"type":"T","data":")" + std::string(Limits::data_bytes, 'x') + "\"}");
  EXPECT_EQ(reply.status, 413);
  EXPECT_EQ(head(), 0U);
}

TEST_F(AppendTest, what_is_no_object_has_one_problem) {
  const auto reply = post(std::string(events_of), "\"a\"");
  EXPECT_EQ(reply.status, 400);
  EXPECT_THAT(reply.at("/errors/0/message"), HasSubstr("must be an object"));
  EXPECT_EQ(reply.at("/errors/1"), "");
}

TEST_F(AppendTest, a_trace_context_that_is_none_is_not_stored) {
  const std::string good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  ASSERT_EQ(post(std::string(events_of), one, {{"traceparent", good + R"(","admin":"yes)"}}).status, 201);
  ASSERT_EQ(post(std::string(events_of), one, {{"traceparent", good}}).status, 201);
  auto http = client();
  EXPECT_EQ(http.get(std::string(events_of) + "/0").at("/metadata"), "null");
  EXPECT_EQ(http.get(std::string(events_of) + "/1").at("/metadata/traceparent"), good);
}

TEST_F(AppendTest, a_large_body_is_taken) {
  const auto reply =
      post(std::string(events_of), R"({"type":"T","data":")" + std::string(1u << 20, 'x') + "\"}");
  EXPECT_EQ(reply.status, 201);
  auto http = client();
  EXPECT_EQ(http.get(std::string(events_of) + "/0").at("/data").size(), 1u << 20);
}

TEST_F(AppendTest, a_trace_context_is_kept_with_the_event) {
  const std::string trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  EXPECT_EQ(post(std::string(events_of), one, {{"traceparent", trace}}).status, 201);
  auto http = client();
  EXPECT_EQ(http.get(std::string(events_of) + "/0").at("/metadata/traceparent"), trace);
}

}  // namespace
}  // namespace stele::test

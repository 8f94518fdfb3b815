// event_json_test.cpp - the JSON form of an event: exact shape, exact bytes back, and what is refused.
#include "event/event_json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "stele/detail/json.hpp"

namespace stele::test {
namespace {

using testing::HasSubstr;

RecordedEvent sample() {
  return {.position = Position(7),
          .revision = Revision(3),
          .recorded_at = *parse_time("2026-03-01T10:00:00.000001Z"),
          .id = *parse_uuid("01890a5d-ac96-774b-bcce-b302099a8057"),
          .stream = "Account-1",
          .type = "Deposited",
          .content_type = std::string(json_content),
          .data = R"({ "amount": 10.50 })",
          .metadata = R"({"userId":"u1"})",
          .tags = {"a", "b\"c"}};
}

std::string text_of(const RecordedEvent& event) {
  std::string text;
  append_event_json(text, event);
  return text;
}

// There and back, and one well-formed line on the way.
void expect_same(const RecordedEvent& event) {
  const auto text = text_of(event);
  EXPECT_EQ(text.find_first_of("\r\n"), std::string::npos) << text.substr(0, 500);
  const auto back = parse_event_json(text);
  ASSERT_TRUE(back) << back.error().to_string() << " in " << text.substr(0, 500);
  EXPECT_EQ(*back, event) << text.substr(0, 500);
}

TEST(EventJson, has_exactly_the_promised_shape) {
  EXPECT_EQ(
      text_of(sample()),
      R"({"global_position":7,"stream_id":"Account-1","stream_position":3,)"
      R"("id":"01890a5d-ac96-774b-bcce-b302099a8057","event_type":"Deposited","data":{ "amount": 10.50 },)"
      R"("metadata":{"userId":"u1"},"tags":["a","b\"c"],"content_type":"application/json",)"
      R"("created_at":"2026-03-01T10:00:00.000001Z"})");
  expect_same(sample());
}

TEST(EventJson, bytes_that_are_no_json_go_base64) {
  auto event = sample();
  event.content_type = std::string(binary_content);
  event.data = std::string("\0\xff{}\n", 5);
  EXPECT_THAT(text_of(event), HasSubstr(R"("data_base64":"AP97fQo=")"));
  expect_same(event);
  event.content_type = std::string(json_content);
  EXPECT_THAT(text_of(event), HasSubstr(R"("data_base64":"AP97fQo=")"));
  expect_same(event);
}

TEST(EventJson, json_with_line_breaks_stays_readable_and_exact) {
  auto event = sample();
  event.data = "{\r\n  \"a\": 1\n}";
  EXPECT_THAT(text_of(event), HasSubstr(R"("data":{    "a": 1 },"data_base64":"ew0KICAiYSI6IDEKfQ==")"));
  expect_same(event);
  event.metadata = "{\n}";
  expect_same(event);
}

TEST(EventJson, nothing_and_the_word_null_are_different_data) {
  auto event = sample();
  event.data = "";
  EXPECT_THAT(text_of(event), HasSubstr(R"("data":null,"data_base64":"")"));
  expect_same(event);
  event.data = "null";
  EXPECT_THAT(text_of(event), HasSubstr(R"("data":null,"metadata")"));
  expect_same(event);
}

TEST(EventJson, metadata_that_is_no_object_keeps_its_bytes) {
  auto event = sample();
  for (const auto* metadata : {"", "null", "[1]", "{broken", "\xff"}) {
    event.metadata = metadata;
    expect_same(event);
  }
  event.metadata = "";
  EXPECT_THAT(text_of(event), HasSubstr(R"("metadata":null)"));
}

TEST(EventJson, odd_but_legal_json_comes_back_unchanged) {
  auto event = sample();
  const std::string deep(json_max_depth, '[');
  for (const auto& data :
       {std::string("123456789012345678901234567890.10e+5"), std::string(R"({"a":1,"a":2})"),
        std::string(" \t1 "), std::string(R"("\u0000\ud83d\ude00")"), deep + std::string(json_max_depth, ']'),
        deep.substr(1) + std::string(json_max_depth - 1, ']')}) {
    event.data = data;
    expect_same(event);
  }
}

TEST(EventJson, random_bytes_and_names_survive) {
  constexpr std::uint64_t seed = 11;
  std::mt19937_64 random(seed);
  for (int round = 0; round < 500; ++round) {
    auto event = sample();
    event.data.clear();
    const std::string_view alphabet = "{}[]\",:0 \n\\\xc3\xa9";
    for (auto n = random() % 40; n > 0; --n) event.data += alphabet[random() % alphabet.size()];
    event.stream = "näme/ \\\"'" + std::to_string(random());
    SCOPED_TRACE(testing::Message() << "seed " << seed << " round " << round);
    expect_same(event);
  }
}

TEST(EventJson, the_largest_payload_survives) {
  auto event = sample();
  event.content_type = std::string(binary_content);
  event.data.assign(Limits::data_bytes, '\x01');
  expect_same(event);
}

TEST(EventJson, a_view_and_a_copy_say_the_same) {
  const auto event = sample();
  const EventView view{.position = event.position,
                       .revision = event.revision,
                       .recorded_at = event.recorded_at,
                       .id = event.id,
                       .stream = event.stream,
                       .type = event.type,
                       .content_type = event.content_type,
                       .data = event.data,
                       .metadata = event.metadata,
                       .tags = TagsView(std::string_view("\1\0a\3\0b\"c", 8))};
  std::string text;
  append_event_json(text, view);
  EXPECT_EQ(text, text_of(event));
}

TEST(EventJson, a_line_written_by_hand_needs_only_what_matters) {
  const auto event = parse_event_json(R"({"stream_id":"A-1","id":"01890A5D-AC96-774B-BCCE-B302099A8057",)"
                                      R"("event_type":"T","created_at":"2026-03-01","data":{},"extra":1})");
  ASSERT_TRUE(event) << event.error().to_string();
  EXPECT_EQ(event->data, "{}");
  EXPECT_EQ(event->metadata, "");
  EXPECT_EQ(event->content_type, json_content);
  EXPECT_EQ(event->position, Position{});
}

TEST(EventJson, every_refusal_names_the_member) {
  const auto good = text_of(sample());
  const auto expect_refused = [&](const std::string& from, const std::string& to, const std::string& member) {
    auto text = good;
    const auto at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    const auto event = parse_event_json(text);
    ASSERT_FALSE(event) << text;
    EXPECT_EQ(event.error().kind(), errc::invalid);
    EXPECT_THAT(event.error().message(), HasSubstr(member));
    EXPECT_EQ(event.error().fact("pointer"), "/" + member);
  };
  expect_refused("\"stream_id\":\"Account-1\",", "", "stream_id");
  expect_refused("\"stream_id\":\"Account-1\"", "\"stream_id\":5", "stream_id");
  expect_refused("\"global_position\":7", "\"global_position\":-7", "global_position");
  expect_refused("bcce", "bccg", "id");
  expect_refused("2026-03-01T", "2026-13-01T", "created_at");
  expect_refused("\"tags\":[\"a\"", "\"tags\":[1", "tags");
  expect_refused("\"data\":{ \"amount\": 10.50 },", "", "data");
  expect_refused("\"data\":{", "\"data_base64\":\"?\",\"data\":{", "data_base64");
}

TEST(EventJson, what_is_no_object_is_refused) {
  for (const auto* text : {"", "[]", "7", "{", "{}x", "null"}) EXPECT_FALSE(parse_event_json(text)) << text;
}

TEST(EventJson, content_types_that_mean_json) {
  EXPECT_TRUE(is_json_content("application/json"));
  EXPECT_TRUE(is_json_content("application/json; charset=utf-8"));
  EXPECT_TRUE(is_json_content("application/vnd.bank+json"));
  EXPECT_FALSE(is_json_content("application/jsonl"));
  EXPECT_FALSE(is_json_content(""));
}

}  // namespace
}  // namespace stele::test

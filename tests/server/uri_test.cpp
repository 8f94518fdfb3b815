// uri_test.cpp - request targets and percent-coding.
#include "server/http/uri.hpp"

#include <gtest/gtest.h>

#include <random>

namespace stele::server {
namespace {

TEST(Uri, a_target_is_cut_at_its_first_question_mark) {
  const auto target = split_target("/a/b?c=1?d");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, "/a/b");
  EXPECT_EQ(target->query, "c=1?d");
  EXPECT_EQ(split_target("/")->path, "/");
  EXPECT_EQ(split_target("/?")->query, "");
}

TEST(Uri, absolute_targets_lose_their_host_and_fragments_are_dropped) {
  EXPECT_EQ(split_target("http://h:1/a?b")->path, "/a");
  EXPECT_EQ(split_target("http://h")->path, "/");
  EXPECT_EQ(split_target("http://h?x=1")->path, "/");
  EXPECT_EQ(split_target("/a#b?c")->path, "/a");
  EXPECT_EQ(split_target("*")->path, "*");
}

TEST(Uri, targets_that_are_no_path_are_refused) {
  for (const auto* text : {"", "a", "host:443", "://x/y"}) EXPECT_FALSE(split_target(text)) << text;
}

TEST(Uri, every_text_survives_coding_and_decoding) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::string text;
    for (auto length = random() % 40; length > 0; --length) text += static_cast<char>(1 + random() % 127);
    EXPECT_EQ(percent_decode(percent_encode(text)), text);
    EXPECT_EQ(percent_encode(text).find_first_of("/?#&=+ %") == std::string::npos,
              percent_encode(text).find('%') == std::string::npos);
  }
}

TEST(Uri, broken_escapes_and_bytes_that_are_no_utf8_are_refused) {
  for (const auto* text : {"%", "%1", "%zz", "a%2", "%ff", "%c3", "%ed%a0%80"}) {
    EXPECT_FALSE(percent_decode(text)) << text;
  }
  EXPECT_EQ(percent_decode("%C3%a9"), "\xc3\xa9");
}

TEST(Uri, a_plus_is_a_space_in_queries_only) {
  EXPECT_EQ(percent_decode("a+b"), "a+b");
  EXPECT_EQ(percent_decode("a+b", true), "a b");
  EXPECT_EQ(percent_decode("a%2Bb", true), "a+b");
}

TEST(Uri, query_parameters_keep_their_order_and_repeat) {
  const auto query = parse_query_text("a=1&b&&a=%26%3D&c=x=y");
  ASSERT_TRUE(query);
  const std::vector<Field> wanted{{"a", "1"}, {"b", ""}, {"a", "&="}, {"c", "x=y"}};
  EXPECT_EQ(*query, wanted);
  EXPECT_TRUE(parse_query_text("")->empty());
  EXPECT_FALSE(parse_query_text("a=%"));
  EXPECT_FALSE(parse_query_text("%=a"));
}

}  // namespace
}  // namespace stele::server

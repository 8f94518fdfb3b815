// json_reader_test.cpp - what the JSON reader accepts, how exact it is, and where it says a text is wrong.
#include "base/json_reader.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace stele {
namespace {

JsonDocument read(std::string_view text) {
  auto document = JsonDocument::parse(text);
  if (!document) throw std::runtime_error(document.error().to_string());
  return *std::move(document);
}

struct Refused {
  std::string text;
  std::string message;
  std::string pointer;
};

void expect_refused(const Refused& refused) {
  auto parsed = JsonDocument::parse(refused.text);
  auto checked = json_check(refused.text);
  ASSERT_FALSE(parsed) << refused.text;
  ASSERT_FALSE(checked) << refused.text;
  EXPECT_EQ(parsed.error().to_string(), checked.error().to_string());
  EXPECT_EQ(parsed.error().kind(), errc::invalid);
  EXPECT_NE(parsed.error().message().find(refused.message), std::string::npos)
      << refused.text << " -> " << parsed.error().message();
  EXPECT_EQ(parsed.error().fact("pointer"), refused.pointer) << refused.text;
}

TEST(JsonReader, every_kind_of_value_stands_alone_at_the_root) {
  EXPECT_EQ(read(" null ").root().type(), JsonType::null);
  EXPECT_EQ(read("true").root().as_bool(), true);
  EXPECT_EQ(read("\tfalse\n").root().as_bool(), false);
  EXPECT_EQ(read("-12").root().as_i64(), -12);
  EXPECT_EQ(read("\"x\"").root().as_string(), "x");
  EXPECT_EQ(read("[]").root().size(), 0u);
  EXPECT_EQ(read("{ }").root().type(), JsonType::object);
}

TEST(JsonReader, members_come_in_the_order_of_the_text_and_are_found_by_name) {
  const auto document = read(R"({"b": 1, "a": {"x": [1, 2, {"y": null}]}, "c": "s"})");
  std::vector<std::string> keys;
  for (auto [key, value] : document.root().members()) keys.emplace_back(key);
  EXPECT_EQ(keys, (std::vector<std::string>{"b", "a", "c"}));
  EXPECT_EQ(document.root().size(), 3u);
  EXPECT_EQ(document.root().find("c")->as_string(), "s");
  EXPECT_FALSE(document.root().find("d"));
  EXPECT_EQ(document.root().find("a")->find("x")->size(), 3u);
}

TEST(JsonReader, raw_slices_are_the_bytes_of_the_source) {
  const auto document =
      read("{\"data\" :  { \"a\" : [ 1 ,2.50 ] ,\"b\":\"\\u0041\"}  , \"n\":1e400, \"e\":[ ] } ");
  EXPECT_EQ(document.root().find("data")->raw(), "{ \"a\" : [ 1 ,2.50 ] ,\"b\":\"\\u0041\"}");
  EXPECT_EQ(document.root().find("data")->find("a")->raw(), "[ 1 ,2.50 ]");
  EXPECT_EQ(document.root().find("data")->find("b")->raw(), "\"\\u0041\"");
  EXPECT_EQ(document.root().find("n")->raw(), "1e400");
  EXPECT_EQ(document.root().find("e")->raw(), "[ ]");
  EXPECT_EQ(document.root().raw().back(), '}');
}

TEST(JsonReader, integers_are_exact_or_not_given) {
  EXPECT_EQ(read("18446744073709551615").root().as_u64(), 18446744073709551615u);
  EXPECT_EQ(read("-9223372036854775808").root().as_i64(), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(read("9007199254740993").root().as_i64(), 9007199254740993);
  EXPECT_FALSE(read("18446744073709551616").root().as_u64());
  EXPECT_FALSE(read("-1").root().as_u64());
  EXPECT_FALSE(read("9223372036854775808").root().as_i64());
  EXPECT_FALSE(read("1.0").root().as_i64());
  EXPECT_FALSE(read("1e3").root().as_i64());
  EXPECT_FALSE(read("\"1\"").root().as_i64());
}

TEST(JsonReader, numbers_of_any_size_keep_their_text) {
  const std::string digits(5'000, '7');
  EXPECT_EQ(read(digits).root().number_text(), digits);
  EXPECT_EQ(read("12345678901234567.89").root().number_text(), "12345678901234567.89");
  EXPECT_EQ(read("-0.10e+05").root().number_text(), "-0.10e+05");
  EXPECT_EQ(read("0.5").root().as_double(), 0.5);
  EXPECT_FALSE(read("1e400").root().as_double());
}

TEST(JsonReader, escapes_are_undone_in_strings_and_keys) {
  const auto document = read(R"({"a\/b\n":"\u00e9\ud83d\ude00\"\\","plain":"é","zero":"\u0000"})");
  EXPECT_EQ(document.root().find("a/b\n")->as_string(), "\u00e9\U0001F600\"\\");
  EXPECT_EQ(document.root().find("plain")->as_string(), "\u00e9");
  EXPECT_EQ(document.root().find("zero")->as_string(), std::string_view("\0", 1));
}

TEST(JsonReader, values_outlive_a_move_of_their_document) {
  auto document = read(R"({"a":"b\n","c":"d"})");
  const JsonValue root = document.root();
  const auto moved = std::move(document);
  EXPECT_EQ(root.find("a")->as_string(), "b\n");
  EXPECT_EQ(root.find("c")->as_string(), "d");
}

TEST(JsonReader, accessors_of_another_type_give_nothing) {
  const auto document = read("[1]");
  EXPECT_FALSE(document.root().as_string());
  EXPECT_FALSE(document.root().as_bool());
  EXPECT_FALSE(document.root().number_text());
  EXPECT_FALSE(document.root().find("a"));
  EXPECT_EQ(document.root().members().begin(), document.root().members().end());
  const auto object = read("{\"a\":1}");
  EXPECT_EQ(object.root().elements().begin(), object.root().elements().end());
}

TEST(JsonReader, malformed_texts_are_refused_with_their_place) {
  const std::vector<Refused> all{
      {"", "the text is empty", ""},
      {"  ", "the text is empty", ""},
      {"1 2", "missing", ""},
      {"1,2", "text goes on", ""},
      {"{} x", "malformed", ""},
      {"[1],[2", "text goes on", ""},
      {"1]", "text goes on", ""},
      {"[1]]", "text goes on", ""},
      {"[", "malformed", ""},
      {"[[1]", "malformed", ""},
      {"{", "malformed", ""},
      {"{\"a\":[1}", "missing", "/a/0"},
      {"{\"a\"}", "malformed", ""},
      {"{\"a\":}", "no value", "/a"},
      {"{\"a\":1,}", "malformed", ""},
      {"{a:1}", "malformed", ""},
      {"\"a\" : [1]", "missing", ""},
      {"[\"a\":1]", "missing", "/0"},
      {"{\"a\":\"b\":1}", "missing", "/a"},
      {"[1,]", "no value", "/1"},
      {"[,1]", "no value", "/0"},
      {"tru", "'tru' is no value", ""},
      {"nulll", "is no value", ""},
      {"True", "is no value", ""},
      {"{\"a\":{\"b/c\":[0, 01]}}", "'01' is no value", "/a/b~1c/1"},
      {"[1.]", "no value", "/0"},
      {"[.5]", "no value", "/0"},
      {"[+1]", "no value", "/0"},
      {"[-]", "no value", "/0"},
      {"[1e]", "no value", "/0"},
      {"[NaN]", "no value", "/0"},
      {"['a']", "no value", "/0"},
      {"\"abc", "malformed", ""},
      {"\"a\"b", "malformed", ""},
      {"[\"a\nb\"]", "malformed", ""},
      {R"(["\x"])", "escape", "/0"},
      {R"(["\ud800"])", "escape", "/0"},
      {R"(["\udc00"])", "escape", "/0"},
      {R"(["\u12"])", "escape", "/0"},
      {R"({"\ud800":1})", "escape", ""},
      {"[\"\xff\"]", "not UTF-8", ""},
      {"[\"\xc3\"]", "not UTF-8", ""},
      {"[\"\xed\xa0\x80\"]", "not UTF-8", ""},
      {"\xef\xbb\xbf{}", "malformed", ""},
      {std::string("[1]\0", 4), "malformed", ""},
      {"// no\n1", "malformed", ""},
  };
  for (const Refused& refused : all) expect_refused(refused);
}

TEST(JsonReader, a_problem_names_offset_line_and_column) {
  auto parsed = JsonDocument::parse("{\n  \"a\": 1,\n  \"b\": wrong\n}");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().message(), "malformed JSON at line 3, column 8: 'wrong' is no value");
  EXPECT_EQ(parsed.error().fact("offset"), "19");
  EXPECT_EQ(parsed.error().fact("line"), "3");
  EXPECT_EQ(parsed.error().fact("column"), "8");
  EXPECT_EQ(JsonDocument::parse("[\"ok\",\"\xc3\x28\"]").error().fact("offset"), "7");
}

TEST(JsonReader, a_repeated_key_is_refused_unless_asked_for) {
  expect_refused({R"({"x":{"a":1,"b":2,"a":3}})", "\"a\" appears twice", "/x/a"});
  expect_refused({R"({"a":{"c":1},"\u0061":2})", "\"a\" appears twice", "/a"});
  std::string many = "{";
  for (int i = 0; i < 40; ++i) many += "\"k" + std::to_string(i) + "\":[{}],";
  EXPECT_TRUE(json_check(many + "\"k40\":0}"));
  expect_refused({many + "\"k7\":0}", "\"k7\" appears twice", "/k7"});

  auto kept = JsonDocument::parse(R"({"a":1,"a":2})", {.allow_repeated_keys = true});
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->root().find("a")->as_i64(), 1);
  EXPECT_EQ(kept->root().size(), 2u);
}

TEST(JsonReader, nesting_is_bounded) {
  auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(json_check(nested(json_max_depth)));
  auto deep = json_check(nested(json_max_depth + 1));
  ASSERT_FALSE(deep);
  EXPECT_NE(deep.error().message().find("nested deeper than 128"), std::string::npos);
  EXPECT_FALSE(json_check(std::string(1'000'000, '[')));
  std::string objects;
  for (int i = 0; i < 1'000; ++i) objects += "{\"a\":";
  EXPECT_FALSE(json_check(objects));
}

TEST(JsonReader, large_texts_are_read_in_full) {
  std::string text = "[";
  for (int i = 0; i < 200'000; ++i) text += "{\"n\":" + std::to_string(i) + "},";
  text += "0]";
  ASSERT_GT(text.size(), 1u << 20);
  const auto document = read(text);
  std::uint64_t sum = 0;
  for (JsonValue each : document.root().elements())
    if (auto n = each.find("n")) sum += *n->as_u64();
  EXPECT_EQ(sum, 19'999'900'000u);
  EXPECT_EQ(document.root().raw(), text);
  EXPECT_TRUE(json_check(text));
}

// The memory of one text becomes that of a later one; several may live at a time, and end in any order.
TEST(JsonReader, documents_that_live_at_once_keep_their_own_texts) {
  static const auto outlives_its_thread = std::make_unique<JsonDocument>(read("[0]"));
  for (int round = 0; round < 3; ++round) {
    auto first = std::make_unique<JsonDocument>(read(R"({"a":"esc\u0061ped","b":[1,2,3]})"));
    auto second = std::make_unique<JsonDocument>(read(R"({"a":"plain"})"));
    const auto large = read("[\"" + std::string(200'000, 'x') + "\"]");
    EXPECT_EQ(first->root().find("a")->as_string(), "escaped");
    first.reset();
    EXPECT_FALSE(JsonDocument::parse(R"({"c":1,"c":2})"));
    auto third = read(R"({"c":"third, longer than the second was"})");
    EXPECT_EQ(second->root().find("a")->as_string(), "plain");
    second.reset();
    *outlives_its_thread = read("[" + std::to_string(round) + "]");
    EXPECT_EQ(third.root().find("c")->as_string(), "third, longer than the second was");
    EXPECT_EQ(large.root().raw().size(), 200'004u);
    EXPECT_EQ(outlives_its_thread->root().raw(), "[" + std::to_string(round) + "]");
  }
}

TEST(JsonReader, pointers_escape_what_must_be_escaped) {
  EXPECT_EQ(json_pointer("", "a/b~c"), "/a~1b~0c");
  EXPECT_EQ(json_pointer("/items", std::size_t{3}), "/items/3");
}

// An independent judge: whatever random damage does to a text, both parsers must agree on whether it is JSON.
bool boost_accepts(const std::string& text) {
  boost::json::parse_options options;
  options.max_depth = json_max_depth;
  boost::json::error_code error;
  boost::json::parse(text, error, {}, options);
  return !error;
}

TEST(JsonReader, agrees_with_an_independent_parser_on_damaged_texts) {
  const std::vector<std::string> seeds{
      R"({"id":"a-1","items":[{"n":1,"price":"4.50"},{"n":-2.5e3,"x":null}],"ok":true,"s":"\u00e9\n\\"})",
      R"([[],{},[{"a":[1,2,3]}],"\ud83d\ude00",0,-0,1.5,true,false,null])", "  {\"a\" : [ 1 , 2 ] }  "};
  const std::string alphabet = "[]{}:,\"\\ \ntfn0123456789.eE+-u\x01\xc3\xa9\xff";
  const unsigned seed = 20240611;
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  auto below = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
  std::size_t accepted = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text = seeds[below(seeds.size())];
    for (std::size_t hits = 1 + below(3); hits > 0 && !text.empty(); --hits) {
      const std::size_t at = below(text.size());
      switch (below(3)) {
        case 0:
          text[at] = alphabet[below(alphabet.size())];
          break;
        case 1:
          text.erase(at, 1 + below(4));
          break;
        default:
          text.insert(at, 1, alphabet[below(alphabet.size())]);
      }
    }
    const bool ours = json_check(text, {.allow_repeated_keys = true}).has_value();
    ASSERT_EQ(ours, JsonDocument::parse(text, {.allow_repeated_keys = true}).has_value()) << text;
    ASSERT_EQ(ours, boost_accepts(text)) << text;
    accepted += ours;
  }
  EXPECT_GT(accepted, 500u);
}

}  // namespace
}  // namespace stele

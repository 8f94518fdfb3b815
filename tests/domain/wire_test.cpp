// wire_test.cpp - structs as JSON and back, exactly; and what is said of JSON that is no such struct.
#include "stele/wire.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <stdexcept>

namespace wired {

using stele::Money;

enum class Currency { EUR, USD };
struct Item {
  std::string product_id;
  int quantity = 0;
  Money price;
};
struct Card {
  std::string last_four;
};
struct Invoice {
  int days = 0;
};
struct Order {
  std::string order_id;
  std::vector<Item> items;
  std::optional<std::string> note;
  std::map<std::string, std::uint8_t> ratings;
  Currency currency{};
  std::variant<Card, Invoice> payment;
  stele::Timestamp placed_at;
  stele::Uuid trace;
  bool gift = false;
  double weight = 0;
};
struct Numbers {
  std::int64_t wide;
  std::uint64_t huge;
  std::int8_t tiny;
};
struct Keywords {
  int default_;
  int a_1;
  int _x;
};
struct Recursive {
  int depth = 0;
  std::vector<Recursive> below;
};
struct Angle {
  Angle() = default;
  explicit Angle(int d) : degrees(d) {}
  int degrees = 0;
};

}  // namespace wired

// A form of one's own, as wire.hpp invites.
template <>
struct stele::WireForm<wired::Angle> {
  static void write(std::string& out, const wired::Angle& angle) { out += std::to_string(angle.degrees); }
  static void read(WireReading& in, const JsonValue& value, wired::Angle& out) {
    if (auto degrees = value.as_i64(); degrees && *degrees >= 0 && *degrees < 360)
      out = wired::Angle(static_cast<int>(*degrees));
    else
      in.expected("an angle from 0 to 359", value);
  }
  static std::string describe(unsigned) { return "angle"; }
};

namespace {

using namespace stele;
using namespace wired;

Order sample() {
  return {.order_id = "ord-1",
          .items = {{"prod-101", 2, 29.99_money}, {"prod-205", 1, 49.99_money}},
          .note = std::nullopt,
          .ratings = {{"a b", 5}},
          .currency = Currency::USD,
          .payment = Invoice{30},
          .placed_at = *parse_time("2026-03-01T10:00:00.000001Z"),
          .trace = *parse_uuid("0192f0c1-2d3e-7a5b-8c9d-0e1f2a3b4c5d"),
          .gift = true,
          .weight = 0.1};
}

const char* const sample_json =
    R"({"orderId":"ord-1","items":[{"productId":"prod-101","quantity":2,"price":"29.99"},)"
    R"({"productId":"prod-205","quantity":1,"price":"49.99"}],"ratings":{"a b":5},"currency":"USD",)"
    R"("payment":{"type":"Invoice","days":30},"placedAt":"2026-03-01T10:00:00.000001Z",)"
    R"("trace":"0192f0c1-2d3e-7a5b-8c9d-0e1f2a3b4c5d","gift":true,"weight":0.1})";

using Problems = std::vector<std::pair<std::string, std::string>>;

Problems problems_of(const Error& error) {
  Problems all;
  for (const Fact& fact : error.facts()) {
    if (fact.name == "pointer") all.emplace_back(fact.value, "");
    if (fact.name == "problem") all.back().second = fact.value;
  }
  return all;
}

template <class T>
Problems problems_in(std::string_view text, UnknownFields unknown = UnknownFields::skip) {
  auto read = from_json<T>(text, unknown);
  EXPECT_FALSE(read) << text;
  return read ? Problems{} : problems_of(read.error());
}

TEST(Wire, every_kind_of_field_has_its_form) { EXPECT_EQ(to_json(sample()), sample_json); }

TEST(Wire, what_was_written_reads_back_the_same) {
  auto read = from_json<Order>(sample_json);
  ASSERT_TRUE(read) << read.error().to_string();
  EXPECT_EQ(to_json(*read), sample_json);
  EXPECT_EQ(read->items[1].price, 49.99_money);
  EXPECT_EQ(std::get<Invoice>(read->payment).days, 30);
  EXPECT_FALSE(read->note);
}

TEST(Wire, names_turn_to_camel_case) {
  EXPECT_EQ(to_json(Keywords{1, 2, 3}), R"({"default":1,"a1":2,"_x":3})");
}

TEST(Wire, optional_fields_may_be_missing_or_null_or_there) {
  struct Noted {
    std::optional<std::string> note;
  };
  EXPECT_FALSE(from_json<Noted>("{}")->note);
  EXPECT_FALSE(from_json<Noted>(R"({"note":null})")->note);
  EXPECT_EQ(*from_json<Noted>(R"({"note":""})")->note, "");
  EXPECT_EQ(to_json(Noted{"x"}), R"({"note":"x"})");
  EXPECT_EQ(to_json(std::vector<std::optional<int>>{1, std::nullopt}), "[1,null]");
}

TEST(Wire, integers_are_exact_to_the_last_bit) {
  const Numbers ends{std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::uint64_t>::max(),
                     -128};
  const std::string json = R"({"wide":-9223372036854775808,"huge":18446744073709551615,"tiny":-128})";
  EXPECT_EQ(to_json(ends), json);
  EXPECT_EQ(to_json(*from_json<Numbers>(json)), json);
  EXPECT_EQ(problems_in<Numbers>(R"({"wide":9223372036854775808,"huge":-1,"tiny":128})").size(), 3u);
  EXPECT_EQ(problems_in<Numbers>(R"({"wide":1.0,"huge":1e3,"tiny":"1"})"),
            (Problems{{"/wide", "expected an integer, found 1.0"},
                      {"/huge", "expected an integer, found 1e3"},
                      {"/tiny", "expected an integer, found \"1\""}}));
}

TEST(Wire, money_is_read_from_strings_and_numbers_without_a_double_in_between) {
  EXPECT_EQ(*from_json<Money>("\"4820.50\""), 4820.50_money);
  EXPECT_EQ(*from_json<Money>("4820.5"), 4820.50_money);
  EXPECT_EQ(*from_json<Money>("12345678901234567.89"), 12345678901234567.89_money);
  EXPECT_FALSE(from_json<Money>("1.005"));
  EXPECT_FALSE(from_json<Money>("1e2"));
  EXPECT_FALSE(from_json<Money>("\"1e2\""));
  EXPECT_FALSE(from_json<Money>("true"));
}

TEST(Wire, all_problems_are_named_with_their_places) {
  EXPECT_EQ(problems_in<Order>(R"({"orderId":7,"items":[{"productId":"p","quantity":"two","price":1.005},{}],
      "ratings":{"a/b":300},"currency":"GBP","payment":{"type":"Cash"},"placedAt":"yesterday","trace":"x","gift":1})"),
            (Problems{{"/orderId", "expected a string, found 7"},
                      {"/items/0/quantity", "expected an integer, found \"two\""},
                      {"/items/0/price", "'1.005' has more than 2 digits behind the point"},
                      {"/items/1/productId", "missing"},
                      {"/items/1/quantity", "missing"},
                      {"/items/1/price", "missing"},
                      {"/ratings/a~1b", "expected an integer from 0 to 255, found 300"},
                      {"/currency", "expected one of EUR|USD, found \"GBP\""},
                      {"/payment/type", "expected one of Card|Invoice, found \"Cash\""},
                      {"/placedAt", "expected a time like 2026-03-01T10:00:00Z, found \"yesterday\""},
                      {"/trace", "expected a UUID, found \"x\""},
                      {"/gift", "expected true or false, found 1"},
                      {"/weight", "missing"}}));
}

TEST(Wire, the_message_begins_with_the_path_of_the_first_problem) {
  auto read = from_json<Order>(R"({"items":[{"productId":"p","quantity":"two","price":"1"}]})");
  ASSERT_FALSE(read);
  EXPECT_TRUE(
      read.error().message().starts_with("$.items[0].quantity: expected an integer, found \"two\" (and "))
      << read.error().message();
  auto odd = from_json<std::map<std::string, int>>(R"({"odd key":"x"})");
  EXPECT_EQ(odd.error().message(), "$['odd key']: expected an integer, found \"x\"");
  EXPECT_EQ(from_json<int>("[]").error().message(), "$: expected an integer, found an array");
}

TEST(Wire, a_flood_of_problems_is_counted_and_not_listed) {
  std::string text = "[";
  for (int i = 0; i < 200; ++i) text += "\"x\",";
  auto read = from_json<std::vector<int>>(text + "0]");
  ASSERT_FALSE(read);
  EXPECT_EQ(problems_of(read.error()).size(), 50u);
  EXPECT_NE(read.error().message().find("(and 199 more)"), std::string::npos);
}

TEST(Wire, unknown_fields_are_skipped_or_refused_as_asked) {
  const char* text = R"({"lastFour":"1234","lastFive":{"deep":[1]}})";
  EXPECT_TRUE(from_json<Card>(text));
  EXPECT_EQ(problems_in<Card>(text, UnknownFields::refuse), (Problems{{"/lastFive", "unknown field"}}));
  EXPECT_TRUE(
      (from_json<std::variant<Card, Invoice>>(R"({"type":"Card","lastFour":"1"})", UnknownFields::refuse)));
}

TEST(Wire, text_that_is_no_json_is_refused_before_anything_else) {
  for (const char* text :
       {"", "{", "{\"lastFour\":\"1\"} x", "{\"lastFour\":\"1\",\"lastFour\":\"2\"}", "nope"})
    EXPECT_FALSE(from_json<Card>(text)) << text;
  EXPECT_FALSE(from_json<Card>("{\"lastFour\":\"\xff\"}"));
  EXPECT_EQ(problems_in<Card>("[1]"), (Problems{{"", "expected an object, found an array"}}));
}

TEST(Wire, a_variant_needs_its_type) {
  using Payment = std::variant<Card, Invoice>;
  EXPECT_EQ(problems_in<Payment>("{}"), (Problems{{"/type", "missing"}}));
  EXPECT_EQ(problems_in<Payment>(R"({"type":3})"),
            (Problems{{"/type", "expected one of Card|Invoice, found 3"}}));
  EXPECT_EQ(problems_in<Payment>(R"({"type":"Card"})"), (Problems{{"/lastFour", "missing"}}));
}

TEST(Wire, values_without_a_form_are_refused_when_written) {
  EXPECT_THROW((void)to_json(std::string("\xff")), std::invalid_argument);
  EXPECT_THROW((void)to_json(std::numeric_limits<double>::quiet_NaN()), std::invalid_argument);
  EXPECT_THROW((void)to_json(std::numeric_limits<double>::infinity()), std::invalid_argument);
  EXPECT_THROW((void)to_json(static_cast<Currency>(9)), std::invalid_argument);
}

TEST(Wire, text_survives_whatever_characters_it_has) {
  std::string text;
  for (char c = 1; c < 127; ++c) text += c;
  text += "\u00e9\u20ac\U0001F600";
  EXPECT_EQ(*from_json<std::string>(to_json(text)), text);
}

TEST(Wire, types_can_bring_a_form_of_their_own) {
  EXPECT_EQ(to_json(std::vector{Angle(90), Angle(1)}), "[90,1]");
  EXPECT_EQ(from_json<Angle>("270")->degrees, 270);
  EXPECT_EQ(problems_in<std::vector<Angle>>("[1,400]"),
            (Problems{{"/1", "expected an angle from 0 to 359, found 400"}}));
}

TEST(Wire, recursive_structs_are_read_and_described) {
  const char* text = R"({"depth":1,"below":[{"depth":2,"below":[]}]})";
  EXPECT_EQ(to_json(*from_json<Recursive>(text)), text);
  EXPECT_TRUE(
      wire_form<Recursive>().starts_with("{depth: int32, below: list of {depth: int32, below: list of"));
}

TEST(Wire, forms_can_be_told) {
  EXPECT_EQ(wire_form<Order>(),
            "{orderId: text, items: list of {productId: text, quantity: int32, price: decimal(2)}, note: "
            "optional text, "
            "ratings: map of uint8, currency: one of EUR|USD, "
            "payment: one of Card{lastFour: text}|Invoice{days: int32}, placedAt: time, "
            "trace: uuid, gift: boolean, weight: number}");
}

}  // namespace

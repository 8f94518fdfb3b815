// Conditions: what they find in events and states, and how they say that they cannot be read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "history/exact.hpp"
#include "history/expression.hpp"

namespace stele::history::test {
namespace {

using testing::HasSubstr;

class ConditionTest : public testing::Test {
 protected:
  bool holds(const std::string& text) {
    const auto parsed = Expression::parse(text);
    EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().to_string());
    return parsed && parsed->holds({&event_, before_, after_});
  }
  static Error refusal(const std::string& text) {
    const auto parsed = Expression::parse(text);
    EXPECT_FALSE(parsed) << text;
    return parsed ? Error(errc::invalid, "it was parsed") : parsed.error();
  }

  std::string data_ =
      R"({"amount":"3000.00","n":12345678901234567890123,"list":[1,"two",3.50],"odd name":{"x":1},"no":null})";
  std::string metadata_ = R"({"userId":"user-13","ok":true})";
  std::string before_ = R"({"type":"Open","balance":"2900.00"})";
  std::string after_ =
      R"({"type":"Open","balance":"-100.00","items":{"p-1":2,"17":4},"opened":"2026-01-01T10:00:00.000000Z"})";
  EventView event_{.position = Position(90),
                   .revision = Revision(203),
                   .recorded_at = *parse_time("2026-04-15T10:31:02Z"),
                   .id = {},
                   .stream = "BankAccount-acct-13",
                   .type = "MoneyWithdrawn",
                   .content_type = json_content,
                   .data = data_,
                   .metadata = metadata_,
                   .tags = {}};
};

TEST_F(ConditionTest, bare_names_are_of_the_state_behind_the_event) {
  EXPECT_TRUE(holds("balance < 0"));
  EXPECT_TRUE(holds("before.balance >= 0 and state.balance < 0"));
  EXPECT_TRUE(holds("state.type = 'Open'"));
  EXPECT_FALSE(holds("balance > before.balance"));
}

TEST_F(ConditionTest, the_words_of_the_event_come_first) {
  EXPECT_TRUE(holds("type = 'MoneyWithdrawn' and data.amount > 100"));
  EXPECT_TRUE(holds("metadata.userId = \"user-13\""));
  EXPECT_TRUE(holds("version = 203 and position >= 90"));
  EXPECT_TRUE(holds("stream matches 'BankAccount-*'"));
  EXPECT_TRUE(holds("type in ('MoneyDeposited', 'MoneyWithdrawn')"));
  EXPECT_FALSE(holds("type in ('MoneyDeposited')"));
}

TEST_F(ConditionTest, numbers_are_exact_whatever_their_size) {
  EXPECT_TRUE(holds("data.n = 12345678901234567890123"));
  EXPECT_FALSE(holds("data.n = 12345678901234567890124"));
  EXPECT_TRUE(holds("data.list[2] = 3.5"));
  EXPECT_TRUE(holds("before.balance - data.amount = balance"));
  EXPECT_TRUE(holds("0.1 + 0.2 = 0.3"));
  EXPECT_TRUE(holds("balance = -1e2"));
}

TEST_F(ConditionTest, times_are_compared_as_times) {
  EXPECT_TRUE(holds("time > '2026-04-15' and time < '2026-04-15T10:32Z'"));
  EXPECT_TRUE(holds("opened = '2026-01-01T11:00+01:00'"));
  EXPECT_FALSE(holds("opened > '2026-06-01'"));
}

TEST_F(ConditionTest, what_is_not_there_is_null_and_has_no_order) {
  EXPECT_TRUE(holds("limit = null"));
  EXPECT_TRUE(holds("data.no = null"));
  EXPECT_FALSE(holds("limit < 5 or limit >= 5"));
  EXPECT_TRUE(holds("not (limit < 5)"));
  EXPECT_TRUE(holds("exists(balance) and not exists(limit)"));
  EXPECT_FALSE(holds("limit"));
  EXPECT_TRUE(holds("metadata.ok"));
}

TEST_F(ConditionTest, lists_texts_and_objects_are_looked_into) {
  EXPECT_TRUE(holds("data.list contains 'two' and data.list contains 1.0"));
  EXPECT_TRUE(holds("items contains 'p-1' and size(items) = 2"));
  EXPECT_TRUE(holds("items.\"p-1\" = 2 and items[17] = 4"));
  EXPECT_TRUE(holds("data.\"odd name\".x = 1"));
  EXPECT_TRUE(holds("stream contains 'acct' and size(type) = 14"));
  EXPECT_TRUE(holds("type matches '?oney*n'"));
  EXPECT_FALSE(holds("type matches 'Money'"));
}

TEST_F(ConditionTest, not_binds_stronger_than_and_and_and_than_or) {
  EXPECT_TRUE(holds("true or false and false"));
  EXPECT_FALSE(holds("(true or false) and false"));
  EXPECT_TRUE(holds("not false and true"));
  EXPECT_TRUE(holds("it = null or it = 'it''s'"));
}

TEST_F(ConditionTest, a_text_that_is_no_number_has_no_order_with_one) {
  EXPECT_FALSE(holds("type < 5 or type > 5 or type = 5"));
  EXPECT_TRUE(holds("type != 5"));
}

TEST(ConditionErrors, each_names_its_column) {
  const auto column = [](const std::string& text) {
    const auto parsed = Expression::parse(text);
    return parsed ? std::string("parsed") : std::string(parsed.error().fact("column").value_or("none"));
  };
  EXPECT_EQ(column(""), "1");
  EXPECT_EQ(column("balance <"), "10");
  EXPECT_EQ(column("balance < 0 balance"), "13");
  EXPECT_EQ(column("größe = 'x' ü"), "3") << "names are ASCII; others are quoted";
  EXPECT_EQ(column("balance = 'open"), "11");
  EXPECT_EQ(column("(balance < 0"), "13");
  EXPECT_EQ(column("balance < 1.2.3"), "11");
  EXPECT_EQ(column("type matches 5"), "14");
  EXPECT_EQ(column("run(balance)"), "1");
  EXPECT_EQ(column("type.name = 1"), "1");
  EXPECT_EQ(column("x in 5"), "6");
  EXPECT_EQ(column("a & b"), "3");
}

TEST(ConditionErrors, they_say_what_was_expected) {
  const auto parsed = Expression::parse("balance < and x");
  ASSERT_FALSE(parsed);
  EXPECT_THAT(parsed.error().message(), HasSubstr("column 11: expected the name of a place, found `and`"));
  EXPECT_THAT(parsed.error().help(), HasSubstr("balance < 0"));
}

TEST(ConditionErrors, what_is_too_long_or_too_deep_is_refused) {
  EXPECT_FALSE(Expression::parse(std::string(5'000, 'a')));
  EXPECT_FALSE(Expression::parse(std::string(1'000, '(') + "a" + std::string(1'000, ')')));
  std::string nots;
  for (int i = 0; i < 500; ++i) nots += "not ";
  EXPECT_FALSE(Expression::parse(nots + "a"));
  EXPECT_FALSE(Expression::parse("a = \xff"));
}

TEST(ExactNumbers, are_read_added_and_shown_digit_by_digit) {
  const auto sum = [](const char* a, const char* b) { return Exact::read(a)->plus(*Exact::read(b))->text(); };
  EXPECT_EQ(sum("100.00", "-0.50"), "99.50");
  EXPECT_EQ(sum("0.1", "0.2"), "0.3");
  EXPECT_EQ(sum("-0.05", "0.05"), "0.00");
  EXPECT_EQ(sum("99999999999999999999", "1"), "100000000000000000000");
  EXPECT_EQ(sum("1e3", "0.001"), "1000.001");
  EXPECT_EQ(sum("-5", "3"), "-2");
  EXPECT_EQ(sum("0", "7"), "7");
  EXPECT_EQ(sum("7", "-0"), "7");
  EXPECT_EQ(sum("1e20", "0"), "100000000000000000000");
}

TEST(ExactNumbers, are_ordered_as_numbers) {
  const char* const rising[] = {"-1e3", "-100.5", "-100", "-0.1", "0",       "0.09",
                                "0.1",  "2",      "10",   "1e2",  "123.0001"};
  for (std::size_t i = 0; i < std::size(rising); ++i) {
    for (std::size_t j = 0; j < std::size(rising); ++j) {
      EXPECT_EQ(*Exact::read(rising[i]) < *Exact::read(rising[j]), i < j) << rising[i] << " " << rising[j];
    }
  }
  EXPECT_EQ(*Exact::read("1.50"), *Exact::read("15e-1"));
  EXPECT_EQ(*Exact::read("-0"), *Exact::read("0.000"));
}

TEST(ExactNumbers, are_not_made_of_other_texts) {
  for (const char* text :
       {"", "-", ".5", "5.", "1e", "1e+", "0x10", "1 ", " 1", "1e999999", "--1", "1,5", "nan"})
    EXPECT_FALSE(Exact::read(text)) << text;
}

}  // namespace
}  // namespace stele::history::test

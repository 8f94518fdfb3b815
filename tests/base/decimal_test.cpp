// decimal_test.cpp - money is exact, or it is refused.
#include "stele/decimal.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace stele {
namespace {

constexpr auto smallest = std::numeric_limits<std::int64_t>::min();
constexpr auto largest = std::numeric_limits<std::int64_t>::max();

TEST(Decimal, text_shows_all_its_digits) {
  EXPECT_EQ(to_string(4820.50_money), "4820.50");
  EXPECT_EQ(to_string(0_money), "0.00");
  EXPECT_EQ(to_string(-0.05_money), "-0.05");
  EXPECT_EQ(to_string(Money::from_units(largest)), "92233720368547758.07");
  EXPECT_EQ(to_string(Money::from_units(smallest)), "-92233720368547758.08");
  EXPECT_EQ(to_string(Decimal<0>::from_units(-7)), "-7");
  EXPECT_EQ(to_string(Decimal<18>::from_units(1)), "0.000000000000000001");
}

TEST(Decimal, literals_are_read_as_written_at_compile_time) {
  static_assert((1'000'000.5_money).units() == 100'000'050);
  static_assert(500_money == 500.00_money);
  static_assert(-1.25_money + 1.25_money == Money{});
}

TEST(Decimal, fewer_digits_than_the_scale_are_exact) {
  EXPECT_EQ(*Money::parse("4820.5"), 4820.50_money);
  EXPECT_EQ(*Money::parse("4820"), 4820_money);
  EXPECT_EQ(*Money::parse("-0.01"), -0.01_money);
  EXPECT_EQ(*Money::parse("007.10"), 7.10_money);
  EXPECT_EQ(Decimal<0>::parse("12")->units(), 12);
}

TEST(Decimal, what_would_need_rounding_or_guessing_is_refused) {
  for (const char* text : {"", "-", ".", "1.", ".5", "+1", "1e2", "1E2", "1,5", " 1", "1 ", "0x1", "1.2.3",
                           "--1", "abc", "NaN", "1.005", "1.000", "1_000"})
    EXPECT_FALSE(Money::parse(text)) << text;
  EXPECT_FALSE(Decimal<0>::parse("1.0"));
  EXPECT_NE(Money::parse("1.005").error().message().find("more than 2 digits"), std::string::npos);
  EXPECT_NE(Money::parse("1e2").error().message().find("'1e2' is not a decimal number"), std::string::npos);
}

TEST(Decimal, the_ends_of_the_range_can_be_read_and_nothing_beyond) {
  EXPECT_EQ(Money::parse("92233720368547758.07")->units(), largest);
  EXPECT_EQ(Money::parse("-92233720368547758.08")->units(), smallest);
  EXPECT_FALSE(Money::parse("92233720368547758.08"));
  EXPECT_FALSE(Money::parse("-92233720368547758.09"));
  EXPECT_NE(Money::parse("1" + std::string(50, '0')).error().message().find("out of range"),
            std::string::npos);
}

TEST(Decimal, arithmetic_never_wraps_around) {
  Money full = Money::from_units(largest);
  EXPECT_THROW(full += 0.01_money, std::overflow_error);
  EXPECT_THROW(Money::from_units(smallest) - 0.01_money, std::overflow_error);
  EXPECT_THROW(-Money::from_units(smallest), std::overflow_error);
  EXPECT_THROW(Money::from_units(largest / 2) * 3, std::overflow_error);
  EXPECT_FALSE(Money::from_units(largest).checked_add(0.01_money));
  EXPECT_EQ(Money::from_units(largest - 1).checked_add(0.01_money)->units(), largest);
}

TEST(Decimal, sums_products_and_order_are_those_of_the_numbers) {
  EXPECT_EQ(2 * 29.99_money + 49.99_money, 109.97_money);
  EXPECT_EQ(5320.50_money - 500_money, 4820.50_money);
  EXPECT_LT(-1_money, 0.01_money);
  EXPECT_GT(10_money, 9.99_money);
}

TEST(Decimal, reading_gives_back_what_was_written) {
  const unsigned seed = 7;
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int i = 0; i < 2'000; ++i) {
    const auto value = Decimal<5>::from_units(static_cast<std::int64_t>(random()) >> (random() % 64));
    ASSERT_EQ(*Decimal<5>::parse(to_string(value)), value) << to_string(value);
  }
}

}  // namespace
}  // namespace stele

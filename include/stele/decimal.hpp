// decimal.hpp - exact decimal numbers for money and everything else that people count. Never binary floating
// point, never silently rounded, never silently wrapped. Not for measuring: there is no division and no
// conversion to double.
//
// A Decimal<2> is a whole number of hundredths in 64 bits, so it reaches from about -9.2e16 to 9.2e16. Text
// and wire form always show all its digits: "4820.50". Reading accepts fewer fractional digits ("4820.5",
// "4820") but never more, and no exponent: a number that would have to be rounded is refused.
//
// Overflow: arithmetic that leaves the range throws std::overflow_error. Rules stay readable that way
// (`balance + amount`), and the command handler turns the exception into errc::invalid, replay into
// errc::corrupt; it never reaches a server's connection. Code that wants to look first uses checked_add.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "stele/result.hpp"

namespace stele {
namespace detail {

// What reading a decimal can end with; the texts of the errors are in decimal.cpp.
enum class DecimalFault : std::uint8_t { none, not_a_number, too_many_digits, out_of_range };
struct DecimalUnits {
  std::int64_t units = 0;
  DecimalFault fault = DecimalFault::none;
};

// "-12.5" at scale 2 is -1250. Digits, one point between digits, one leading '-': nothing else.
[[nodiscard]] constexpr DecimalUnits parse_units(std::string_view text, unsigned scale) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  const std::string_view rest = point == text.npos ? std::string_view{} : text.substr(point + 1);
  if (whole.empty() || (point != text.npos && rest.empty())) return {0, DecimalFault::not_a_number};
  std::int64_t units = 0;
  bool fits = true;
  auto shift_in = [&](int digit) {  // downwards, so that the smallest number can be read too
    fits = fits && !__builtin_mul_overflow(units, std::int64_t{10}, &units) &&
           !__builtin_sub_overflow(units, std::int64_t{digit}, &units);
  };
  for (std::string_view digits : {whole, rest})
    for (char c : digits) {
      if (c < '0' || c > '9') return {0, DecimalFault::not_a_number};
      shift_in(c - '0');
    }
  if (rest.size() > scale) return {0, DecimalFault::too_many_digits};
  for (std::size_t missing = scale - rest.size(); missing > 0; --missing) shift_in(0);
  if (!fits || (!negative && units == std::numeric_limits<std::int64_t>::min()))
    return {0, DecimalFault::out_of_range};
  return {negative ? units : -units, DecimalFault::none};
}

[[nodiscard]] std::string decimal_text(std::int64_t units, unsigned scale);
[[nodiscard]] Error decimal_error(DecimalFault fault, std::string_view text, unsigned scale);

}  // namespace detail

// `Scale` is the number of fractional digits, 0 to 18.
template <unsigned Scale>
class Decimal {
  static_assert(Scale <= 18, "64 bits hold at most 18 fractional digits");

 public:
  static constexpr unsigned scale = Scale;

  constexpr Decimal() = default;
  // 482050 units at scale 2 are 4820.50. This and units() are for storing a decimal as an integer column.
  [[nodiscard]] static constexpr Decimal from_units(std::int64_t units) { return Decimal(units); }
  [[nodiscard]] constexpr std::int64_t units() const { return units_; }

  // Errors: invalid, saying whether it is no number, too precise, or too large.
  [[nodiscard]] static result<Decimal> parse(std::string_view text) {
    const auto read = detail::parse_units(text, Scale);
    if (read.fault != detail::DecimalFault::none) return detail::decimal_error(read.fault, text, Scale);
    return Decimal(read.units);
  }

  // Nothing when the sum is out of range.
  [[nodiscard]] constexpr std::optional<Decimal> checked_add(Decimal other) const {
    Decimal sum;
    if (__builtin_add_overflow(units_, other.units_, &sum.units_)) return std::nullopt;
    return sum;
  }

  constexpr Decimal& operator+=(Decimal other) {
    return set(__builtin_add_overflow(units_, other.units_, &units_));
  }
  constexpr Decimal& operator-=(Decimal other) {
    return set(__builtin_sub_overflow(units_, other.units_, &units_));
  }
  constexpr Decimal& operator*=(std::int64_t count) {
    return set(__builtin_mul_overflow(units_, count, &units_));
  }
  friend constexpr Decimal operator+(Decimal a, Decimal b) { return a += b; }
  friend constexpr Decimal operator-(Decimal a, Decimal b) { return a -= b; }
  friend constexpr Decimal operator*(Decimal a, std::int64_t count) { return a *= count; }
  friend constexpr Decimal operator*(std::int64_t count, Decimal a) { return a *= count; }
  friend constexpr Decimal operator-(Decimal a) { return Decimal{} - a; }
  auto operator<=>(const Decimal&) const = default;

 private:
  constexpr explicit Decimal(std::int64_t units) : units_(units) {}
  constexpr Decimal& set(bool overflowed) {
    if (overflowed) throw std::overflow_error("a decimal left the range of 64 bits");
    return *this;
  }
  std::int64_t units_ = 0;
};

// "4820.50", "-0.05": always all digits of the scale.
template <unsigned Scale>
[[nodiscard]] std::string to_string(Decimal<Scale> value) {
  return detail::decimal_text(value.units(), Scale);
}

using Money = Decimal<2>;

inline namespace literals {
// 4820.50_money, 1'000_money: read exactly as written, at compile time. What Money cannot hold does not
// compile.
consteval Money operator""_money(const char* text) {
  std::array<char, 40> digits{};
  std::size_t size = 0;
  for (; *text != '\0'; ++text)
    if (*text != '\'') digits.at(size++) = *text;
  const auto read = detail::parse_units({digits.data(), size}, Money::scale);
  if (read.fault != detail::DecimalFault::none) throw std::invalid_argument("not an amount of money");
  return Money::from_units(read.units);
}
}  // namespace literals

}  // namespace stele

// decimal.hpp - exact decimal numbers for money and everything else that people count. Never binary floating
// point, never silently rounded, never silently wrapped. Not for measuring: there is no division and no
// conversion to double.
//
// A Decimal<2> is a whole number of hundredths in 64 bits, so it reaches from about -9.2e16 to 9.2e16. Text
// and wire form always show all its digits: "4820.50". Reading accepts fewer fractional digits ("4820.5",
// "4820") but never more, and no exponent: a number that would have to be rounded is refused.
//
// Stored as an integer (units()) in columns, sent as a string in JSON, compared and sorted as the number it
// is; two decimals of different scales are different types and do not mix.
//
// Threading: plain values.
//
// Overflow: arithmetic that leaves the range throws std::overflow_error. Rules stay readable that way
// (`balance + amount`), and the command handler turns the exception into errc::invalid, replay into
// errc::corrupt; it never reaches a server's connection. Code that wants to look first uses checked_add.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "stele/detail/decimal_text.hpp"
#include "stele/result.hpp"

namespace stele {
// `Scale` is the number of fractional digits, 0 to 18: 2 for most money, 0 for counts, more for rates and
// prices per unit.
template <unsigned Scale>
class Decimal {
  static_assert(Scale <= 18, "64 bits hold at most 18 fractional digits");

 public:
  static constexpr unsigned scale = Scale;

  // Zero: the only decimal that needs no units.
  constexpr Decimal() = default;
  // 482050 units at scale 2 are 4820.50. This and units() are for storing a decimal as an integer column.
  [[nodiscard]] static constexpr Decimal from_units(std::int64_t units) { return Decimal(units); }
  [[nodiscard]] constexpr std::int64_t units() const { return units_; }

  // Text to decimal: optional '-', digits, at most one point with digits on both sides, at most Scale of
  // them behind it. The same rule wherever a decimal is read: JSON, command line, literals.
  // Errors: invalid, saying whether it is no number, too precise, or too large.
  [[nodiscard]] static result<Decimal> parse(std::string_view text) {
    const auto read = detail::parse_units(text, Scale);
    if (read.fault != detail::DecimalFault::none) return detail::decimal_error(read.fault, text, Scale);
    return Decimal(read.units);
  }

  // Nothing when the sum is out of range. For code that must not throw, and for limits that are no errors.
  [[nodiscard]] constexpr std::optional<Decimal> checked_add(Decimal other) const {
    Decimal sum;
    if (__builtin_add_overflow(units_, other.units_, &sum.units_)) return std::nullopt;
    return sum;
  }

  // Each of these throws std::overflow_error rather than give a wrong number, and leaves the operand
  // unspecified then. There is no division: who shares out an amount must say where the last cent goes.
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
  // Ordered as numbers. By value; decimals of different scales do not compare.
  auto operator<=>(const Decimal&) const = default;

 private:
  constexpr explicit Decimal(std::int64_t units) : units_(units) {}
  constexpr Decimal& set(bool overflowed) {
    if (overflowed) throw std::overflow_error("a decimal left the range of 64 bits");
    return *this;
  }
  std::int64_t units_ = 0;
};

// "4820.50", "-0.05": always all digits of the scale, no grouping, no currency; what parse() reads back.
template <unsigned Scale>
[[nodiscard]] std::string to_string(Decimal<Scale> value) {
  return detail::decimal_text(value.units(), Scale);
}

// Hundredths of whatever the currency is: which one, the domain says beside it.
using Money = Decimal<2>;

// `using namespace stele::literals;` brings them into rules and specifications.
inline namespace literals {
// 4820.50_money, 1'000_money: read exactly as written, at compile time. What Money cannot hold does not
// compile.
consteval Money operator""_money(const char* text) {
  return Money::from_units(detail::literal_units(text, Money::scale));
}
}  // namespace literals

}  // namespace stele

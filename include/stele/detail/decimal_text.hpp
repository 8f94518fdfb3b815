// decimal_text.hpp - reading a decimal's digits, at compile time for literals and at run time for everything
// else. Only for decimal.hpp, which says what is accepted.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
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

// The units of a literal, whose digits may be grouped by '. Not an error but a compile error when it does
// not fit.
[[nodiscard]] consteval std::int64_t literal_units(const char* text, unsigned scale) {
  std::array<char, 40> digits{};
  std::size_t size = 0;
  for (; *text != '\0'; ++text)
    if (*text != '\'') digits.at(size++) = *text;
  const auto read = parse_units({digits.data(), size}, scale);
  if (read.fault != DecimalFault::none) throw std::invalid_argument("not a decimal of this scale");
  return read.units;
}

[[nodiscard]] std::string decimal_text(std::int64_t units, unsigned scale);
[[nodiscard]] Error decimal_error(DecimalFault fault, std::string_view text, unsigned scale);

}  // namespace detail

}  // namespace stele

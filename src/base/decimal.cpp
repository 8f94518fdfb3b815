// decimal.cpp - decimals as text, and what is wrong with a text that is none.
#include "stele/decimal.hpp"

namespace stele::detail {
namespace {

std::string quoted(std::string_view text) {
  constexpr std::size_t shown = 40;
  return "'" + std::string(text.substr(0, shown)) + (text.size() > shown ? "...'" : "'");
}

}  // namespace

std::string decimal_text(std::int64_t units, unsigned scale) {
  const auto bits = static_cast<std::uint64_t>(units);
  std::string digits = std::to_string(units < 0 ? 0 - bits : bits);  // also right for the smallest number
  if (digits.size() <= scale) digits.insert(0, scale + 1 - digits.size(), '0');
  if (scale > 0) digits.insert(digits.size() - scale, 1, '.');
  return units < 0 ? "-" + digits : digits;
}

Error decimal_error(DecimalFault fault, std::string_view text, unsigned scale) {
  const std::string places = std::to_string(scale);
  switch (fault) {
    case DecimalFault::too_many_digits:
      return Error(errc::invalid, quoted(text) + " has more than " + places + " digits behind the point")
          .help("round it yourself: amounts are never rounded here");
    case DecimalFault::out_of_range:
      return Error(errc::invalid, quoted(text) + " is out of range for a decimal with " + places + " places");
    default:
      return Error(errc::invalid, quoted(text) + " is not a decimal number")
          .help("digits, at most one point, an optional leading '-'; no exponent");
  }
}

}  // namespace stele::detail

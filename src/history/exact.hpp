// exact.hpp - decimal numbers of any size, as they stand in JSON: compared and added exactly, shown with the digits
// they came with. Not the Decimal of domains (stele/decimal.hpp), whose scale is a type; no division.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace stele::history {

class Exact {
 public:
  // More digits, or a larger exponent, is no number here: what a line of text says must not cost megabytes.
  static constexpr std::int64_t most_digits = 1'000;

  Exact() = default;
  // "-12.50", "1e3", "+4": a JSON number, also with a plus or leading zeros. Nothing for any other text.
  [[nodiscard]] static std::optional<Exact> read(std::string_view text);

  // Digits behind the point, trailing zeros included: 2 for "12.50". Not part of the value.
  [[nodiscard]] std::int64_t scale() const { return scale_; }
  [[nodiscard]] Exact negated() const;
  // Nothing: the sum needs too many digits. Its scale is the larger one.
  [[nodiscard]] std::optional<Exact> plus(const Exact& other) const;
  // Without exponent, with all digits of the scale: "12.50".
  [[nodiscard]] std::string text() const;

  std::strong_ordering operator<=>(const Exact& other) const;
  bool operator==(const Exact& other) const { return (*this <=> other) == 0; }

 private:
  // digits_ x 10^exponent_; digits without zeros at either end, empty for zero.
  void trim();
  [[nodiscard]] std::int64_t magnitude() const {
    return static_cast<std::int64_t>(digits_.size()) + exponent_;
  }
  [[nodiscard]] std::string units(std::int64_t exponent) const;
  bool negative_ = false;
  std::string digits_;
  std::int64_t exponent_ = 0;
  std::int64_t scale_ = 0;
};

}  // namespace stele::history

// exact.cpp - reading, comparing and adding decimal numbers digit by digit.
#include "history/exact.hpp"

#include <algorithm>
#include <charconv>

#include "base/assert.hpp"

namespace stele::history {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Cuts the digits off the front.
std::string_view take_digits(std::string_view& text) {
  const auto end = std::ranges::find_if_not(text, is_digit);
  const auto digits = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(digits.size());
  return digits;
}

// What is left of a number behind its digits: nothing, or an exponent.
std::optional<std::int64_t> read_exponent(std::string_view text) {
  if (text.empty()) return 0;
  if (text.front() != 'e' && text.front() != 'E') return std::nullopt;
  text.remove_prefix(1);
  if (text.starts_with('+') && text.size() > 1 && is_digit(text[1])) text.remove_prefix(1);
  std::int64_t value = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, value);
  if (text.empty() || failure != std::errc{} || stop != end) return std::nullopt;
  if (value > Exact::most_digits || value < -Exact::most_digits) return std::nullopt;
  return value;
}

// The larger of two unsigned numbers of the same length first.
std::string subtract(const std::string& large, const std::string& small) {
  std::string out = large;
  int borrow = 0;
  for (std::size_t i = out.size(); i-- > 0;) {
    int digit = out[i] - small[i] - borrow;
    borrow = digit < 0 ? 1 : 0;
    out[i] = static_cast<char>('0' + digit + 10 * borrow);
  }
  STELE_ASSERT(borrow == 0, "the larger number comes first", large, small);
  return out;
}

// As by hand, from the last digit; the first may be a zero, which trim() takes.
std::string add(const std::string& a, const std::string& b) {
  std::string out(a.size() + 1, '0');
  int carry = 0;
  for (std::size_t i = a.size(); i-- > 0;) {
    const int digit = (a[i] - '0') + (b[i] - '0') + carry;
    carry = digit / 10;
    out[i + 1] = static_cast<char>('0' + digit % 10);
  }
  out[0] = static_cast<char>('0' + carry);
  return out;
}

}  // namespace

// The scale is what was written: 12.50 has two digits behind the point, and 1e3 none.
std::optional<Exact> Exact::read(std::string_view text) {
  Exact out;
  if (text.starts_with('-') || text.starts_with('+')) {
    out.negative_ = text.front() == '-';
    text.remove_prefix(1);
  }
  const auto whole = take_digits(text);
  if (whole.empty()) return std::nullopt;
  std::string_view fraction;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    fraction = take_digits(text);
    if (fraction.empty()) return std::nullopt;
  }
  const auto exponent = read_exponent(text);
  if (!exponent || whole.size() + fraction.size() > static_cast<std::size_t>(most_digits))
    return std::nullopt;
  out.digits_.append(whole).append(fraction);
  out.exponent_ = *exponent - static_cast<std::int64_t>(fraction.size());
  out.scale_ = std::max<std::int64_t>(0, -out.exponent_);
  out.trim();
  return out;
}

void Exact::trim() {
  const auto first = digits_.find_first_not_of('0');
  if (first == std::string::npos) {
    digits_.clear();
    exponent_ = 0;
    negative_ = false;
    return;
  }
  digits_.erase(0, first);
  const auto last = digits_.find_last_not_of('0');
  exponent_ += static_cast<std::int64_t>(digits_.size() - last - 1);
  digits_.resize(last + 1);
}

Exact Exact::negated() const {
  Exact out = *this;
  out.negative_ = !negative_ && !digits_.empty();
  return out;
}

// The magnitude as a whole number of 10^exponent.
std::string Exact::units(std::int64_t exponent) const {
  if (digits_.empty()) return "0";
  STELE_ASSERT(exponent <= exponent_, "nothing is cut off", exponent, exponent_);
  return digits_ + std::string(static_cast<std::size_t>(exponent_ - exponent), '0');
}

// Both are brought to the smaller exponent; how far they may lie apart is bounded before that costs memory.
std::optional<Exact> Exact::plus(const Exact& other) const {
  const auto low = std::min(digits_.empty() ? other.exponent_ : exponent_,
                            other.digits_.empty() ? exponent_ : other.exponent_);
  if (std::max(magnitude(), other.magnitude()) - low > 3 * most_digits) return std::nullopt;
  auto a = units(low);
  auto b = other.units(low);
  const auto width = std::max(a.size(), b.size());
  a.insert(0, width - a.size(), '0');
  b.insert(0, width - b.size(), '0');
  Exact out;
  const bool first_is_larger = a >= b;
  out.negative_ = first_is_larger ? negative_ : other.negative_;
  out.digits_ = negative_ == other.negative_ ? add(a, b) : first_is_larger ? subtract(a, b) : subtract(b, a);
  out.exponent_ = low;
  out.scale_ = std::max(scale_, other.scale_);
  out.trim();
  return out;
}

// Digits that the scale does not ask for but the value needs are shown, too: nothing is rounded.
std::string Exact::text() const {
  const auto low = std::min<std::int64_t>(-scale_, digits_.empty() ? 0 : exponent_);
  auto out = digits_.empty() ? std::string(static_cast<std::size_t>(-low), '0') : units(low);
  const auto behind = static_cast<std::size_t>(-low);
  if (out.size() <= behind) out.insert(0, behind + 1 - out.size(), '0');
  if (behind > 0) out.insert(out.size() - behind, ".");
  return negative_ ? "-" + out : out;
}

std::strong_ordering Exact::operator<=>(const Exact& other) const {
  if (negative_ != other.negative_)
    return negative_ ? std::strong_ordering::less : std::strong_ordering::greater;
  const auto flip = [&](std::strong_ordering order) { return negative_ ? 0 <=> order : order; };
  if (digits_.empty() || other.digits_.empty()) return flip(digits_.size() <=> other.digits_.size());
  if (magnitude() != other.magnitude()) return flip(magnitude() <=> other.magnitude());
  return flip(digits_.compare(other.digits_) <=> 0);  // no trailing zeros: a prefix is the smaller number
}

}  // namespace stele::history

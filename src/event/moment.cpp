// moment.cpp - the grammar of places in history: v204, p90211, start, head, -20, -2h, 2026-03-01T10:00Z.
#include <charconv>

#include "stele/event.hpp"

namespace stele {
namespace {

std::optional<std::uint64_t> moment_number(std::string_view digits) {
  std::uint64_t value = 0;
  const auto* end = digits.data() + digits.size();
  const auto [stop, failure] = std::from_chars(digits.data(), end, value);
  if (digits.empty() || failure != std::errc{} || stop != end) return std::nullopt;
  return value;
}

std::optional<std::chrono::seconds> unit_of(char letter) {
  switch (letter) {
    case 's':
      return std::chrono::seconds{1};
    case 'm':
      return std::chrono::minutes{1};
    case 'h':
      return std::chrono::hours{1};
    case 'd':
      return std::chrono::days{1};
    case 'w':
      return std::chrono::weeks{1};
    default:
      return std::nullopt;
  }
}

// "-20" the last twenty, "-2h" two hours ago.
std::optional<Moment> backwards(std::string_view text) {
  if (const auto count = moment_number(text)) return Moment{Moment::Last{*count}};
  if (text.empty()) return std::nullopt;
  const auto unit = unit_of(text.back());
  const auto count = moment_number(text.substr(0, text.size() - 1));
  constexpr std::uint64_t centuries = 100'000;  // more than that many weeks is a slip, and would overflow
  if (!unit || !count || *count > centuries * 604'800 / static_cast<std::uint64_t>(unit->count()))
    return std::nullopt;
  return Moment{Moment::Ago{*unit * static_cast<std::int64_t>(*count)}};
}

std::optional<Moment> read_moment(std::string_view text) {
  if (text == "start") return Moment{Moment::Start{}};
  if (text == "head") return Moment{Moment::Head{}};
  if (text.empty()) return std::nullopt;
  const auto rest = text.substr(1);
  if (text.front() == '-') return backwards(rest);
  if (text.front() == 'v') {
    if (const auto number = moment_number(rest)) return Moment{Revision(*number)};
    return std::nullopt;
  }
  if (text.front() == 'p') {
    if (const auto number = moment_number(rest)) return Moment{Position(*number)};
    return std::nullopt;
  }
  if (const auto time = parse_time(text)) return Moment{*time};
  return std::nullopt;
}

}  // namespace

result<Moment> parse_moment(std::string_view text) {
  if (const auto moment = read_moment(text)) return *moment;
  return Error(errc::invalid, "'" + std::string(text) + "' is not a place in history")
      .with("value", std::string(text))
      .help(
          "write v204 (version), p90211 (position), start, head, -20 (last 20), -2h (age: s m h d w) or a "
          "UTC "
          "time such as 2026-03-01 or 2026-03-01T10:00Z");
}

}  // namespace stele

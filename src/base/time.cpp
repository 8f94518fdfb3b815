// time.cpp - timestamps as RFC 3339 text and back, exactly.
#include <array>

#include "stele/types.hpp"

namespace stele {
namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::microseconds;

void put_digits(char* to, int count, std::uint64_t value) {
  for (int i = count - 1; i >= 0; --i, value /= 10) to[i] = static_cast<char>('0' + value % 10);
}

// Reads fixed-width fields off the front of a text; one failure sticks.
struct TimeFields {
  std::string_view rest;
  bool ok = true;

  int digits(std::size_t count) {
    int value = 0;
    if (rest.size() < count) {
      ok = false;
      return 0;
    }
    for (char c : rest.substr(0, count)) {
      if (c < '0' || c > '9') {
        ok = false;
        return 0;
      }
      value = value * 10 + (c - '0');
    }
    rest.remove_prefix(count);
    return value;
  }
  bool take(char expected) {
    if (rest.empty() || rest.front() != expected) return false;
    rest.remove_prefix(1);
    return true;
  }
  void need(char expected) { ok = take(expected) && ok; }
  void upto(int value, int highest) { ok = ok && value <= highest; }
};

std::int64_t fraction_micros(TimeFields& in) {
  std::int64_t micros = 0;
  std::int64_t unit = 100'000;
  std::size_t count = 0;
  for (; !in.rest.empty() && in.rest.front() >= '0' && in.rest.front() <= '9'; ++count, unit /= 10) {
    micros += (in.rest.front() - '0') * unit;
    in.rest.remove_prefix(1);
  }
  in.ok = in.ok && count >= 1 && count <= 6;
  return micros;
}

std::chrono::minutes offset_minutes(TimeFields& in) {
  if (in.take('Z') || in.take('z')) return std::chrono::minutes{0};
  const bool behind = in.take('-');
  if (!behind) in.need('+');
  const int hours = in.digits(2);
  in.need(':');
  const int minutes = in.digits(2);
  in.upto(hours, 23);
  in.upto(minutes, 59);
  const auto offset = std::chrono::hours(hours) + std::chrono::minutes(minutes);
  return behind ? -offset : offset;
}

microseconds time_of_day(TimeFields& in) {
  const int hours = in.digits(2);
  in.need(':');
  const int minutes = in.digits(2);
  int seconds = 0;
  std::int64_t micros = 0;
  if (in.take(':')) {
    seconds = in.digits(2);
    if (in.take('.')) micros = fraction_micros(in);
  }
  in.upto(hours, 23);
  in.upto(minutes, 59);
  in.upto(seconds, 59);
  return std::chrono::hours(hours) + std::chrono::minutes(minutes) + std::chrono::seconds(seconds) +
         microseconds(micros) - offset_minutes(in);
}

}  // namespace

std::string to_string(Timestamp time) {
  const auto day = floor<days>(time);
  const std::chrono::year_month_day date{day};
  const auto micros = static_cast<std::uint64_t>((time - day).count());
  const auto seconds = micros / 1'000'000;
  std::string text = "0000-00-00T00:00:00.000000Z";
  put_digits(text.data(), 4, static_cast<std::uint64_t>(static_cast<int>(date.year())));
  put_digits(text.data() + 5, 2, static_cast<unsigned>(date.month()));
  put_digits(text.data() + 8, 2, static_cast<unsigned>(date.day()));
  put_digits(text.data() + 11, 2, seconds / 3600);
  put_digits(text.data() + 14, 2, seconds / 60 % 60);
  put_digits(text.data() + 17, 2, seconds % 60);
  put_digits(text.data() + 20, 6, micros % 1'000'000);
  return text;
}

std::optional<Timestamp> parse_time(std::string_view text) {
  TimeFields in{text};
  const int year = in.digits(4);
  in.need('-');
  const int month = in.digits(2);
  in.need('-');
  const int day = in.digits(2);
  const auto date = std::chrono::year(year) / month / day;
  if (!in.ok || !date.ok()) return std::nullopt;
  Timestamp time{std::chrono::sys_days(date)};
  if (in.rest.empty()) return time;
  if (!in.take('T') && !in.take('t')) return std::nullopt;
  time += time_of_day(in);
  if (!in.ok || !in.rest.empty()) return std::nullopt;
  return time;
}

}  // namespace stele

// types.hpp - numbers that must not be mixed: positions, revisions, times, ids. Not for byte offsets,
// which never leave the engine.
//
// All are plain values: copy freely, compare, hash; no construction from or conversion to a bare integer
// happens by itself, so a revision cannot slide into a position.
#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace stele {

// Where an event stands in the whole log: dense, from 1. Position 0 is "before everything", so a reader
// that has seen nothing is at 0 and "after" is always exclusive.
//
// Next to nothing can be done with one but compare it and take the next: adding positions means nothing, and how
// many events lie between two of them is the difference of their values.
class Position {
 public:
  constexpr Position() = default;
  constexpr explicit Position(std::uint64_t value) : value_(value) {}
  [[nodiscard]] constexpr std::uint64_t value() const { return value_; }
  [[nodiscard]] constexpr Position next() const { return Position(value_ + 1); }
  auto operator<=>(const Position&) const = default;

 private:
  std::uint64_t value_ = 0;
};

// Where an event stands in its own stream: dense, from 0. "No revision" is std::optional<Revision>: a stream
// without events has none, and the revision of its first event is 0. What people and HTTP call the version of an
// aggregate is the revision of its last event.
class Revision {
 public:
  constexpr Revision() = default;
  constexpr explicit Revision(std::uint64_t value) : value_(value) {}
  [[nodiscard]] constexpr std::uint64_t value() const { return value_; }
  [[nodiscard]] constexpr Revision next() const { return Revision(value_ + 1); }
  auto operator<=>(const Revision&) const = default;

 private:
  std::uint64_t value_ = 0;
};

// Microseconds since 1970-01-01T00:00:00Z. Always UTC; there is no local time anywhere in stele. A plain
// std::chrono time point: add durations, take differences, cut to days as usual.
using Timestamp = std::chrono::sys_time<std::chrono::microseconds>;

// RFC 3339 with exactly six fractional digits and a Z: "2026-03-01T10:00:00.000000Z". Years 0000 to 9999.
// Always 27 characters, so texts sort as times do.
[[nodiscard]] std::string to_string(Timestamp time);
// Accepts 0 to 6 fractional digits, `Z` or a numeric offset, a missing time of day ("2026-03-01") and missing
// seconds ("2026-03-01T10:00Z"); nothing else. More than six fractional digits are refused, not rounded.
[[nodiscard]] std::optional<Timestamp> parse_time(std::string_view text);

// Names an event, a store, a request. 128 bits, RFC 9562 layout and text form. Nil (all zero) stands for "none
// given" wherever an id is optional.
class Uuid {
 public:
  constexpr Uuid() = default;
  constexpr explicit Uuid(std::array<std::uint8_t, 16> bytes) : bytes_(bytes) {}
  // In the order of the text form (network order).
  [[nodiscard]] constexpr const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
  [[nodiscard]] constexpr bool is_nil() const { return *this == Uuid{}; }
  auto operator<=>(const Uuid&) const = default;

  // Version 7 (time-ordered, random rest); safe from any thread.
  // Not a secret: the time is readable in it, and the rest is as random as the system's generator.
  [[nodiscard]] static Uuid random();
  // Version 5 (SHA-1 of namespace and name): the same inputs give the same id, always and everywhere.
  [[nodiscard]] static Uuid from_name(const Uuid& space, std::string_view name);

 private:
  std::array<std::uint8_t, 16> bytes_{};
};

// "6ba7b810-9dad-11d1-80b4-00c04fd430c8", lower case.
[[nodiscard]] std::string to_string(const Uuid& id);
// The 36-character form, either case.
// Nothing when the text is anything else: there is only one way to write an id.
[[nodiscard]] std::optional<Uuid> parse_uuid(std::string_view text);

}  // namespace stele

// Good also for ids that are not random: clients may give any.
template <>
struct std::hash<stele::Uuid> {
  std::size_t operator()(const stele::Uuid& id) const noexcept;
};

// range.hpp - ranges of history as people write them (A..B, ..B, A.., A) turned into bounds a store can
// answer. The grammar of single places is stele::parse_moment.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "cli/target/target.hpp"
#include "stele/event.hpp"

namespace stele::cli {

struct Range {
  std::optional<Moment> from;  // inclusive
  std::optional<Moment> to;    // inclusive
};

// "v10..v20", "..p99", "-2h..", "v204" (that one only), "-20" and times (from there on). Empty: everything.
[[nodiscard]] result<Range> parse_range(std::string_view text);

// "90s", "15m", "12h", "30d", "4w".
[[nodiscard]] result<std::chrono::seconds> parse_span(const std::string& text);

// Which events of a stream or of the log: bounds by revision and by position, both inclusive.
struct Bounds {
  std::optional<Revision> from_revision;
  std::optional<Revision> to_revision;
  std::optional<Position> from_position;
  std::optional<Position> to_position;
  std::optional<std::uint64_t> last;  // only so many, counted from the end
};

// Times and ages become positions by asking the store. `stream` empty: the whole log, where a `vN` is
// refused.
[[nodiscard]] result<Bounds> resolve(const Range& range, std::string_view stream, Target& target,
                                     Timestamp now);

}  // namespace stele::cli

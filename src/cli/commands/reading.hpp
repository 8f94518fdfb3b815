// reading.hpp - what read, tail and export share: from stream, range and filter to a plan for the target.
#pragma once

#include <string>

#include "cli/target/target.hpp"

namespace stele::cli {

// "@all" is the whole log, and so is nothing.
[[nodiscard]] std::string stream_named(const std::string& argument);
[[nodiscard]] QueryItem item_of(const Filter& filter);

// A plan, and whether it asks for the last so many events (read backward, then turned round).
struct ReadingPlan {
  ReadPlan plan;
  std::optional<std::uint64_t> last;
};
// Errors: usage for a range that is none or does not fit, not_found for the stream.
[[nodiscard]] result<ReadingPlan> plan_reading(const std::string& stream, const std::string& range,
                                               const Filter& filter, Target& target, Timestamp now);

}  // namespace stele::cli

// suggest.hpp - "did you mean": the nearest word of a list. Not a parser.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stele::cli {

// Insertions, deletions, replacements and swaps of neighbours between two words.
[[nodiscard]] std::size_t edit_distance(std::string_view left, std::string_view right);

// The candidate nearest to `word`, if it is near enough to be a slip of the finger.
[[nodiscard]] std::optional<std::string> nearest(std::string_view word,
                                                 const std::vector<std::string>& candidates);

}  // namespace stele::cli

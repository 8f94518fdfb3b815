// text.hpp - numbers, sizes, times and table cells the way people read them. Machines get the plain forms.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cli/options.hpp"
#include "stele/types.hpp"

namespace stele::cli {

[[nodiscard]] std::string grouped(std::uint64_t number);     // 1,204
[[nodiscard]] std::string grouped(std::string_view digits);  // the same for digits of any length
[[nodiscard]] std::string counted(std::uint64_t number, std::string_view noun);  // 1 event, 1,204 events
[[nodiscard]] std::string byte_size(std::uint64_t bytes);                        // 9.8 GiB
[[nodiscard]] std::string short_count(double value);                             // 212 k, 1.06 M
[[nodiscard]] std::string duration_text(double seconds);                         // 53 µs, 11.3 s
[[nodiscard]] std::string time_text(Timestamp time, TimeStyle style, Timestamp now);

// How many columns the text takes: one per code point.
[[nodiscard]] std::size_t columns_of(std::string_view utf8);
// At most `columns` wide; what is cut away is announced by one …
[[nodiscard]] std::string cut_to(std::string_view utf8, std::size_t columns);
// Nothing in it can steer a terminal: control characters become '?'.
[[nodiscard]] std::string one_line(std::string_view utf8);

[[nodiscard]] std::string csv_cell(std::string_view text);  // quoted where RFC 4180 asks for it
[[nodiscard]] std::string tsv_cell(
    std::string_view text);  // tab, line breaks and backslash escaped by backslash

}  // namespace stele::cli

// text.hpp - small text helpers of the server: numbers both ways, quoting. No formatting library.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json_text.hpp"
#include "base/utf8.hpp"

namespace stele::server {

using base::append_json_string;

// A JSON string of anything a client may have sent: bytes that are not UTF-8 become '?'.
[[nodiscard]] inline std::string json_quoted(std::string_view text) {
  if (base::is_utf8(text)) return base::json_string(text);
  std::string clean(text);
  for (auto& c : clean) {
    if (static_cast<unsigned char>(c) >= 0x80) c = '?';
  }
  return base::json_string(clean);
}

// Digits only, and only if the number fits.
[[nodiscard]] inline std::optional<std::uint64_t> parse_u64(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The first or only part before `separator`, trimmed; `rest` moves behind it. For header lists.
[[nodiscard]] inline std::string_view next_item(std::string_view& rest, char separator = ',') {
  const auto at = rest.find(separator);
  auto item = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view{} : rest.substr(at + 1);
  while (item.starts_with(' ') || item.starts_with('\t')) item.remove_prefix(1);
  while (item.ends_with(' ') || item.ends_with('\t')) item.remove_suffix(1);
  return item;
}

}  // namespace stele::server

// base64.cpp - three bytes to four letters and back.
#include "base/base64.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace stele::base {
namespace {

constexpr std::string_view base64_letters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr auto base64_values = [] {
  std::array<std::int8_t, 256> table{};
  table.fill(-1);
  for (std::size_t i = 0; i < base64_letters.size(); ++i) {
    table[static_cast<unsigned char>(base64_letters[i])] = static_cast<std::int8_t>(i);
  }
  return table;
}();

std::uint32_t base64_byte(std::string_view bytes, std::size_t at) {
  return at < bytes.size() ? static_cast<unsigned char>(bytes[at]) : 0u;
}

}  // namespace

void append_base64(std::string& out, std::string_view bytes) {
  out.reserve(out.size() + (bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto group =
        base64_byte(bytes, i) << 16 | base64_byte(bytes, i + 1) << 8 | base64_byte(bytes, i + 2);
    out += base64_letters[group >> 18];
    out += base64_letters[group >> 12 & 63];
    out += i + 1 < bytes.size() ? base64_letters[group >> 6 & 63] : '=';
    out += i + 2 < bytes.size() ? base64_letters[group & 63] : '=';
  }
}

std::string to_base64(std::string_view bytes) {
  std::string out;
  append_base64(out, bytes);
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  std::string out;
  out.reserve(text.size() / 4 * 3);
  std::uint32_t group = 0;
  for (std::size_t i = 0; i < text.size() - padding; ++i) {
    const auto value = base64_values[static_cast<unsigned char>(text[i])];
    if (value < 0) return std::nullopt;
    group = group << 6 | static_cast<std::uint32_t>(value);
    if (i % 4 == 3) {
      for (int shift = 16; shift >= 0; shift -= 8) out += static_cast<char>(group >> shift & 255);
      group = 0;
    }
  }
  if (padding == 0) return out;
  // The bits that the last letter has to spare must be zero, or two texts would mean the same bytes.
  const std::uint32_t spare = padding == 1 ? 2 : 4;
  if ((group & ((1u << spare) - 1)) != 0) return std::nullopt;
  group >>= spare;
  if (padding == 1) out += static_cast<char>(group >> 8 & 255);
  out += static_cast<char>(group & 255);
  return out;
}

}  // namespace stele::base

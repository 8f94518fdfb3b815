// json_text.cpp - copies runs between characters that need an escape.
#include "base/json_text.hpp"

#include <array>
#include <cstddef>

namespace stele::base {
namespace {

// 0: as it is; 'u': \u00XX; anything else: backslash and that letter.
constexpr auto json_escapes = [] {
  std::array<char, 256> table{};
  for (std::size_t i = 0; i < 32; ++i) table[i] = 'u';
  table['"'] = '"';
  table['\\'] = '\\';
  table['\b'] = 'b';
  table['\f'] = 'f';
  table['\n'] = 'n';
  table['\r'] = 'r';
  table['\t'] = 't';
  return table;
}();

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  constexpr std::string_view hex = "0123456789abcdef";
  out += '"';
  std::size_t from = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const char escape = json_escapes[byte];
    if (escape == 0) continue;
    out.append(text, from, i - from);
    from = i + 1;
    out += '\\';
    out += escape;
    if (escape == 'u') {
      out += "00";
      out += hex[byte >> 4];
      out += hex[byte & 15];
    }
  }
  out.append(text, from);
  out += '"';
}

std::string json_string(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  append_json_string(out, text);
  return out;
}

}  // namespace stele::base

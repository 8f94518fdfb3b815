// uri.cpp - splitting and percent-coding of request targets.
#include "server/http/uri.hpp"

#include "base/utf8.hpp"

namespace stele::server {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// RFC 3986 section 2.3.
bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

// The path-and-query part of "http://host:port/path?query".
std::optional<std::string_view> strip_authority(std::string_view text) {
  const auto scheme = text.find("://");
  if (scheme == std::string_view::npos || scheme == 0) return std::nullopt;
  const auto slash = text.find_first_of("/?", scheme + 3);
  if (slash == std::string_view::npos || text[slash] == '?') return std::string_view("/");
  return text.substr(slash);
}

}  // namespace

std::optional<Target> split_target(std::string_view text) {
  if (text == "*") return Target{text, {}};
  if (!text.starts_with('/')) {
    const auto rest = strip_authority(text);
    if (!rest) return std::nullopt;
    text = *rest;
  }
  text = text.substr(0, text.find('#'));
  const auto mark = text.find('?');
  if (mark == std::string_view::npos) return Target{text, {}};
  return Target{text.substr(0, mark), text.substr(mark + 1)};
}

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = hex_digit(text[i + 1]);
      const int low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  if (!base::is_utf8(out)) return std::nullopt;
  return out;
}

std::string percent_encode(std::string_view text) {
  static constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size() + 8);
  for (const char c : text) {
    if (is_unreserved(c)) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += digits[byte >> 4];
      out += digits[byte & 15];
    }
  }
  return out;
}

std::optional<std::vector<Field>> parse_query_text(std::string_view text) {
  std::vector<Field> out;
  while (!text.empty()) {
    const auto end = text.find('&');
    const auto pair = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    if (pair.empty()) continue;
    const auto equals = pair.find('=');
    auto name = percent_decode(pair.substr(0, equals), true);
    auto value = equals == std::string_view::npos ? std::optional<std::string>("")
                                                  : percent_decode(pair.substr(equals + 1), true);
    if (!name || !value) return std::nullopt;
    out.push_back({*std::move(name), *std::move(value)});
  }
  return out;
}

}  // namespace stele::server

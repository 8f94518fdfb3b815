// utf8.cpp - validation is simdjson's; the control-character rule is ours.
#include "base/utf8.hpp"

#include <simdjson.h>

#include <algorithm>

namespace stele::base {

bool is_utf8(std::string_view text) { return simdjson::validate_utf8(text.data(), text.size()); }

bool is_clean_utf8(std::string_view text) {
  const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  return std::none_of(text.begin(), text.end(), control) && is_utf8(text);
}

}  // namespace stele::base

// utf8.cpp - validation is simdjson's; the control-character rule is ours.
#include "base/utf8.hpp"

#include <simdjson.h>

namespace stele::base {

bool is_utf8(std::string_view text) { return simdjson::validate_utf8(text.data(), text.size()); }

bool is_clean_utf8(std::string_view text) {
  // Names are nearly always short and plain: one pass that says so, and the full validation only for the others.
  bool clean = true;
  bool ascii = true;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    clean &= byte >= 0x20 && byte != 0x7f;
    ascii &= byte < 0x80;
  }
  return clean && (ascii || is_utf8(text));
}

}  // namespace stele::base

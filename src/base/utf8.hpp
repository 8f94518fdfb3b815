// utf8.hpp - is this text well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF)?
#pragma once

#include <string_view>

namespace stele::base {

[[nodiscard]] bool is_utf8(std::string_view text);
// UTF-8 without control characters (U+0000-U+001F, U+007F): what names are made of.
[[nodiscard]] bool is_clean_utf8(std::string_view text);

}  // namespace stele::base

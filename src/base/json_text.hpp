// json_text.hpp - writing JSON text by hand: strings with their escapes (RFC 8259 section 7). Not a document
// model.
#pragma once

#include <string>
#include <string_view>

namespace stele::base {

// Appends `text` in quotes. The text must be UTF-8; control characters, quotes and backslashes are escaped.
void append_json_string(std::string& out, std::string_view text);
[[nodiscard]] std::string json_string(std::string_view text);

}  // namespace stele::base

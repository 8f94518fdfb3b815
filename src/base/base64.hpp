// base64.hpp - standard base64 with padding (RFC 4648 section 4), for binary payloads inside JSON.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace stele::base {

void append_base64(std::string& out, std::string_view bytes);
[[nodiscard]] std::string to_base64(std::string_view bytes);
// Nothing unless the text is exactly what to_base64 writes: full length, right padding, no blanks.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

}  // namespace stele::base

// json_reader.hpp - checking JSON without keeping it, and naming places in it; JsonDocument and JsonValue
// come along from the public side. Not for writing JSON (json_text.hpp) and not for structs (stele/wire.hpp).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "stele/detail/json.hpp"
#include "stele/result.hpp"

namespace stele {

// Everything JsonDocument::parse checks, without keeping the values. For payloads
// payloads that are stored as they came. Errors as there.
[[nodiscard]] result<void> json_check(std::string_view text, JsonOptions options = {});

// RFC 6901 pointers, built from the root "": json_pointer("/items/1", "a/b") is "/items/1/a~1b".
[[nodiscard]] std::string json_pointer(std::string_view parent, std::string_view member);
[[nodiscard]] std::string json_pointer(std::string_view parent, std::size_t index);

}  // namespace stele

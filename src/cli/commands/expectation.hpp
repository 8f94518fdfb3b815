// expectation.hpp - the value of --expect, the same for every command that has one.
#pragma once

#include <string_view>

#include "stele/event.hpp"

namespace stele::cli {

// Takes what people write (v204, none) and what the server's JSON says (204, no_stream). Errors: usage.
[[nodiscard]] result<ExpectedVersion> parse_expected(std::string_view text);

}  // namespace stele::cli

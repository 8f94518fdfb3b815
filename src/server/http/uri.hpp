// uri.hpp - request targets: splitting, percent-coding, query parameters (RFC 3986). Knows nothing of routes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stele/app.hpp"

namespace stele::server {

// A target cut at its first '?', nothing decoded yet.
struct Target {
  std::string_view path;  // begins with '/'
  std::string_view query;
};

// Accepts origin form ("/a?b"), absolute form ("http://host/a?b") and "*" (which gives the path "*").
[[nodiscard]] std::optional<Target> split_target(std::string_view text);

// Nothing when an escape is broken or the result is not UTF-8.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space = false);
// Everything but unreserved characters becomes %XX, so the result is one segment or one value.
[[nodiscard]] std::string percent_encode(std::string_view text);

// "a=1&b=2" in order; a name without '=' has an empty value.
[[nodiscard]] std::optional<std::vector<Field>> parse_query_text(std::string_view text);

}  // namespace stele::server

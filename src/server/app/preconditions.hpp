// preconditions.hpp - what the conventions put into headers and query of any request, parsed once for every
// route: If-Match, If-None-Match, Prefer, Idempotency-Key, traceparent, as_of, after_version, after_position.
#pragma once

#include <optional>
#include <string_view>

#include "stele/app.hpp"

namespace stele::server {

// Fills the request in; the problem (400) when one of them is malformed.
[[nodiscard]] std::optional<Problem> read_conventions(Request& request);

// Whether a cached answer with this ETag is still good (If-None-Match on GET).
[[nodiscard]] bool etag_listed(const Request& request, std::string_view etag);

// "204", "v204" / "90211", "p90211".
[[nodiscard]] std::optional<Revision> parse_revision(std::string_view text);
[[nodiscard]] std::optional<Position> parse_position(std::string_view text);

}  // namespace stele::server

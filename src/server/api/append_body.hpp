// append_body.hpp - request bodies of appends as AppendRequests. Every problem of a body is reported at once, each
// with its JSON Pointer; payload bytes are taken over unchanged.
#pragma once

#include <expected>
#include <string_view>

#include "stele/app.hpp"
#include "stele/store.hpp"

namespace stele::server {

template <class T>
using OrProblem = std::expected<T, Problem>;

// The body of POST /v1/streams/{stream}/events in any of its media types.
[[nodiscard]] OrProblem<std::vector<NewEvent>> parse_events(const Request& request);
// The body of POST /v1/append.
[[nodiscard]] OrProblem<AppendRequest> parse_append(std::string_view body);

}  // namespace stele::server

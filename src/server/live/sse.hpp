// sse.hpp - the text form of server-sent events (WHATWG HTML section 9.2). Only formatting.
#pragma once

#include <string>
#include <string_view>

#include "stele/app.hpp"

namespace stele::server {

// One message with its empty line; line feeds in `data` become several data fields.
void append_sse(std::string& out, const LiveMessage& message);
inline constexpr std::string_view sse_heartbeat = ": heartbeat\n\n";
inline constexpr std::string_view sse_opening = "retry: 2000\n\n";

}  // namespace stele::server

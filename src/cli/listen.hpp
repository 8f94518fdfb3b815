// listen.hpp - HOST:PORT as serve and demo take it, and serving until a signal. Not the server itself.
#pragma once

#include <functional>
#include <string>

#include "cli/session.hpp"
#include "stele/app.hpp"

namespace stele::cli {

// "127.0.0.1:2113", ":2113", "[::1]:0", "2113", or nothing for the default. Errors: usage.
[[nodiscard]] result<ServerOptions> parse_listen(const std::string& listen);

// "http://127.0.0.1:2113"; an address of IPv6 gets its brackets.
[[nodiscard]] std::string address_of(const ServerOptions& options, std::uint16_t port);

// Returns when a stop was requested.
void wait_for_stop(Session& session);

}  // namespace stele::cli

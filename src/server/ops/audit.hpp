// audit.hpp - who changed how the log is kept or run: one event for each such request of a server that wants tokens, in
// the log itself, where nothing can be taken back. Not a log of requests (server/log.hpp), and nothing about reads.
#pragma once

#include <functional>
#include <string_view>

#include "stele/app.hpp"
#include "stele/store.hpp"

namespace stele::server {

// Where they are: read it like any stream, `stele read Administration-server`, or search it by actor.
inline constexpr std::string_view audit_stream = "Administration-server";

// Whether this request is one of them: it came with a token, and its route is for administrators and changes something.
[[nodiscard]] bool is_audited(const Request& request, Scope scope);

// Records what was asked and how it was answered. `done` runs when that is durable, or when it could not be, which the
// server's log says; on any thread.
void audit(EventStore& store, const Request& request, int status, std::function<void()> done);

}  // namespace stele::server

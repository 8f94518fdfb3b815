// bisect_server.hpp - a sweep that a server does: its own states, one answer in lines. What is done with what it found
// is bisect.cpp.
#pragma once

#include <functional>
#include <string>

#include "cli/options.hpp"
#include "cli/session.hpp"
#include "history/search.hpp"

namespace stele::cli {

// Streams and events that were looked at so far.
using SweepProgress = std::function<void(std::uint64_t streams, std::uint64_t events)>;

// As history::sweep, oldest finds first; ends early, and says so, when the session is asked to stop. `fold_name`
// becomes what the server says. Errors: those of the server, and unavailable for an answer that broke off.
[[nodiscard]] result<history::SweepResult> sweep_on_server(const BisectOptions& options,
                                                           const Session& session,
                                                           const SweepProgress& progress,
                                                           std::string& fold_name);

}  // namespace stele::cli

// report.hpp - how a command says that something went wrong: what, why, the facts, what to do. Always on
// standard error; the exit code says the same to scripts.
#pragma once

#include <string>

#include "cli/session.hpp"
#include "stele/result.hpp"

namespace stele::cli {

// "error: MESSAGE   [kind]", then facts, then help. For people.
[[nodiscard]] std::string describe(const Error& error, bool colored);
// {"$error":{"kind":…,"message":…,"help":…,"facts":{…}}}: the last record of an output that was cut short.
[[nodiscard]] std::string error_record(const Error& error);

// Prints it and returns the exit code that belongs to it.
int report(Session& session, const Error& error);
// A mistake on the command line: exit 2.
int report_usage(Session& session, const std::string& message, const std::string& hint);
// The command line was fine, but a value on it is not: kind `invalid` with this fact ends in exit 2.
[[nodiscard]] Error usage_error(std::string message);

}  // namespace stele::cli

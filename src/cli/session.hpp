// session.hpp - everything a command needs besides its options: streams, terminals, the environment and the
// wish to stop. Tests fill one in by hand, so a command never touches the process itself.
#pragma once

#include <functional>
#include <iosfwd>
#include <optional>
#include <stop_token>
#include <string>

#include "cli/options.hpp"
#include "stele/types.hpp"

namespace stele::cli {

struct Session {
  std::istream& in;
  std::ostream& out;  // data
  std::ostream& err;  // talk: progress, hints, errors
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  std::size_t width = 0;  // columns of the terminal; 0: unknown
  std::function<std::optional<std::string>(const char*)> environment;
  std::function<Timestamp()> now;
  std::stop_token stop;              // Ctrl-C or SIGTERM was asked for
  std::function<int()> stop_signal;  // which one; read after `stop`
  // Called by commands that look at `stop` themselves; for the others a signal simply ends the process.
  std::function<void()> handles_stop = [] {};
  Common common{};

  [[nodiscard]] Format format() const;  // never `automatic`
  [[nodiscard]] bool colored_out() const;
  [[nodiscard]] bool colored_err() const;
};

// The same session, printing plain NDJSON with all fields to `out` instead.
[[nodiscard]] Session for_machines(const Session& session, std::ostream& out);

// The value of an environment variable; nothing when unset or empty.
[[nodiscard]] std::optional<std::string> setting(const Session& session, const char* name);

// Parses the command line, carries the command out and reports how it ended. `arguments` without the name of
// the program. Returns the exit code; never throws.
int run(const std::vector<std::string>& arguments, Session& session);

}  // namespace stele::cli

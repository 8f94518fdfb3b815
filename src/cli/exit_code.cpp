// exit_code.cpp - errors to exit codes, and the help page about them.
#include "cli/exit_code.hpp"

namespace stele::cli {

int exit_code_of(const Error& error) {
  switch (error.kind()) {
    case errc::not_found:
    case errc::gone:
      return exit_not_found;
    case errc::denied:
      return exit_denied;
    case errc::conflict:
      return exit_conflict;
    case errc::busy:
    case errc::read_only:
    case errc::timeout:
    case errc::unavailable:
      return exit_unavailable;
    case errc::corrupt:
      return exit_check_failed;
    case errc::invalid:
    case errc::too_large:
    case errc::disk_full:
      return exit_failed;
  }
  return exit_failed;
}

std::string_view exit_code_help() {
  return R"(Exit codes of every stele command:

  0    done
  1    failed
  2    usage error: the command line itself was wrong
  3    not found: the stream, event, file or store does not exist
  4    not authenticated, or not allowed
  5    conflict: wrong expected version, append condition, or reused key
  6    unavailable: no connection, timeout, busy, or not writable
  7    a check failed: verify found damage, or stored bytes are corrupt
  8    finished with leftovers: rejected lines
  130  ended by Ctrl-C (SIGINT)
  143  ended by SIGTERM
)";
}

}  // namespace stele::cli

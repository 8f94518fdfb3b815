// store_directory.hpp - which directory a command is about that works on files and never through a server.
#pragma once

#include "cli/report.hpp"
#include "cli/session.hpp"

namespace stele::cli {

// --dir, else STELE_DIR. Errors: usage when neither is there.
[[nodiscard]] inline result<std::string> store_directory(const Session& session) {
  auto dir = session.common.place.dir;
  if (dir.empty()) dir = setting(session, "STELE_DIR").value_or("");
  if (dir.empty())
    return usage_error("no store directory was named").help("give --dir DIRECTORY, or set STELE_DIR");
  return dir;
}

}  // namespace stele::cli

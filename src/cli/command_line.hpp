// command_line.hpp - words to an Invocation. The only place that knows the names of flags; the parser library
// stays behind it.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "cli/options.hpp"

namespace stele::cli {

// Nothing to carry out: help was asked for (`wrong` false), or the words make no sense (`wrong` true, exit
// 2).
struct Reply {
  bool wrong = false;
  std::string text;  // the help page, or what is wrong
  std::string hint;  // what to do about it; may be empty
};

[[nodiscard]] std::variant<Invocation, Reply> parse_command_line(const std::vector<std::string>& words);

}  // namespace stele::cli

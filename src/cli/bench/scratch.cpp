// scratch.cpp - makes a directory with a fresh name and removes it again.
#include "cli/bench/scratch.hpp"

#include <cstdlib>

namespace stele::cli::bench {

result<Scratch> Scratch::make(const std::filesystem::path& parent) {
  auto pattern = ((parent.empty() ? std::filesystem::path(".") : parent) / "stele-bench-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr)
    return Error(errc::denied, "cannot make a directory in " + parent.string())
        .help("--dir names the disk to measure; it must exist");
  return Scratch(pattern);
}

Scratch::~Scratch() {
  if (path_.empty()) return;
  std::error_code ignored;  // nobody is left to tell
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace stele::cli::bench

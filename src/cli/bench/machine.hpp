// machine.hpp - what a measurement was made on: without it no figure means anything. Read from the system,
// never guessed: what cannot be found out is "unknown".
#pragma once

#include <filesystem>
#include <string>

namespace stele::cli::bench {

struct Machine {
  std::string cpu;
  unsigned cores = 0;
  std::string kernel;
  std::string file_system;  // of the measured directory
  std::string device;
  std::string compiler;
};

[[nodiscard]] Machine describe_machine(const std::filesystem::path& directory);
// "2 x AMD EPYC … · Linux 6.1 · ext4 on /dev/vda1 · gcc 12.2.0"
[[nodiscard]] std::string to_string(const Machine& machine);

}  // namespace stele::cli::bench

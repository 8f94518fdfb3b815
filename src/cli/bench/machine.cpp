// machine.cpp - /proc and uname, read with care for what may be missing.
#include "cli/bench/machine.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <fstream>
#include <sstream>
#include <thread>

namespace stele::cli::bench {
namespace {

// The first processor speaks for all of them.
std::string cpu_model() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (!line.starts_with("model name")) continue;
    const auto colon = line.find(": ");
    if (colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

std::string kernel_name() {
  utsname name{};
  return uname(&name) == 0 ? fmt::format("{} {}", name.sysname, name.release) : "unknown";
}

// "/data2" is not inside "/data".
bool is_inside(const std::string& path, const std::string& mount) {
  if (mount == "/") return true;
  return path.starts_with(mount) && (path.size() == mount.size() || path[mount.size()] == '/');
}

// The longest mount point above the directory is the one it lies on.
void find_mount(const std::filesystem::path& directory, Machine& machine) {
  std::error_code failure;
  const auto path = std::filesystem::canonical(directory, failure).string();
  std::ifstream mounts("/proc/self/mounts");
  std::size_t longest = 0;
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream fields(line);
    std::string device;
    std::string mount;
    std::string type;
    if (!(fields >> device >> mount >> type) || mount.size() < longest || !is_inside(path, mount)) continue;
    longest = mount.size();
    machine.device = device;
    machine.file_system = type;
  }
}

std::string compiler_name() {
#ifdef __clang__
  return "clang " __clang_version__;
#else
  return "gcc " __VERSION__;
#endif
}

}  // namespace

Machine describe_machine(const std::filesystem::path& directory) {
  Machine machine{.cpu = cpu_model(),
                  .cores = std::thread::hardware_concurrency(),
                  .kernel = kernel_name(),
                  .file_system = "unknown",
                  .device = "unknown",
                  .compiler = compiler_name()};
  find_mount(directory, machine);
  return machine;
}

std::string to_string(const Machine& machine) {
  return fmt::format("{} x {} · {} · {} on {} · {}", machine.cores, machine.cpu, machine.kernel,
                     machine.file_system, machine.device, machine.compiler);
}

}  // namespace stele::cli::bench

// process.cpp - /proc/self and child processes.
#include "cli/bench/process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "io/world.hpp"

namespace stele::cli::bench {
namespace {

// The number behind "NAME:" in a file of /proc; 0 when there is none.
std::uint64_t proc_number(const char* file, std::string_view name) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(name) || line.size() <= name.size() || line[name.size()] != ':') continue;
    std::istringstream rest(line.substr(name.size() + 1));
    std::uint64_t number = 0;
    rest >> number;
    return number;
  }
  return 0;
}

}  // namespace

Memory memory_now() {
  return {.rss_bytes = proc_number("/proc/self/status", "VmRSS") << 10,
          .pss_bytes = proc_number("/proc/self/smaps_rollup", "Pss") << 10};
}

InputOutput io_now() {
  return {.read_bytes = proc_number("/proc/self/io", "read_bytes"),
          .write_calls = proc_number("/proc/self/io", "syscw")};
}

// What is not a plain file, or vanishes meanwhile, is nothing to drop.
result<void> drop_from_cache(const std::filesystem::path& directory) {
  std::error_code failure;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory, failure)) {
    if (!entry.is_regular_file(failure)) continue;
    if (const auto file = io::real_world().disk.open(entry.path(), io::Mode::read); file)
      (*file)->drop_cache();
  }
  if (failure) return Error(errc::not_found, "cannot list " + directory.string());
  return {};
}

std::uint64_t bytes_below(const std::filesystem::path& directory) {
  std::uint64_t bytes = 0;
  std::error_code failure;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory, failure)) {
    std::error_code unknown;
    const auto size = entry.is_regular_file(unknown) ? entry.file_size(unknown) : 0;
    if (!unknown) bytes += size;
  }
  return bytes;
}

// posix_spawn and not fork: this process has threads.
result<ChildProcess> ChildProcess::start(const std::string& program, std::vector<std::string> arguments) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return Error(errc::unavailable, "no pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  arguments.insert(arguments.begin(), program);
  std::vector<char*> raw;
  raw.reserve(arguments.size() + 1);
  for (auto& argument : arguments) raw.push_back(argument.data());
  raw.push_back(nullptr);
  pid_t pid = -1;
  const int failure = ::posix_spawn(&pid, program.c_str(), &actions, nullptr, raw.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (failure == 0) return ChildProcess(pid, ends[0]);
  ::close(ends[0]);
  return Error(errc::unavailable, fmt::format("cannot start {}: {}", program, std::strerror(failure)));
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), out_(std::exchange(other.out_, -1)) {}

ChildProcess::~ChildProcess() {
  kill();
  wait();
  if (out_ >= 0) ::close(out_);
}

result<std::string> ChildProcess::line() {
  std::string text;
  for (char byte = 0; ::read(out_, &byte, 1) == 1; text += byte) {
    if (byte == '\n') return text;
  }
  return Error(errc::unavailable, "the measured process ended early: " + text)
      .help("its own message stands above");
}

void ChildProcess::kill() {
  if (pid_ > 0) ::kill(pid_, SIGKILL);
}

int ChildProcess::wait() {
  int status = 0;
  if (pid_ <= 0 || ::waitpid(std::exchange(pid_, -1), &status, 0) < 0) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace stele::cli::bench

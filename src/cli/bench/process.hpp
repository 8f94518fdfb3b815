// process.hpp - what the kernel knows about this process: memory, bytes read, calls that wrote; and programs started
// beside it to be measured from their first moment, or to be killed. Linux's /proc; nothing is estimated.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "stele/result.hpp"

namespace stele::cli::bench {

struct Memory {
  std::uint64_t rss_bytes = 0;  // resident, shared pages of files included
  std::uint64_t pss_bytes = 0;  // the same with shared pages divided among their users; 0: not told
};
[[nodiscard]] Memory memory_now();

struct InputOutput {
  std::uint64_t read_bytes = 0;   // that came from the disk, not from the page cache
  std::uint64_t write_calls = 0;  // of any thread of this process
};
[[nodiscard]] InputOutput io_now();

// The files of a directory and of those below it, dropped from the page cache where they are clean: the next read
// goes to the disk.
result<void> drop_from_cache(const std::filesystem::path& directory);
[[nodiscard]] std::uint64_t bytes_below(const std::filesystem::path& directory);

// A program with its standard output on a pipe. Killed and reaped at the latest with the object.
class ChildProcess {
 public:
  static result<ChildProcess> start(const std::string& program, std::vector<std::string> arguments);
  ~ChildProcess();
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;

  // The next line of its output; unavailable when it ended before one.
  result<std::string> line();
  // SIGKILL: no destructor of it runs, nothing is flushed.
  void kill();
  // Its exit code, 128 + the signal that ended it.
  int wait();

 private:
  ChildProcess(pid_t pid, int out) : pid_(pid), out_(out) {}
  pid_t pid_;
  int out_;
};

}  // namespace stele::cli::bench

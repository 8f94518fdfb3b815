// process.hpp - the real `stele` as a process of its own: started with arguments, read line by line, ended by
// its pid.
#pragma once

#include <sys/types.h>

#include <csignal>
#include <optional>
#include <string>
#include <vector>

namespace stele::test {

// Killed when it is still running at the end; also when the test process itself dies.
class Process {
 public:
  // Standard error goes to the file `errors`.
  explicit Process(const std::vector<std::string>& arguments, const std::string& errors = "/dev/null");
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // The next line of standard output; nothing when it was closed.
  std::optional<std::string> line();
  void signal(int number);
  // The exit code, or 128 + the signal that ended it.
  int wait();
  int stop(int number = SIGTERM) {
    signal(number);
    return wait();
  }
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  int out_ = -1;
  std::string buffer_;
};

// `stele demo` or `stele serve` on a free port, ready for requests. Its log goes to a file beside `dir`.
class ServerProcess {
 public:
  ServerProcess(std::string verb, const std::string& dir, std::vector<std::string> more = {});
  [[nodiscard]] std::uint16_t port() const { return port_; }
  Process& process() { return process_; }

 private:
  Process process_;
  std::uint16_t port_ = 0;
};

}  // namespace stele::test

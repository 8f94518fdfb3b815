// main.cpp - the process around the commands: terminals, environment, signals. Nothing else may touch them.
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "cli/session.hpp"

namespace {

// Turns SIGINT and SIGTERM into a stop request, on a thread, so that no code runs inside a signal handler.
// The second signal ends the process at once.
class SignalWatch {
 public:
  explicit SignalWatch(std::stop_source& stop) {
    sigemptyset(&signals_);
    for (const int number : {SIGINT, SIGTERM}) sigaddset(&signals_, number);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    std::thread([this, &stop] {
      for (bool first = true; true; first = false) {
        int number = 0;
        sigwait(&signals_, &number);
        if (!first || !graceful_.load()) _exit(128 + number);
        received_.store(number);
        stop.request_stop();
      }
    }).detach();
  }
  void be_graceful() { graceful_.store(true); }
  [[nodiscard]] int received() const { return received_.load(); }

 private:
  sigset_t signals_{};
  std::atomic<int> received_{0};
  std::atomic<bool> graceful_{false};
};

std::optional<std::string> from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? std::optional<std::string>(value) : std::nullopt;
}

std::size_t terminal_width() {
  winsize size{};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : std::size_t{0};
}

stele::Timestamp now() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

// As many files and connections as the system grants: its lower limit is there for programs that use select().
void raise_file_limit() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

}  // namespace

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  raise_file_limit();
  static std::stop_source stop;
  static SignalWatch signals(stop);
  stele::cli::Session session{.in = std::cin,
                              .out = std::cout,
                              .err = std::cerr,
                              .out_is_terminal = isatty(STDOUT_FILENO) == 1,
                              .err_is_terminal = isatty(STDERR_FILENO) == 1,
                              .width = terminal_width(),
                              .environment = from_environment,
                              .now = now,
                              .stop = stop.get_token(),
                              .stop_signal = [] { return signals.received(); },
                              .handles_stop = [] { signals.be_graceful(); }};
  const int code = stele::cli::run(std::vector<std::string>(argv + 1, argv + argc), session);
  std::cout.flush();
  std::cerr.flush();
  return code;
}

// process.cpp - fork, exec, pipes, signals.
#include "support/process.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/http_client.hpp"

namespace stele::test {

Process::Process(const std::vector<std::string>& arguments, const std::string& errors) {
  std::vector<std::string> words{STELE_BINARY};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return;
  const int log = ::open(errors.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const auto parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) {  // only calls that are safe between fork and exec
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
    ::dup2(ends[1], STDOUT_FILENO);
    ::dup2(log, STDERR_FILENO);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  ::close(ends[1]);
  ::close(log);
  out_ = ends[0];
}

Process::~Process() {
  if (pid_ > 0) stop(SIGKILL);
  if (out_ >= 0) ::close(out_);
}

std::optional<std::string> Process::line() {
  std::size_t end;
  while ((end = buffer_.find('\n')) == std::string::npos) {
    char block[4096];
    const auto got = ::read(out_, block, sizeof block);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return std::nullopt;
    buffer_.append(block, static_cast<std::size_t>(got));
  }
  auto out = buffer_.substr(0, end);
  buffer_.erase(0, end + 1);
  return out;
}

void Process::signal(int number) {
  if (pid_ > 0) ::kill(pid_, number);
}

int Process::wait() {
  if (pid_ <= 0) return -1;
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

namespace {
std::vector<std::string> serving(std::string verb, const std::string& dir, std::vector<std::string> more) {
  std::vector<std::string> words{std::move(verb), "--dir", dir, "--listen", "127.0.0.1:0", "-o", "ndjson"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}
}  // namespace

ServerProcess::ServerProcess(std::string verb, const std::string& dir, std::vector<std::string> more)
    : process_(serving(std::move(verb), dir, std::move(more)), dir + ".log") {
  const auto first = process_.line();
  const auto url = Reply{0, {}, first.value_or("")}.at("/url");
  const auto colon = url.rfind(':');
  if (colon == std::string::npos) {
    ADD_FAILURE() << "the server did not say where it listens; its first line: " << first.value_or("(none)");
    return;
  }
  port_ = static_cast<std::uint16_t>(std::stoul(url.substr(colon + 1)));
}

}  // namespace stele::test

// process_test.cpp - the real binary as a child process: exit codes, signals, and the lock between processes.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "shell.hpp"

namespace stele::cli::test {
namespace {

using testing::HasSubstr;

// The command lies beside the test's own binary.
std::string binary() {
  return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "stele").string();
}

// A running child with its standard output on a pipe; ended and reaped at the latest with the object.
class Child {
 public:
  explicit Child(std::vector<std::string> words) {
    int ends[2];
    if (pipe(ends) != 0) std::abort();
    words.insert(words.begin(), binary());
    std::vector<char*> raw;
    for (auto& word : words) raw.push_back(word.data());
    raw.push_back(nullptr);
    pid_ = fork();
    if (pid_ == 0) {
      dup2(ends[1], STDOUT_FILENO);
      close(ends[0]);
      close(ends[1]);
      execv(raw[0], raw.data());
      _exit(127);
    }
    close(ends[1]);
    out_ = ends[0];
  }
  ~Child() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      wait();
    }
    if (out_ >= 0) close(out_);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // The next line of output, or what there was at the end.
  std::string line() {
    std::string text;
    char byte = 0;
    while (read(out_, &byte, 1) == 1 && byte != '\n') text += byte;
    return text;
  }
  void close_output() { close(std::exchange(out_, -1)); }
  void signal(int number) const { kill(pid_, number); }
  // The exit code, or 1000 plus the signal that ended it.
  int wait() {
    int status = 0;
    waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  }

 private:
  pid_t pid_ = -1;
  int out_ = -1;
};

class Process : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(binary())) GTEST_SKIP() << "the stele binary is not built";
    fill_small_store(directory.path("store"));
  }
  TempDirectory directory;
};

TEST_F(Process, prints_its_version) {
  Child child({"--version"});
  EXPECT_EQ(child.line(), "stele " STELE_VERSION);
  EXPECT_EQ(child.wait(), 0);
}

TEST_F(Process, tail_ends_with_130_on_ctrl_c_and_143_on_sigterm) {
  for (const int number : {SIGINT, SIGTERM}) {
    Child child({"tail", "--dir", directory.path("store"), "--since", "-1"});
    EXPECT_THAT(child.line(), HasSubstr("\"global_position\":3"));
    child.signal(number);
    EXPECT_EQ(child.wait(), 128 + number);
  }
}

TEST_F(Process, serve_holds_the_lock_names_itself_and_ends_with_0_on_sigterm) {
  Child server({"serve", "--dir", directory.path("store"), "--listen", "127.0.0.1:0"});
  const auto announced = server.line();
  ASSERT_THAT(announced, HasSubstr("{\"url\":\"http://127.0.0.1:"));
  const auto url = announced.substr(8, announced.find("\",") - 8);

  Shell shell;
  EXPECT_EQ(shell({"append", "Account-1", "Refused", "--dir", directory.path("store")}).code, 6);
  EXPECT_EQ(shell({"append", "Account-1", "Taken", "--url", url}).code, 0);
  EXPECT_THAT(shell({"read", "@all", "head", "--dir", directory.path("store")}).out,
              HasSubstr("\"event_type\":\"Taken\""));
  server.signal(SIGTERM);
  EXPECT_EQ(server.wait(), 0);
  EXPECT_EQ(shell({"append", "Account-1", "Free", "--dir", directory.path("store")}).code, 0);
}

TEST_F(Process, what_a_killed_server_acknowledged_is_there) {
  Shell shell;
  {
    Child server({"serve", "--dir", directory.path("store"), "--listen", "127.0.0.1:0"});
    const auto announced = server.line();
    const auto url = announced.substr(8, announced.find("\",") - 8);
    for (int i = 0; i < 5; ++i) ASSERT_EQ(shell({"append", "Account-1", "Kept", "--url", url}).code, 0);
    server.signal(SIGKILL);
    EXPECT_EQ(server.wait(), 1000 + SIGKILL);
  }
  EXPECT_EQ(shell({"read", "Account-1", "--dir", directory.path("store"), "--type", "Kept", "-o", "tsv",
                   "--fields", "stream_position"})
                .out,
            "stream_position\n2\n3\n4\n5\n6\n");
  const auto verified = shell({"verify", "--dir", directory.path("store")});
  EXPECT_EQ(verified.code, 0) << verified.out;
}

TEST_F(Process, a_reader_that_goes_away_ends_the_writing) {
  Child child({"tail", "--dir", directory.path("store"), "--since", "start"});
  EXPECT_NE(child.line(), "");
  child.close_output();
  Shell shell;
  for (int i = 0; i < 3; ++i)
    ASSERT_EQ(shell({"append", "Account-1", "More", "--dir", directory.path("store")}).code, 0);
  EXPECT_NE(child.wait(), 0);
}

}  // namespace
}  // namespace stele::cli::test

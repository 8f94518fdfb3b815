// store_server.cpp - which programs, with which words; fork, exec, waiting for the port.
#include "targets/store_server.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <thread>

namespace stele::test {
namespace {

constexpr std::chrono::seconds patience{60};

// A socket on loopback; port 0 takes any.
int loopback_socket(std::uint16_t port, sockaddr_in& address) {
  address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

std::uint16_t free_port() {
  sockaddr_in address;
  const int one = loopback_socket(0, address);
  socklen_t size = sizeof address;
  const bool bound = ::bind(one, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     ::getsockname(one, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  ::close(one);
  return bound ? ntohs(address.sin_port) : std::uint16_t{0};
}

std::string postgres_folder() {
  std::string newest;
  std::error_code none;
  for (const auto& version : std::filesystem::directory_iterator("/usr/lib/postgresql", none))
    if (std::filesystem::exists(version.path() / "bin/postgres"))
      newest = std::max(newest, version.path().string());
  return newest + "/bin/";
}

}  // namespace

// PostgreSQL refuses to be root: then it runs as the user its package made, or as nobody.
StoreServer::StoreServer(ServerKind kind) : kind_(kind), port_(free_port()) {
  if (::geteuid() == 0 && kind == ServerKind::postgres) {
    const passwd* user = ::getpwnam("postgres");
    if (user == nullptr) user = ::getpwnam("nobody");
    if (user != nullptr) {
      user_ = user->pw_uid;
      group_ = user->pw_gid;
    }
    EXPECT_EQ(::chown(directory_.path().c_str(), user_, group_), 0);
  }
  if (kind == ServerKind::postgres) prepare();
  start();
}

void StoreServer::prepare() {
  const pid_t made = spawn({postgres_folder() + "initdb", "-D", (directory_ / "data").string(), "-U", "stele",
                            "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"});
  int status = 0;
  ::waitpid(made, &status, 0);
  EXPECT_EQ(status, 0) << "initdb of PostgreSQL failed; apt-get install postgresql-15";
}

std::vector<std::string> StoreServer::command() const {
  const std::string port = std::to_string(port_);
  const std::string folder = directory_.path().string();
  switch (kind_) {
    case ServerKind::postgres:
      return {postgres_folder() + "postgres",
              "-D",
              folder + "/data",
              "-h",
              "127.0.0.1",
              "-p",
              port,
              "-k",
              folder,
              "-F",
              "-c",
              "synchronous_commit=on",
              "-c",
              "full_page_writes=off",
              "-c",
              "max_connections=40",
              "-c",
              "shared_buffers=32MB",
              "-c",
              "autovacuum_naptime=5s",
              "-c",
              "jit=off"};
    case ServerKind::mariadb:  // without its own tables, so there is nothing to install and nobody to let in
      return {"/usr/sbin/mariadbd",
              "--no-defaults",
              "--user=" + std::string(::geteuid() == 0 ? "root" : ""),
              "--datadir=" + folder,
              "--skip-grant-tables",
              "--skip-networking=0",
              "--port=" + port,
              "--bind-address=127.0.0.1",
              "--socket=" + folder + "/socket",
              "--innodb-buffer-pool-size=32M",
              "--innodb-log-file-size=16M",
              "--innodb-flush-log-at-trx-commit=2",
              "--innodb-use-native-aio=0",
              "--performance-schema=0",
              "--skip-log-bin",
              "--aria-log-dir-path=" + folder,
              "--pid-file=" + folder + "/pid",
              "--tmpdir=" + folder};
    case ServerKind::redis:
      return {"/usr/bin/redis-server",
              "--port",
              port,
              "--bind",
              "127.0.0.1",
              "--dir",
              folder,
              "--appendonly",
              "yes",
              "--appendfsync",
              "no",
              "--save",
              ""};
    case ServerKind::memcached:
      return {"/usr/bin/memcached",
              "-l",
              "127.0.0.1",
              "-p",
              port,
              "-U",
              "0",
              "-m",
              "64",
              "-M",
              "-u",
              std::string(::geteuid() == 0 ? "root" : "nobody")};
  }
  return {};
}

// The child asks for its parent's death after it has become somebody else, which would make the kernel forget it.
pid_t StoreServer::spawn(const std::vector<std::string>& words) const {
  std::vector<char*> argv;
  std::vector<std::string> copies = words;
  for (auto& word : copies) argv.push_back(word.data());
  argv.push_back(nullptr);
  const std::string log = (directory_ / "server.log").string();
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child != 0) return child;
  if (user_ != 0 && (::setgid(group_) != 0 || ::setuid(user_) != 0)) ::_exit(126);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent || ::chdir(directory_.path().c_str()) != 0) ::_exit(126);
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(out, STDERR_FILENO);
  ::execv(argv[0], argv.data());
  ::_exit(127);
}

bool StoreServer::answers() const {
  sockaddr_in address;
  const int one = loopback_socket(port_, address);
  const bool open = ::connect(one, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  ::close(one);
  return open;
}

void StoreServer::start() {
  const auto words = command();
  pid_ = spawn(words);
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!answers()) {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      std::ifstream log(directory_ / "server.log");
      FAIL() << words.front() << " ended at once; is it installed? (tools/packages.txt, group test)\n"
             << std::string(std::istreambuf_iterator<char>(log), {});
    }
    ASSERT_LT(std::chrono::steady_clock::now(), until) << words.front() << " does not open its port";
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

void StoreServer::stop(int signal) {
  if (pid_ <= 0) return;
  ::kill(pid_, signal);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

}  // namespace stele::test

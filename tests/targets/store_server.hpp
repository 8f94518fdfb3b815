// store_server.hpp - real database servers for tests: on loopback, on a free port, in a temporary folder, gone when the
// test is. Not tuned for durability: what they survive is the death of processes, not of the machine.
#pragma once

#include <sys/types.h>

#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

#include "support/temp_directory.hpp"

namespace stele::test {

enum class ServerKind : std::uint8_t { postgres, mariadb, redis, memcached };

// Killed with the test process, however that ends.
class StoreServer {
 public:
  // Starts it and waits until its port is open. A server that is not installed is a failure that says what to install.
  explicit StoreServer(ServerKind kind);
  ~StoreServer() { stop(SIGKILL); }
  StoreServer(const StoreServer&) = delete;
  StoreServer& operator=(const StoreServer&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  void stop(int signal);
  // On the same port, over what is left of its files.
  void start();

 private:
  void prepare();
  [[nodiscard]] std::vector<std::string> command() const;
  [[nodiscard]] bool answers() const;
  [[nodiscard]] pid_t spawn(const std::vector<std::string>& words) const;

  const ServerKind kind_;
  const TempDirectory directory_;
  std::uint16_t port_ = 0;
  uid_t user_ = 0;
  gid_t group_ = 0;
  pid_t pid_ = -1;
};

}  // namespace stele::test

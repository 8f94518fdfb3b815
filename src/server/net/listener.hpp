// listener.hpp - accepts connections on one address and spreads them over the loops.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "server/net/connection.hpp"
#include "server/net/loop.hpp"
#include "stele/result.hpp"

namespace stele::server {

struct ListenOptions {
  std::string address;  // numeric, or "localhost"
  std::uint16_t port = 0;
  bool allow_public = false;  // addresses that other machines can reach
};

// Called for each accepted socket, on the loop it was given to.
using Accepted = std::function<void(Loop&, Connection::SocketPtr)>;

class Listener {
 public:
  // Errors: invalid (not an address), denied (public, not allowed), busy (in use), unavailable.
  static result<std::unique_ptr<Listener>> open(const std::vector<Loop*>& loops, const ListenOptions& options,
                                                Accepted accepted);
  ~Listener();
  [[nodiscard]] std::uint16_t port() const;
  void start();
  // From any thread: no new connections after `done` ran on the first loop.
  void close(Task done);

 private:
  struct Impl;
  explicit Listener(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace stele::server

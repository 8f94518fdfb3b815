// cutting_proxy.hpp - stands between a target and its server and ends the connection at the n-th message, before the
// server has got it or before its answer is through. So every step of a conversation can be the last one.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>

namespace stele::test {

enum class Cut : std::uint8_t {
  request,  // the server never sees the message
  answer,   // the server acts on it, and nobody hears of it
};

// Forwards bytes between 127.0.0.1:port() and the server. A message is what one read returns: small ones stay whole.
class CuttingProxy {
 public:
  explicit CuttingProxy(std::uint16_t server);
  ~CuttingProxy();
  CuttingProxy(const CuttingProxy&) = delete;
  CuttingProxy& operator=(const CuttingProxy&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  // The message number `message` (from 1, counted over all connections from now on) is the last of its connection.
  void cut_at(std::int64_t message, Cut what);
  void let_be() { left_ = -1; }
  // Whether that message has come.
  [[nodiscard]] bool has_cut() const { return has_cut_; }

 private:
  void run();

  const std::uint16_t server_;
  int listener_ = -1;
  int wake_[2] = {-1, -1};
  std::uint16_t port_ = 0;
  std::atomic<std::int64_t> left_{-1};
  std::atomic<Cut> what_{Cut::request};
  std::atomic<bool> has_cut_{false};
  std::thread thread_;
};

}  // namespace stele::test

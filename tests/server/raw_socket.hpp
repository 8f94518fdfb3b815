// raw_socket.hpp - bytes to a server and back, for what no well-behaved client would send.
#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>

namespace stele::test {

class RawSocket {
 public:
  // A small receive buffer makes a client that is slow at once.
  explicit RawSocket(std::uint16_t port, int receive_buffer = 0)
      : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval limit{60, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (receive_buffer > 0) ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~RawSocket() { ::close(fd_); }
  RawSocket(const RawSocket&) = delete;
  RawSocket& operator=(const RawSocket&) = delete;

  [[nodiscard]] bool connected() const { return connected_; }
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  // Whether something has come, or the end; does not wait.
  [[nodiscard]] bool has_news() const {
    char byte;
    return ::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || (errno != EAGAIN && errno != EINTR);
  }
  void shutdown_write() { ::shutdown(fd_, SHUT_WR); }
  // What there is now, waiting for at least one byte; empty: the end.
  std::string receive() {
    char block[16384];
    const auto got = ::recv(fd_, block, sizeof block, 0);
    return got > 0 ? std::string(block, static_cast<std::size_t>(got)) : std::string();
  }
  // Until the server closes.
  std::string receive_all() {
    std::string out;
    for (auto part = receive(); !part.empty(); part = receive()) out += part;
    return out;
  }
  // Until `text` has come (or the end).
  std::string receive_until(std::string_view text) {
    std::string out;
    while (out.find(text) == std::string::npos) {
      const auto part = receive();
      if (part.empty()) break;
      out += part;
    }
    return out;
  }

 private:
  int fd_;
  bool connected_ = false;
};

}  // namespace stele::test

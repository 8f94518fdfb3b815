// cutting_proxy.cpp - one thread and poll(): accepts, forwards both ways, ends one pair on request.
#include "targets/cutting_proxy.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <list>
#include <vector>

namespace stele::test {
namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// Two sockets whose bytes belong to each other. `deaf`: the server's answer to what was sent last is waited for and
// thrown away.
struct Pair {
  int client = -1;
  int server = -1;
  bool deaf = false;
  void close_both() const {
    ::close(client);
    ::close(server);
  }
};

bool send_all(int to, const char* bytes, std::size_t count) {
  while (count > 0) {
    const auto sent = ::send(to, bytes, count, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes += sent;
    count -= static_cast<std::size_t>(sent);
  }
  return true;
}

}  // namespace

CuttingProxy::CuttingProxy(std::uint16_t server) : server_(server) {
  auto address = loopback(0);
  socklen_t size = sizeof address;
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::listen(listener_, 16), 0);
  EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
  port_ = ntohs(address.sin_port);
  EXPECT_EQ(::pipe(wake_), 0);
  thread_ = std::thread([this] { run(); });
}

CuttingProxy::~CuttingProxy() {
  ::close(wake_[1]);
  thread_.join();
  ::close(wake_[0]);
  ::close(listener_);
}

void CuttingProxy::cut_at(std::int64_t message, Cut what) {
  has_cut_ = false;
  what_ = what;
  left_ = message;
}

void CuttingProxy::run() {
  std::list<Pair> pairs;
  std::vector<char> buffer(1 << 16);
  const auto accept_one = [&] {
    const int client = ::accept(listener_, nullptr, nullptr);
    const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto address = loopback(server_);
    const Pair pair{client, server};
    if (::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
      pairs.push_back(pair);
    else
      pair.close_both();
  };
  // False: this pair has come to its end.
  const auto from_client = [&](Pair& pair) {
    const auto got = ::recv(pair.client, buffer.data(), buffer.size(), 0);
    if (got <= 0) return false;
    const bool last = left_ > 0 && --left_ == 0;
    if (last) {
      has_cut_ = true;
      if (what_ == Cut::request) return false;
      pair.deaf = true;
    }
    return send_all(pair.server, buffer.data(), static_cast<std::size_t>(got));
  };
  const auto from_server = [&](Pair& pair) {
    const auto got = ::recv(pair.server, buffer.data(), buffer.size(), 0);
    if (got <= 0 || pair.deaf) return false;
    return send_all(pair.client, buffer.data(), static_cast<std::size_t>(got));
  };
  while (true) {
    std::vector<pollfd> watched{{wake_[0], POLLIN, 0}, {listener_, POLLIN, 0}};
    for (const Pair& pair : pairs) {
      watched.push_back({pair.client, POLLIN, 0});
      watched.push_back({pair.server, POLLIN, 0});
    }
    ::poll(watched.data(), watched.size(), -1);
    if (watched[0].revents != 0) break;
    auto pair = pairs.begin();
    for (std::size_t i = 2; i < watched.size(); i += 2) {
      const bool alive = (watched[i].revents == 0 || from_client(*pair)) &&
                         (watched[i + 1].revents == 0 || from_server(*pair));
      if (alive) {
        ++pair;
        continue;
      }
      pair->close_both();
      pair = pairs.erase(pair);
    }
    if (watched[1].revents != 0) accept_one();
  }
  for (const Pair& pair : pairs) pair.close_both();
}

}  // namespace stele::test

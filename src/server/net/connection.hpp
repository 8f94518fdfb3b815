// connection.hpp - one TCP connection: moves bytes between a socket and the protocol chosen by its first bytes.
// Knows time-outs of the wire (a peer that takes nothing), not those of requests.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "server/net/loop.hpp"
#include "server/net/transport.hpp"

namespace stele::server {

struct ConnectionOptions {
  std::chrono::milliseconds write_timeout;
  std::chrono::milliseconds idle_timeout;  // for the first byte
  // Makes the protocol that the first bytes ask for; null: more bytes are needed to tell.
  std::function<std::shared_ptr<Protocol>(std::string_view first, Transport&)> choose;
  std::function<void()> closed;  // once, on the loop's thread
};

class Connection final : public Transport, public std::enable_shared_from_this<Connection> {
 public:
  struct Socket;  // the Asio side
  struct DeleteSocket {
    void operator()(Socket* socket) const;
  };
  using SocketPtr = std::unique_ptr<Socket, DeleteSocket>;

  Connection(Loop& loop, SocketPtr socket, ConnectionOptions options);
  ~Connection() override;

  void start();
  // Called by the loop several times a second.
  void tick(Clock::time_point now);
  // Writes what is queued as far as the socket takes it.
  void flush();
  // The server stops: idle connections end now, busy ones after their answer.
  void stopping();

  void write(std::string bytes) override;
  [[nodiscard]] std::size_t unsent() const override { return out_.size() - sent_; }
  void finish() override;
  void abort() override;
  void resume() override;
  Loop& loop() override { return loop_; }

 private:
  void wait_readable();
  void read_ready();
  // True: the buffer was filled, so there is probably more.
  bool read_once();
  void accept_bytes(std::string_view bytes);
  void feed();
  void end_of_input();
  void wait_writable();
  void drained();
  // After the last answer: waits a little for the peer to close first.
  void begin_linger();
  void touch_dirty();

  Loop& loop_;
  SocketPtr socket_;
  ConnectionOptions options_;
  std::shared_ptr<Protocol> protocol_;
  std::string in_;  // bytes the protocol has not taken yet
  std::string out_;
  std::size_t sent_ = 0;
  std::size_t discarded_ = 0;  // after the last answer
  Clock::time_point opened_ = Clock::now();
  Clock::time_point progress_ = Clock::now();  // of writing
  Clock::time_point linger_until_{};
  bool reading_ = false;
  bool writing_ = false;
  bool dirty_ = false;
  bool eof_ = false;
  bool finishing_ = false;
  bool lingering_ = false;
  bool closed_ = false;
  bool stopping_ = false;
  bool stalled_ = false;  // the protocol wanted no input when it last had some
};

}  // namespace stele::server

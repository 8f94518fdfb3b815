// transport.hpp - the border between bytes and protocols. A Connection (net/) moves bytes; a Protocol (http/)
// gives them meaning; neither knows more of the other than this. TLS and HTTP/2 join here.
//
// Threading: everything of one connection runs on the thread of its loop. Other threads reach it by
// Loop::post() with a weak reference to what they mean.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace stele::server {

using Clock = std::chrono::steady_clock;
class Loop;

// What a protocol may do with its connection. Valid until Protocol::on_closed() has run.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual void write(std::string bytes) = 0;  // queued; leaves when the current callback has returned
  [[nodiscard]] virtual std::size_t unsent() const = 0;
  // Sends what is queued, tells the peer that no more comes, and closes without destroying what is on its way.
  virtual void finish() = 0;
  virtual void abort() = 0;
  // wants_input() may have become true: look again.
  virtual void resume() = 0;
  virtual Loop& loop() = 0;
};

class Protocol : public std::enable_shared_from_this<Protocol> {
 public:
  virtual ~Protocol() = default;
  // Takes bytes from the front and says how many; the rest comes again with more behind it.
  virtual std::size_t on_bytes(std::string_view input) = 0;
  [[nodiscard]] virtual bool wants_input() const = 0;
  virtual void on_eof() = 0;                        // the peer sends no more; it may still read
  virtual void on_drained() = 0;                    // everything written has left
  virtual void on_tick(Clock::time_point now) = 0;  // several times a second: time-outs, heartbeats
  virtual void on_stopping() = 0;                   // the server stops: end what never ends by itself
  virtual void on_closed() = 0;                     // the last call
};

}  // namespace stele::server

// live_stream.hpp - the bounded buffer between senders and one client's event stream. The sending side is any
// thread; the taking side is the connection's loop.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "server/net/loop.hpp"
#include "server/net/workers.hpp"
#include "stele/app.hpp"

namespace stele::server {

class LiveStream final : public EventStream, public std::enable_shared_from_this<LiveStream> {
 public:
  // `poke` runs on the loop when there is something to take.
  LiveStream(Loop& loop, Workers& workers, std::size_t limit, std::function<void()> poke);

  bool send(const LiveMessage& message) override;
  void send_latest(LiveMessage message) override;
  void on_room(std::function<void()> room) override;
  void on_close(std::function<void()> closed) override;
  void close() override;
  [[nodiscard]] bool open() const override;
  // As send(), of text that is already in its SSE form.
  bool send_frame(std::string_view frame);

  // The loop's side. take() only when all that was taken before has left the connection.
  [[nodiscard]] std::string take();
  [[nodiscard]] bool close_requested() const;
  void client_gone();

 private:
  void schedule();  // with the mutex held

  Loop& loop_;
  Workers& workers_;
  const std::size_t limit_;
  const std::function<void()> poke_;

  mutable std::mutex mutex_;
  std::string pending_;
  std::optional<LiveMessage> latest_;
  // Counts against the limit as well: it is memory all the same.
  std::size_t in_flight_ = 0;  // taken, not yet known to have left
  // Somebody was turned away and waits for on_room().
  bool was_full_ = false;
  bool scheduled_ = false;
  bool close_requested_ = false;
  bool gone_ = false;
  std::function<void()> room_;
  std::function<void()> closed_;
};

}  // namespace stele::server

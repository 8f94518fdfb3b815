// feed.hpp - one client following the log: reads from where it stands until it is caught up, then lives from the
// hub; when it gets too slow for that it reads again. Every matching event exactly once, in order.
#pragma once

#include <memory>
#include <mutex>

#include "server/app/core.hpp"
#include "server/live/live_stream.hpp"

namespace stele::server {

class Feed final : public Subscriber, public std::enable_shared_from_this<Feed> {
 public:
  Feed(std::shared_ptr<Core> core, Query query, Position after, std::shared_ptr<LiveStream> stream);
  // Begins reading, on the calling (worker) thread.
  void start();

  bool offer(Position at, std::string_view frame) override;
  void lost() override;

 private:
  enum class State : std::uint8_t { reading, waiting_for_room, live, closed };

  // On a worker, one round at a time: other requests and the ends of other streams get their turn in between.
  // No further round when the hub has taken over, when there is no room, or when the client is gone.
  void read_until_live();
  void next_round();
  // True: the hub takes over, or the stream was closed meanwhile.
  [[nodiscard]] bool join();
  [[nodiscard]] bool may_go_on();  // false: the client is gone
  enum class Outcome : std::uint8_t { caught_up, more, no_room };
  [[nodiscard]] Outcome read_on();  // no_room also after an error that was told
  [[nodiscard]] Outcome read_some();
  [[nodiscard]] bool send_batch(std::span<const EventView> events);
  [[nodiscard]] bool tell(std::string_view event);
  // True: somebody else will go on when there is room.
  [[nodiscard]] bool wait_for_room();
  void room();
  void close();

  const std::shared_ptr<Core> core_;
  const Query query_;
  const std::shared_ptr<LiveStream> stream_;
  Position cursor_;  // everything up to here was sent or does not match; used by one side at a time
  // Control events already sent for this round of catching up.
  bool told_caught_up_ = false;
  bool told_behind_ = false;
  int fruitless_ = 0;  // rounds in a row that ended without the hub and without a step forward

  std::mutex mutex_;  // guards the two below
  State state_ = State::reading;
  bool room_came_ = false;
};

}  // namespace stele::server

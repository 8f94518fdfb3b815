// wait_list.hpp - who waits for which position of a model, and waking them when it is reached. Knows nothing
// of projections; the runner tells it how far things are.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <utility>

#include "stele/result.hpp"
#include "stele/types.hpp"

namespace stele::projection {

// A wait registered while the position moves is either answered by that move or sees it: both happen under
// one lock. Callbacks run without it.
//
// Threading: everything from any thread, except that advance, close and reopen come from one at a time.
class WaitList {
 public:
  using Reached = std::function<void(result<Position>)>;

  [[nodiscard]] Position position() const { return Position(position_.load(std::memory_order_acquire)); }

  // Everything up to `position` is visible. Never goes back except by reset().
  void advance(Position position);
  // The model was emptied.
  void reset();
  // Nobody will be woken by progress any more: all waits end with `why`, later ones at once.
  void close(Error why);
  void reopen();

  // True: reached. False: time is up.
  result<bool> wait(Position position, std::chrono::microseconds timeout);
  // 0: `reached` has already run.
  std::uint64_t notify_at(Position position, Reached reached);
  void cancel(std::uint64_t ticket);
  [[nodiscard]] std::size_t waiting() const;

 private:
  struct Waiter {
    std::uint64_t ticket;
    Reached reached;
  };
  using Waiters = std::multimap<Position, Waiter>;
  void run_due(std::unique_lock<std::mutex>& lock, Position up_to, const result<Position>& answer);

  mutable std::mutex mutex_;
  std::condition_variable moved_;  // the position, the closing, or a callback that has returned
  std::atomic<std::uint64_t> position_{0};
  std::optional<Error> closed_;
  Waiters waiters_;
  std::unordered_map<std::uint64_t, Waiters::iterator> by_ticket_;
  std::uint64_t last_ticket_ = 0;
  std::uint64_t running_ = 0;  // the ticket whose callback runs now, on running_on_
  std::thread::id running_on_;
};

}  // namespace stele::projection

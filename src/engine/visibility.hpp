// visibility.hpp - how far readers may see, and how they are woken when that moves. The one place where
// "visible implies durable" is enforced: only the writer, after its sync, and a follower, after reading the
// watermark, move it.
//
// Threading: every member from any thread. publish() calls the watchers on the caller's thread.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "stele/store.hpp"

namespace stele::engine {

class Visibility {
 public:
  [[nodiscard]] Position head() const { return Position(head_.load(std::memory_order_acquire)); }

  // Never moves back.
  void publish(Position head);

  // Until the head is beyond `seen`, `stop` is set, the store closes, or the time is up. Returns the head.
  Position wait_beyond(Position seen, std::chrono::microseconds timeout, const std::atomic<bool>& stop);
  // Lets every waiter look at its stop flag again.
  void wake();
  // Ends all waiting for good.
  void close();
  [[nodiscard]] bool closed() const { return closed_.load(std::memory_order_acquire); }

  std::unique_ptr<Watch> watch(std::function<void(Position)> moved);

 private:
  class Registration;
  struct Watchers {    // outlives the store when a Watch does
    std::mutex mutex;  // held during callbacks, so that ending a Watch waits for the one in progress
    std::vector<std::pair<const Registration*, std::function<void(Position)>>> list;
  };

  std::atomic<std::uint64_t> head_{0};
  std::atomic<bool> closed_{false};
  std::mutex mutex_;
  std::condition_variable moved_;
  std::atomic<std::uint32_t> waiters_{0};  // publishing takes the lock only when somebody waits
  std::shared_ptr<Watchers> watchers_ = std::make_shared<Watchers>();
};

}  // namespace stele::engine

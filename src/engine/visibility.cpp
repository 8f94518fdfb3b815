// visibility.cpp - an atomic head, a condition variable for those who wait, a list for those who watch.
#include "engine/visibility.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace stele::engine {

class Visibility::Registration final : public Watch {
 public:
  explicit Registration(std::shared_ptr<Watchers> watchers) : watchers_(std::move(watchers)) {}
  ~Registration() override {
    const std::lock_guard lock(watchers_->mutex);
    const auto erased =
        std::erase_if(watchers_->list, [this](const auto& entry) { return entry.first == this; });
    STELE_ASSERT(erased <= 1, "a watcher is listed once", erased);
  }
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;

 private:
  std::shared_ptr<Watchers> watchers_;
};

void Visibility::publish(Position head) {
  const auto before = head_.load(std::memory_order_relaxed);
  STELE_ASSERT(before <= head.value(), "the visible head never moves back", before, head.value());
  if (before == head.value()) return;
  const auto replaced = head_.exchange(head.value(), std::memory_order_seq_cst);
  STELE_ASSERT(replaced == before, "one at a time moves the head", replaced, before, head.value());
  // seq_cst on both sides: either this sees the waiter, or the waiter sees the new head before it sleeps.
  if (waiters_.load(std::memory_order_seq_cst) > 0) wake();
  const std::lock_guard lock(watchers_->mutex);
  for (const auto& [registration, moved] : watchers_->list) moved(head);
}

Position Visibility::wait_beyond(Position seen, std::chrono::microseconds timeout,
                                 const std::atomic<bool>& stop) {
  if (head() > seen) return head();
  const auto longest = std::chrono::hours(24 * 365);  // keeps "for ever" from overflowing the clock
  std::unique_lock lock(mutex_);
  waiters_.fetch_add(1, std::memory_order_seq_cst);
  moved_.wait_for(lock, std::min<std::chrono::microseconds>(timeout, longest), [&] {
    return head_.load(std::memory_order_seq_cst) > seen.value() || stop.load() || closed();
  });
  const auto waiting = waiters_.fetch_sub(1, std::memory_order_relaxed);
  STELE_ASSERT(waiting > 0, "whoever waited was counted", waiting);
  return head();
}

void Visibility::wake() {
  {
    const std::lock_guard lock(mutex_);
  }  // a waiter between its test and its sleep is behind this lock
  moved_.notify_all();
}

void Visibility::close() {
  closed_.store(true, std::memory_order_release);
  wake();
}

std::unique_ptr<Watch> Visibility::watch(std::function<void(Position)> moved) {
  auto registration = std::make_unique<Registration>(watchers_);
  const std::lock_guard lock(watchers_->mutex);
  watchers_->list.emplace_back(registration.get(), std::move(moved));
  return registration;
}

}  // namespace stele::engine

// wait_list.cpp - waking by commit; no timer and no polling in it.
#include "projection/wait_list.hpp"

#include "base/assert.hpp"

namespace stele::projection {

// One by one and without the lock: a callback may register, cancel, or take its time. What it registers for a
// position that is reached already runs at once, so the loop ends.
void WaitList::run_due(std::unique_lock<std::mutex>& lock, Position up_to, const result<Position>& answer) {
  while (!waiters_.empty() && waiters_.begin()->first <= up_to) {
    const auto due = waiters_.begin();
    const Waiter waiter = std::move(due->second);
    by_ticket_.erase(waiter.ticket);
    waiters_.erase(due);
    STELE_ASSERT(running_ == 0, "one callback at a time", running_, waiter.ticket);
    running_ = waiter.ticket;
    running_on_ = std::this_thread::get_id();
    lock.unlock();
    waiter.reached(answer);
    lock.lock();
    running_ = 0;
    moved_.notify_all();
  }
}

void WaitList::advance(Position position) {
  std::unique_lock lock(mutex_);
  STELE_ASSERT(position.value() >= position_.load(), "a model never goes back by itself", position.value(),
               position_.load());
  position_.store(position.value(), std::memory_order_release);
  moved_.notify_all();
  run_due(lock, position, position);
}

void WaitList::reset() {
  const std::lock_guard lock(mutex_);
  position_.store(0, std::memory_order_release);
}

// The largest position stands for "whatever they wait for".
void WaitList::close(Error why) {
  std::unique_lock lock(mutex_);
  closed_ = why;
  moved_.notify_all();
  run_due(lock, Position(~std::uint64_t{0}), std::move(why));
}

void WaitList::reopen() {
  const std::lock_guard lock(mutex_);
  closed_.reset();
}

// Reached wins over closed: what is visible stays visible after a stop.
result<bool> WaitList::wait(Position position, std::chrono::microseconds timeout) {
  std::unique_lock lock(mutex_);
  const auto known = [&] { return position_.load() >= position.value() || closed_.has_value(); };
  const auto longest = std::chrono::hours(24 * 365);  // keeps "for ever" from overflowing the clock
  if (!known() && timeout.count() > 0) {
    moved_.wait_for(lock, std::min<std::chrono::microseconds>(timeout, longest), known);
  }
  if (position_.load() >= position.value()) return true;
  if (closed_) return *closed_;
  return false;
}

std::uint64_t WaitList::notify_at(Position position, Reached reached) {
  std::unique_lock lock(mutex_);
  if (position_.load() >= position.value() || closed_) {
    const auto answer = position_.load() >= position.value() ? result<Position>(Position(position_.load()))
                                                             : result<Position>(*closed_);
    lock.unlock();
    reached(answer);
    return 0;
  }
  const std::uint64_t ticket = ++last_ticket_;
  by_ticket_.emplace(ticket, waiters_.emplace(position, Waiter{ticket, std::move(reached)}));
  return ticket;
}

void WaitList::cancel(std::uint64_t ticket) {
  std::unique_lock lock(mutex_);
  if (const auto found = by_ticket_.find(ticket); found != by_ticket_.end()) {
    waiters_.erase(found->second);
    by_ticket_.erase(found);
    return;
  }
  // A callback may cancel itself; everybody else waits until it has returned.
  moved_.wait(lock,
              [&] { return ticket == 0 || running_ != ticket || running_on_ == std::this_thread::get_id(); });
}

std::size_t WaitList::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiters_.size();
}

}  // namespace stele::projection

// clock.cpp - the machine's clock, and one that is moved by hand.
#include "stele/detail/clock.hpp"

#include <map>
#include <mutex>
#include <utility>

#include "base/assert.hpp"

namespace stele {
namespace {

class MachineClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override {
    return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  }
  [[nodiscard]] std::unique_ptr<Watch> on_jump(std::function<void()>) override { return nullptr; }
};

}  // namespace

Clock& system_clock() {
  static MachineClock clock;
  return clock;
}

// Shared with the watches, which may outlive the clock.
struct ManualClock::Impl {
  mutable std::mutex mutex;
  Timestamp now;
  std::recursive_mutex telling;  // held while calling back: a watch that has ended is not called any more
  std::map<std::uint64_t, std::function<void()>> listeners;
  std::uint64_t next_ticket = 1;
};

namespace {

class JumpWatch final : public Watch {
 public:
  explicit JumpWatch(std::function<void()> end) : end_(std::move(end)) {}
  ~JumpWatch() override { end_(); }
  JumpWatch(const JumpWatch&) = delete;
  JumpWatch& operator=(const JumpWatch&) = delete;

 private:
  std::function<void()> end_;
};

}  // namespace

ManualClock::ManualClock(Timestamp start) : impl_(std::make_shared<Impl>()) { impl_->now = start; }
ManualClock::~ManualClock() = default;

Timestamp ManualClock::now() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->now;
}

std::unique_ptr<Watch> ManualClock::on_jump(std::function<void()> jumped) {
  const std::lock_guard lock(impl_->telling);
  const std::uint64_t ticket = impl_->next_ticket++;
  impl_->listeners.emplace(ticket, std::move(jumped));
  return std::make_unique<JumpWatch>([impl = impl_, ticket] {
    const std::lock_guard ending(impl->telling);
    impl->listeners.erase(ticket);
  });
}

void ManualClock::advance(std::chrono::microseconds by) {
  STELE_ASSERT(by.count() >= 0, "time goes forward", by.count());
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->now += by;
  }
  const std::lock_guard lock(impl_->telling);
  for (const auto& [ticket, jumped] : impl_->listeners) jumped();
}

}  // namespace stele

// saga_runner.cpp - a saga's thread: turn after turn, asleep in between until the log moves, a timer is due, or
// somebody asks for something. What a turn does is saga_worker.cpp.
#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "domain/saga_worker.hpp"
#include "stele/saga.hpp"

namespace stele {
namespace {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::microseconds;

// How long it is quiet before the checkpoint is written, and how long a lost wake-up could hide.
constexpr microseconds quiet_time{1'000'000};
constexpr microseconds longest_sleep{30'000'000};

}  // namespace

struct SagaRunner::Impl {
  Impl(EventStore& the_store, std::unique_ptr<detail::SagaKind> kind, SagaOptions the_options)
      : store(the_store), options(the_options), worker(the_store, std::move(kind), the_options) {}

  void run();
  void turn_until_quiet();
  void sleep();
  void wake();
  bool outlast(const Error& why);
  template <class Reached>
  bool wait_until(microseconds timeout, Reached&& reached);

  EventStore& store;
  const SagaOptions options;
  domain::SagaWorker worker;
  std::mutex control;  // start and stop, one at a time
  std::thread thread;

  // Never held while the store is called: the store's watch takes it too.
  std::mutex mutex;
  std::condition_variable moved;
  bool stop = true;
  bool woken = false;
  int failures = 0;
  std::uint64_t turns = 0;
  std::string reason;
};

void SagaRunner::Impl::wake() {
  const std::lock_guard lock(mutex);
  woken = true;
  moved.notify_all();
}

// Watches come before the first turn: what happens from now on wakes, what happened before is found by turning.
void SagaRunner::Impl::run() {
  const auto head_moved = store.watch([this](Position) { wake(); });
  const auto time_jumped = worker.clock().on_jump([this] { wake(); });
  while (true) {
    {
      const std::lock_guard lock(mutex);
      if (stop) break;
      woken = false;
    }
    turn_until_quiet();
    sleep();
  }
  (void)worker.save().has_value();  // if it cannot be written, a little is done again, without effect
}

void SagaRunner::Impl::turn_until_quiet() {
  while (true) {
    result<bool> did = detail::guarded([&] { return worker.turn(); });
    if (!did && outlast(did.error())) continue;
    const std::lock_guard lock(mutex);
    ++turns;
    if (did) {
      failures = 0;
      reason.clear();
    }
    moved.notify_all();
    if (stop || !did || !*did) return;
  }
}

// False: told to stop. In real time, whatever the sagas' clock says: the store knows no other.
bool SagaRunner::Impl::outlast(const Error& why) {
  std::unique_lock lock(mutex);
  reason = why.to_string();
  const auto pause =
      std::min(options.first_pause * (std::int64_t{1} << std::min(failures, 20)), options.longest_pause);
  ++failures;
  return !moved.wait_for(lock, pause, [&] { return stop; });
}

// In two parts: a short one, then the checkpoint is written, then the rest. So a busy saga does not pay for a
// checkpoint between any two events, and a quiet one has it on disk.
void SagaRunner::Impl::sleep() {
  const auto next = worker.next_due();
  microseconds until = longest_sleep;
  if (next) until = std::clamp(*next - worker.clock().now(), microseconds(0), longest_sleep);
  const auto awake = [&] { return stop || woken; };
  {
    std::unique_lock lock(mutex);
    if (moved.wait_for(lock, std::min(until, quiet_time), awake) || until <= quiet_time) return;
  }
  (void)worker.save().has_value();  // tried again after the next events
  std::unique_lock lock(mutex);
  moved.wait_for(lock, until - quiet_time, awake);
}

// Looks again after every turn. The count is read before the look, so that a turn in between is not missed.
template <class Reached>
bool SagaRunner::Impl::wait_until(microseconds timeout, Reached&& reached) {
  const auto end = SteadyClock::now() + timeout;
  while (true) {
    std::uint64_t seen = 0;
    {
      const std::lock_guard lock(mutex);
      seen = turns;
    }
    if (reached()) return true;
    std::unique_lock lock(mutex);
    if (!moved.wait_until(lock, end, [&] { return turns != seen; })) {
      lock.unlock();
      return reached();
    }
  }
}

SagaRunner::SagaRunner(EventStore& store, std::unique_ptr<detail::SagaKind> kind, SagaOptions options)
    : impl_(std::make_unique<Impl>(store, std::move(kind), options)) {}

SagaRunner::~SagaRunner() { stop(); }

// A second start, and a stop of what does not run, do nothing.
void SagaRunner::start() {
  const std::lock_guard lock(impl_->control);
  if (impl_->thread.joinable()) return;
  impl_->worker.resume();
  {
    const std::lock_guard state(impl_->mutex);
    impl_->stop = false;
  }
  impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
}

void SagaRunner::stop() {
  const std::lock_guard lock(impl_->control);
  if (!impl_->thread.joinable()) return;
  impl_->worker.interrupt();
  {
    const std::lock_guard state(impl_->mutex);
    impl_->stop = true;
    impl_->moved.notify_all();
  }
  impl_->thread.join();
}

SagaStatus SagaRunner::status() const {
  SagaStatus status = impl_->worker.status();
  const std::lock_guard lock(impl_->mutex);
  status.running = !impl_->stop;
  if (!impl_->reason.empty()) status.reason = impl_->reason;
  return status;
}

std::vector<SagaTrouble> SagaRunner::troubles() const { return impl_->worker.troubles(); }

std::vector<SagaTimer> SagaRunner::timers(std::size_t most) const { return impl_->worker.timers(most); }

result<void> SagaRunner::retry(std::string_view instance) {
  STELE_CHECK(impl_->worker.retry(instance));
  impl_->wake();
  return {};
}

result<void> SagaRunner::skip(std::string_view instance) {
  STELE_CHECK(impl_->worker.skip(instance));
  impl_->wake();
  return {};
}

result<void> SagaRunner::wait(Position position, microseconds timeout) {
  const auto there = [&] { return impl_->worker.status().position >= position; };
  if (impl_->wait_until(timeout, there)) return {};
  const SagaStatus now = status();
  return Error(errc::timeout, "saga " + now.name + " has not come to position " +
                                  std::to_string(position.value()) + " in time")
      .with("current", now.position.value())
      .with("reason", now.reason);
}

result<void> SagaRunner::settle(microseconds timeout) {
  if (impl_->wait_until(timeout, [&] { return impl_->worker.is_idle(); })) return {};
  const SagaStatus now = status();
  return Error(errc::timeout, "saga " + now.name + " still has something to do")
      .with("current", now.position.value())
      .with("head", now.head.value())
      .with("timers", now.timers)
      .with("troubled", now.troubled)
      .with("reason", now.reason);
}

}  // namespace stele

// snapshotter.cpp - the thread that takes snapshots for those who ask. What taking one means is in the closures
// it is given.
#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "domain/snapshot_pace.hpp"
#include "stele/snapshot.hpp"

namespace stele {

struct Snapshotter::Impl {
  explicit Impl(SnapshotterOptions with) : options(with), pace(with.per_second) {}

  void work();
  std::function<void()> next(std::unique_lock<std::mutex>& lock);
  // How many streams have begun to be taken; they are taken in the order of their numbers.
  [[nodiscard]] std::uint64_t begun() const { return numbered - order.size(); }
  // Somebody drains and waits for the stream at the front.
  [[nodiscard]] bool hurried() const { return begun() < hurry_up_to; }

  const SnapshotterOptions options;
  detail::SnapshotPace pace;
  mutable std::mutex mutex;
  std::condition_variable moved;
  std::deque<std::string> order;
  std::map<std::string, std::function<void()>> asked;  // by stream: the newest of what was asked
  bool taking = false;
  std::uint64_t numbered = 0;     // streams that were put in line, ever
  std::uint64_t hurry_up_to = 0;  // these many of them do not heed the rate
  bool ending = false;
  std::thread thread;
};

// The next one that may begin, once it may; empty when it is time to end.
std::function<void()> Snapshotter::Impl::next(std::unique_lock<std::mutex>& lock) {
  moved.wait(lock, [&] { return ending || !order.empty(); });
  if (ending) return {};
  moved.wait_until(lock, pace.free_at(), [&] { return ending || hurried(); });
  if (ending) return {};
  if (!hurried()) (void)pace.next(detail::SnapshotPace::Clock::now());  // who is hurried takes nobody's place
  STELE_ASSERT(!order.empty() && asked.size() == order.size(), "each stream waits once", order.size());
  auto found = asked.extract(order.front());
  order.pop_front();
  STELE_ASSERT(!found.empty(), "what waits was asked for", order.size());
  return std::move(found.mapped());
}

void Snapshotter::Impl::work() {
  std::unique_lock lock(mutex);
  while (const auto take = next(lock)) {
    taking = true;
    lock.unlock();
    take();
    lock.lock();
    taking = false;
    moved.notify_all();
  }
}

Snapshotter::Snapshotter(SnapshotterOptions options) : impl_(std::make_unique<Impl>(options)) {
  impl_->thread = std::thread([impl = impl_.get()] { impl->work(); });
}

Snapshotter::~Snapshotter() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->ending = true;
  }
  impl_->moved.notify_all();
  impl_->thread.join();
}

bool Snapshotter::ask(const std::string& stream, std::function<void()> take) {
  {
    const std::lock_guard lock(impl_->mutex);
    const bool waits = impl_->asked.contains(stream);
    if (!waits && impl_->order.size() >= impl_->options.waiting) return false;
    if (!waits) {
      impl_->order.push_back(stream);
      ++impl_->numbered;
    }
    impl_->asked[stream] = std::move(take);
  }
  impl_->moved.notify_all();
  return true;
}

std::size_t Snapshotter::waiting() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->order.size() + (impl_->taking ? 1 : 0);
}

void Snapshotter::drain() {
  std::unique_lock lock(impl_->mutex);
  const std::uint64_t waiting = impl_->numbered;
  impl_->hurry_up_to = std::max(impl_->hurry_up_to, waiting);
  impl_->moved.notify_all();
  // One is taken at a time, so those before the one that has begun last are done.
  const auto done = [&] { return impl_->begun() - (impl_->taking ? 1 : 0); };
  impl_->moved.wait(lock, [&] { return impl_->ending || done() >= waiting; });
}

}  // namespace stele

// sealer.cpp - one thread, one step after another.
#include "engine/index/sealer.hpp"

#include "base/assert.hpp"

namespace stele::engine {
namespace {

// A slice is a MiB and about as much work: a merge takes half a core, and a hundred MiB a second of the disk.
constexpr std::chrono::milliseconds rest_per_slice{6};

}  // namespace

Sealer::Sealer(IndexKeeper& keeper, io::Background* background)
    : keeper_(keeper), has_thread_(background == nullptr) {
  if (background != nullptr) job_ = background->add("seal", [this] { return woken_step(); });
}

Sealer::~Sealer() {
  keeper_.stop();
  job_.reset();
  {
    const std::lock_guard lock(mutex_);
    STELE_ASSERT(!stopping_, "a sealer ends once");
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Sealer::wake() {
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  woken_ = true;
  if (!thread_.joinable() && has_thread_) thread_ = std::thread([this] { run(); });
  changed_.notify_all();
}

bool Sealer::woken_step() {
  {
    const std::lock_guard lock(mutex_);
    if (!woken_ || stopping_) return false;
    woken_ = false;
  }
  const bool more = step();
  const std::lock_guard lock(mutex_);
  woken_ = woken_ || more;
  return true;
}

void Sealer::wait_until_idle() {
  while (job_ && woken_step()) {
  }
  std::unique_lock lock(mutex_);
  ++waiting_;
  changed_.notify_all();
  changed_.wait(lock, [this] { return (!woken_ && !working_) || stopping_; });
  --waiting_;
}

bool Sealer::step() {
  // A disk that is full, or worse, is no reason to stop the store: the part stays in memory, and the next one that is
  // complete is the occasion to try again.
  const auto sealed = keeper_.seal_one();
  if (!sealed || *sealed) return sealed.has_value();
  const auto merged = keeper_.merge_one([this] {
    if (has_thread_) rest();
  });
  return merged && *merged;
}

void Sealer::rest() {
  std::unique_lock lock(mutex_);
  STELE_ASSERT(working_ && has_thread_, "who rests has a thread and is at work", waiting_);
  changed_.wait_for(lock, rest_per_slice, [this] { return stopping_ || waiting_ > 0; });
}

void Sealer::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (!woken_) {
      changed_.wait(lock);
      continue;
    }
    woken_ = false;
    working_ = true;
    lock.unlock();
    const bool more = step();
    lock.lock();
    working_ = false;
    woken_ = woken_ || more;
    changed_.notify_all();
  }
}

}  // namespace stele::engine

// workers.cpp - a queue, a condition, some threads.
#include "server/net/workers.hpp"

#include <exception>
#include <limits>

#include "server/log.hpp"

namespace stele::server {
namespace {

// Callbacks of an application run here as well: what they throw ends them, not the process.
void run_task(Task& task) {
  try {
    task();
  } catch (const std::exception& thrown) {
    log_line(LogLevel::error, "task.threw", thrown.what(), {});
  } catch (...) {
    log_line(LogLevel::error, "task.threw", "not an std::exception", {});
  }
}

}  // namespace

Workers::Workers(std::size_t threads, std::size_t queue_limit) : queue_limit_(queue_limit) {
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

Workers::~Workers() { stop(); }

bool Workers::push(Task& task, std::size_t limit) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || queue_.size() >= limit) return false;
    queue_.push_back(std::move(task));
  }
  wake_.notify_one();
  return true;
}

bool Workers::try_run(Task task) { return push(task, queue_limit_); }
void Workers::run(Task task) { (void)push(task, std::numeric_limits<std::size_t>::max()); }

// Runs the queue to its end also when stopping: work begun is finished.
void Workers::work() {
  for (;;) {
    Task task;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      task = std::move(queue_.front());
      queue_.pop_front();
    }
    run_task(task);
  }
}

void Workers::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (auto& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

std::size_t Workers::queued() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

}  // namespace stele::server

// workers.hpp - a fixed set of threads for work that may block: reading the store, handlers, records. Network
// threads never block; they hand work over and get a call back.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace stele::server {

using Task = std::move_only_function<void()>;

class Workers {
 public:
  Workers(std::size_t threads, std::size_t queue_limit);
  ~Workers();

  // For new requests. False: the queue is full or stop() was called; nothing was queued.
  [[nodiscard]] bool try_run(Task task);
  // For work that finishes something already begun; never refused for fullness. After stop() it is dropped.
  void run(Task task);
  // Runs what is queued, then ends the threads.
  void stop();
  [[nodiscard]] std::size_t queued() const;

 private:
  void work();
  // False leaves the task where it is.
  bool push(Task& task, std::size_t limit);

  const std::size_t queue_limit_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace stele::server

// queue.hpp - the queue in front of engines that have one writer: what waits while a transaction is being committed
// goes with the next one. That is the best such an engine can do for many writers, so they all get it.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "rival.hpp"

namespace stele::compare {

// One transaction at a time, on one thread; durable when it returns.
using CommitAll = std::function<result<void>(std::span<const Append> appends)>;
using Answered = std::function<void(const result<void>&)>;

class GroupQueue {
 public:
  explicit GroupQueue(CommitAll commit);
  ~GroupQueue();  // after everything was answered
  GroupQueue(const GroupQueue&) = delete;
  GroupQueue& operator=(const GroupQueue&) = delete;

  void put(const Append& append, Answered answered);

 private:
  void run();

  CommitAll commit_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<Append> appends_;
  std::vector<Answered> answers_;
  bool ending_ = false;
  std::thread thread_;
};

// A rival whose engine has one writer: the two forms of appending, both through the queue.
class QueuedRival : public Rival {
 public:
  result<std::unique_ptr<Connection>> connect() override;
  result<std::unique_ptr<Pipeline>> pipeline() override;
  result<void> append_all(std::span<const Append> appends) override;

 protected:
  // On the queue's thread, or from append_all() while nothing is queued.
  virtual result<void> commit(std::span<const Append> appends) = 0;
  // To be called by the destructor of the class that defines commit().
  void stop_queue() { queue_.reset(); }

 private:
  GroupQueue& queue();
  std::mutex making_;
  std::unique_ptr<GroupQueue> queue_;
};

}  // namespace stele::compare

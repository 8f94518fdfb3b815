// sealer.hpp - the thread of a writing store that seals and merges, so that no append ever does. It is started by
// the first part that is complete, and sleeps until the next one is.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "engine/index/keeper.hpp"
#include "io/background.hpp"

namespace stele::engine {

class Sealer {
 public:
  // `background` does the work instead of a thread, when there is one.
  explicit Sealer(IndexKeeper& keeper, io::Background* background = nullptr);
  // Ends at the next slice; what is not finished is done after the next opening.
  ~Sealer();
  Sealer(const Sealer&) = delete;
  Sealer& operator=(const Sealer&) = delete;

  // There may be something to do. From any thread, cheap.
  void wake();
  // Until nothing is left to do, or the disk refused.
  void wait_until_idle();

 private:
  void run();
  // One step; false: nothing is left, or it did not work.
  bool step();
  // The same when somebody has woken us.
  bool woken_step();
  // Between slices of a merge: the disk and the cores are first for appends.
  void rest();

  IndexKeeper& keeper_;
  const bool has_thread_;  // or a job in the background
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
  bool working_ = false;
  bool stopping_ = false;
  std::size_t waiting_ = 0;  // in wait_until_idle()
  std::thread thread_;
  std::unique_ptr<io::Background::Job> job_;  // instead of the thread
};

}  // namespace stele::engine

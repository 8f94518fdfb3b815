// worker.hpp - what happens on a projection's thread: check the model against the log, then batch after
// batch. Starting, stopping and asking from outside is runner.cpp.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

#include "projection/apply.hpp"
#include "projection/listeners.hpp"
#include "projection/meters.hpp"
#include "projection/wait_list.hpp"
#include "stele/projection.hpp"

namespace stele::projection {

// Shared by the worker and by those who ask. Its mutex guards small copies only; it is never held while an
// event is applied, a callback runs or the store is asked.
class Worker {
 public:
  using Clock = std::chrono::steady_clock;

  Worker(EventStore& store, std::shared_ptr<ProjectionTarget> target, RunnerOptions options);

  // The thread's whole life. Ends after request_stop(), or with the state `failed`.
  void run();
  void request_stop();
  // Before run(): a new life after a stop.
  void rearm();

  void hold_back(std::chrono::microseconds pause);
  [[nodiscard]] ProjectionStatus status() const;
  [[nodiscard]] LatencyHistogram latency() const { return latency_.read(); }
  [[nodiscard]] ProjectionTarget& target() const { return *target_; }
  [[nodiscard]] WaitList& waits() { return waits_; }
  [[nodiscard]] Listeners& listeners() { return *listeners_; }
  [[nodiscard]] EventStore& store() const { return store_; }

 private:
  result<void> live();
  result<void> adopt_checkpoint();
  result<std::string> reason_to_rebuild(const Checkpoint& at);
  result<void> subscribe();
  result<void> deliver(std::span<const EventView> events, Position up_to);
  bool save_the_good_part(std::span<const EventView>& events, const NotApplied& failed);
  void publish(const Applied& applied, std::span<const EventView> events);
  void count(std::span<const EventView> fresh);
  void enter(ProjectionState state, std::string reason = {});
  bool pause_after_failure(int failures, const Error& why);
  bool pause_held_back();
  bool stopping() const;

  EventStore& store_;
  const std::shared_ptr<ProjectionTarget> target_;
  const RunnerOptions options_;
  WaitList waits_;
  const std::shared_ptr<Listeners> listeners_ = std::make_shared<Listeners>();
  LatencyMeter latency_;

  // Of the worker's thread alone.
  Checkpoint at_;
  Timestamp started_;  // events recorded before do not count as latency

  mutable std::mutex mutex_;
  std::condition_variable woken_;  // stop, or another hold-back
  bool stop_ = false;
  std::chrono::microseconds hold_back_;
  std::shared_ptr<Subscription> subscription_;
  ProjectionState state_ = ProjectionState::stopped;
  std::string reason_;
  std::string rebuilt_;  // why the model was emptied
  std::uint64_t applied_ = 0;
  std::uint64_t retries_ = 0;
  RateMeter rate_;
  Timestamp fresh_at_;  // when the model last showed the newest, or the time of the newest it shows
};

}  // namespace stele::projection

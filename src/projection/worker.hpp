// worker.hpp - what happens on a projection's thread: get the lease, check the model against the log, then batch after
// batch, with other people's jobs in between. Starting, stopping and asking from outside is runner.cpp.
//
//   worker.cpp           life, batches           worker_control.cpp   jobs, pauses, figures
//   worker_lease.cpp     lease and standby       worker_parking.cpp   parking, retry, skip
//   worker_bulk.cpp      far behind the head     worker_append.cpp    what appends want of the model
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "projection/apply.hpp"
#include "projection/listeners.hpp"
#include "projection/meters.hpp"
#include "projection/parked.hpp"
#include "projection/read_ahead.hpp"
#include "projection/wait_list.hpp"
#include "stele/projection.hpp"

namespace stele::projection {

// Troubles that are not the event's: they last as long as they last, and the projection outlasts them.
[[nodiscard]] inline bool may_pass(errc kind) {
  return kind == errc::busy || kind == errc::disk_full || kind == errc::unavailable;
}

// Shared by the worker and by those who ask. Its mutex guards small copies only; it is never held while an
// event is applied, a callback runs or the store is asked.
class Worker {
 public:
  using Clock = std::chrono::steady_clock;
  using Job = std::function<result<void>()>;
  // A builder ends its life when it has caught up; everybody else goes on for ever.
  enum class Life : std::uint8_t { goes_on, ends_at_the_head };

  Worker(EventStore& store, std::shared_ptr<ProjectionTarget> target, RunnerOptions options,
         Life life = Life::goes_on);

  // The thread's whole life. Ends after request_stop(), or with the state `failed`.
  void run();
  // The same without the thread's last words: what a builder calls. Success: caught up, or told to stop.
  result<void> live();
  void request_stop();
  // Before run(): a new life after a stop.
  void rearm();
  // Runs once for each life, on the worker's thread, when it has the lease and knows the checkpoint.
  void when_working(std::function<void()> call) { working_ = std::move(call); }

  // On the worker's thread between two batches, with the lease held and the checkpoint known; `busy` in standby,
  // `unavailable` until the model could be opened, and when it is stopped first. Pauses between batches are such times,
  // too; those of another job are not. False: there is no thread that would do it.
  bool between_batches(const Job& job, result<void>& answer);
  // The same where there is no thread, and nobody may start one meanwhile.
  result<void> without_thread(const Job& job);
  void pause(std::string reason);
  void resume();
  void hold_back(std::chrono::microseconds pause);

  // Of the thread that does the work, so from a job:
  result<std::uint64_t> retry_parked(Position which);
  result<std::uint64_t> skip_event(Position event, const std::string& reason);
  // Runner::try_out and Runner::show.
  result<Position> try_out(const AppendRequest& request);
  result<void> show(const AppendResult& appended);
  // Applies what lies between the checkpoint and `up_to`, at one go: the first trouble is the end.
  result<void> reach(Position up_to);
  // The same with all care: trouble that passes is waited for.
  result<void> catch_up(Position up_to);
  // The target holds the model now that `builder` has built. Asks nobody, so it cannot fail.
  void adopt_swapped(const Worker& builder);
  [[nodiscard]] const Checkpoint& at() const { return at_; }
  [[nodiscard]] bool alive() const;
  // Why a trial would be refused whatever it is about. From any thread: nobody has to be interrupted to find out.
  [[nodiscard]] result<void> lets_appends_through() const;
  // The caller is on the worker's own thread.
  [[nodiscard]] bool is_this_thread() const;

  [[nodiscard]] ProjectionStatus status() const;
  [[nodiscard]] Timeline timeline() const {
    return {.delivered = delivered_.read(), .applied = applied_in_.read(), .visible = latency_.read()};
  }
  [[nodiscard]] std::vector<ApplyTime> apply_times() const { return apply_meter_.read(); }
  [[nodiscard]] ProjectionTarget& target() const { return *target_; }
  [[nodiscard]] const RunnerOptions& options() const { return options_; }
  [[nodiscard]] WaitList& waits() { return waits_; }
  [[nodiscard]] Listeners& listeners() { return *listeners_; }
  [[nodiscard]] EventStore& store() const { return store_; }
  [[nodiscard]] const Parked& parked() const { return parked_; }

 private:
  struct Posted {
    const Job* job;
    result<void> answer;
    bool done = false;
  };

  // worker.cpp
  result<bool> begin();
  result<void> work();
  result<void> adopt_checkpoint();
  result<std::string> reason_to_rebuild(const Checkpoint& at);
  result<void> subscribe();
  result<void> deliver(std::span<const EventView> events, Position up_to);
  bool save_the_good_part(std::span<const EventView>& events, NotApplied& failed);
  void publish(const Applied& applied, std::span<const EventView> events);
  void count(std::uint64_t events, std::optional<Timestamp> newest);
  void note_caught_up();

  // worker_bulk.cpp
  struct LongBatch;
  bool far_behind();
  result<bool> catch_up_in_bulk();
  bool long_batch(ReadAhead& events, Position head);
  bool give_up_long(Position there);
  bool apply_in_bulk(std::span<const EventView> events, LongBatch& batch);
  bool commit_long(LongBatch& batch);

  // worker_lease.cpp
  result<bool> take_lease();
  result<void> find_what_serves();
  result<bool> keep_lease();
  bool has_lease();
  void follow_the_holder();
  [[nodiscard]] std::chrono::microseconds longest_wait() const;

  // worker_parking.cpp
  result<void> load_parked();
  [[nodiscard]] bool may_park(const NotApplied& failed) const;
  result<void> park_first(std::span<const EventView>& events, const Error& why);
  result<void> set_aside(const ParkedEvent& entry, const Checkpoint& behind);
  result<void> put_parked(const ParkedEvent& entry);
  result<bool> apply_parked(ParkedEvent entry);
  result<std::uint64_t> apply_sequence(const std::vector<ParkedEvent>& sequence);
  result<void> skip_where_it_stopped(Position event, const std::string& reason);
  result<std::vector<std::string>> commit_here(const Checkpoint& now);

  // worker_append.cpp
  result<void> apply_and_roll_back(const AppendRequest& request);

  // worker_control.cpp
  void enter(ProjectionState state, std::string reason = {});
  bool interrupted();
  void do_jobs(const Error* refused = nullptr);
  [[nodiscard]] result<void> do_safely(const Job& job);
  void use_the_pause(std::unique_lock<std::mutex>& lock);
  bool pause_for(std::unique_lock<std::mutex>& lock, std::chrono::microseconds pause);
  bool pause_after_failure(int failures, const Error& why);
  bool pause_held_back();
  bool stay_paused();
  bool stopping() const;

  EventStore& store_;
  const std::shared_ptr<ProjectionTarget> target_;
  const RunnerOptions options_;
  const Life life_;
  WaitList waits_;
  const std::shared_ptr<Listeners> listeners_ = std::make_shared<Listeners>();
  LatencyMeter delivered_;
  LatencyMeter applied_in_;
  LatencyMeter latency_;
  ApplyMeter apply_meter_;
  Parked parked_;
  std::function<void()> working_;

  // Of the thread that works alone.
  Checkpoint at_;
  bool adopted_ = false;  // in this life: `at_` is the model's, and the model is of this log
  bool in_a_job_ = false;
  Timestamp started_;       // events recorded before do not count as latency
  Timestamp delivered_at_;  // of the batch in hand
  Clock::time_point lease_taken_;
  Position stopped_at_;     // the event that ended the last life; 0: none did
  Position careful_until_;  // up to here events are applied in small batches: one of them could not be

  mutable std::mutex mutex_;
  std::condition_variable woken_;  // stop, a job, a pause or its end, another hold-back
  std::condition_variable answered_;
  bool alive_ = false;  // there is a thread that does jobs
  bool stop_ = false;
  bool interrupt_ = false;  // the subscription was cancelled for something to do
  std::deque<Posted*> jobs_;
  std::optional<std::string> pause_;  // its reason
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

// What an append is told whose events are not in the log, because the model cannot be asked...
[[nodiscard]] Error lets_nothing_through(const std::string& name, const std::string& why, std::string help);
// ... and one whose events are there and not, or not all, in the model.
[[nodiscard]] Error not_shown(const std::string& name, const AppendResult& appended, const std::string& why);

}  // namespace stele::projection

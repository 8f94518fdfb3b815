// worker_control.cpp - what others want of a projection's thread: jobs between two batches, pauses, figures. What the
// jobs do is elsewhere.
#include <algorithm>
#include <exception>
#include <utility>

#include "base/assert.hpp"
#include "projection/worker.hpp"

namespace stele::projection {
namespace {

Timestamp clock_now() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

}  // namespace

bool Worker::stopping() const {
  const std::lock_guard lock(mutex_);
  return stop_;
}

void Worker::enter(ProjectionState state, std::string reason) {
  const std::lock_guard lock(mutex_);
  state_ = state;
  reason_ = std::move(reason);
}

bool Worker::alive() const {
  const std::lock_guard lock(mutex_);
  return alive_;
}

// ---- Jobs

// True: the subscription was cancelled, because there is something else to do.
bool Worker::interrupted() {
  const std::lock_guard lock(mutex_);
  return interrupt_;
}

bool Worker::between_batches(const Job& job, result<void>& answer) {
  Posted posted{&job, {}};
  std::unique_lock lock(mutex_);
  if (!alive_) return false;
  jobs_.push_back(&posted);
  interrupt_ = true;
  if (subscription_) subscription_->cancel();
  woken_.notify_all();
  answered_.wait(lock, [&] { return posted.done; });
  answer = std::move(posted.answer);
  return true;
}

// Jobs run code of applications: what it throws must neither end the thread nor leave somebody waiting.
result<void> Worker::do_safely(const Job& job) {
  if (!adopted_)
    return Error(errc::unavailable, "projection " + target_->name() + " has not come to its model yet")
        .with("projection", target_->name())
        .help("its status says what it waits for");
  in_a_job_ = true;
  result<void> done;
  try {
    done = job();
  } catch (const std::exception& thrown) {
    done =
        Error(errc::unavailable, target_->name() + ": " + thrown.what()).with("projection", target_->name());
  }
  in_a_job_ = false;
  return done;
}

// Those that are there now, so that batches have their turn, and none after a stop: run() refuses the rest. Without
// the lock: a job takes its time. Whoever posted it keeps it alive until it is answered.
void Worker::do_jobs(const Error* refused) {
  std::unique_lock lock(mutex_);
  if (in_a_job_) return;
  for (std::size_t round = jobs_.size(); round > 0 && (refused || !stop_); --round) {
    STELE_ASSERT(!jobs_.empty(), "only this thread takes jobs", round);
    Posted* posted = jobs_.front();
    jobs_.pop_front();
    lock.unlock();
    auto answer = refused ? result<void>(*refused) : do_safely(*posted->job);
    lock.lock();
    posted->answer = std::move(answer);
    posted->done = true;
    answered_.notify_all();
  }
}

result<void> Worker::without_thread(const Job& job) {
  ProjectionLease* lease = target_->lease();
  if (lease) STELE_CHECK(lease->take());
  const Position stopped_at = stopped_at_;  // the checkpoint is the same after a failure
  auto done = find_what_serves();
  if (done) done = adopt_checkpoint();
  stopped_at_ = stopped_at;
  if (done) done = job();
  if (lease) lease->release();
  return done;
}

// ---- Pauses; false: told to stop. None of them has a batch open, so jobs are done in them.

// A lease that has to be renewed is, also by somebody who does nothing else. One that was lost shows at the next batch.
void Worker::use_the_pause(std::unique_lock<std::mutex>& lock) {
  lock.unlock();
  do_jobs();
  (void)keep_lease().has_value();
  lock.lock();
}

bool Worker::pause_for(std::unique_lock<std::mutex>& lock, std::chrono::microseconds pause) {
  const auto end = Clock::now() + pause;
  const auto something_to_do = [&] { return stop_ || (!in_a_job_ && !jobs_.empty()); };
  while (!stop_ && (pause_ || Clock::now() < end)) {
    if (pause_) {
      state_ = ProjectionState::paused;
      reason_ = *pause_;
      woken_.wait_for(lock, longest_wait(), [&] { return !pause_ || something_to_do(); });
    } else {
      woken_.wait_until(lock, end, [&] { return pause_ || something_to_do(); });
    }
    use_the_pause(lock);
  }
  if (state_ == ProjectionState::paused) {
    state_ = ProjectionState::catching_up;
    reason_.clear();
  }
  return !stop_;
}

// Doubling, bounded: trouble that passes (a locked file, a full disk) is over soon or not soon at all.
bool Worker::pause_after_failure(int failures, const Error& why) {
  const auto pause = std::min(options_.first_pause * (std::int64_t{1} << std::min(failures - 1, 30)),
                              options_.longest_pause);
  std::unique_lock lock(mutex_);
  state_ = ProjectionState::retrying;
  reason_ = why.to_string();
  ++retries_;
  return pause_for(lock, pause);
}

// Measured from its beginning, so that a shortened pause ends at once and a spurious wake-up changes nothing.
bool Worker::pause_held_back() {
  std::unique_lock lock(mutex_);
  const auto since = Clock::now();
  const auto over = [&] { return stop_ || interrupt_ || Clock::now() - since >= hold_back_; };
  while (!over()) woken_.wait_until(lock, since + hold_back_);
  return !stop_;
}

void Worker::hold_back(std::chrono::microseconds pause) {
  const std::lock_guard lock(mutex_);
  hold_back_ = pause;
  woken_.notify_all();
}

void Worker::pause(std::string reason) {
  const std::lock_guard lock(mutex_);
  pause_ = std::move(reason);
  if (alive_ && state_ != ProjectionState::standby) {
    state_ = ProjectionState::paused;
    reason_ = *pause_;
  }
  interrupt_ = true;
  if (subscription_) subscription_->cancel();
  woken_.notify_all();
}

void Worker::resume() {
  const std::lock_guard lock(mutex_);
  pause_.reset();
  if (state_ == ProjectionState::paused) {
    state_ = ProjectionState::catching_up;
    reason_.clear();
  }
  woken_.notify_all();
}

// After an interruption: stays here while it is paused, then everything is as before the interruption.
bool Worker::stay_paused() {
  std::unique_lock lock(mutex_);
  const ProjectionState before = state_;
  while (pause_ && !stop_) {
    state_ = ProjectionState::paused;
    reason_ = *pause_;
    woken_.wait_for(lock, longest_wait(), [&] { return stop_ || !pause_ || !jobs_.empty(); });
    use_the_pause(lock);
  }
  if (state_ == ProjectionState::paused) {
    state_ = before == ProjectionState::paused ? ProjectionState::catching_up : before;
    reason_.clear();
  }
  interrupt_ = stop_ || !jobs_.empty();
  return !stop_;
}

// ---- Asking

// The position is read before the head, so "behind" is never negative and never flattering.
ProjectionStatus Worker::status() const {
  ProjectionStatus status;
  status.name = target_->name();
  status.version = target_->version();
  status.synchronous = options_.synchronous;
  status.position = waits_.position();
  status.head = std::max(store_.head().position, status.position);
  status.behind_events = status.head.value() - status.position.value();
  status.note = target_->note();
  status.parked = parked_.missing();
  status.skipped = parked_.skipped();
  const std::lock_guard lock(mutex_);
  if (!rebuilt_.empty()) status.note = rebuilt_;
  if (status.behind_events > 0)
    status.behind = std::max(clock_now() - fresh_at_, std::chrono::microseconds{0});
  status.state = state_;
  status.reason = reason_;
  // Asked for while it was only beginning: what the thread has entered meanwhile is not where it stays.
  if (pause_ && (state_ == ProjectionState::catching_up || state_ == ProjectionState::live)) {
    status.state = ProjectionState::paused;
    status.reason = *pause_;
  }
  status.applied = applied_;
  status.retries = retries_;
  status.events_per_second = rate_.per_second(Clock::now());
  return status;
}

}  // namespace stele::projection

// worker.cpp - a projection's thread: subscribe at the checkpoint, apply, commit, wake who waits.
#include "projection/worker.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include "base/assert.hpp"

namespace stele::projection {
namespace {

// Long, because a subscription is woken by appends; it only bounds how long a lost wake-up could hide.
constexpr std::chrono::seconds quiet_time{30};

Timestamp wall_clock() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

Error told_to_stop(const std::string& name) {
  return Error(errc::unavailable, "projection " + name + " was stopped").with("projection", name);
}

// Troubles that are not the event's: they last as long as they last, and the projection outlasts them.
bool may_pass(errc kind) {
  return kind == errc::busy || kind == errc::disk_full || kind == errc::unavailable;
}

}  // namespace

Worker::Worker(EventStore& store, std::shared_ptr<ProjectionTarget> target, RunnerOptions options)
    : store_(store), target_(std::move(target)), options_(options), hold_back_(options.hold_back) {
  STELE_ASSERT(target_ && options_.batch > 0 && options_.tries > 0,
               "a runner needs a target, a batch size and a try", options_.batch, options_.tries);
}

// ---- Life

// Whatever ends a life - a stop, an event in the way, the store closing, an exception - ends the waits with it.
void Worker::run() {
  Error why = told_to_stop(target_->name());
  try {
    const auto lived = live();
    if (!lived) why = lived.error();
  } catch (const std::exception& thrown) {
    why = Error(errc::unavailable, target_->name() + ": " + thrown.what());
  }
  if (stopping()) {
    enter(ProjectionState::stopped);
    waits_.close(told_to_stop(target_->name()));
    return;
  }
  enter(ProjectionState::failed, why.to_string());
  waits_.close(Error(errc::unavailable, "projection " + target_->name() + " has stopped: " + why.message())
                   .with("projection", target_->name())
                   .help("correct the cause and start the projection again; it resumes at this event"));
}

result<void> Worker::live() {
  started_ = wall_clock();
  STELE_CHECK(adopt_checkpoint());
  STELE_CHECK(subscribe());
  while (!stopping()) {
    auto batch = subscription_->next_batch(options_.batch, quiet_time);
    if (!batch) return batch.error();
    if (batch->position > at_.position) {
      if (!pause_held_back()) break;
      STELE_CHECK(deliver(batch->events, batch->position));
    }
    if (batch->caught_up) {
      enter(ProjectionState::live);
      const std::lock_guard lock(mutex_);
      fresh_at_ = wall_clock();
    }
  }
  return {};
}

void Worker::request_stop() {
  const std::lock_guard lock(mutex_);
  stop_ = true;
  if (subscription_) subscription_->cancel();
  woken_.notify_all();
}

void Worker::rearm() {
  const std::lock_guard lock(mutex_);
  stop_ = false;
  subscription_.reset();
  state_ = ProjectionState::catching_up;
  reason_.clear();
  waits_.reopen();
}

bool Worker::stopping() const {
  const std::lock_guard lock(mutex_);
  return stop_;
}

// ---- Where to begin

result<void> Worker::adopt_checkpoint() {
  STELE_TRY(at_, target_->checkpoint());
  STELE_TRY(std::string rebuild, reason_to_rebuild(at_));
  if (!rebuild.empty()) {
    waits_.reset();
    STELE_CHECK(target_->reset());
    at_ = {};
  }
  {
    const std::lock_guard lock(mutex_);
    if (!rebuild.empty()) rebuilt_ = std::move(rebuild);
    fresh_at_ = started_;
  }
  if (at_.position < waits_.position()) waits_.reset();  // the target had forgotten some of what it passed
  waits_.advance(at_.position);
  return {};
}

// Empty when the model was built from this log.
result<std::string> Worker::reason_to_rebuild(const Checkpoint& at) {
  const Position head = store_.head().position;
  if (at.position > head)
    return "built anew: the model had seen position " + std::to_string(at.position.value()) +
           ", the log ends at " + std::to_string(head.value());
  if (at.last_event == Position{}) return std::string{};
  STELE_TRY(const auto cursor, store_.read({.query = Query::all(), .from = at.last_event, .limit = 1}));
  STELE_TRY(const auto events, cursor->next_batch(1));
  // Behind a truncated beginning there is nothing to compare with.
  if (events.empty() || events.front().position != at.last_event || events.front().id == at.last_event_id)
    return std::string{};
  return "built anew: the model was built from another log (event " + std::to_string(at.last_event.value()) +
         " differs)";
}

// A stop that came before there was something to cancel cancels it here.
result<void> Worker::subscribe() {
  STELE_TRY(std::shared_ptr<Subscription> opened, store_.subscribe(target_->events(), at_.position));
  const std::lock_guard lock(mutex_);
  subscription_ = std::move(opened);
  if (stop_) subscription_->cancel();
  return {};
}

// ---- One batch

// Ends with everything visible, or with the error of the event that stays in the way.
result<void> Worker::deliver(std::span<const EventView> events, Position up_to) {
  int failures = 0;
  while (true) {
    auto applied = apply_batch(*target_, at_, events, up_to);
    if (applied) {
      publish(*applied, events);
      return {};
    }
    if (save_the_good_part(events, applied.error())) failures = 0;
    const auto& why = applied.error().why;
    ++failures;
    if ((failures >= options_.tries && !may_pass(why.kind())) || !pause_after_failure(failures, why))
      return why;
  }
}

// The events before the one that failed need not wait for it.
bool Worker::save_the_good_part(std::span<const EventView>& events, const NotApplied& failed) {
  if (failed.event == 0 || failed.event >= events.size()) return false;
  const auto good = events.first(failed.event);
  auto applied = apply_batch(*target_, at_, good, good.back().position);
  if (!applied) return false;
  publish(*applied, good);
  events = events.subspan(failed.event);
  return true;
}

// Figures first: whoever is woken by the position finds them up to date.
void Worker::publish(const Applied& applied, std::span<const EventView> events) {
  const auto fresh = events.last(static_cast<std::size_t>(applied.events));
  at_ = applied.now;
  const Timestamp visible = wall_clock();
  for (const EventView& event : fresh)
    if (event.recorded_at >= started_) latency_.add(visible - event.recorded_at);
  count(fresh);
  waits_.advance(at_.position);
  if (!applied.changed.empty()) listeners_->tell({at_.position, applied.changed});
}

void Worker::count(std::span<const EventView> fresh) {
  const std::lock_guard lock(mutex_);
  applied_ += fresh.size();
  rate_.add(fresh.size(), Clock::now());
  if (!fresh.empty() && state_ != ProjectionState::live) fresh_at_ = fresh.back().recorded_at;
  if (state_ == ProjectionState::retrying) {
    state_ = ProjectionState::catching_up;
    reason_.clear();
  }
}

void Worker::enter(ProjectionState state, std::string reason) {
  const std::lock_guard lock(mutex_);
  state_ = state;
  reason_ = std::move(reason);
}

// ---- Pauses; false: told to stop

// Doubling, bounded: trouble that passes (a locked file, a full disk) is over soon or not soon at all.
bool Worker::pause_after_failure(int failures, const Error& why) {
  const auto pause = std::min(options_.first_pause * (std::int64_t{1} << std::min(failures - 1, 30)),
                              options_.longest_pause);
  std::unique_lock lock(mutex_);
  state_ = ProjectionState::retrying;
  reason_ = why.to_string();
  ++retries_;
  return !woken_.wait_for(lock, pause, [&] { return stop_; });
}

// Measured from its beginning, so that a shortened pause ends at once and a spurious wake-up changes nothing.
bool Worker::pause_held_back() {
  std::unique_lock lock(mutex_);
  const auto since = Clock::now();
  const auto over = [&] { return stop_ || Clock::now() - since >= hold_back_; };
  while (!over()) woken_.wait_until(lock, since + hold_back_);
  return !stop_;
}

void Worker::hold_back(std::chrono::microseconds pause) {
  const std::lock_guard lock(mutex_);
  hold_back_ = pause;
  woken_.notify_all();
}

// ---- Asking

// The position is read before the head, so "behind" is never negative and never flattering.
ProjectionStatus Worker::status() const {
  ProjectionStatus status;
  status.name = target_->name();
  status.version = target_->version();
  status.position = waits_.position();
  status.head = std::max(store_.head().position, status.position);
  status.behind_events = status.head.value() - status.position.value();
  status.note = target_->note();
  const std::lock_guard lock(mutex_);
  if (!rebuilt_.empty()) status.note = rebuilt_;
  if (status.behind_events > 0)
    status.behind = std::max(wall_clock() - fresh_at_, std::chrono::microseconds{0});
  status.state = state_;
  status.reason = reason_;
  status.applied = applied_;
  status.retries = retries_;
  status.events_per_second = rate_.per_second(Clock::now());
  return status;
}

}  // namespace stele::projection

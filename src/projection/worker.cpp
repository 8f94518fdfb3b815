// worker.cpp - a projection's thread: subscribe at the checkpoint, apply, commit, wake who waits.
#include "projection/worker.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include "base/assert.hpp"

namespace stele::projection {
namespace {

Timestamp wall_clock() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

Error told_to_stop(const std::string& name) {
  return Error(errc::unavailable, "projection " + name + " was stopped").with("projection", name);
}

// Whose life this thread is.
thread_local const Worker* working_here = nullptr;

}  // namespace

Worker::Worker(EventStore& store, std::shared_ptr<ProjectionTarget> target, RunnerOptions options, Life life)
    : store_(store),
      target_(std::move(target)),
      options_(std::move(options)),
      life_(life),
      parked_(options_.sequence, options_.park_at_most),
      hold_back_(options_.hold_back) {
  STELE_ASSERT(target_ && options_.batch > 0 && options_.tries > 0,
               "a runner needs a target, a batch size and a try", options_.batch, options_.tries);
}

// ---- Life

// Whatever ends a life - a stop, an event in the way, the store closing, an exception - ends the waits with it, and
// gives the lease to whoever stands by.
void Worker::run() {
  working_here = this;
  Error why = told_to_stop(target_->name());
  try {
    const auto lived = live();
    if (!lived) why = lived.error();
  } catch (const std::exception& thrown) {
    why = Error(errc::unavailable, target_->name() + ": " + thrown.what());
  }
  const bool told = stopping();
  {
    const std::lock_guard lock(mutex_);
    alive_ = false;
  }
  const Error nobody = told_to_stop(target_->name());
  do_jobs(&nobody);
  if (ProjectionLease* lease = target_->lease()) lease->release();
  if (told) {
    enter(ProjectionState::stopped);
    waits_.close(told_to_stop(target_->name()));
    return;
  }
  enter(ProjectionState::failed, why.to_string());
  waits_.close(Error(errc::unavailable, "projection " + target_->name() + " has stopped: " + why.message())
                   .with("projection", target_->name())
                   .help("correct the cause and start the projection again; it resumes at this event"));
}

// A lease that was lost to another process is no failure: stand by until it is free again.
result<void> Worker::live() {
  started_ = wall_clock();
  while (true) {
    STELE_TRY(const bool begun, begin());
    if (!begun) return {};
    auto worked = work();
    if (worked && (stopping() || life_ == Life::ends_at_the_head)) return worked;
    if (!worked && (worked.error().kind() != errc::conflict || has_lease())) return worked;
  }
}

// A store of the model that is not there yet, or not any more, is waited for here as it is later. False: told to stop.
result<bool> Worker::begin() {
  adopted_ = false;
  for (int failures = 1;; ++failures) {
    const auto mine = take_lease();
    auto adopted = mine && *mine ? adopt_checkpoint() : result<void>();
    adopted_ = mine && *mine && adopted;
    if (mine && adopted) return *mine;
    const Error& why = mine ? adopted.error() : mine.error();
    if (!may_pass(why.kind()) || !pause_after_failure(failures, why)) return why;
  }
}

// Success: told to stop, or at the head where that is the end, or the lease is gone.
result<void> Worker::work() {
  STELE_CHECK(subscribe());
  if (working_) working_();
  while (true) {
    if (interrupted()) {
      do_jobs();
      if (!stay_paused()) return {};
      STELE_CHECK(subscribe());
      continue;
    }
    if (far_behind()) {
      STELE_TRY(const bool kept, catch_up_in_bulk());
      if (!kept) return {};
      STELE_CHECK(subscribe());
      continue;
    }
    const bool waits = life_ != Life::ends_at_the_head;
    auto batch =
        subscription_->next_batch(options_.batch, waits ? longest_wait() : std::chrono::microseconds{0});
    if (!batch) {
      if (interrupted()) continue;
      return batch.error();
    }
    STELE_TRY(const bool kept, keep_lease());
    if (!kept) return {};
    delivered_at_ = wall_clock();
    if (batch->position > at_.position) {
      if (!pause_held_back()) return {};
      if (interrupted()) continue;
      STELE_CHECK(deliver(batch->events, batch->position));
    }
    if (!batch->caught_up) continue;
    note_caught_up();
    if (life_ == Life::ends_at_the_head) return {};
  }
}

bool Worker::is_this_thread() const { return working_here == this; }

void Worker::note_caught_up() {
  const std::lock_guard lock(mutex_);
  if (pause_) return;
  state_ = ProjectionState::live;
  reason_.clear();
  fresh_at_ = wall_clock();
}

void Worker::request_stop() {
  const std::lock_guard lock(mutex_);
  stop_ = true;
  interrupt_ = true;
  if (subscription_) subscription_->cancel();
  woken_.notify_all();
}

void Worker::rearm() {
  const std::lock_guard lock(mutex_);
  stop_ = false;
  interrupt_ = false;
  alive_ = true;
  subscription_.reset();
  pause_.reset();
  state_ = ProjectionState::catching_up;
  reason_.clear();
  waits_.reopen();
}

// ---- Where to begin

result<void> Worker::adopt_checkpoint() {
  stopped_at_ = {};
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
  STELE_CHECK(load_parked());  // before the waits end: whoever waited asks whether the event is in the model
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

// A stop, or something to do, that came before there was something to cancel cancels it here.
result<void> Worker::subscribe() {
  STELE_TRY(std::shared_ptr<Subscription> opened, store_.subscribe(target_->events(), at_.position));
  const std::lock_guard lock(mutex_);
  subscription_ = std::move(opened);
  if (interrupt_) subscription_->cancel();
  return {};
}

// ---- One batch

// Ends with everything visible or parked, or with the error of the event that stays in the way.
result<void> Worker::deliver(std::span<const EventView> events, Position up_to) {
  int failures = 0;
  while (true) {
    auto applied = apply_batch(*target_, at_, events, up_to, {&parked_, &apply_meter_});
    if (applied) {
      publish(*applied, events);
      return {};
    }
    NotApplied& failed = applied.error();
    if (save_the_good_part(events, failed)) failures = 0;
    ++failures;
    const bool given_up = failures >= options_.tries && !may_pass(failed.why.kind());
    if (!given_up) {
      if (pause_after_failure(failures, failed.why)) continue;
      return failed.why;
    }
    if (failed.event == 0) stopped_at_ = events.front().position;
    if (!may_park(failed)) return failed.why;
    STELE_CHECK(park_first(events, failed.why));
    stopped_at_ = {};
    failures = 0;
  }
}

// The events before the one that failed need not wait for it. When one of those fails now, it is that one: so the
// search ends, at the front or with a commit that cannot be done.
bool Worker::save_the_good_part(std::span<const EventView>& events, NotApplied& failed) {
  while (failed.event > 0 && failed.event < events.size()) {
    const auto good = events.first(failed.event);
    auto applied = apply_batch(*target_, at_, good, good.back().position, {&parked_, &apply_meter_});
    if (applied) {
      publish(*applied, good);
      events = events.subspan(failed.event);
      failed.event = 0;
      return true;
    }
    const bool at_commit = applied.error().event == good.size();
    failed = applied.error();
    if (at_commit) failed.event = events.size();
  }
  return false;
}

// Figures first: whoever is woken by the position finds them up to date.
void Worker::publish(const Applied& applied, std::span<const EventView> events) {
  const auto fresh = events.last(static_cast<std::size_t>(applied.events));
  at_ = applied.now;
  for (const ParkedEvent& entry : applied.parked) parked_.keep(entry);
  const Timestamp visible = wall_clock();
  for (const EventView& event : fresh) {
    if (event.recorded_at < started_) continue;
    delivered_.add(delivered_at_ - event.recorded_at);
    applied_in_.add(applied.applied_at - event.recorded_at);
    latency_.add(visible - event.recorded_at);
  }
  count(fresh.size(), fresh.empty() ? std::nullopt : std::optional(fresh.back().recorded_at));
  waits_.advance(at_.position);
  if (!applied.changed.empty()) listeners_->tell({at_.position, applied.changed});
}

void Worker::count(std::uint64_t events, std::optional<Timestamp> newest) {
  const std::lock_guard lock(mutex_);
  applied_ += events;
  rate_.add(events, Clock::now());
  if (newest && state_ != ProjectionState::live) fresh_at_ = *newest;
  if (state_ == ProjectionState::retrying) {
    state_ = ProjectionState::catching_up;
    reason_.clear();
  }
}

// ---- Another model in the same target

result<void> Worker::catch_up(Position up_to) {
  STELE_TRY(at_, target_->checkpoint());
  delivered_at_ = wall_clock();
  STELE_TRY(const auto cursor, store_.read({.query = target_->events(), .from = at_.position.next()}));
  while (at_.position < up_to) {
    STELE_TRY(const auto batch, cursor->next_batch(options_.batch));
    const auto [events, until] = stretch_of(batch, up_to);
    STELE_CHECK(deliver(events, until));
  }
  return {};
}

// Never behind what was visible before: whoever has seen a position must find it in the other model too.
void Worker::adopt_swapped(const Worker& builder) {
  at_ = builder.at_;
  STELE_ASSERT(at_.position >= waits_.position(), "a swap takes nothing back", at_.position.value(),
               waits_.position().value());
  parked_.load(builder.parked_.list());
  waits_.advance(at_.position);
}

}  // namespace stele::projection

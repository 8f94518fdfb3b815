// worker_parking.cpp - events that cannot be applied: setting them aside so that the others go on, trying them again,
// giving them up. What is set aside is kept by the target, in the transactions that move the checkpoint.
#include <utility>

#include "base/assert.hpp"
#include "projection/worker.hpp"

namespace stele::projection {
namespace {

Error not_parked(const std::string& name, Position position) {
  return Error(errc::not_found, name + ": event " + std::to_string(position.value()) + " is not parked")
      .with("projection", name)
      .with("position", position.value())
      .help("the list of parked events says which are");
}

Error cannot_park(const std::string& name) {
  return Error(errc::invalid, name + ": its target keeps no parked events").with("projection", name);
}

}  // namespace

result<void> Worker::load_parked() {
  ProjectionParking* place = target_->parking();
  if (!place) return {};
  STELE_TRY(auto events, place->list());
  parked_.load(std::move(events));
  return {};
}

// Only an event that is known to be the culprit: not a commit that failed, not one behind others that wait.
bool Worker::may_park(const NotApplied& failed) const {
  return options_.on_failure == OnFailure::park && target_->parking() && failed.event == 0 && !parked_.full();
}

// The checkpoint moves over it in the same transaction that keeps it: it is never lost and never in between.
result<void> Worker::park_first(std::span<const EventView>& events, const Error& why) {
  STELE_ASSERT(!events.empty() && events.front().position > at_.position, "what is parked is new",
               at_.position.value());
  const EventView& event = events.front();
  ParkedEvent entry = parked_.entry_for(event, ParkedEvent::State::failed);
  entry.why = why.message();
  entry.tries = static_cast<std::uint64_t>(options_.tries);
  const Checkpoint behind{event.position, event.position, event.id};
  for (int failures = 1;; ++failures) {
    auto done = set_aside(entry, behind);
    if (done) break;
    if (!may_pass(done.error().kind()) || !pause_after_failure(failures, done.error())) return done;
    if (at_.position >= event.position) return {};  // a job in the pause has applied it after all
  }
  events = events.subspan(1);
  {
    const std::lock_guard lock(mutex_);
    state_ = ProjectionState::catching_up;
    reason_.clear();
  }
  waits_.advance(at_.position);
  return {};
}

// Where the answer to a commit was lost, the second one writes the same once more.
result<void> Worker::set_aside(const ParkedEvent& entry, const Checkpoint& behind) {
  STELE_CHECK(target_->begin());
  if (auto put = target_->parking()->put(entry); !put) {
    target_->rollback();
    return put;
  }
  STELE_CHECK(commit_here(behind));
  parked_.keep(entry);
  return {};
}

result<std::vector<std::string>> Worker::commit_here(const Checkpoint& now) {
  STELE_TRY(auto changed, target_->commit(now));
  at_ = now;
  return changed;
}

// What was asked for and not answered may have been done: what waits is what the target says.
result<void> Worker::put_parked(const ParkedEvent& entry) {
  auto put = set_aside(entry, at_);
  if (!put) (void)load_parked().has_value();
  return put;
}

// False: it failed again, and is kept with its new error. An event that retention has taken meanwhile is in no model
// any more, so it is simply forgotten.
result<bool> Worker::apply_parked(ParkedEvent entry) {
  STELE_TRY(const auto cursor, store_.read({.query = Query::all(), .from = entry.position, .limit = 1}));
  STELE_TRY(const auto events, cursor->next_batch(1));
  const bool there = !events.empty() && events.front().position == entry.position;
  STELE_CHECK(target_->begin());
  if (auto removed = target_->parking()->remove(entry.position); !removed) {
    target_->rollback();
    return removed.error();
  }
  auto done = there ? apply_event(*target_, events.front()) : result<void>{};
  if (!done) {
    target_->rollback();
    if (may_pass(done.error().kind())) return done.error();
    entry.state = ParkedEvent::State::failed;
    entry.why = done.error().message();
    ++entry.tries;
    STELE_CHECK(put_parked(entry));
    return false;
  }
  const auto changed = commit_here(at_);
  if (!changed) {
    (void)load_parked().has_value();
    return changed.error();
  }
  parked_.forget(entry.position);
  if (!changed->empty()) listeners_->tell({at_.position, *changed});
  return true;
}

// In order, until one fails: the ones behind it go on waiting.
result<std::uint64_t> Worker::apply_sequence(const std::vector<ParkedEvent>& sequence) {
  std::uint64_t applied = 0;
  for (const ParkedEvent& entry : sequence) {
    STELE_TRY(const bool done, apply_parked(entry));
    if (!done) break;
    ++applied;
  }
  return applied;
}

// What the target keeps is asked for again: the answer to an earlier try may have been lost.
result<std::uint64_t> Worker::retry_parked(Position which) {
  STELE_CHECK(load_parked());
  const auto sequences = parked_.sequences(which);
  if (which != Position{} && !parked_.lacks(which)) return not_parked(target_->name(), which);
  std::uint64_t applied = 0;
  for (const auto& sequence : sequences) {
    STELE_TRY(const std::uint64_t some, apply_sequence(sequence));
    applied += some;
    if (which == Position{} || some == sequence.size()) continue;
    for (const ParkedEvent& entry : parked_.list())
      if (entry.position == sequence[some].position)
        return Error(errc::invalid, entry.why)
            .with("position", entry.position.value())
            .with("applied", applied);
  }
  return applied;
}

result<std::uint64_t> Worker::skip_event(Position event, const std::string& reason) {
  if (!target_->parking()) return cannot_park(target_->name());
  if (event != Position{} && event == stopped_at_) {
    STELE_CHECK(skip_where_it_stopped(event, reason));
    return 0;
  }
  STELE_CHECK(load_parked());
  const auto sequences = parked_.sequences(event);
  if (event == Position{} || !parked_.lacks(event)) return not_parked(target_->name(), event);
  STELE_ASSERT(sequences.size() == 1, "an event is in one sequence", sequences.size());
  const auto& sequence = sequences.front();
  ParkedEvent entry = sequence.front();
  if (entry.position != event)
    return Error(errc::invalid, target_->name() + ": event " + std::to_string(event.value()) +
                                    " waits behind event " + std::to_string(entry.position.value()))
        .with("position", event.value())
        .with("first", entry.position.value())
        .help("retry or skip the first one of the sequence");
  entry.state = ParkedEvent::State::skipped;
  entry.why = reason;
  STELE_CHECK(put_parked(entry));
  return apply_sequence({sequence.begin() + 1, sequence.end()});
}

// Of a projection that does not park: its checkpoint stands right before the event.
result<void> Worker::skip_where_it_stopped(Position event, const std::string& reason) {
  STELE_TRY(const auto cursor, store_.read({.query = Query::all(), .from = event, .limit = 1}));
  STELE_TRY(const auto events, cursor->next_batch(1));
  if (events.empty() || events.front().position != event || event <= at_.position)
    return not_parked(target_->name(), event);
  ParkedEvent entry = parked_.entry_for(events.front(), ParkedEvent::State::skipped);
  entry.why = reason;
  entry.tries = static_cast<std::uint64_t>(options_.tries);
  STELE_CHECK(target_->begin());
  if (auto put = target_->parking()->put(entry); !put) {
    target_->rollback();
    return put;
  }
  STELE_CHECK(commit_here({event, event, events.front().id}));
  parked_.keep(entry);
  stopped_at_ = {};
  waits_.advance(at_.position);
  return {};
}

}  // namespace stele::projection

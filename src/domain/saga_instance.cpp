// saga_instance.cpp - folding and recording one instance of a saga.
#include "domain/saga_instance.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace stele::domain {

using detail::SagaInput;
using detail::SagaMind;

const RecordedStep* SagaHistory::step_at(Position position) const {
  const auto found = std::ranges::find(steps, position, &RecordedStep::at);
  return found == steps.end() ? nullptr : &*found;
}

// Of a command that was accepted with events nothing is recorded here: its own events are the record.
bool SagaHistory::is_settled(Position step, std::uint64_t index) const {
  return is_skipped(step, step_type) || std::ranges::any_of(steps, [&](const RecordedStep& each) {
           const auto why = each.step.because;
           return (why == Because::refused || why == Because::unneeded) &&
                  each.step.position == step.value() && each.step.index == index;
         });
}

bool SagaHistory::is_skipped(Position what, std::string_view name) const {
  return std::ranges::any_of(steps, [&](const RecordedStep& each) {
    return each.step.because == Because::skipped && each.step.position == what.value() &&
           each.step.name == name;
  });
}

// The one place where steps become state; TimerTable::apply says the same for all instances at once. A timer ends only
// by the step that names the very schedule it was made by: after it was moved, an older firing means nothing.
void SagaHistory::add(RecordedStep recorded) {
  const SagaStep& step = recorded.step;
  STELE_ASSERT(steps.empty() || steps.back().at < recorded.at, "steps come in the order of the log",
               recorded.at.value());
  seen = std::max(seen, Position(step.seen));
  if (step.because == Because::timer || step.because == Because::skipped)
    if (const auto run_out = timers.find(step.name);
        run_out != timers.end() && run_out->second.scheduled_by.value() == step.position)
      timers.erase(run_out);
  for (const StepTimer& each : step.timers) {
    if (each.due)
      timers.insert_or_assign(each.timer, PendingTimer{*each.due, recorded.at});
    else
      timers.erase(each.timer);
  }
  if (step.completed && !completed) ended = seen;
  completed = completed || step.completed;
  if (completed) timers.clear();
  steps.push_back(std::move(recorded));
}

// Through the reader of all events, so that steps of older versions can be upcast like any other.
result<RecordedStep> read_step(const EventView& event) {
  STELE_TRY(SagaStep step, read_event<SagaStep>(event));
  return RecordedStep{event.position, event.id, std::string(event.metadata), std::move(step)};
}

result<SagaHistory> load_history(EventStore& store, const std::string& stream) {
  constexpr std::size_t batch = 64;
  SagaHistory history;
  history.stream = stream;
  auto cursor = store.read_stream({stream, {}, Direction::forward, no_limit});
  if (!cursor && cursor.error().kind() == errc::not_found) return history;
  if (!cursor) return cursor.error();
  while (true) {
    STELE_TRY(const auto events, (*cursor)->next_batch(batch));
    if (events.empty()) return history;
    for (const EventView& event : events) {
      STELE_TRY(RecordedStep step, read_step(event));
      history.head = event.revision;
      history.add(std::move(step));
    }
  }
}

result<RecordedEvent> event_at(EventStore& store, Position position) {
  STELE_TRY(const auto cursor, store.read({.query = Query::all(), .from = position, .limit = 1}));
  STELE_TRY(const auto events, cursor->next_batch(1));
  if (!events.empty() && events.front().position == position) return events.front().to_owned();
  return Error(errc::not_found, "there is no event at position " + std::to_string(position.value()) +
                                    " any more, and a saga's state rests on it")
      .with("position", position.value())
      .help("sagas need the events they have reacted to until they are complete");
}

namespace {

// Steps are data: their beginning may have been removed, or somebody has written one.
Error no_such_command(const std::string& stream, const RecordedStep& refused) {
  return Error(errc::corrupt, "a refusal in stream " + stream +
                                  " names a command that no step there has sent: number " +
                                  (refused.step.index ? std::to_string(*refused.step.index) : "(none)") +
                                  " of the step at position " + std::to_string(refused.step.position))
      .with("stream", stream)
      .with("position", refused.at.value())
      .help("a saga's stream must not be truncated before it is complete, nor written by others");
}

// Whatever moved the instance at this step.
result<void> move_on(EventStore& store, const std::string& stream, const SagaHistory& before,
                     const RecordedStep& recorded, SagaMind& mind) {
  const SagaStep& step = recorded.step;
  const Position position(step.position);
  if (step.because == Because::event) {
    STELE_TRY(const RecordedEvent event, event_at(store, position));
    STELE_CHECK(mind.take(detail::view_of(event), nullptr));
  } else if (step.because == Because::timer) {
    const auto timer = before.timers.find(step.name);
    const Timestamp due = timer == before.timers.end() ? Timestamp{} : timer->second.due;
    STELE_CHECK(mind.take(TimerFired{step.name, due}, nullptr));
  } else if (step.because == Because::refused) {
    const RecordedStep* sender = before.step_at(position);
    if (!sender || !step.index || *step.index >= sender->step.sends.size())
      return no_such_command(stream, recorded);
    STELE_CHECK(mind.take(detail::SagaRefusal{sender->step.sends[*step.index], step.rule.value_or(""),
                                              step.facts ? step.facts->text : "null"},
                          nullptr));
  }
  return {};
}

}  // namespace

result<std::unique_ptr<SagaMind>> load_mind(EventStore& store, const detail::SagaKind& kind,
                                            const SagaHistory& history) {
  auto mind = kind.mind();
  SagaHistory before;
  for (const RecordedStep& each : history.steps) {
    STELE_CHECK(move_on(store, history.stream, before, each, *mind));
    before.add(each);
  }
  return mind;
}

// The id makes a repeat harmless, the expected version makes the order sure: a step is decided on exactly the steps
// before it.
result<void> record_step(EventStore& store, const SagaHistory& history, const SagaStep& step,
                         std::string metadata) {
  NewEvent event;
  event.id = step_id(history.stream, step);
  event.type = step_type;
  STELE_TRY(event.data, detail::guarded([&]() -> result<std::string> { return to_json(step); }));
  event.metadata = std::move(metadata);
  AppendRequest request;
  request.writes.push_back({history.stream, ExpectedVersion::of(history.head), {std::move(event)}});
  STELE_CHECK(store.append(std::move(request)));
  return {};
}

}  // namespace stele::domain

// saga_handler.cpp - reacting, sending, firing and skipping, each recorded before it has an effect.
#include "domain/saga_handler.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace stele::domain {
namespace {

SagaStep step_because(Because because, Position position, std::string name, Position seen) {
  SagaStep step;
  step.because = because;
  step.position = position.value();
  step.name = std::move(name);
  step.seen = seen.value();
  return step;
}

void add_effects(SagaStep& step, detail::Effects effects, Timestamp now) {
  step.sends = std::move(effects.sends);
  for (detail::TimerWish& wish : effects.timers) {
    const auto due = wish.due(now);
    step.timers.push_back({std::move(wish.timer), due});
  }
  step.completed = effects.completed;
}

// What became of the timer afterwards is gone, too, so that nobody can tell whether it is still to fire.
Error step_is_gone(const std::string& stream, const std::string& timer, Position scheduled_by) {
  return Error(errc::corrupt, "timer " + timer + " is due, and the step that scheduled it at position " +
                                  std::to_string(scheduled_by.value()) + " is not in " + stream + " any more")
      .with("stream", stream)
      .with("timer", timer)
      .with("position", scheduled_by.value())
      .help(
          "a saga's stream must not be truncated before it is complete: widen its retention and retry, or "
          "skip");
}

}  // namespace

SagaHandler::SagaHandler(EventStore& store, const detail::SagaKind& kind, Clock& clock)
    : store_(store), kind_(kind), clock_(clock), category_("Saga_" + std::string(kind.name())) {
  STELE_ASSERT(category_.find('-') == std::string::npos, "a saga's name holds no '-'", category_);
}

std::string SagaHandler::stream_of(std::string_view instance) const {
  return category_ + "-" + std::string(instance);
}

bool SagaHandler::is_own_step(const EventView& event) const {
  return event.type == step_type && event.stream.starts_with(category_) &&
         event.stream.substr(category_.size()).starts_with('-');
}

// What was recorded later than this event, or passed by without a record, must not be asked again: the state is
// not the one it would be asked in.
result<void> SagaHandler::react(std::string_view instance, const EventView& event, bool in_turn) {
  STELE_TRY(const SagaHistory history, load_history(store_, stream_of(instance)));
  if (event.position <= history.seen || history.is_skipped(event.position, event.type)) return {};
  if (history.completed) {
    ++counts_.ignored;
    return {};
  }
  STELE_CHECK(decide(history, event, event.recorded_at,
                     step_because(Because::event, event.position, std::string(event.type), event.position),
                     trace_of(event.id, event.metadata), !in_turn));
  return {};
}

result<void> SagaHandler::check_in_time(std::string_view instance, const EventView& event) const {
  STELE_TRY(const SagaHistory history, load_history(store_, stream_of(instance)));
  if (event.position > history.seen || history.is_skipped(event.position, event.type)) return {};
  if (history.ended && *history.ended < event.position) return {};  // it concerns nobody any more
  const bool reacted = std::ranges::any_of(history.steps, [&](const RecordedStep& each) {
    return each.step.because == Because::event && each.step.position == event.position.value();
  });
  if (reacted) return {};
  return Error(errc::invalid, "event " + std::to_string(event.position.value()) + " came too late for " +
                                  std::string(instance) +
                                  ": while it could not be read, the instance has gone on to position " +
                                  std::to_string(history.seen.value()))
      .with("stream", history.stream)
      .with("position", event.position.value())
      .with("seen", history.seen.value())
      .help("look at what the instance would have done, do it by hand, then skip the event");
}

// A reaction of nothing in an unchanged state leaves no record, unless it `always` must: asking again gives the same
// nothing, as long as it is asked in its turn.
result<void> SagaHandler::decide(const SagaHistory& history, const detail::SagaInput& input, Timestamp at,
                                 SagaStep step, const Trace& trace, bool always) {
  STELE_TRY(const auto mind, load_mind(store_, kind_, history));
  const Asked asking = asked(at);
  STELE_TRY(auto move, mind->take(input, &asking));
  const bool nothing = move.effects.empty() && !move.evolved;
  if (nothing && !always) return {};
  add_effects(step, std::move(move.effects), at);
  STELE_CHECK(record_step(store_, history, step, metadata_of(trace, kind_.name())));
  if (step.because == Because::event) ++counts_.reacted;
  return {};
}

// One command after the other; each looks again at what is settled, since a refusal before it has added a step.
result<void> SagaHandler::perform(std::string_view instance, const RecordedStep& step) {
  for (std::uint64_t index = 0; index < step.step.sends.size(); ++index) {
    STELE_TRY(const SagaHistory history, load_history(store_, stream_of(instance)));
    if (!history.is_settled(step.at, index)) STELE_CHECK(send(history, step, index));
  }
  return {};
}

// An answer that left events behind is found again by its key; any other one is recorded, so that the command is
// not sent again after it.
result<void> SagaHandler::send(const SagaHistory& history, const RecordedStep& step, std::uint64_t index) {
  const auto& command = step.step.sends[index];
  const Trace trace = trace_of(step);
  Context context = {.user = asked({}).by,
                     .correlation_id = trace.correlation_id,
                     .causation_id = trace.causation_id,
                     .traceparent = trace.traceparent,
                     .idempotency_key = command_key(step.id, index)};
  context.at = clock_.now();
  ++counts_.sent;
  STELE_TRY(const detail::SagaAnswer answer, kind_.send(store_, command, context));
  if (answer.repeated) ++counts_.repeated;
  if (answer.rule) return refused(history.stream, step, index, answer);
  if (answer.left_a_trace) return {};
  SagaStep unneeded =
      step_because(Because::unneeded, step.at, command.command, std::max(history.seen, step.at));
  unneeded.index = index;
  return record_step(store_, history, unneeded, metadata_of(trace, kind_.name()));
}

// Recorded even when the saga makes nothing of it, so that the command is not sent again.
result<void> SagaHandler::refused(const std::string& stream, const RecordedStep& step, std::uint64_t index,
                                  const detail::SagaAnswer& answer) {
  const auto& command = step.step.sends[index];
  STELE_TRY(const SagaHistory history, load_history(store_, stream));
  SagaStep heard = step_because(Because::refused, step.at, command.command, std::max(history.seen, step.at));
  heard.index = index;
  heard.rule = answer.rule;
  heard.facts = detail::RawJson{answer.facts};
  Trace trace = trace_of(step);
  trace.causation_id = to_string(step.id);
  STELE_CHECK(decide(history, detail::SagaRefusal{command, *answer.rule, answer.facts}, clock_.now(),
                     std::move(heard), trace));
  ++counts_.refused;
  return {};
}

// Whether it is still pending is asked of the log and not of the table: the table may be a checkpoint behind.
result<void> SagaHandler::fire(std::string_view instance, const std::string& timer, Position scheduled_by,
                               Position seen) {
  STELE_TRY(const SagaHistory history, load_history(store_, stream_of(instance)));
  if (!history.step_at(scheduled_by)) return step_is_gone(history.stream, timer, scheduled_by);
  const auto pending = history.timers.find(timer);
  if (pending == history.timers.end() || pending->second.scheduled_by != scheduled_by) return {};
  const RecordedStep* scheduling = history.step_at(scheduled_by);
  STELE_ASSERT(scheduling, "a timer was scheduled by a step", timer, scheduled_by.value());
  Trace trace = trace_of(*scheduling);
  trace.causation_id = to_string(scheduling->id);
  STELE_CHECK(decide(history, TimerFired{timer, pending->second.due}, clock_.now(),
                     step_because(Because::timer, scheduled_by, timer, std::max(history.seen, seen)), trace));
  ++counts_.fired;
  return {};
}

// A fact like any other: whoever reads the stream sees what was given up, and a lost checkpoint does not bring it back.
result<void> SagaHandler::skip(std::string_view instance, Position what, const std::string& name,
                               Position seen) {
  STELE_TRY(const SagaHistory history, load_history(store_, stream_of(instance)));
  if (history.is_skipped(what, name)) return {};
  const SagaStep step = step_because(Because::skipped, what, name, std::max(history.seen, seen));
  return record_step(
      store_, history, step,
      metadata_of({.correlation_id = {}, .causation_id = {}, .traceparent = {}}, kind_.name()));
}

}  // namespace stele::domain

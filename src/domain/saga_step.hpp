// saga_step.hpp - what a saga's stream is made of: one record for everything an instance did, and why. Persisted:
// names and meanings here never change. Not what the steps add up to (saga_instance.hpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stele/detail/saga_mind.hpp"

namespace stele::domain {

inline constexpr std::string_view step_type = "SagaStep";

enum class Because : std::uint8_t {
  event,     // `position` is the event's, `name` its type
  timer,     // ran out: `position` is the step's that scheduled it, `name` the timer's
  refused,   // `position` is the step's that sent command number `index`, `name` the command's type
  unneeded,  // the same, and the command was accepted without an event: it must not be sent again
  skipped,   // somebody gave up the event, the timer or the unsent commands of the step at `position`
};

// None: the timer is cancelled.
struct StepTimer {
  std::string timer;
  std::optional<Timestamp> due;
};

struct SagaStep {
  Because because{};
  std::uint64_t position = 0;
  std::string name;
  std::optional<std::uint64_t> index;
  std::optional<std::string> rule;
  std::optional<detail::RawJson> facts;
  std::uint64_t seen = 0;  // of the events up to this position the instance knows all that concern it
  std::vector<detail::SagaCommand> sends;
  std::vector<StepTimer> timers;
  bool completed = false;
};
STELE_EVENT(SagaStep, 1, because, position, name, index, rule, facts, seen, sends, timers, completed);

// A step as it stands in the log.
struct RecordedStep {
  Position at;
  Uuid id;
  std::string metadata;
  SagaStep step;
};

// Why things happen, handed on from one event to the next.
struct Trace {
  std::string correlation_id;
  std::string causation_id;
  std::string traceparent;
};
// What an event leads to: its correlation (or its own id), itself as the cause.
[[nodiscard]] Trace trace_of(const Uuid& id, std::string_view metadata);
// What a step leads to: its own correlation; its cause is the event it reacted to, else the step itself.
[[nodiscard]] Trace trace_of(const RecordedStep& step);
[[nodiscard]] std::string metadata_of(const Trace& trace, std::string_view saga);

// The same step of the same instance has the same id, always: it cannot be recorded twice.
[[nodiscard]] Uuid step_id(std::string_view stream, const SagaStep& step);
// One for each command, following from the step that decided on it.
[[nodiscard]] std::string command_key(const Uuid& step, std::uint64_t index);

}  // namespace stele::domain

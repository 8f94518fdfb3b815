// saga_instance.hpp - one instance of a saga, folded from its stream: what it has seen, decided and still waits
// for. Loading and recording only; when anything happens is saga_worker.hpp.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "domain/saga_step.hpp"
#include "stele/detail/saga_kind.hpp"
#include "stele/store.hpp"

namespace stele::domain {

struct PendingTimer {
  Timestamp due;
  Position scheduled_by;  // the step
  bool operator==(const PendingTimer&) const = default;
};

// Steps, and what follows from them without knowing the saga's types.
struct SagaHistory {
  std::string stream;
  std::optional<Revision> head;
  std::vector<RecordedStep> steps;
  Position seen;
  bool completed = false;
  std::optional<Position> ended;  // everything up to here was seen when it was completed
  std::map<std::string, PendingTimer> timers;

  // Null: no step stands at that position.
  [[nodiscard]] const RecordedStep* step_at(Position position) const;
  // The command was refused or found unneeded, or the step's commands were given up.
  [[nodiscard]] bool is_settled(Position step, std::uint64_t index) const;
  // `name` as in the step: an event's type, a timer, or step_type.
  [[nodiscard]] bool is_skipped(Position what, std::string_view name) const;
  void add(RecordedStep step);
};

[[nodiscard]] result<RecordedStep> read_step(const EventView& event);
// A stream that does not exist is an instance that has done nothing yet.
[[nodiscard]] result<SagaHistory> load_history(EventStore& store, const std::string& stream);
// The state after it: every event it reacted to is read again, at its place in the log.
[[nodiscard]] result<std::unique_ptr<detail::SagaMind>> load_mind(EventStore& store,
                                                                  const detail::SagaKind& kind,
                                                                  const SagaHistory& history);
// The event at a position; not_found when there is none any more.
[[nodiscard]] result<RecordedEvent> event_at(EventStore& store, Position position);

// Appends the step behind what was loaded. Errors: conflict, when somebody else has moved the instance.
result<void> record_step(EventStore& store, const SagaHistory& history, const SagaStep& step,
                         std::string metadata);

}  // namespace stele::domain

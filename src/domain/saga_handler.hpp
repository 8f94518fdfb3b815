// saga_handler.hpp - the four things that can be done for an instance of a saga: react, send, fire, skip. Each may
// be done again after it was done, or half done, without a second effect. In which order they come is
// saga_worker.hpp's.
#pragma once

#include <string>

#include "domain/saga_instance.hpp"
#include "stele/saga.hpp"

namespace stele::domain {

struct SagaCounts {
  std::uint64_t reacted = 0;
  std::uint64_t sent = 0;
  std::uint64_t repeated = 0;
  std::uint64_t refused = 0;
  std::uint64_t fired = 0;
  std::uint64_t ignored = 0;
};

class SagaHandler {
 public:
  SagaHandler(EventStore& store, const detail::SagaKind& kind, Clock& clock);

  [[nodiscard]] const std::string& category() const { return category_; }
  [[nodiscard]] std::string stream_of(std::string_view instance) const;
  [[nodiscard]] bool is_own_step(const EventView& event) const;
  [[nodiscard]] const SagaCounts& counts() const { return counts_; }

  // Asks the saga what it makes of an event of others, and records the answer. `in_turn` is false for one that could
  // not be read when it came by: of that it is recorded that it was heard, even if nothing follows from it.
  result<void> react(std::string_view instance, const EventView& event, bool in_turn = true);
  // For an event that could not be read in its turn. Errors: invalid, when the instance has gone past it unawares.
  [[nodiscard]] result<void> check_in_time(std::string_view instance, const EventView& event) const;
  // Sends what a step has decided on and is not settled yet; a refusal is the instance's next input.
  result<void> perform(std::string_view instance, const RecordedStep& step);
  // Nothing happens when the timer was moved, cancelled or fired meanwhile. `seen`: everything that concerns the
  // instance up to there has been handled.
  result<void> fire(std::string_view instance, const std::string& timer, Position scheduled_by,
                    Position seen);
  // Records that something is given up: an event, the unsent commands of a step, or a timer.
  result<void> skip(std::string_view instance, Position what, const std::string& name, Position seen);

 private:
  result<void> send(const SagaHistory& history, const RecordedStep& step, std::uint64_t index);
  result<void> refused(const std::string& stream, const RecordedStep& step, std::uint64_t index,
                       const detail::SagaAnswer& answer);
  result<void> decide(const SagaHistory& history, const detail::SagaInput& input, Timestamp at, SagaStep step,
                      const Trace& trace, bool always = true);
  [[nodiscard]] Asked asked(Timestamp at) const { return {at, "saga:" + std::string(kind_.name())}; }

  EventStore& store_;
  const detail::SagaKind& kind_;
  Clock& clock_;
  const std::string category_;
  SagaCounts counts_;
};

}  // namespace stele::domain

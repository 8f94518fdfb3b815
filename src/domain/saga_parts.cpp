// saga_parts.cpp - what the templates of sagas need from a source file: joining reactions, telling what is missing.
#include "stele/detail/saga_kind.hpp"

#include <algorithm>
#include <iterator>

namespace stele::detail {

std::optional<Timestamp> TimerWish::due(Timestamp now) const {
  if (const auto* after = std::get_if<std::chrono::microseconds>(&when)) return now + *after;
  if (const auto* at = std::get_if<Timestamp>(&when)) return *at;
  return std::nullopt;
}

void Effects::add(Effects more) {
  std::ranges::move(more.sends, std::back_inserter(sends));
  std::ranges::move(more.timers, std::back_inserter(timers));
  completed = completed || more.completed;
}

Error unheard_timer(std::string_view saga, const TimerFired& timer) {
  return Error(errc::invalid, std::string(saga) + " has no on_timer() for this state: timer " + timer.timer)
      .with("timer", timer.timer)
      .help("answer it, if only with nothing, and retry the instance");
}

Error unheard_refusal(std::string_view saga, const SagaRefusal& refusal) {
  return Error(errc::invalid, refusal.command.command + " to " + refusal.command.to + " was refused (" +
                                  refusal.rule + " " + refusal.facts + ") and " + std::string(saga) +
                                  " has no on_refused() for it in this state")
      .with("command", refusal.command.command)
      .with("rule", refusal.rule)
      .help("answer it, or correct what it was refused for, and retry the instance");
}

Error unknown_target(const SagaCommand& command) {
  return Error(errc::invalid, "no target of the saga takes " + command.command + " to " + command.to)
      .with("command", command.command)
      .with("to", command.to)
      .help("a recorded reaction names it: keep targets and command names as long as instances need them");
}

Error two_instances(const EventView& event, const std::string& one, const std::string& other) {
  return Error(errc::invalid, "event " + std::to_string(event.position.value()) + " (" +
                                  std::string(event.type) + ") reads as events of two instances, " + one +
                                  " and " + other)
      .with("stream", std::string(event.stream))
      .with("position", event.position.value())
      .help(
          "an event has one turn: let route() name one instance for it, and \"\" for what does not concern "
          "it");
}

}  // namespace stele::detail

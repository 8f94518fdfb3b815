// reaction.hpp - what a saga answers with, and how the compiler finds what a saga has forgotten. Only for
// saga.hpp and spec.hpp; the first of them says what it all means.
#pragma once

#include <algorithm>
#include <chrono>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "stele/decider.hpp"

namespace stele {

// A timer that has run out.
struct TimerFired {
  std::string timer;
  Timestamp due;
};

// A command of the saga's that was refused, with the rule's name and its facts.
template <recorded C>
struct Refused {
  C command;
  std::string rule;
  std::string facts;  // JSON

  // The refusal as its struct, when it is that one.
  template <recorded R>
  [[nodiscard]] std::optional<R> as() const {
    if (rule != schema_of<R>.type) return std::nullopt;
    auto read = from_json<R>(std::string_view(facts));
    return read ? std::optional<R>(*std::move(read)) : std::nullopt;
  }
};

namespace detail {

// JSON as it is, inside another document.
struct RawJson {
  std::string text = "null";
};

// One command to one aggregate, by the names under which both are recorded.
struct SagaCommand {
  std::string to;
  std::string command;
  RawJson data;
};

struct TimerWish {
  std::string timer;
  std::variant<std::monostate, std::chrono::microseconds, Timestamp> when{};  // nothing: cancel it
  [[nodiscard]] std::optional<Timestamp> due(Timestamp now) const;
};

struct Effects {
  std::vector<SagaCommand> sends;
  std::vector<TimerWish> timers;
  bool completed = false;
  [[nodiscard]] bool empty() const { return sends.empty() && timers.empty() && !completed; }
  void add(Effects more);
};

template <class C, class... Targets>
inline constexpr int takers_of = (0 + ... + (is_listed<typename Targets::Commands, C> ? 1 : 0));

}  // namespace detail

template <>
struct WireForm<detail::RawJson> {
  static void write(std::string& out, const detail::RawJson& value) { out += value.text; }
  static void read(WireReading&, const JsonValue& value, detail::RawJson& out) { out.text = value.raw(); }
  static std::string describe(unsigned) { return "json"; }
};

// The answer of a saga: commands in order, timers, the end of the instance; or nothing at all.
template <class... Targets>
class [[nodiscard]] reaction {
 public:
  // To the one target that lists the command. Sent after the reaction was recorded, exactly once.
  template <recorded C>
  reaction& send(const C& command) {
    static_assert(detail::takers_of<C, Targets...> > 0, "none of the reaction's targets lists this command");
    static_assert(detail::takers_of<C, Targets...> < 2,
                  "several targets list this command: say send_to<Target>(command)");
    (send_if_listed<Targets>(command), ...);
    return *this;
  }
  template <class Target, recorded C>
  reaction& send_to(const C& command) {
    static_assert((std::is_same_v<Target, Targets> || ...), "the reaction does not list this target");
    send_if_listed<Target>(command);
    return *this;
  }
  // A name is one timer of the instance: scheduling it again moves it.
  reaction& schedule(std::string timer, std::chrono::microseconds after) {
    effects_.timers.push_back({std::move(timer), after});
    return *this;
  }
  reaction& schedule_at(std::string timer, Timestamp due) {
    effects_.timers.push_back({std::move(timer), due});
    return *this;
  }
  reaction& cancel(std::string timer) {
    effects_.timers.push_back({std::move(timer), {}});
    return *this;
  }
  // The instance is done: timers end, later events do not concern it. It still hears of refusals.
  reaction& complete() {
    effects_.completed = true;
    return *this;
  }
  [[nodiscard]] const detail::Effects& effects() const { return effects_; }

 private:
  template <class Target, class C>
  void send_if_listed(const C& command) {
    if constexpr (detail::is_listed<typename Target::Commands, C>)
      effects_.sends.push_back(
          {std::string(Target::category), std::string(schema_of<C>.type), {to_json(command)}});
  }
  detail::Effects effects_;
};

// ---- Completeness

template <class S, class E, class State>
concept reacts_in = requires(const E& event, const State& state) {
  { S::on(event, state) } -> std::convertible_to<typename S::Reaction>;
} || requires(const E& event, const State& state, const Asked& asked) {
  { S::on(event, state, asked) } -> std::convertible_to<typename S::Reaction>;
};
template <class S, class E>
concept routes = requires(const E& event) {
  { S::route(event) } -> std::convertible_to<std::string>;
};

namespace detail {

#ifdef __clang__
template <class S, class Event, class State>
consteval void must_react() {
  static_assert(reacts_in<S, Event, State>);
}
template <class S, class Event>
consteval void must_route() {
  static_assert(routes<S, Event>);
}
#else
template <class S, class Event, class State>
  requires reacts_in<S, Event, State>
consteval void must_react() {}
template <class S, class Event>
  requires routes<S, Event>
consteval void must_route() {}
#endif

template <class S, class E, class... State>
consteval void reacts_everywhere(TypeList<State...>) {
  (must_react<S, E, State>(), ...);
}
template <class S, class... E>
consteval bool is_complete_saga(const events<E...>*) {
  (must_route<S, E>(), ...);
  (reacts_everywhere<S, E>(typename StateList<typename S::State>::type()), ...);
  return true;
}

}  // namespace detail

// S is complete: every event it lists is routed, and answered in every state. Never merely false: what is
// missing is a compile error naming it.
template <class S>
concept saga = requires {
  { S::name } -> std::convertible_to<std::string_view>;
  typename S::State;
  typename S::Reaction;
} && detail::is_complete_saga<S>(static_cast<const typename S::Reacts*>(nullptr));

}  // namespace stele

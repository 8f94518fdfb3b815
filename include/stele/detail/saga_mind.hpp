// saga_mind.hpp - one instance of a saga in memory: its state, and what it answers to an event, a timer or a
// refusal. Pure; shared by the runner (saga_kind.hpp) and the test kit (saga_scene.hpp).
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "stele/detail/reaction.hpp"
#include "stele/wire.hpp"

namespace stele::detail {

struct SagaRefusal {
  SagaCommand command;
  std::string rule;
  std::string facts;
};
using SagaInput = std::variant<EventView, TimerFired, SagaRefusal>;

struct SagaMove {
  Effects effects;
  bool evolved = false;  // the state has moved on
};

// Without its types.
class SagaMind {
 public:
  virtual ~SagaMind() = default;
  // Moves the state on; with `asked`, asks for the reaction first. Errors: corrupt for an event that cannot be
  // read, invalid when a rule throws or there is no rule; the state is lost then.
  [[nodiscard]] virtual result<SagaMove> take(const SagaInput& input, const Asked* asked) = 0;
};

// errc::invalid: the saga has nothing to say to this.
[[nodiscard]] Error unheard_timer(std::string_view saga, const TimerFired& timer);
[[nodiscard]] Error unheard_refusal(std::string_view saga, const SagaRefusal& refusal);

template <class S>
class SagaMindOf final : public SagaMind {
 public:
  [[nodiscard]] result<SagaMove> take(const SagaInput& input, const Asked* asked) override {
    SagaMove move;
    STELE_CHECK(std::visit([&](const auto& what) { return hear(what, asked, move); }, input));
    return move;
  }

 private:
  // An event that became several is heard as several, in order, without those that concern no instance.
  result<void> hear(const EventView& event, const Asked* asked, SagaMove& move) {
    result<void> done;
    STELE_TRY([[maybe_unused]] const bool known,
              each_event<typename S::Reacts>(event, [&]<class E>(const E& read) {
                if (!done) return;
                const auto ours =
                    guarded([&]() -> result<bool> { return !std::string_view(S::route(read)).empty(); });
                if (!ours) done = ours.error();
                if (!ours || !*ours) return;
                done = step(read, move, [&](const auto& state) -> result<void> {
                  if (!asked) return {};
                  if constexpr (requires { S::on(read, state, *asked); })
                    move.effects.add(typename S::Reaction(S::on(read, state, *asked)).effects());
                  else
                    move.effects.add(typename S::Reaction(S::on(read, state)).effects());
                  return {};
                });
              }));
    return done;
  }

  result<void> hear(const TimerFired& timer, const Asked* asked, SagaMove& move) {
    return step(timer, move, [&]([[maybe_unused]] const auto& state) -> result<void> {
      if (!asked) return {};
      if constexpr (requires { S::on_timer(timer, state, *asked); })
        move.effects.add(typename S::Reaction(S::on_timer(timer, state, *asked)).effects());
      else if constexpr (requires { S::on_timer(timer, state); })
        move.effects.add(typename S::Reaction(S::on_timer(timer, state)).effects());
      else
        return unheard_timer(S::name, timer);
      return {};
    });
  }

  result<void> hear(const SagaRefusal& refusal, const Asked* asked, SagaMove& move) {
    result<void> done = unheard_refusal(S::name, refusal);
    each_target(static_cast<const typename S::Reaction*>(nullptr), [&]<class Target, class C>() {
      if (refusal.command.to != Target::category || refusal.command.command != schema_of<C>.type) return;
      done = hear_refused<C>(refusal, asked, move);
    });
    return done;
  }
  template <class C>
  result<void> hear_refused(const SagaRefusal& refusal, const Asked* asked, SagaMove& move) {
    STELE_TRY(C command, from_json<C>(std::string_view(refusal.command.data.text)));
    const stele::Refused<C> refused{std::move(command), refusal.rule, refusal.facts};
    return step(refused, move, [&]([[maybe_unused]] const auto& state) -> result<void> {
      if (!asked) return {};
      if constexpr (requires { S::on_refused(refused, state, *asked); })
        move.effects.add(typename S::Reaction(S::on_refused(refused, state, *asked)).effects());
      else if constexpr (requires { S::on_refused(refused, state); })
        move.effects.add(typename S::Reaction(S::on_refused(refused, state)).effects());
      else
        return unheard_refusal(S::name, refusal);
      return {};
    });
  }

  // Reaction first, in the state before; then the state after.
  template <class I, class React>
  result<void> step(const I& input, SagaMove& move, React&& react) {
    return guarded([&]() -> result<void> {
      return visit_state(state_, [&](auto& state) -> result<void> {
        STELE_CHECK(react(std::as_const(state)));
        remember(state, input, move);
        return {};
      });
    });
  }
  // A template of the state too: `evolve` may not exist at all.
  template <class Current, class I>
  void remember(Current& state, const I& input, SagaMove& move) {
    if constexpr (remembers_in<S, I, Current>) {
      typename S::State next = S::evolve(std::move(state), input);
      state_ = std::move(next);
      move.evolved = true;
    }
  }

  template <class... Targets, class F>
  static void each_target(const reaction<Targets...>*, F&& f) {
    (each_command<Targets>(static_cast<const typename Targets::Commands*>(nullptr), f), ...);
  }
  template <class Target, class... C, class F>
  static void each_command(const commands<C...>*, F& f) {
    (f.template operator()<Target, C>(), ...);
  }

  typename S::State state_{};
};

}  // namespace stele::detail

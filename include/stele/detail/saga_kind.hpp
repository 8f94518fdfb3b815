// saga_kind.hpp - a saga type without its types: what the runner must be able to do with it. Only for saga.hpp.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stele/detail/saga_mind.hpp"
#include "stele/handler.hpp"

namespace stele::detail {

// What became of a command that was sent.
struct SagaAnswer {
  bool left_a_trace = false;          // events of it are in the log: a repeat is recognised
  bool repeated = false;              // they were there before
  std::optional<std::string> rule{};  // refused, by this one
  std::string facts{};
};

class SagaKind {
 public:
  virtual ~SagaKind() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;
  // The events of others it reacts to.
  [[nodiscard]] virtual QueryItem reacts_to() const = 0;
  // The instance an event belongs to; empty: it concerns none. Errors: corrupt, invalid (also when it became several
  // by upcasting, for several instances: an event has one turn).
  [[nodiscard]] virtual result<std::string> route(const EventView& event) const = 0;
  [[nodiscard]] virtual std::unique_ptr<SagaMind> mind() const = 0;
  // Errors: invalid, for a command that no target knows any more; as the target's.
  [[nodiscard]] virtual result<SagaAnswer> send(EventStore& store, const SagaCommand& command,
                                                const Context& context) const = 0;
};

[[nodiscard]] Error unknown_target(const SagaCommand& command);
[[nodiscard]] Error two_instances(const EventView& event, const std::string& one, const std::string& other);

template <class Refusals>
SagaAnswer saga_answer(const Outcome<Refusals>& outcome) {
  SagaAnswer answer{.left_a_trace = outcome.appended.has_value(), .repeated = outcome.repeated};
  if (outcome.refusal) {
    answer.rule = std::string(type_name(*outcome.refusal));
    answer.facts = content_json(*outcome.refusal);
  }
  return answer;
}

// A target is a decider, or anything that has the same lists and handles its commands itself.
template <class Target, class C>
result<SagaAnswer> send_to_target(EventStore& store, const SagaCommand& command, const Context& context) {
  STELE_TRY(const C typed, from_json<C>(std::string_view(command.data.text)));
  HandleOptions options;
  options.max_tries = 50;
  options.remember_refusals = {};  // the saga's own stream does, and a retry asks anew
  if constexpr (requires { Target::handle(store, typed, context, options); }) {
    return guarded([&]() -> result<SagaAnswer> {
      STELE_TRY(const auto outcome, Target::handle(store, typed, context, options));
      return saga_answer(outcome);
    });
  } else {
    STELE_TRY(const auto outcome, stele::handle<Target>(store, typed, context, options));
    return saga_answer<typename Target::Refusals>(outcome);
  }
}

template <class S>
class SagaKindOf final : public SagaKind {
 public:
  [[nodiscard]] std::string_view name() const override { return S::name; }
  [[nodiscard]] QueryItem reacts_to() const override {
    QueryItem item;
    add_names(item.types, static_cast<const typename S::Reacts*>(nullptr));
    return item;
  }
  [[nodiscard]] result<std::string> route(const EventView& event) const override {
    result<std::string> instance;
    STELE_TRY([[maybe_unused]] const bool known, each_event<typename S::Reacts>(event, [&](const auto& read) {
                if (!instance) return;
                auto one = guarded([&]() -> result<std::string> { return std::string(S::route(read)); });
                if (one && one->empty()) return;
                if (one && !instance->empty() && *one != *instance)
                  instance = two_instances(event, *instance, *one);
                else
                  instance = std::move(one);
              }));
    return instance;
  }
  [[nodiscard]] std::unique_ptr<SagaMind> mind() const override { return std::make_unique<SagaMindOf<S>>(); }
  [[nodiscard]] result<SagaAnswer> send(EventStore& store, const SagaCommand& command,
                                        const Context& context) const override {
    result<SagaAnswer> answer = unknown_target(command);
    send_to_fitting(static_cast<const typename S::Reaction*>(nullptr), store, command, context, answer);
    return answer;
  }

 private:
  template <class... E>
  static void add_names(std::vector<std::string>& names, const events<E...>*) {
    for (auto& of_type : {recorded_names<E>()...})
      for (const std::string& name : of_type)
        if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
  template <class... Targets>
  static void send_to_fitting(const reaction<Targets...>*, EventStore& store, const SagaCommand& command,
                              const Context& context, result<SagaAnswer>& answer) {
    (send_if_fitting<Targets>(static_cast<const typename Targets::Commands*>(nullptr), store, command,
                              context, answer),
     ...);
  }
  template <class Target, class... C>
  static void send_if_fitting(const commands<C...>*, EventStore& store, const SagaCommand& command,
                              const Context& context, result<SagaAnswer>& answer) {
    if (command.to != Target::category) return;
    (void)((command.command == schema_of<C>.type &&
            (answer = send_to_target<Target, C>(store, command, context), true)) ||
           ...);
  }
};

}  // namespace stele::detail

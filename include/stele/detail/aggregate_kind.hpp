// aggregate_kind.hpp - a decider with its types left behind, as tools that look through time need it: the fold, and how
// a moment of a real history is written as a specification. Only for stele/history.hpp.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stele/detail/history.hpp"

namespace stele::detail {

// "bank::Account": how the type is written in C++.
template <class T>
[[nodiscard]] std::string written_name() {
  std::string_view text = __PRETTY_FUNCTION__;
  text.remove_prefix(text.find("T = ") + 4);
  return std::string(text.substr(0, text.find_first_of(";]")));
}

// A struct of the domain in a generated test: its type and its JSON form.
struct WrittenStruct {
  std::string type;
  std::string json;
};

// One moment of a history, as the rules of this program see it.
struct Retold {
  std::vector<WrittenStruct> past;       // what happened before, in today's structs
  std::vector<WrittenStruct> recorded;   // what happened then
  std::optional<WrittenStruct> command;  // what was asked; nothing: it cannot be told from what was recorded
  bool refused = false;                  // today's rules say no
  std::vector<WrittenStruct> answer;     // what today's rules make of it, or the one refusal
  std::string state;                     // behind the recorded event
};

struct AggregateKind {
  std::string category;
  std::string rules;  // the decider in C++
  std::function<std::unique_ptr<HistoryFold>()> begin;
  // The last of `history` is the moment; `command` names what was asked for, or is empty.
  std::function<result<Retold>(std::span<const RecordedEvent> history, std::string_view command)> retell;
};

template <class E>
WrittenStruct written(const E& value) {
  return {written_name<E>(), to_json(value)};
}

// What the decider of today answers to command C, made from the members that the recorded event has; false: C is not
// the command, or the event does not hold what it needs.
template <decider D, class C>
bool retell_command(const typename D::State& state, std::string_view name, std::string_view data,
                    Retold& out) {
  if (schema_of<C>.type != name) return false;
  const auto command = from_json<C>(data);
  if (!command) return false;
  const auto answer = ask<D>(state, *command);
  if (!answer) return false;
  out.command = written(*command);
  out.refused = answer->refused();
  const auto keep = [&](const auto& each) { out.answer.push_back(written(each)); };
  if (out.refused)
    std::visit(keep, answer->why());
  else
    for (const auto& event : answer->events()) std::visit(keep, event);
  return true;
}

template <decider D, class... C>
void retell_commands(const commands<C...>*, const typename D::State& state, std::string_view name,
                     std::string_view data, Retold& out) {
  (void)(retell_command<D, C>(state, name, data, out) || ...);
}

template <decider D>
result<Retold> retell(std::span<const RecordedEvent> history, std::string_view command) {
  Retold out;
  typename D::State state{};
  for (std::size_t i = 0; i < history.size(); ++i) {
    const EventView event = view_of(history[i]);
    const bool last = i + 1 == history.size();
    if (last)
      retell_commands<D>(static_cast<const typename D::Commands*>(nullptr), state, command, event.data, out);
    auto& into = last ? out.recorded : out.past;
    STELE_TRY(const bool known, each_event<typename D::Events>(
                                    event, [&](const auto& read) { into.push_back(written(read)); }));
    if (!known && !passes_over<D>(event.type)) return foreign_event(event, D::category);
    STELE_CHECK(fold_into<D>(state, event));
  }
  out.state = to_json(state);
  return out;
}

template <decider D>
[[nodiscard]] AggregateKind aggregate_kind() {
  return {std::string(D::category), written_name<D>(), [] { return std::make_unique<HistoryFoldOf<D>>(); },
          [](std::span<const RecordedEvent> history, std::string_view command) {
            return guarded([&] { return retell<D>(history, command); });
          }};
}

}  // namespace stele::detail

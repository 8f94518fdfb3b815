// decider.hpp - the shape of a domain: what can happen, what is asked, why the answer may be no, and the
// rules between them. Pure: no store, no clock, no I/O; handler.hpp runs deciders against a store, spec.hpp
// tests them.
//
// A decider is a struct of static functions and type lists:
//
//   struct Account {
//     static constexpr std::string_view category = "BankAccount";       // streams are BankAccount-<id>
//     static const std::string& id(const auto& command) { return command.account_id; }
//
//     using Commands = stele::commands<OpenAccount, WithdrawMoney>;
//     using Events = stele::events<AccountOpened, MoneyWithdrawn>;
//     using Refusals = stele::refusals<NoSuchAccount, InsufficientFunds>;
//     using Decision = stele::decision<Events, Refusals>;
//
//     struct Missing {};                                                 // one type for each thing it can be
//     struct Open { Money balance; };
//     using State = std::variant<Missing, Open>;                         // begins as the first
//
//     static Decision decide(const WithdrawMoney& c, const Open& account) {
//       if (c.amount > account.balance) return stele::refuse(InsufficientFunds{account.balance, c.amount});
//       return stele::happened(MoneyWithdrawn{c.account_id, c.amount});
//     }
//     static State evolve(const Open& a, const MoneyWithdrawn& e) { return Open{a.balance - e.amount}; }
//     ...                                                                // one overload for each pair that
//     can be
//   };
//   static_assert(stele::decider<Account>);
//
// The compiler finds what is forgotten and its first error line names it: every command must be answered in
// every state (a generic `const auto&` overload may answer many), every event must be remembered in at least
// one state, every field must be in its struct's list, every event and refusal used must be in the decider's
// lists. An event that meets a state without a fitting evolve() is an impossible history: replay refuses it
// by name.
//
// Who and when: a decide() that needs them takes `const stele::Asked&` as its third parameter. A rule never
// reads a clock. evolve() takes its state as const& or, when states are large, by && or by value: it is
// always given up.
//
// ---- Declaring structs, in the namespace of the struct, with a semicolon behind:
//
//   STELE_EVENT(MoneyDeposited, 2, account_id, amount, note);    recorded for ever: type name, version,
//   fields STELE_COMMAND(WithdrawMoney, account_id, amount); STELE_REFUSAL(InsufficientFunds, balance,
//   asked);
//
// The list is compared with the struct: a field that is left out, renamed or out of order does not compile.
// Persisted names never change; a changed event is a new version:
//
//   namespace v1 {
//   struct MoneyDeposited { std::string account_id; std::int64_t euros; };
//   STELE_EVENT(MoneyDeposited, 1, account_id, euros);
//   inline bank::MoneyDeposited upcast(const MoneyDeposited& old) { ... }   // found by its argument
//   }
//   STELE_WAS(MoneyDeposited, v1::MoneyDeposited);                          // beside the newer struct
//
// Versions form a chain (v3 was v2, v2 was v1); a renamed event is a chain whose names differ. Rules,
// projections and queries only ever see the newest struct. An upcast may also answer with a std::tuple of
// events, a std::vector, a std::optional or a std::variant of them, or with stele::dropped; then each of
// those names the old struct in a STELE_WAS of its own, which takes several: STELE_WAS(Now, v1::Was, AlsoWas).
//
// A stream may hold events that no struct is left for, if the decider says so; every other unknown one is an
// error:  static constexpr std::string_view ignores[] = {"CampaignSeen"};
//
// Exceptions: rules may throw (decimals do, on overflow); nothing below lets one out except std::bad_alloc.
#pragma once

#include <concepts>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "stele/detail/decider_parts.hpp"
#include "stele/detail/schema.hpp"
#include "stele/result.hpp"
#include "stele/types.hpp"
#include "stele/wire.hpp"

namespace stele {

// ---- Decisions

// The answer to a command: what happened, possibly nothing, or one reason why not. Refusals are values, not
// errors.
template <class Events, class Refusals>
class [[nodiscard]] decision {
 public:
  using event = typename Events::any;
  using refusal = typename Refusals::any;

  explicit decision(std::vector<event> happened) : happened_(std::move(happened)) {}
  explicit decision(refusal why) : why_(std::move(why)) {}

  [[nodiscard]] bool refused() const { return why_.has_value(); }
  // Empty when refused.
  [[nodiscard]] const std::vector<event>& events() const { return happened_; }
  // Only when refused.
  [[nodiscard]] const refusal& why() const { return *why_; }

 private:
  std::vector<event> happened_;
  std::optional<refusal> why_;
};

// The four lists in one line, for a decider to inherit:
//   struct Tally : stele::aggregate<stele::commands<Count>, stele::events<Counted>, stele::refusals<TooMuch>> {...};
template <class CommandList, class EventList, class RefusalList>
struct aggregate {
  using Commands = CommandList;
  using Events = EventList;
  using Refusals = RefusalList;
  using Decision = decision<EventList, RefusalList>;
};

// Who asks and when, for rules that must know.
struct Asked {
  Timestamp at;
  std::string by;
};

// `return stele::happened(MoneyWithdrawn{...});`  Any number of events, in order; none is an answer too.
template <recorded... E>
[[nodiscard]] detail::Happened<E...> happened(E... events) {
  return {{std::move(events)...}};
}

// `return stele::refuse(InsufficientFunds{...});`
template <recorded R>
[[nodiscard]] detail::Refused<R> refuse(R why) {
  return {std::move(why)};
}

// ---- Completeness

// D is complete: see above for what that takes. Never merely false: what is missing is a compile error
// naming it.
template <class D>
concept decider =
    requires {
      typename D::State;
      typename D::Decision;
    } && detail::is_complete<D>(static_cast<const typename D::Commands*>(nullptr),
                                static_cast<const typename D::Events*>(nullptr));

// ---- Running a decider

// What the decider answers to `command` in `state`. Errors: invalid, when a rule throws.
template <decider D, class C>
[[nodiscard]] result<typename D::Decision> ask(const typename D::State& state, const C& command,
                                               const Asked& asked = {}) {
  using Decision = typename D::Decision;
  return detail::guarded([&]() -> result<Decision> {
    return detail::visit_state(state, [&](const auto& s) -> Decision {
      if constexpr (requires { D::decide(command, s, asked); })
        return D::decide(command, s, asked);
      else
        return D::decide(command, s);
    });
  });
}

// Moves `state` on by one event, given as its struct. False: the event cannot happen in this state, and the
// state is as it was. Errors: invalid, when evolve() throws; the state is lost then.
template <decider D, recorded E>
[[nodiscard]] result<bool> evolve(typename D::State& state, const E& event) {
  return detail::guarded([&]() -> result<bool> {
    return detail::visit_state(state, [&](auto& s) -> bool {
      if constexpr (remembers_in<D, E, std::remove_cvref_t<decltype(s)>>) {
        typename D::State next = D::evolve(std::move(s), event);
        state = std::move(next);
        return true;
      } else {
        return false;
      }
    });
  });
}
template <decider D, recorded... E>
[[nodiscard]] result<bool> evolve(typename D::State& state, const std::variant<E...>& event) {
  return std::visit([&](const auto& e) { return evolve<D>(state, e); }, event);
}

// The state after a history held in memory. Errors: corrupt, naming the first event that cannot be (facts:
// type, index). Histories in a store are folded by Repository (handler.hpp), with stream and revision in the
// error.
template <decider D>
[[nodiscard]] result<typename D::State> replay(std::span<const typename D::Events::any> history) {
  typename D::State state{};
  for (std::size_t i = 0; i < history.size(); ++i) {
    const auto possible = evolve<D>(state, history[i]);
    if (!possible) return detail::impossible_event(type_name(history[i]), i, &possible.error());
    if (!*possible) return detail::impossible_event(type_name(history[i]), i);
  }
  return state;
}

// ---- The vocabulary as text

// Everything a decider hears and says, one line each with fields and their wire types, older versions of
// events indented below. For the domain expert, and for schema.lock (spec.hpp): no persisted name changes
// unnoticed.
//   asks    WithdrawMoney/1(accountId: text, amount: decimal(2))
//   facts   MoneyDeposited/2(accountId: text, amount: decimal(2), note: text)
//     was   MoneyDeposited/1(accountId: text, euros: int64)
template <decider D>
[[nodiscard]] std::string vocabulary() {
  return detail::vocabulary(static_cast<const typename D::Commands*>(nullptr),
                            static_cast<const typename D::Events*>(nullptr),
                            static_cast<const typename D::Refusals*>(nullptr));
}

}  // namespace stele

// decider_parts.hpp - how decider.hpp finds out what is forgotten, and what `return happened(...)` turns
// into. The names in here are chosen for the compiler errors they appear in.
#pragma once

#include <concepts>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "stele/detail/schema.hpp"
#include "stele/detail/upcasts.hpp"
#include "stele/result.hpp"

namespace stele {

template <class Events, class Refusals>
class decision;
struct Asked;

// ---- Answers

namespace detail {

template <class List, class T>
inline constexpr bool is_listed = false;
template <template <class...> class List, class T, class... Listed>
inline constexpr bool is_listed<List<Listed...>, T> = (std::is_same_v<T, Listed> || ...);

// The names below appear in the first line of what a compiler says about a forgotten entry.
template <class List, class T>
concept listed_in = is_listed<List, T>;
// Each compiler says more about one of the two forms; both then name what is missing in the very first line.
#ifdef __clang__
template <class List, class T>
consteval void must_be_listed() {
  static_assert(listed_in<List, T>);
}
#else
template <class List, class T>
  requires listed_in<List, T>
consteval void must_be_listed() {}
#endif

template <class... E>
struct Happened {
  std::tuple<E...> facts;

  template <class Ev, class Rf>
  operator decision<Ev,
                    Rf>() && {  // NOLINT(google-explicit-constructor): returned as it is
    (must_be_listed<Ev, E>(), ...);
    std::vector<typename Ev::any> all;
    all.reserve(sizeof...(E));
    std::apply([&](E&... e) { (append_fact<Ev>(all, e), ...); }, facts);
    return decision<Ev, Rf>(std::move(all));
  }

 private:
  template <class Ev, class Fact>
  static void append_fact(std::vector<typename Ev::any>& all, Fact& fact) {
    if constexpr (is_listed<Ev, Fact>) all.emplace_back(std::move(fact));
  }
};

template <class R>
struct Refused {
  R why;

  template <class Ev, class Rf>
  operator decision<Ev, Rf>() && {  // NOLINT(google-explicit-constructor): returned as it is
    must_be_listed<Rf, R>();
    if constexpr (is_listed<Rf, R>)
      return decision<Ev, Rf>(typename Rf::any(std::move(why)));
    else
      return decision<Ev, Rf>(std::vector<typename Ev::any>{});
  }
};

}  // namespace detail

// ---- Completeness

template <class D, class C, class S>
concept answers_in = requires(const C& command, const S& state) {
  { D::decide(command, state) } -> std::convertible_to<typename D::Decision>;
} || requires(const C& command, const S& state, const Asked& asked) {
  { D::decide(command, state, asked) } -> std::convertible_to<typename D::Decision>;
};
template <class D, class E, class S>
concept remembers_in = requires(S state, const E& event) {
  { D::evolve(std::move(state), event) } -> std::convertible_to<typename D::State>;
};

namespace detail {

template <class... T>
struct TypeList {};
// A state that is no variant is a variant of one.
template <class State>
struct StateList {
  using type = TypeList<State>;
};
template <class... S>
struct StateList<std::variant<S...>> {
  using type = TypeList<S...>;
};

template <class D, class E, class... S>
concept remembers_in_some_state = (remembers_in<D, E, S> || ...);

#ifdef __clang__
template <class D, class Command, class State>
consteval void must_answer() {
  static_assert(answers_in<D, Command, State>);
}
template <class D, class Event, class... States>
consteval void must_remember() {
  static_assert(remembers_in_some_state<D, Event, States...>);
}
#else
template <class D, class Command, class State>
  requires answers_in<D, Command, State>
consteval void must_answer() {}
template <class D, class Event, class... States>
  requires remembers_in_some_state<D, Event, States...>
consteval void must_remember() {}
#endif

template <class D, class C, class... S>
consteval void answers_everywhere(TypeList<S...>) {
  (must_answer<D, C, S>(), ...);
}
template <class D, class E, class... S>
consteval void remembers_somewhere(TypeList<S...>) {
  must_remember<D, E, S...>();
}
// Names of event types that D passes over: `static constexpr std::string_view ignores[] = {"BookMislaid"};`
template <class D>
constexpr bool passes_over(std::string_view type) {
  bool found = false;
  if constexpr (requires { D::ignores; })
    for (const std::string_view name : D::ignores) found = found || name == type;
  return found;
}
// What an old event becomes is remembered, becomes something else in turn, or is passed over on purpose.
template <class D, class N>
consteval void is_not_lost() {
  if constexpr (!has_upcast<N> && !passes_over<D>(schema_of<N>.type)) must_be_listed<typename D::Events, N>();
}
template <class D, class... N>
consteval void no_upcast_is_lost(const Types<N...>*) {
  (is_not_lost<D, N>(), ...);
}
template <class D, class... C, class... E>
consteval bool is_complete(const commands<C...>*, const events<E...>*) {
  using States = typename StateList<typename D::State>::type;
  (answers_everywhere<D, C>(States()), ...);
  (remembers_somewhere<D, E>(States()), ...);
  check_family(static_cast<const family_of<E...>*>(nullptr));
  no_upcast_is_lost<D>(static_cast<const family_of<E...>*>(nullptr));
  return true;
}

// f(the alternative) of a variant, or f(state) of a plain one.
template <class State, class F>
decltype(auto) visit_state(State&& state, F&& f) {
  if constexpr (requires { std::variant_size<std::remove_cvref_t<State>>::value; })
    return std::visit(std::forward<F>(f), std::forward<State>(state));
  else
    return std::forward<F>(f)(std::forward<State>(state));
}

}  // namespace detail

namespace detail {
// errc::corrupt: the event cannot happen there; or evolve() has thrown `why`.
[[nodiscard]] Error impossible_event(std::string_view type, std::size_t index, const Error* why = nullptr);
}  // namespace detail

namespace detail {
template <class... C, class... E, class... R>
std::string vocabulary(const commands<C...>*, const events<E...>*, const refusals<R...>*) {
  return (std::string() + ... + signatures<C>("asks    ")) +
         (std::string() + ... + signatures<E>("facts   ")) +
         (std::string() + ... + signatures<R>("refuses "));
}
}  // namespace detail

}  // namespace stele

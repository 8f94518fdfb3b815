// upcasts.hpp - which structs an event type has been and what they become: the family of versions behind a list of
// types, worked out by the compiler. Types only; reading events with it is recorded.hpp, the words that declare
// it are in decider.hpp. The names in here are chosen for the compiler errors they appear in.
#pragma once

#include <concepts>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "stele/detail/schema.hpp"

namespace stele {

// What an upcast() answers that lets every event of an old type go. One that keeps some answers std::optional.
struct dropped {};

namespace detail {

template <class... T>
struct Types {};

template <class T, class... Among>
inline constexpr bool among = (std::same_as<T, Among> || ...);

// ---- Upwards: what an old struct becomes

template <class Old>
concept has_upcast = requires(const Old& old) { upcast(old); };
template <has_upcast Old>
using upcast_answer = std::remove_cvref_t<decltype(upcast(std::declval<const Old&>()))>;

// The structs that may come out of an answer. An answer is one event, dropped, or an optional, a vector, a tuple
// or a variant of answers. What is neither is kept as it is, and refused by become_a_declared_event below.
template <class Answer>
struct Outcomes {
  using type = Types<Answer>;
};
template <class... List>
struct Joined {
  using type = Types<>;
};
template <class... A>
struct Joined<Types<A...>> {
  using type = Types<A...>;
};
template <class... A, class... B, class... Rest>
struct Joined<Types<A...>, Types<B...>, Rest...> : Joined<Types<A..., B...>, Rest...> {};
template <>
struct Outcomes<dropped> {
  using type = Types<>;
};
template <class A>
struct Outcomes<std::optional<A>> : Outcomes<A> {};
template <class A>
struct Outcomes<std::vector<A>> : Outcomes<A> {};
template <class... A>
struct Outcomes<std::tuple<A...>> : Joined<typename Outcomes<A>::type...> {};
template <class... A>
struct Outcomes<std::variant<A...>> : Joined<typename Outcomes<A>::type...> {};

template <class T>
struct Successors {
  using type = Types<>;
};
template <has_upcast T>
struct Successors<T> : Outcomes<upcast_answer<T>> {};

// ---- What can be declared wrong, named in the first line

template <class T, class Old>
inline constexpr bool names_older = false;
template <has_older T, class Old>
inline constexpr bool names_older<T, Old> =
    []<class... O>(const Older<O...>*) { return among<Old, O...>; }(static_cast<const older_of<T>*>(nullptr));

template <class Old, class New>
concept become_a_declared_event = recorded<New>;
template <class New, class Old>
concept named_in_STELE_WAS = names_older<New, Old>;

#ifdef __clang__
template <class Old>
consteval void must_have_an_upcast() {
  static_assert(has_upcast<Old>);
}
template <class Old, class New>
consteval void must_become_a_declared_event() {
  static_assert(become_a_declared_event<Old, New>);
}
template <class New, class Old>
consteval void must_be_named_in_STELE_WAS() {
  static_assert(named_in_STELE_WAS<New, Old>);
}
#else
template <class Old>
  requires has_upcast<Old>
consteval void must_have_an_upcast() {}
template <class Old, class New>
  requires become_a_declared_event<Old, New>
consteval void must_become_a_declared_event() {}
template <class New, class Old>
  requires named_in_STELE_WAS<New, Old>
consteval void must_be_named_in_STELE_WAS() {}
#endif

template <class Old, class New>
consteval void check_successor() {
  must_become_a_declared_event<Old, New>();
  if constexpr (recorded<New>) must_be_named_in_STELE_WAS<New, Old>();
}
// Old has an upcast, to declared events, each of which names it in its STELE_WAS.
template <class Old>
consteval void check_older() {
  must_have_an_upcast<Old>();
  []<class... New>(const Types<New...>*) {
    (check_successor<Old, New>(), ...);
  }(static_cast<const typename Successors<Old>::type*>(nullptr));
}

// ---- The family

template <class T>
struct Predecessors {
  using type = Types<>;
};
template <class List>
struct AsTypes;
template <class... O>
struct AsTypes<Older<O...>> {
  using type = Types<O...>;
};
template <has_older T>
struct Predecessors<T> : AsTypes<older_of<T>> {};

// Everything that is reached from Open by going one Step after the other: each struct once, depth first.
template <template <class> class Step, class Found, class Open>
struct Reached;
template <template <class> class Step, class... Found>
struct Reached<Step, Types<Found...>, Types<>> {
  using type = Types<Found...>;
};
template <template <class> class Step, class... Found, class Next, class... Open>
  requires among<Next, Found...>
struct Reached<Step, Types<Found...>, Types<Next, Open...>> : Reached<Step, Types<Found...>, Types<Open...>> {
};
template <template <class> class Step, class... Found, class Next, class... Open>
  requires(!among<Next, Found...>)
struct Reached<Step, Types<Found...>, Types<Next, Open...>>
    : Reached<Step, Types<Found..., Next>, typename Joined<typename Step<Next>::type, Types<Open...>>::type> {
};

// Down to what a type was, and up to what that becomes.
template <class T>
struct Relatives : Joined<typename Predecessors<T>::type, typename Successors<T>::type> {};

// The listed types and all they were.
template <class... T>
using ancestry_of = typename Reached<Predecessors, Types<>, Types<T...>>::type;
// And everything else that came of those.
template <class... T>
using family_of = typename Reached<Relatives, Types<>, Types<T...>>::type;

// Does a recorded N end up as one of the listed, as it is or through upcasts?
template <class N, class... Listed>
consteval bool leads_to() {
  if constexpr (among<N, Listed...>)
    return true;
  else
    return []<class... New>(const Types<New...>*) {
      return (leads_to<New, Listed...>() || ...);
    }(static_cast<const typename Successors<N>::type*>(nullptr));
}

// What is declared about the listed types and everything they were fits together.
template <class... N>
consteval void check_predecessors(const Types<N...>*) {
  (check_older<N>(), ...);
}
template <class... N>
consteval void check_family(const Types<N...>*) {
  (check_predecessors(static_cast<const typename Predecessors<N>::type*>(nullptr)), ...);
}

// ---- As text, for vocabularies and schema locks

template <class T>
std::string version_name() {
  return std::string(schema_of<T>.type) + "/" + std::to_string(schema_of<T>.version);
}
template <class Answer>
struct AnswerText {
  static std::string text() { return version_name<Answer>(); }
};
template <>
struct AnswerText<dropped> {
  static std::string text() { return "nothing"; }
};
template <class A>
struct AnswerText<std::optional<A>> {
  static std::string text() { return AnswerText<A>::text() + " or nothing"; }
};
template <class A>
struct AnswerText<std::vector<A>> {
  static std::string text() { return "any number of " + AnswerText<A>::text(); }
};
template <class... A>
std::string joined_text(std::string_view between) {
  std::string all;
  ((all += all.empty() ? "" : between, all += AnswerText<A>::text()), ...);
  return all;
}
template <class... A>
struct AnswerText<std::tuple<A...>> {
  static std::string text() { return joined_text<A...>(" and "); }
};
template <class... A>
struct AnswerText<std::variant<A...>> {
  static std::string text() { return joined_text<A...>(" or "); }
};

// "MoneyDeposited/2(account: text, amount: decimal(2))"
template <recorded T>
std::string signature() {
  return version_name<T>() + "(" + describe_fields<T>(0) + ")";
}
// What becomes of an old struct, where that is not simply the type above it.
template <recorded Old>
std::string becomes() {
  if constexpr (recorded<upcast_answer<Old>>)
    return "";
  else
    return " -> " + AnswerText<upcast_answer<Old>>::text();
}
template <recorded T>
std::string older_signatures();
template <recorded Old>
std::string older_signature() {
  return "  was   " + signature<Old>() + becomes<Old>() + "\n" + older_signatures<Old>();
}
template <recorded T>
std::string older_signatures() {
  return []<class... O>(const Types<O...>*) {
    return (std::string() + ... + older_signature<O>());
  }(static_cast<const typename Predecessors<T>::type*>(nullptr));
}
template <recorded T>
std::string signatures(std::string_view heading) {
  return std::string(heading) + signature<T>() + "\n" + older_signatures<T>();
}

}  // namespace detail
}  // namespace stele

// reflect.hpp - the field names of plain structs and the names of enumerators, without a macro per type. Not
// a general reflection library: it knows what the wire form needs and nothing more.
//
// How: fields are counted by trying how many initialisers an aggregate takes, reached by structured bindings,
// and named by what the compiler prints for a function that has the address of the field as a template
// argument. g++ 12 and clang 19 print it differently; tests/domain/reflect_test.cpp pins both.
//
// Limits, each with its own static_assert: aggregates only (no constructors, no private members), no base
// class, at most 64 fields, no C arrays (their elements would be counted one by one). Enumerators from 0 to
// 127.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "stele/detail/bindings.hpp"

namespace stele::detail {

// ---- Counting

// Converts to whatever a field needs. Never called: only its type is asked.
struct AnyField {
  template <class T>
  operator T() const noexcept;  // NOLINT: implicit is the point
};
// The same, but only to a base class of T: an aggregate that takes one has a base.
template <class T>
struct AnyBase {
  template <class Base>
    requires(std::is_base_of_v<Base, T> && !std::is_same_v<Base, T>)
  operator Base() const noexcept;  // NOLINT: implicit is the point
};

template <class T, std::size_t... I>
consteval bool takes_initialisers(std::index_sequence<I...>) {
  return requires { T{(void(I), AnyField{})...}; };
}
template <class T, std::size_t N>
inline constexpr bool takes = takes_initialisers<T>(std::make_index_sequence<N>());

// The first count that fits when one more does not. Counting up keeps small structs cheap to compile.
template <class T, std::size_t N = 0>
consteval std::size_t count_fields() {
  if constexpr (N > 64 || (takes<T, N> && !takes<T, N + 1>))
    return N;
  else
    return count_fields<T, N + 1>();
}

template <class T>
concept HasBase = std::is_aggregate_v<T> && requires { T{AnyBase<T>{}}; };

// A struct that can be taken apart. Asking for anything below of another type stops with one of these
// sentences.
template <class T>
consteval std::size_t field_count() {
  static_assert(std::is_aggregate_v<T>,
                "only plain structs are reflected: no constructors, no private or virtual members");
  static_assert(!HasBase<T>, "a struct with a base class is not reflected: make the base a field");
  if constexpr (std::is_aggregate_v<T> && !HasBase<T>)
    return count_fields<T>();
  else
    return 0;
}

template <class T>
constexpr auto tie_fields(T& object) {
  return tie_fields<field_count<std::remove_const_t<T>>()>(object);
}

// ---- Naming

// A T that is only pointed into, in constant expressions, and never defined.
template <class T>
struct Phantom {
  T object;
};
#ifdef __clang__
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wundefined-internal"
#pragma clang diagnostic ignored "-Wundefined-var-template"
#endif
template <class T>
extern Phantom<T> phantom;

template <class T, std::size_t I>
consteval auto* field_address() {
  return &std::get<I>(tie_fields(phantom<T>.object));
}
#ifdef __clang__
#pragma clang diagnostic pop
#endif

template <auto Value>
consteval std::string_view printed_value() {
  return __PRETTY_FUNCTION__;
}
template <class T>
consteval std::string_view printed_type() {
  return __PRETTY_FUNCTION__;
}

// g++ ends with "; std::string_view = ..." and clang does not; both have the name last before the brackets.
consteval std::string_view last_name(std::string_view printed) {
  printed = printed.substr(0, printed.find("; std::string_view"));
  printed = printed.substr(0, printed.find_last_not_of(")]}> ") + 1);
  return printed.substr(printed.find_last_of(".:&)( >=") + 1);
}

template <class T, std::size_t I>
inline constexpr std::string_view field_name = last_name(printed_value<field_address<T, I>()>());

// "Money" of stele::bank::Money; templates keep their arguments out of it.
template <class T>
consteval std::string_view unqualified_name() {
  std::string_view name = printed_type<T>();
  name = name.substr(name.find("T = ") + 4);
  name = name.substr(0, name.find_first_of(";]<"));
  return name.substr(name.find_last_of(": ") + 1);
}

// f(index constant, name, field) for each field in the order of the struct.
template <class T, class F>
constexpr void each_field(T& object, F&& f) {
  using Plain = std::remove_const_t<T>;
  auto fields = tie_fields(object);
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    (f(std::integral_constant<std::size_t, I>{}, field_name<Plain, I>, std::get<I>(fields)), ...);
  }(std::make_index_sequence<field_count<Plain>()>());
}

template <class T, std::size_t I>
using field_type = std::remove_cvref_t<decltype(std::get<I>(tie_fields(std::declval<T&>())))>;

// ---- Enumerators

template <class E, std::size_t V>
consteval std::string_view enumerator_name() {
  constexpr std::string_view name = last_name(printed_value<static_cast<E>(V)>());
  const bool number = name.empty() || (name[0] >= '0' && name[0] <= '9') || name[0] == '-';
  return number ? std::string_view{} : name;  // a value without a name is printed as a number
}
template <class E>
inline constexpr auto enumerator_names = []<std::size_t... V>(std::index_sequence<V...>) {
  return std::array{enumerator_name<E, V>()...};
}(std::make_index_sequence<128>());

// Empty when the value has no name.
template <class E>
[[nodiscard]] constexpr std::string_view enum_name(E value) {
  const auto index = static_cast<std::size_t>(value);
  return index < enumerator_names<E>.size() ? enumerator_names<E>[index] : std::string_view{};
}
template <class E>
[[nodiscard]] constexpr bool enum_from_name(std::string_view name, E& value) {
  for (std::size_t i = 0; i < enumerator_names<E>.size() && !name.empty(); ++i)
    if (enumerator_names<E>[i] == name) {
      value = static_cast<E>(i);
      return true;
    }
  return false;
}

}  // namespace stele::detail

// schema.hpp - how a struct is declared as an event, command or refusal: its recorded name, version and
// fields. The macros are documented in decider.hpp; reading recorded events with them is in wire.hpp.
#pragma once

#include <concepts>
#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "stele/detail/wire_forms.hpp"
#include "stele/result.hpp"
#include "stele/types.hpp"

namespace stele {

template <recorded... T>
struct events {
  static_assert(((schema_of<T>.kind == SchemaKind::event) && ...),
                "events<> lists what STELE_EVENT has declared");
  using any = std::variant<T...>;
};
template <recorded... T>
struct commands {
  static_assert(((schema_of<T>.kind == SchemaKind::command) && ...),
                "commands<> lists what STELE_COMMAND has declared");
  using any = std::variant<T...>;
};
template <recorded... T>
struct refusals {
  static_assert(((schema_of<T>.kind == SchemaKind::refusal) && ...),
                "refusals<> lists what STELE_REFUSAL has declared");
  using any = std::variant<T...>;
};

namespace detail {

// ---- Declaring

// Is "account, amount" the fields of T, all of them, in their order?
template <class T>
consteval bool lists_every_field(std::string_view listed) {
  bool same = true;
  auto take = [&](std::string_view name) {
    listed.remove_prefix(std::min(listed.find_first_not_of(", "), listed.size()));
    const std::string_view next = listed.substr(0, listed.find_first_of(", "));
    same = same && next == name;
    listed.remove_prefix(next.size());
  };
  [&]<std::size_t... I>(std::index_sequence<I...>) { (take(field_name<T, I>), ...); }(FieldIndexes<T>());
  return same && listed.empty();
}

consteval std::string_view last_component(std::string_view name) {
  const std::size_t colon = name.rfind(':');
  return colon == name.npos ? name : name.substr(colon + 1);
}

template <class... Old>
struct Older {};
template <class T>
concept has_older = requires(const T* type) { stele_older(type); };
template <has_older T>
using older_of = decltype(stele_older(static_cast<const T*>(nullptr)));  // an Older<...>

template <recorded T, recorded... Old>
consteval bool all_older(const Older<Old...>*) {
  return ((schema_of<Old>.type != schema_of<T>.type || schema_of<Old>.version < schema_of<T>.version) && ...);
}

// ---- Exceptions end here

// What a rule, an upcaster or a writer of user code has thrown, as an Error.
[[nodiscard]] Error thrown_error(const std::exception& thrown);

// Runs user code that answers a result<...>; what it throws becomes errc::invalid. Only bad_alloc passes.
template <class F>
std::invoke_result_t<F> guarded(F&& user_code) {
  try {
    return std::forward<F>(user_code)();
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& thrown) {
    return thrown_error(thrown);
  }
}

// ---- What can be wrong with a recorded event

struct EventPlace {
  std::string_view stream;
  std::string_view type;
  Revision revision;
  Position position;
};
// "schemaVersion" of an event's metadata; 1 when it says nothing.
[[nodiscard]] result<int> schema_version(std::string_view metadata);
// errc::corrupt with the facts stream, revision, position, type.
[[nodiscard]] Error unreadable_event(const EventPlace& place, const Error& why);
[[nodiscard]] Error unknown_version(const EventPlace& place, int version, int newest);
[[nodiscard]] Error foreign_type(const EventPlace& place, std::string_view wanted);
[[nodiscard]] Error not_one_event(const EventPlace& place, std::string_view wanted, std::size_t count);
// errc::invalid: bytes that are no JSON, and the type has no read_payload().
[[nodiscard]] Error no_payload_reader(std::string_view content_type, const Error& why);

}  // namespace detail

// The recorded name of whichever struct a variant holds.
template <recorded... T>
[[nodiscard]] std::string_view type_name(const std::variant<T...>& any) {
  return std::visit([]<class U>(const U&) { return schema_of<U>.type; }, any);
}
}  // namespace stele

#define STELE_DETAIL_RECORDED(Type, Version, Kind, Macro, ...)                             \
  [[maybe_unused]] constexpr ::stele::Schema stele_schema(const Type*) {                   \
    return {::stele::detail::last_component(#Type), (Version), ::stele::SchemaKind::Kind}; \
  }                                                                                        \
  static_assert((Version) >= 1, #Type ": versions begin with 1");                          \
  static_assert(::stele::detail::lists_every_field<Type>(#__VA_ARGS__),                    \
                #Type ": " Macro " must list every field of the struct, by its name and in its order")

#define STELE_EVENT(Type, Version, ...) \
  STELE_DETAIL_RECORDED(Type, Version, event, "STELE_EVENT", __VA_ARGS__)
#define STELE_COMMAND(Type, ...) STELE_DETAIL_RECORDED(Type, 1, command, "STELE_COMMAND", __VA_ARGS__)
#define STELE_REFUSAL(Type, ...) STELE_DETAIL_RECORDED(Type, 1, refusal, "STELE_REFUSAL", __VA_ARGS__)
#define STELE_WAS(Type, ...)                                                                              \
  [[maybe_unused]] ::stele::detail::Older<__VA_ARGS__> stele_older(const Type*);                          \
  static_assert(                                                                                          \
      ::stele::detail::all_older<Type>(static_cast<const ::stele::detail::Older<__VA_ARGS__>*>(nullptr)), \
      #Type ": STELE_WAS names an older version")

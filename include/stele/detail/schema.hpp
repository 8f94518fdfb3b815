// schema.hpp - how a struct is declared as an event, command or refusal, and how recorded events of any
// version become the current struct. The macros are documented in decider.hpp; nothing here touches a store.
//
// Upcasting happens in one place, each_event(): whoever reads events (aggregates, projections) goes through
// it.
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

#include "stele/event.hpp"
#include "stele/wire.hpp"

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

template <class Old>
struct Older {
  using type = Old;
};
template <class T>
concept has_older = requires(const T* type) { stele_older(type); };
template <has_older T>
using older_of = typename decltype(stele_older(static_cast<const T*>(nullptr)))::type;

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

// ---- Reading recorded events

// "schemaVersion" of an event's metadata; 1 when it says nothing.
[[nodiscard]] result<int> schema_version(std::string_view metadata);
// The same error, as damage of this event: errc::corrupt with stream, revision, position and type.
[[nodiscard]] Error unreadable_event(const EventView& event, const Error& why);
[[nodiscard]] Error unknown_version(const EventView& event, int version, int newest);

template <class T>
constexpr bool in_chain(std::string_view type, int version) {
  if (type == schema_of<T>.type && version == schema_of<T>.version) return true;
  if constexpr (has_older<T>)
    return in_chain<older_of<T>>(type, version);
  else
    return false;
}
template <class T>
constexpr bool named_in_chain(std::string_view type) {
  if (type == schema_of<T>.type) return true;
  if constexpr (has_older<T>)
    return named_in_chain<older_of<T>>(type);
  else
    return false;
}

// The event as a T, from whichever version in T's chain was recorded.
template <class T>
result<T> read_as(std::string_view type, int version, std::string_view data) {
  if constexpr (has_older<T>)
    if (!(type == schema_of<T>.type && version == schema_of<T>.version)) {
      STELE_TRY(auto old, read_as<older_of<T>>(type, version, data));
      return upcast(old);
    }
  return from_json<T>(data);
}

// One alternative's try: false when the event is not this type at all.
template <class T, class Sink>
result<bool> deliver_if(const EventView& event, int version, Sink& sink) {
  if (!named_in_chain<T>(event.type)) return false;
  if (!in_chain<T>(event.type, version)) return unknown_version(event, version, schema_of<T>.version);
  auto read = guarded([&] { return read_as<T>(event.type, version, event.data); });
  if (!read) return unreadable_event(event, read.error());
  sink(std::as_const(*read));
  return true;
}

template <class Sink, class... T>
result<bool> deliver(const EventView& event, Sink& sink, const events<T...>*) {
  const bool ours = (named_in_chain<T>(event.type) || ...);
  if (!ours) return false;
  const auto version = schema_version(event.metadata);
  if (!version) return unreadable_event(event, version.error());
  result<bool> delivered = false;
  (void)((!delivered || *delivered || ((delivered = deliver_if<T>(event, *version, sink)), false)), ...);
  return delivered;
}

// ---- Vocabulary

// "MoneyDeposited/2(account: text, amount: decimal(2))"
template <recorded T>
std::string signature() {
  return std::string(schema_of<T>.type) + "/" + std::to_string(schema_of<T>.version) + "(" +
         describe_fields<T>(0) + ")\n";
}
template <recorded T>
std::string signatures(std::string_view heading) {
  std::string text = std::string(heading) + signature<T>();
  if constexpr (has_older<T>) text += signatures<older_of<T>>("  was   ");
  return text;
}

}  // namespace detail

// Reads one recorded event as the structs of the list `Events`, older versions through their upcasters, and
// calls sink(const Struct&) for what comes out: today one struct, and upcasters that split or drop an event
// will call it more often or never. True when the type is in the list, false (and no call) when it is not.
// Errors: corrupt, with facts stream, revision, position and type.
template <class Events, class Sink>
[[nodiscard]] result<bool> each_event(const EventView& event, Sink&& sink) {
  return detail::deliver(event, sink, static_cast<const Events*>(nullptr));
}

// The recorded name, and the JSON, of whichever struct a variant of recorded structs holds.
template <recorded... T>
[[nodiscard]] std::string_view type_name(const std::variant<T...>& any) {
  return std::visit([]<class U>(const U&) { return schema_of<U>.type; }, any);
}
template <recorded... T>
[[nodiscard]] std::string content_json(const std::variant<T...>& any) {
  return std::visit([](const auto& content) { return to_json(content); }, any);
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
#define STELE_WAS(Type, Old)                                                            \
  [[maybe_unused]] ::stele::detail::Older<Old> stele_older(const Type*);                \
  static_assert(::stele::schema_of<Old>.type != ::stele::schema_of<Type>.type ||        \
                    ::stele::schema_of<Old>.version < ::stele::schema_of<Type>.version, \
                #Type ": STELE_WAS names an older version")

// recorded.hpp - from the bytes of a recorded event to the newest versions of its struct, and the other way. Only
// for wire.hpp, which says what is promised; `Event` is always EventView, named here by its members alone.
#pragma once

#include <algorithm>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "stele/detail/json.hpp"
#include "stele/detail/schema.hpp"
#include "stele/detail/upcasts.hpp"
#include "stele/detail/wire_forms.hpp"
#include "stele/result.hpp"

namespace stele::detail {

template <class T>
result<T> parse_as(const JsonValue& value, UnknownFields unknown) {
  WireReading reading(unknown);
  T out{};
  WireForm<T>::read(reading, value, out);
  if (!reading.ok()) return reading.error();
  return out;
}
template <class T>
result<T> parse_as(std::string_view text, UnknownFields unknown) {
  STELE_TRY(const JsonDocument document, JsonDocument::parse(text));
  return parse_as<T>(document.root(), unknown);
}

// ---- Payloads

// A type with a form of its own instead of JSON: the functions stand in the namespace of the struct.
template <class T>
concept reads_payload = requires(std::string_view bytes, const T* type) {
  { read_payload(bytes, type) } -> std::same_as<result<T>>;
};
template <class T>
concept writes_payload = requires(const T& event) {
  { write_payload(event) } -> std::convertible_to<std::string>;
};

struct Payload {
  std::string data;
  bool json = true;
};
template <class T>
Payload payload_of(const T& event) {
  if constexpr (writes_payload<T>) {
    static_assert(reads_payload<T>, "a type with write_payload() needs read_payload() to be read again");
    return {write_payload(event), false};
  } else {
    std::string json;
    write_value(json, event);
    return {std::move(json), true};
  }
}

// Events that were recorded as JSON stay readable when the type gets a form of its own.
template <class T>
result<T> parse_payload(std::string_view content_type, std::string_view data) {
  constexpr std::string_view json = "application/json";
  [[maybe_unused]] const bool is_json = content_type.empty() || content_type == json;
  if constexpr (reads_payload<T>) {
    if (!is_json) return read_payload(data, static_cast<const T*>(nullptr));
  }
  auto read = parse_as<T>(data, UnknownFields::skip);
  if (!read && content_type == "application/octet-stream")
    return no_payload_reader(content_type, read.error());
  return read;
}

// ---- Which struct an event is

template <class Event>
EventPlace place_of(const Event& event) {
  return {event.stream, event.type, event.revision, event.position};
}

template <class T>
constexpr bool is_version(std::string_view type, int version) {
  return type == schema_of<T>.type && version == schema_of<T>.version;
}

// The names that events leading to one of the listed types are recorded under, a type's own before its older ones.
template <class... Listed>
struct Reading {
  using any = std::variant<Listed...>;
  using Everything = family_of<Listed...>;

  template <class F>
  static constexpr void each(F&& f) {
    []<class... N>(const Types<N...>*, F& call) { (call.template operator()<N>(), ...); }(
        static_cast<const Everything*>(nullptr), f);
  }
  // Recorded under the name of one of ours, or of something one of ours was; in whatever version.
  static constexpr bool concerns(std::string_view type) {
    return []<class... N>(const Types<N...>*, std::string_view name) {
      return ((schema_of<N>.type == name) || ...);
    }(static_cast<const ancestry_of<Listed...>*>(nullptr), type);
  }
  // Nothing: no such version is declared. Otherwise whether something of it may end up as one of ours.
  static constexpr std::optional<bool> known(std::string_view type, int version) {
    std::optional<bool> found;
    each([&]<class N>() {
      if (is_version<N>(type, version)) found = leads_to<N, Listed...>();
    });
    return found;
  }
  static constexpr int newest(std::string_view type) {
    int version = 0;
    each([&]<class N>() {
      if (schema_of<N>.type == type) version = std::max(version, schema_of<N>.version);
    });
    return version;
  }
  static std::vector<std::string> names() {
    std::vector<std::string> all;
    each([&]<class N>() {
      if constexpr (leads_to<N, Listed...>())
        if (std::ranges::find(all, schema_of<N>.type) == all.end()) all.emplace_back(schema_of<N>.type);
    });
    return all;
  }
};

// ---- Upwards

// Gives what an upcaster has answered, and what becomes of that in turn, to `take`: listed structs only. What
// nobody here has asked for goes its way.
template <class... Listed>
struct Upcasting {
  template <class T, class Take>
  static void give(const T& event, Take& take) {
    if constexpr (among<T, Listed...>)
      take(event);
    else if constexpr (has_upcast<T>)
      answer(upcast(event), take);
  }

 private:
  template <recorded T, class Take>
  static void answer(const T& event, Take& take) {
    give(event, take);
  }
  template <class Take>
  static void answer(const dropped&, Take&) {}
  template <class A, class Take>
  static void answer(const std::optional<A>& maybe, Take& take) {
    if (maybe) answer(*maybe, take);
  }
  template <class A, class Take>
  static void answer(const std::vector<A>& all, Take& take) {
    for (const A& each : all) answer(each, take);
  }
  template <class... A, class Take>
  static void answer(const std::tuple<A...>& all, Take& take) {
    std::apply([&](const A&... each) { (answer(each, take), ...); }, all);
  }
  template <class... A, class Take>
  static void answer(const std::variant<A...>& one, Take& take) {
    std::visit([&](const auto& each) { answer(each, take); }, one);
  }
};

// ---- Delivering

// The event as a T of exactly this version.
template <class T, class Event>
result<T> read_version(const Event& event) {
  auto read = guarded([&] { return parse_payload<T>(event.content_type, event.data); });
  if (!read) return unreadable_event(place_of(event), read.error());
  return read;
}

// Everything an older version has become by now, before anybody sees the first of it.
template <class N, class... Listed, class Event>
result<std::vector<std::variant<Listed...>>> read_older(const Event& event) {
  std::vector<std::variant<Listed...>> all;
  const auto read = guarded([&]() -> result<void> {
    STELE_TRY(const N old, parse_payload<N>(event.content_type, event.data));
    auto take = [&](const auto& newest) { all.emplace_back(newest); };
    Upcasting<Listed...>::give(old, take);
    return {};
  });
  if (!read) return unreadable_event(place_of(event), read.error());
  return all;
}

template <class T, class Event, class Sink>
bool deliver_listed(const Event& event, int version, Sink& sink, result<bool>& delivered) {
  if (!is_version<T>(event.type, version)) return false;
  if (const auto read = read_version<T>(event))
    sink(*read);
  else
    delivered = read.error();
  return true;
}

template <class N, class... Listed, class Event, class Sink>
bool deliver_older(const Event& event, int version, Sink& sink, result<bool>& delivered) {
  if (among<N, Listed...> || !is_version<N>(event.type, version)) return false;
  const auto all = read_older<N, Listed...>(event);
  if (!all) delivered = all.error();
  if (all)
    for (const auto& newest : *all) std::visit(sink, newest);
  return true;
}

template <class Event, class Sink, class... Listed>
result<bool> deliver_to(const Event& event, Sink& sink, const Types<Listed...>*) {
  using Reads = Reading<Listed...>;
  if (!Reads::concerns(event.type)) return false;
  const auto version = schema_version(event.metadata);
  if (!version) return unreadable_event(place_of(event), version.error());
  const auto known = Reads::known(event.type, *version);
  if (!known) return unknown_version(place_of(event), *version, Reads::newest(event.type));
  result<bool> delivered = true;
  if (!*known || (deliver_listed<Listed>(event, *version, sink, delivered) || ...)) return delivered;
  [&]<class... N>(const Types<N...>*) {
    (void)(deliver_older<N, Listed...>(event, *version, sink, delivered) || ...);
  }(static_cast<const typename Reads::Everything*>(nullptr));
  return delivered;
}

template <class Event, class Sink, class... T>
result<bool> deliver(const Event& event, Sink& sink, const events<T...>*) {
  check_family(static_cast<const family_of<T...>*>(nullptr));
  return deliver_to(event, sink, static_cast<const Types<T...>*>(nullptr));
}

template <class T, class Event>
result<T> read_recorded(const Event& event) {
  check_family(static_cast<const family_of<T>*>(nullptr));
  std::vector<T> all;
  auto take = [&](const T& read) { all.push_back(read); };
  STELE_TRY(const bool ours, deliver_to(event, take, static_cast<const Types<T>*>(nullptr)));
  if (!ours) return foreign_type(place_of(event), schema_of<T>.type);
  if (all.size() != 1) return not_one_event(place_of(event), schema_of<T>.type, all.size());
  return std::move(all.front());
}

template <template <class...> class List, class... T>
std::vector<std::string> names_of(const List<T...>*) {
  return Reading<T...>::names();
}

}  // namespace stele::detail

// recorded.hpp - from the JSON of a recorded event to the newest version of its struct. Only for wire.hpp,
// which says what is promised; `Event` is always EventView, named here by its members alone.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stele/detail/json.hpp"
#include "stele/detail/schema.hpp"
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

template <class Event>
EventPlace place_of(const Event& event) {
  return {event.stream, event.type, event.revision, event.position};
}

// Is this type and version T, or anything T was?
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
template <class T>
void append_names(std::vector<std::string>& names) {
  if (std::find(names.begin(), names.end(), schema_of<T>.type) == names.end())
    names.emplace_back(schema_of<T>.type);
  if constexpr (has_older<T>) append_names<older_of<T>>(names);
}

// The event as a T, from whichever version in T's chain was recorded: down the chain to the version that
// fits, and up again through one upcast() a version.
template <class T>
result<T> read_as(std::string_view type, int version, std::string_view data) {
  if constexpr (has_older<T>) {
    if (type != schema_of<T>.type || version != schema_of<T>.version) {
      STELE_TRY(auto old, read_as<older_of<T>>(type, version, data));
      return upcast(old);
    }
  }
  return parse_as<T>(data, UnknownFields::skip);
}

template <class T, class Event>
result<T> read_recorded(const Event& event) {
  const auto version = schema_version(event.metadata);
  if (!version) return unreadable_event(place_of(event), version.error());
  if (!in_chain<T>(event.type, *version))
    return unknown_version(place_of(event), *version, schema_of<T>.version);
  auto read = guarded([&] { return read_as<T>(event.type, *version, event.data); });
  if (!read) return unreadable_event(place_of(event), read.error());
  return read;
}

// One type's turn; the step where an upcaster that splits or drops an event would call the sink more often
// or never.
template <class T, class Event, class Sink>
result<bool> deliver_as(const Event& event, Sink& sink) {
  STELE_TRY(const T read, read_recorded<T>(event));
  sink(read);
  return true;
}
template <class Event, class Sink, class... T>
result<bool> deliver(const Event& event, Sink& sink, const events<T...>*) {
  result<bool> delivered = false;
  (void)((named_in_chain<T>(event.type) && (delivered = deliver_as<T>(event, sink), true)) || ...);
  return delivered;
}

}  // namespace stele::detail

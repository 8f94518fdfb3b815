// wire.hpp - plain structs to JSON and back: how events lie in the log, how commands arrive, how answers
// leave. Not a JSON library: no documents are built, and what is read is a type you have declared.
//
//   struct Item { std::string product_id; int quantity; stele::Money price; };
//   to_json(Item{"p-1", 2, 29.99_money})   is   {"productId":"p-1","quantity":2,"price":"29.99"}
//
// No macro and no registration: field names come from the struct, `product_id` becomes "productId". The
// forms:
//
//   bool, integers           true, 12: all 64 bits exact, the range of the C++ type is checked
//   double, float            shortest text that reads back the same; NaN and infinities have no form
//   std::string              must be UTF-8
//   enum                     the enumerator's name as a string
//   Decimal, Money           "4820.50" as a string; read from a string or a number, never through a double
//   Timestamp                RFC 3339 with microseconds, UTC
//   Uuid                     36 characters
//   std::optional            left out when empty; missing and null both read as empty
//   std::vector              array
//   std::map<std::string,T>  object
//   std::variant of structs  object whose member "type" names the struct
//   plain struct             object; every field that is no optional must be there
//
// Any other type gets a form by specialising WireForm with the same three members as in
// detail/wire_forms.hpp: write, read and describe. Types need a default constructor to be read.
//
// Reading collects every problem it meets, not only the first. The error's message begins with the path of
// the first one ("$.items[1].quantity: expected an integer, found \"two\""), its facts hold all of them in
// order, as pairs of "pointer" (RFC 6901) and "problem". Writing a value that has no JSON form (text that is
// not UTF-8, NaN, an enumerator without a name) throws std::invalid_argument; command handlers turn that into
// an Error.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "stele/detail/json.hpp"
#include "stele/detail/recorded.hpp"
#include "stele/detail/schema.hpp"
#include "stele/detail/wire_forms.hpp"
#include "stele/event.hpp"
#include "stele/result.hpp"

namespace stele {

template <class T>
void append_json(std::string& out, const T& value) {
  WireForm<T>::write(out, value);
}

template <class T>
[[nodiscard]] std::string to_json(const T& value) {
  std::string out;
  append_json(out, value);
  return out;
}

// From a part of a document that was parsed before, e.g. one member of a request body.
template <class T>
[[nodiscard]] result<T> from_json(const JsonValue& value, UnknownFields unknown = UnknownFields::skip) {
  return detail::parse_as<T>(value, unknown);
}

// Errors: invalid, for text that is no JSON (see JsonDocument::parse) and for JSON that is no T.
template <class T>
[[nodiscard]] result<T> from_json(std::string_view text, UnknownFields unknown = UnknownFields::skip) {
  return detail::parse_as<T>(text, unknown);
}
template <class T>
[[nodiscard]] result<T> from_json(const char* text, UnknownFields unknown = UnknownFields::skip) {
  return detail::parse_as<T>(std::string_view(text), unknown);
}

// The form as one line of text: "{productId: text, quantity: int32, price: decimal(2)}". For schema locks and
// docs.
template <class T>
[[nodiscard]] std::string wire_form() {
  return detail::describe<T>();
}

template <recorded... T>
[[nodiscard]] std::string content_json(const std::variant<T...>& any) {
  return std::visit([](const auto& content) { return to_json(content); }, any);
}

// ---- Recorded events
//
// An event lies in the log as its JSON, its type name, and - from version 2 on - "schemaVersion" in its
// metadata. Everyone who reads events as structs (aggregates, projections, queries) goes through these
// functions, so that upcasters (decider.hpp) apply everywhere or nowhere.
//
// A struct may have a form of its own instead, any bytes, by two functions in its namespace. Such events are
// recorded as application/octet-stream; those that were recorded as JSON before stay readable.
//
//   std::string write_payload(const Sample& sample);
//   stele::result<Sample> read_payload(std::string_view bytes, const Sample*);   // the pointer says which type

// The names under which these types, or anything that has become one of them, can be recorded. For queries by
// type.
template <recorded... T>
[[nodiscard]] std::vector<std::string> recorded_names() {
  return detail::Reading<T...>::names();
}

// The event as a T, older versions through their upcasters. The type name must be one of recorded_names<T>().
// Errors: corrupt, with facts stream, revision, position and type: not readable as T, newer than this program,
// or become nothing or several events.
template <recorded T>
[[nodiscard]] result<T> read_event(const EventView& event) {
  return detail::read_recorded<T>(event);
}

// Reads an event as one of the list `Events` and calls sink(const Struct&) for what comes out: once for an event
// of today, as often as its upcasters say for an older one. True when the event concerns the list, false and no
// call when it does not. Errors: as read_event.
template <class Events, class Sink>
[[nodiscard]] result<bool> each_event(const EventView& event, Sink&& sink) {
  return detail::deliver(event, sink, static_cast<const Events*>(nullptr));
}

}  // namespace stele

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

#include "stele/detail/json.hpp"
#include "stele/detail/wire_forms.hpp"
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
  WireReading reading(unknown);
  T out{};
  WireForm<T>::read(reading, value, out);
  if (!reading.ok()) return reading.error();
  return out;
}

// Errors: invalid, for text that is no JSON (see JsonDocument::parse) and for JSON that is no T.
template <class T>
[[nodiscard]] result<T> from_json(std::string_view text, UnknownFields unknown = UnknownFields::skip) {
  STELE_TRY(const JsonDocument document, JsonDocument::parse(text));
  return from_json<T>(document.root(), unknown);
}
template <class T>
[[nodiscard]] result<T> from_json(const char* text, UnknownFields unknown = UnknownFields::skip) {
  return from_json<T>(std::string_view(text), unknown);
}

// The form as one line of text: "{productId: text, quantity: int32, price: decimal(2)}". For schema locks and
// docs.
template <class T>
[[nodiscard]] std::string wire_form() {
  return detail::describe<T>();
}

}  // namespace stele

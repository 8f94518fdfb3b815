// json_value.cpp - walking a parsed JSON text. Not the parser (json_reader.cpp).
#include <charconv>
#include <memory>
#include <utility>

#include "base/assert.hpp"
#include "base/json_reader.hpp"
#include "base/json_tape.hpp"

namespace stele {
namespace {

// The whole text as a number of type T, or nothing: no rounding to an integer, no wrap-around.
template <class T>
std::optional<T> whole_number(std::optional<std::string_view> text) {
  if (!text) return std::nullopt;
  T value{};
  const char* end = text->data() + text->size();
  auto [stopped, error] = std::from_chars(text->data(), end, value);
  if (error != std::errc{} || stopped != end) return std::nullopt;
  return value;
}

}  // namespace

std::string_view to_string(JsonType type) {
  switch (type) {
    case JsonType::null:
      return "null";
    case JsonType::boolean:
      return "boolean";
    case JsonType::number:
      return "number";
    case JsonType::string:
      return "string";
    case JsonType::array:
      return "array";
    case JsonType::object:
      return "object";
  }
  return "?";
}

JsonType JsonValue::type() const { return tape_->nodes[at_].type; }
std::string_view JsonValue::raw() const { return tape_->raw(tape_->nodes[at_]); }
std::uint32_t JsonValue::after() const { return tape_->nodes[at_].next; }

std::optional<bool> JsonValue::as_bool() const {
  if (!is(JsonType::boolean)) return std::nullopt;
  return raw() == "true";
}

std::optional<std::string_view> JsonValue::as_string() const {
  if (!is(JsonType::string)) return std::nullopt;
  return tape_->text(tape_->nodes[at_]);
}

std::optional<std::string_view> JsonValue::number_text() const {
  if (!is(JsonType::number)) return std::nullopt;
  return raw();
}

std::optional<std::uint64_t> JsonValue::as_u64() const { return whole_number<std::uint64_t>(number_text()); }
std::optional<std::int64_t> JsonValue::as_i64() const { return whole_number<std::int64_t>(number_text()); }
std::optional<double> JsonValue::as_double() const { return whole_number<double>(number_text()); }

std::size_t JsonValue::size() const {
  const bool container = is(JsonType::object) || is(JsonType::array);
  return container ? tape_->nodes[at_].text : 0;
}

std::optional<JsonValue> JsonValue::find(std::string_view key) const {
  for (auto [name, value] : members())
    if (name == key) return value;
  return std::nullopt;
}

JsonMembers JsonValue::members() const { return {*tape_, at_ + 1, is(JsonType::object) ? after() : at_ + 1}; }
JsonElements JsonValue::elements() const {
  return {*tape_, at_ + 1, is(JsonType::array) ? after() : at_ + 1};
}

JsonMember JsonMembers::iterator::operator*() const {
  return {tape_->text(tape_->nodes[at_]), JsonValue(*tape_, at_ + 1)};
}
JsonMembers::iterator& JsonMembers::iterator::operator++() {
  at_ = tape_->nodes[at_ + 1].next;
  return *this;
}
JsonElements::iterator& JsonElements::iterator::operator++() {
  at_ = tape_->nodes[at_].next;
  return *this;
}

JsonDocument::JsonDocument(std::unique_ptr<detail::JsonTape> tape) : tape_(std::move(tape)) {}
JsonDocument::JsonDocument(JsonDocument&&) noexcept = default;
JsonDocument& JsonDocument::operator=(JsonDocument&&) noexcept = default;
JsonDocument::~JsonDocument() {
  if (tape_) detail::give_back(std::move(tape_));
}

JsonValue JsonDocument::root() const {
  STELE_ASSERT(tape_ && !tape_->nodes.empty(), "a JsonDocument that was moved from has no root");
  return {*tape_, 0};
}

std::string json_pointer(std::string_view parent, std::string_view member) {
  std::string pointer(parent);
  pointer += '/';
  for (char c : member) {
    if (c == '~')
      pointer += "~0";
    else if (c == '/')
      pointer += "~1";
    else
      pointer += c;
  }
  return pointer;
}

std::string json_pointer(std::string_view parent, std::size_t index) {
  return json_pointer(parent, std::to_string(index));
}

}  // namespace stele

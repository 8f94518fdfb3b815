// json_tree.cpp - from JSON text to a tree and back.
#include "history/json_tree.hpp"

#include <algorithm>

#include "base/json_text.hpp"

namespace stele::history {

JsonTree JsonTree::text(std::string_view value) {
  return {.kind = Kind::scalar, .raw = base::json_string(value)};
}

// As deep as the reader of JSON allows, so the recursion is bounded.
JsonTree JsonTree::of(const JsonValue& value) {
  if (value.is(JsonType::object)) {
    JsonTree out = object();
    out.members.reserve(value.size());
    for (const auto& [key, each] : value.members()) out.members.emplace_back(std::string(key), of(each));
    return out;
  }
  if (value.is(JsonType::array)) {
    JsonTree out = array();
    out.elements.reserve(value.size());
    for (const JsonValue each : value.elements()) out.elements.push_back(of(each));
    return out;
  }
  return {.kind = Kind::scalar, .raw = std::string(value.raw())};
}

result<JsonTree> JsonTree::parse(std::string_view text) {
  STELE_TRY(const auto document, JsonDocument::parse(text, {.allow_repeated_keys = true}));
  return of(document.root());
}

const JsonTree* JsonTree::find(std::string_view key) const {
  const auto found =
      std::ranges::find(members, key, [](const auto& each) -> const std::string& { return each.first; });
  return found == members.end() ? nullptr : &found->second;
}
JsonTree* JsonTree::find(std::string_view key) {
  return const_cast<JsonTree*>(std::as_const(*this).find(key));
}

// Whatever stood here becomes an object: the caller says what the place is.
JsonTree& JsonTree::member(std::string_view key) {
  if (kind != Kind::object) *this = object();
  if (auto* const there = find(key)) return *there;
  return members.emplace_back(std::string(key), JsonTree()).second;
}

bool JsonTree::erase(std::string_view key) {
  return std::erase_if(members, [&](const auto& each) { return each.first == key; }) > 0;
}

// Compact, members in their order: equal trees that were made alike give equal texts.
void JsonTree::write(std::string& out) const {
  if (kind == Kind::scalar) {
    out += raw;
    return;
  }
  const bool is_array = kind == Kind::array;
  out += is_array ? '[' : '{';
  bool first = true;
  const auto comma = [&] {
    if (!first) out += ',';
    first = false;
  };
  for (const JsonTree& each : elements) {
    comma();
    each.write(out);
  }
  for (const auto& [key, each] : members) {
    comma();
    base::append_json_string(out, key);
    out += ':';
    each.write(out);
  }
  out += is_array ? ']' : '}';
}

std::string JsonTree::json() const {
  std::string out;
  write(out);
  return out;
}

}  // namespace stele::history

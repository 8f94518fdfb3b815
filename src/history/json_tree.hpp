// json_tree.hpp - a JSON value that can be changed: states of declared folds, edited events, and what states are
// compared as. Scalars stay the text they came as, so no number is rounded. Not for reading large documents.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stele/detail/json.hpp"
#include "stele/result.hpp"

namespace stele::history {

struct JsonTree {
  enum class Kind : std::uint8_t { scalar, array, object };
  Kind kind = Kind::scalar;
  std::string raw = "null";                                 // scalars: JSON text
  std::vector<JsonTree> elements{};                         // arrays
  std::vector<std::pair<std::string, JsonTree>> members{};  // objects, in the order of the text

  [[nodiscard]] static JsonTree object() { return {.kind = Kind::object, .raw = {}}; }
  [[nodiscard]] static JsonTree array() { return {.kind = Kind::array, .raw = {}}; }
  [[nodiscard]] static JsonTree text(std::string_view value);
  [[nodiscard]] static JsonTree of(const JsonValue& value);
  [[nodiscard]] static result<JsonTree> parse(std::string_view text);

  [[nodiscard]] JsonTree* find(std::string_view key);
  [[nodiscard]] const JsonTree* find(std::string_view key) const;
  // The member, made when there is none.
  JsonTree& member(std::string_view key);
  // The member is gone; false when there was none.
  bool erase(std::string_view key);

  void write(std::string& out) const;
  [[nodiscard]] std::string json() const;
  bool operator==(const JsonTree&) const = default;
};

}  // namespace stele::history

// change.hpp - what is different between two states, field by field. As records for people, and as a JSON Patch
// (RFC 6902) for programs. Arrays are compared place by place: no guessing of moves.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "history/json_tree.hpp"

namespace stele::history {

// One place that differs. Both sides are JSON texts; nothing: the place is not there on that side.
struct Change {
  std::string pointer;  // RFC 6901: "/items/prod-101"; "" is the whole state
  std::optional<std::string> before;
  std::optional<std::string> after;
  bool operator==(const Change&) const = default;
};

// In an order in which they can be applied one after the other.
[[nodiscard]] std::vector<Change> changes_between(const JsonTree& before, const JsonTree& after);
[[nodiscard]] result<std::vector<Change>> changes_between(std::string_view before, std::string_view after);
// [{"op":"replace","path":"/balance","value":"-100.00"}]
[[nodiscard]] std::string json_patch(const std::vector<Change>& changes);
// [{"field":"balance","before":"2900.00","after":"-100.00"}]
[[nodiscard]] std::string changes_json(const std::vector<Change>& changes);
// "balance 2900.00 -> -100.00, items.p-1 added 2": one line for people.
[[nodiscard]] std::string changes_line(const std::vector<Change>& changes);

// Every value inside that holds no others, with its pointer; empty arrays and objects count as one.
struct Leaf {
  std::string pointer;
  std::string value;
};
[[nodiscard]] std::vector<Leaf> leaves_of(const JsonTree& tree, const std::string& pointer = "");

// The way a condition names the place: "/items/prod-101" is items."prod-101", "/lines/0" is lines[0].
[[nodiscard]] std::string field_of(std::string_view pointer);
// A JSON text as people read it: a string without its quotes, everything else as it is.
[[nodiscard]] std::string plain_text(std::string_view json);

}  // namespace stele::history

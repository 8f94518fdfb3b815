// expression_tree.hpp - a parsed condition: what the parser (expression_parser.cpp) makes and the evaluation
// (expression.cpp) walks. Nobody else's business.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "history/exact.hpp"

namespace stele::history {

// The first word of a path says where it begins.
enum class Root : std::uint8_t {
  type,
  stream,
  version,
  position,
  time,
  id,
  tags,  // of the event, nothing below them
  data,
  metadata,
  before,
  state
};

struct Node {
  enum class Kind : std::uint8_t {
    any_of,
    all_of,
    none_of,  // or, and, not
    equal,
    unequal,
    less,
    at_most,
    greater,
    at_least,
    contains,
    matches,
    plus,
    minus,
    exists,
    size,
    literal,
    path
  };
  struct Null {};
  using Literal = std::variant<Null, bool, Exact, std::string>;

  Kind kind = Kind::literal;
  std::vector<Node> children{};
  Literal literal{};
  // Literal texts, read beforehand as what they may be compared as.
  std::optional<Exact> as_number{};
  Root root = Root::state;
  std::vector<std::string> path{};
};

}  // namespace stele::history

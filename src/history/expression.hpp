// expression.hpp - conditions over events and states: `balance < 0`, `data.amount > 100 and type = 'MoneyWithdrawn'`.
// A small language that can only look: no assignments, no calls of code, no loops; its cost is bounded by its length
// and by what it looks at.
//
//   or, and, not, ( )              as one reads them; not binds strongest
//   = != < <= > >=                 numbers exactly, whatever their number of digits; texts byte by byte, times as times
//   contains                       a text in a text, an element in a list, a member in an object
//   matches 'Money*'               the whole text; * is any text, ? one character
//   in (1, 2, 3)                   equal to one of them
//   exists(path), size(path)       whether there is such a place; how long a text, list or object is
//   + -                            of numbers
//   'text' "text" 12.50 true false null
//
//   type data metadata stream version position time id tags      of the event; data.amount, metadata.userId
//   state.x, before.x              of the state behind the event, and in front of it
//   x, x.y, lines[0].price, items."odd name"                      anything else: of the state behind the event
//
// A place that is not there is null: `= null` is true of it, no order is. A text that reads as a number is compared as
// one with a number, so that "-100.00" < 0.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "stele/event.hpp"
#include "stele/result.hpp"

namespace stele::history {

// What a condition looks at. The texts are JSON; empty: there is none, and every place in it is null.
struct Seen {
  const EventView* event = nullptr;
  std::string_view before{};
  std::string_view after{};
};

struct Node;  // expression_tree.hpp

// Which parts of Seen a condition needs, so that nobody makes what nobody looks at.
struct Needs {
  bool event = false;
  bool before = false;
  bool after = false;
};

// Parsed once, asked often; immutable, from any thread.
class Expression {
 public:
  static constexpr std::size_t longest = 4'096;  // bytes
  static constexpr std::size_t deepest = 64;     // parentheses and nots

  // Errors: invalid, with the place (fact "column", from 1) and what was expected there.
  [[nodiscard]] static result<Expression> parse(std::string_view text);

  [[nodiscard]] bool holds(const Seen& seen) const;
  [[nodiscard]] const Needs& needs() const { return needs_; }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  Expression(std::string text, std::shared_ptr<const Node> root, Needs needs)
      : text_(std::move(text)), root_(std::move(root)), needs_(needs) {}
  std::string text_;
  std::shared_ptr<const Node> root_;
  Needs needs_;
};

// A duration at the end of a place in history, "10m" or "2h": units s m h d w.
[[nodiscard]] std::optional<std::chrono::microseconds> parse_age(std::string_view text);

}  // namespace stele::history

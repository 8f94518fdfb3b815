// json_tape.hpp - how a parsed JSON text lies in memory: one flat list of nodes in the order of the text,
// pointing into it. Private to json_value.cpp (walks it) and json_reader.cpp (fills it).
//
// Whoever reads a log parses millions of small texts, one at a time: each thread keeps the memory of the last one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "stele/detail/json.hpp"

namespace stele::detail {

// A key is a string node of its own, directly before the node of its value. Children follow their container.
struct JsonNode {
  JsonType type;
  bool escaped;         // strings: the text lies in `unescaped`, not in the source
  std::uint32_t begin;  // in `source`
  std::uint32_t size;
  std::uint32_t next;  // index behind this node and all below it
  std::uint32_t text;  // strings: begin of their text; containers: how many members or elements
  std::uint32_t text_size;
};

struct JsonTape {
  std::unique_ptr<char[]> source;
  std::size_t room = 0;               // bytes of `source`
  std::unique_ptr<char[]> unescaped;  // only when the text holds an escape
  std::vector<JsonNode> nodes;

  [[nodiscard]] std::string_view raw(const JsonNode& node) const {
    return {source.get() + node.begin, node.size};
  }
  [[nodiscard]] std::string_view text(const JsonNode& node) const {
    return {(node.escaped ? unescaped.get() : source.get()) + node.text, node.text_size};
  }
};

// Empty, its source at least so large.
[[nodiscard]] std::unique_ptr<JsonTape> take_tape(std::size_t room);
// For the next text of this thread. Large ones are freed.
void give_back(std::unique_ptr<JsonTape> tape);

}  // namespace stele::detail

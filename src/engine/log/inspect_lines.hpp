// inspect_lines.hpp - one fact per line, as text or as NDJSON from the same calls. Only inspect uses it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/log/inspect.hpp"

namespace stele::engine::log {

// A line: begins with what it is about, then names and values. Text: "frame offset=4096 size=160". NDJSON:
// {"kind":"frame","offset":4096,"size":160}. Numbers stay numbers, everything else becomes a string.
class InspectLine {
 public:
  InspectLine(InspectForm form, std::string_view kind);
  InspectLine& with(std::string_view name, std::string_view value);
  InspectLine& with(std::string_view name, std::uint64_t value);
  [[nodiscard]] std::string finish() &&;

 private:
  void begin_field(std::string_view name);
  InspectForm form_;
  std::string text_;
};

}  // namespace stele::engine::log

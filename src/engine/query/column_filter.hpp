// column_filter.hpp - "its type is one of these", "its category is one of these", asked of the rows of a part:
// one row at a time for events found otherwise, or row after row when nothing else finds them.
//
// One thread at a time. Borrows the part.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/index/part.hpp"
#include "engine/query/course.hpp"

namespace stele::engine {

class ColumnFilter {
 public:
  // Nothing: no row of `rows` has one of the names. Rows outside of `rows` are never touched.
  static result<std::optional<ColumnFilter>> compile(const Part& part, ColumnKind kind,
                                                     std::span<const std::string> names, const Extent& rows,
                                                     Direction way);

  // How many rows of the part have one of the names.
  [[nodiscard]] std::uint64_t count() const { return count_; }
  // The names that the part has, as one mask (types only).
  [[nodiscard]] TypeMask types() const { return types_; }

  result<bool> admits(Position at);
  // The next row from `at` on (included), not behind `bound`.
  result<std::optional<Position>> seek(Position at, Position bound);

 private:
  ColumnFilter(const Part& part, ColumnKind kind, Direction way) : part_(&part), kind_(kind), way_(way) {}
  [[nodiscard]] bool is_wanted(std::uint32_t code) const;
  [[nodiscard]] std::uint32_t code_at(Position at) const;
  // Makes the window hold the row.
  result<void> look_at(Position at);

  const Part* part_;
  ColumnKind kind_;
  Direction way_;
  std::vector<std::uint32_t> wanted_;  // ascending
  std::uint64_t count_ = 0;
  TypeMask types_ = 0;
  Extent extent_;  // of the rows that may be admitted
  Extent window_{Position(1), Position(0)};
  std::vector<std::uint32_t> codes_;  // of the window
};

}  // namespace stele::engine

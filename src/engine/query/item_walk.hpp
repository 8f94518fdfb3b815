// item_walk.hpp - one item of a query in one part: tags intersected, streams united, types and categories
// checked by their columns. Exact: what it finds matches, and it finds all.
//
// One thread at a time. Borrows the part and the item.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/query/column_filter.hpp"
#include "engine/query/merged.hpp"
#include "engine/query/postings_walk.hpp"

namespace stele::engine {

class ItemWalk {
 public:
  // Nothing: no event of `rows`, which lie inside the part, matches.
  static result<std::optional<ItemWalk>> compile(const Part& part, const QueryItem& item, const Extent& rows,
                                                 Direction way);

  // The next match from `at` on (included), not behind `bound`. `at` and `bound` only ever move along the way.
  result<std::optional<Position>> seek(Position at, Position bound);

  // At most so many events of the part match.
  [[nodiscard]] std::uint64_t most() const;

 private:
  using Leg = Merged<PostingsWalk>;

  explicit ItemWalk(Direction way) : way_(way) {}
  result<bool> add_tags(const Part& part, const QueryItem& item, const Extent& rows);
  result<bool> add_streams(const Part& part, const QueryItem& item, const Extent& rows);
  result<bool> add_term(Leg& leg, const Part& part, TermKind kind, std::string_view name, const Extent& rows);
  // The next position that the legs agree on; without legs, the next row of the rarer column.
  result<std::optional<Position>> agree(Position at, Position bound);
  result<std::optional<Position>> scan(Position at, Position bound);
  result<bool> is_admitted(Position at);
  [[nodiscard]] TypeMask wanted() const { return types_ ? types_->types() : 0; }

  Direction way_;
  std::vector<Leg> legs_;  // all must agree; the shortest leads
  std::optional<ColumnFilter> types_;
  std::optional<ColumnFilter> categories_;
};

}  // namespace stele::engine

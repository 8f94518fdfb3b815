// part_walk.hpp - a whole query in one part: its items united.
//
// One thread at a time. Keeps the part alive; borrows nothing.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "engine/query/item_walk.hpp"

namespace stele::engine {

class PartWalk {
 public:
  // `rows` lie inside the part and are visible to the caller (part.hpp). The query has items.
  static result<PartWalk> compile(std::shared_ptr<const Part> part, const Query& query, const Extent& rows,
                                  Direction way);

  // The next match from `at` on (included), not behind `bound`. `at` and `bound` only ever move along the way,
  // inside rows().
  result<std::optional<Position>> seek(Position at, Position bound);

  [[nodiscard]] const Extent& rows() const { return rows_; }
  [[nodiscard]] const Part& part() const { return *part_; }
  // At most so many of rows() match, as far as counts tell: the ground for choosing between index and scan. A guess
  // where the matches are not spread evenly over the part.
  [[nodiscard]] std::uint64_t estimate() const;

 private:
  PartWalk(std::shared_ptr<const Part> part, const Extent& rows, Direction way)
      : part_(std::move(part)), rows_(rows), items_(way) {}

  std::shared_ptr<const Part> part_;
  Extent rows_;
  Merged<ItemWalk> items_;
};

// The newest match behind `after`, up to `last`; nothing: none. Parts are asked newest first and only as far as the
// answer needs. `parts` cover the log up to `last`, oldest first. `asked`: the part that was asked last, the one an
// error comes from.
using Parts = std::vector<std::shared_ptr<const Part>>;
result<std::optional<Position>> newest_match(const Parts& parts, const Query& query, Position after,
                                             Position last, const Part** asked = nullptr);

// The part that holds the position; nothing when none does.
[[nodiscard]] std::shared_ptr<const Part> part_of(const Parts& parts, Position at);

}  // namespace stele::engine

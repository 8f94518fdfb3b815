// part_walk.cpp - items compiled for one part, and the walk over parts from the newest event back.
#include "engine/query/part_walk.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace stele::engine {

result<PartWalk> PartWalk::compile(std::shared_ptr<const Part> part, const Query& query, const Extent& rows,
                                   Direction way) {
  STELE_ASSERT(query.items.has_value(), "everything is not looked up, it is read");
  STELE_ASSERT(!rows.empty() && part->first() <= rows.first && rows.last <= part->last(),
               "rows lie inside the part", rows.first.value(), rows.last.value());
  PartWalk walk(std::move(part), rows, way);
  for (const auto& item : *query.items) {
    STELE_TRY(auto compiled, ItemWalk::compile(*walk.part_, item, rows, way));
    if (compiled) walk.items_.add(std::move(*compiled));
  }
  return walk;
}

result<std::optional<Position>> PartWalk::seek(Position at, Position bound) {
  STELE_ASSERT(rows_.holds(at) && rows_.holds(bound), "a walk stays in its rows", at.value(), bound.value());
  STELE_TRY(const auto found, items_.seek(at, bound));
  STELE_ASSERT(!found || rows_.holds(*found), "a match lies in the rows", found ? found->value() : 0);
  return found;
}

// Counts are of the whole part; of a piece of it, its share is taken.
std::uint64_t PartWalk::estimate() const {
  const auto most = items_.total([](const ItemWalk& item) { return item.most(); });
  const auto all = Extent{part_->first(), part_->last()}.size();
  STELE_ASSERT(all >= rows_.size(), "rows lie inside the part", all, rows_.size());
  const auto share = static_cast<double>(rows_.size()) / static_cast<double>(all);
  return std::min(rows_.size(), static_cast<std::uint64_t>(static_cast<double>(most) * share) + 1);
}

result<std::optional<Position>> newest_match(const Parts& parts, const Query& query, Position after,
                                             Position last, const Part** asked) {
  STELE_ASSERT(after <= last, "a look back begins at the newest event", after.value(), last.value());
  for (auto part = parts.rbegin(); part != parts.rend() && last > after; ++part) {
    const Extent rows{std::max((*part)->first(), after.next()), std::min((*part)->last(), last)};
    if (rows.empty()) continue;
    if (!query.items) return std::optional(rows.last);
    if (asked != nullptr) *asked = part->get();
    STELE_TRY(auto walk, PartWalk::compile(*part, query, rows, Direction::backward));
    STELE_TRY(const auto found, walk.seek(rows.last, rows.first));
    if (found) return found;
    last = Position(rows.first.value() - 1);
  }
  return std::optional<Position>{};
}

// Parts are contiguous, so the last one that begins at or before the position is the only candidate.
std::shared_ptr<const Part> part_of(const Parts& parts, Position at) {
  const auto begins_behind = [at](const auto& part) { return part->first() <= at; };
  const auto next = std::ranges::partition_point(parts, begins_behind);
  if (next == parts.begin()) return nullptr;
  const auto& part = *std::prev(next);
  return at <= part->last() ? part : nullptr;
}

}  // namespace stele::engine

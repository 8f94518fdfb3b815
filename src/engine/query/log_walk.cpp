// log_walk.cpp - the choice between index and scan, by counts.
#include "engine/query/log_walk.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace stele::engine {
namespace {

// So few events are read in the time it takes to look anything up: the tail of a live subscription.
constexpr std::uint64_t short_stretch = 32;
// Fetching one event alone costs about as much as scanning this many.
constexpr std::uint64_t scanned_per_fetch = 8;
// A part that is still damaged after this many repairs is read, not asked.
constexpr std::uint32_t most_recoveries = 3;
constexpr std::size_t few_terms = 8;  // lines of more would be gone again when they are looked at

}  // namespace

// Backward there is no scan that is faster than fetching events one by one.
bool LogWalk::worth_looking_up(const PartWalk& walk) const {
  if (plan_ == Plan::forced_index || way_ == Direction::backward) return true;
  return walk.estimate() * scanned_per_fetch < walk.rows().size();
}

// What each part looks at first, of all of them at once: most have nothing, and are asked in no time.
void LogWalk::expect_terms(const Index::Parts& parts) {
  if (expected_ || !query_.items) return;
  expected_ = true;
  STELE_ASSERT(!parts.empty(), "an index has a part that grows");
  for (const auto& item : *query_.items) {
    if (item.tags.size() + item.streams.size() > few_terms) return;
    for (const auto& part : parts) {
      for (const auto& tag : item.tags) part->expect_term(TermKind::tag, tag);
      for (const auto& stream : item.streams) part->expect_term(TermKind::stream, stream);
    }
  }
}

// A stretch never reaches into another part, so the choice is made anew with every part; and a part that grows is
// entered again for what was added since.
LogWalk::Stretch LogWalk::enter(Position at, Position until) {
  STELE_ASSERT(!precedes(way_, until, at), "there is somewhere to go", at.value(), until.value());
  if (walk_ && walk_->rows().holds(at)) return {far_end(way_, walk_->rows()), true};
  if (scanned_.holds(at)) return {far_end(way_, scanned_), false};
  walk_.reset();
  const auto parts = index_.parts();
  expect_terms(*parts);
  const auto part = part_of(*parts, at);
  auto rows = way_ == Direction::forward ? Extent{at, until} : Extent{until, at};
  if (part) rows = {std::max(rows.first, part->first()), std::min(rows.last, part->last())};
  STELE_ASSERT(rows.holds(at), "a stretch begins where it is asked for", at.value(), rows.first.value());
  scanned_ = rows;
  const bool in_short =
      plan_ == Plan::by_choice && way_ == Direction::forward && rows.size() <= short_stretch;
  if (!part || !query_.items || plan_ == Plan::forced_scan || in_short) return {far_end(way_, rows), false};
  auto walk = PartWalk::compile(part, query_, rows, way_);
  if (!walk && recoveries_ < most_recoveries) {
    ++recoveries_;
    if (index_.heal(*part)) {
      scanned_ = {Position(1), Position(0)};
      return enter(at, until);
    }
  }
  if (!walk || !worth_looking_up(*walk)) return {far_end(way_, rows), false};
  walk_ = std::move(*walk);
  return {far_end(way_, rows), true};
}

result<std::optional<LogWalk::Match>> LogWalk::next(Position at, Position bound) {
  STELE_ASSERT(walk_.has_value(), "a stretch by index was entered", at.value());
  STELE_TRY(const auto found, walk_->seek(at, bound));
  if (!found) return std::optional<Match>{};
  STELE_ASSERT(!precedes(way_, *found, at) && !precedes(way_, bound, *found), "a match lies on the way",
               found->value(), at.value(), bound.value());
  STELE_TRY(const auto location, walk_->part().location(*found));
  return std::optional(Match{*found, location});
}

void LogWalk::recover() {
  STELE_ASSERT(walk_.has_value(), "what is recovered was walked", recoveries_);
  const auto rows = walk_->rows();
  const bool healed = ++recoveries_ <= most_recoveries && index_.heal(walk_->part()).has_value();
  scanned_ = healed ? Extent{Position(1), Position(0)} : rows;
  walk_.reset();
}

}  // namespace stele::engine

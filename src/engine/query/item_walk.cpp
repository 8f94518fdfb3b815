// item_walk.cpp - compiling an item drops it as soon as something it asks for does not occur; walking lets the
// shortest list lead and the others jump to where it stands.
#include "engine/query/item_walk.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace stele::engine {
namespace {

std::uint64_t length(const Merged<PostingsWalk>& leg) {
  return leg.total([](const PostingsWalk& walk) { return walk.count(); });
}

bool is_of_category(const QueryItem& item, std::string_view stream) {
  return item.categories.empty() ||
         std::ranges::find(item.categories, category_of(stream)) != item.categories.end();
}

}  // namespace

result<std::optional<ItemWalk>> ItemWalk::compile(const Part& part, const QueryItem& item, const Extent& rows,
                                                  Direction way) {
  ItemWalk walk(way);
  if (!item.types.empty()) {
    STELE_TRY(walk.types_, ColumnFilter::compile(part, ColumnKind::type, item.types, rows, way));
    if (!walk.types_) return std::optional<ItemWalk>{};
  }
  // A stream's name says its category, so with streams there is nothing left to look up.
  if (!item.categories.empty() && item.streams.empty()) {
    STELE_TRY(walk.categories_,
              ColumnFilter::compile(part, ColumnKind::category, item.categories, rows, way));
    if (!walk.categories_) return std::optional<ItemWalk>{};
  }
  STELE_TRY(const bool tags, walk.add_tags(part, item, rows));
  if (!tags) return std::optional<ItemWalk>{};
  STELE_TRY(const bool streams, walk.add_streams(part, item, rows));
  if (!streams) return std::optional<ItemWalk>{};
  std::ranges::sort(walk.legs_, {}, length);
  STELE_ASSERT(!walk.legs_.empty() || walk.types_ || walk.categories_, "an item asks for something",
               rows.first.value());
  return std::optional(std::move(walk));
}

// False: the term does not occur in these rows, or never with a type that is wanted.
result<bool> ItemWalk::add_term(Leg& leg, const Part& part, TermKind kind, std::string_view name,
                                const Extent& rows) {
  STELE_TRY(auto postings, part.postings(kind, name, rows.last));
  if (!postings || postings->last() < rows.first || postings->first() > rows.last) return false;
  if (wanted() != 0 && (postings->types() & wanted()) == 0) return false;
  STELE_ASSERT(postings->first() <= postings->last(), "a list has an extent", postings->first().value());
  leg.add(PostingsWalk(std::move(postings), wanted(), way_));
  return true;
}

result<bool> ItemWalk::add_tags(const Part& part, const QueryItem& item, const Extent& rows) {
  for (const auto& tag : item.tags) {
    auto& leg = legs_.emplace_back(way_);
    STELE_TRY(const bool occurs, add_term(leg, part, TermKind::tag, tag, rows));
    if (!occurs) return false;
  }
  return true;
}

result<bool> ItemWalk::add_streams(const Part& part, const QueryItem& item, const Extent& rows) {
  if (item.streams.empty()) return true;
  Leg leg(way_);
  for (const auto& stream : item.streams) {
    if (!is_of_category(item, stream)) continue;
    STELE_CHECK(add_term(leg, part, TermKind::stream, stream, rows));
  }
  if (leg.empty()) return false;
  legs_.push_back(std::move(leg));
  return true;
}

// Every leg jumps to where the one before it stands. The first that is further on sends the search back to the
// shortest, which leads.
result<std::optional<Position>> ItemWalk::agree(Position at, Position bound) {
  STELE_ASSERT(!legs_.empty(), "there is a leg to lead", at.value());
  STELE_TRY(auto candidate, legs_.front().seek(at, bound));
  for (std::size_t i = 1; candidate && i < legs_.size();) {
    STELE_TRY(const auto found, legs_[i].seek(*candidate, bound));
    if (found == candidate) {
      ++i;
      continue;
    }
    if (!found) return found;
    STELE_ASSERT(precedes(way_, *candidate, *found), "a leg that disagrees is ahead", found->value());
    STELE_TRY(candidate, legs_.front().seek(*found, bound));
    i = 1;
  }
  return candidate;
}

// Nothing but columns to go by: the rarer one leads, since its names span fewer rows.
result<std::optional<Position>> ItemWalk::scan(Position at, Position bound) {
  STELE_ASSERT(types_ || categories_, "an item asks for something", at.value());
  if (types_ && (!categories_ || types_->count() <= categories_->count())) return types_->seek(at, bound);
  return categories_->seek(at, bound);
}

result<bool> ItemWalk::is_admitted(Position at) {
  if (types_) {
    STELE_TRY(const bool admitted, types_->admits(at));
    if (!admitted) return false;
  }
  return categories_ ? categories_->admits(at) : result<bool>(true);
}

result<std::optional<Position>> ItemWalk::seek(Position at, Position bound) {
  while (!precedes(way_, bound, at)) {
    STELE_TRY(const auto candidate, legs_.empty() ? scan(at, bound) : agree(at, bound));
    if (!candidate) return candidate;
    STELE_ASSERT(!precedes(way_, *candidate, at) && !precedes(way_, bound, *candidate),
                 "a candidate lies on the way", candidate->value(), at.value(), bound.value());
    STELE_TRY(const bool admitted, is_admitted(*candidate));
    if (admitted) return candidate;
    at = beyond(way_, *candidate);
  }
  return std::optional<Position>{};
}

// Each condition alone bounds the matches from above; together they are fewer, but by how much no count tells.
std::uint64_t ItemWalk::most() const {
  auto most = ~std::uint64_t{0};
  if (!legs_.empty()) most = std::min(most, length(legs_.front()));
  if (types_) most = std::min(most, types_->count());
  if (categories_) most = std::min(most, categories_->count());
  return most;
}

}  // namespace stele::engine

// life.cpp - index look-ups and halving; at most one event of the metadata stream and, for an age, one event per
// halving are read.
#include "engine/retention/life.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace stele::engine {
namespace {

// 0: not there any more.
result<Position> position_of(const Index& index, std::string_view stream, Revision revision, Position head) {
  STELE_TRY(const auto found, index.positions(stream, revision, 1, head));
  return found.empty() ? Position{} : found.front();
}

// The first of [from, end) for which `is_behind` holds; `end` when none does. They hold from some place on.
template <class Predicate>
result<Revision> halve(Revision from, Revision end, Predicate is_behind) {
  auto low = from.value();
  auto high = end.value();
  STELE_ASSERT(low <= high, "a range to halve is a range", low, high);
  while (low < high) {
    const auto middle = low + (high - low) / 2;
    STELE_TRY(const bool behind, is_behind(Revision(middle)));
    if (behind)
      high = middle;
    else
      low = middle + 1;
  }
  STELE_ASSERT(low == high && high <= end.value(), "halving ends inside", low, end.value());
  return Revision(low);
}

}  // namespace

Revision StreamLife::first_kept() const {
  return std::max({first, kept_by_truncation, kept_by_count, kept_by_age});
}

// What compaction drops is a beginning of the stream. Before the last event, which it never drops.
result<Revision> StreamLives::first_present(std::string_view stream, Revision last, Position head) const {
  STELE_TRY(const auto begin, position_of(state_.index, stream, Revision{}, head));
  if (begin != Position{}) return Revision{};
  return halve(Revision{}, last, [&](Revision at) -> result<bool> {
    STELE_TRY(const auto position, position_of(state_.index, stream, at, head));
    return position != Position{};
  });
}

result<Revision> StreamLives::first_younger_than(std::string_view stream, Timestamp time,
                                                 const StreamLife& life, Position head) const {
  EventReader reader(state_);
  Arena arena;
  const auto from = std::min(life.first_kept(), life.last.next());
  return halve(from, life.last.next(), [&](Revision at) -> result<bool> {
    arena.clear();
    STELE_TRY(const auto position, position_of(state_.index, stream, at, head));
    if (position == Position{}) return false;
    STELE_TRY(const auto event, reader.read(position, arena));
    return event.recorded_at >= time;
  });
}

result<Retention> StreamLives::retention_of(std::string_view stream, Position head) const {
  const auto metadata_stream = metadata_stream_of(stream);
  STELE_TRY(const auto info, state_.index.info(metadata_stream, head));
  if (!info) return Retention{};
  EventReader reader(state_);
  Arena arena;
  STELE_TRY(const auto event, reader.read(info->last_position, arena));
  STELE_TRY(auto keep, parse_retention(event.data));
  if (keep.truncate_before == truncate_all) {
    STELE_TRY(const auto then, state_.index.info(stream, event.position));
    keep.truncate_before = then ? then->last_revision.next() : Revision{};
  }
  return keep;
}

result<std::optional<StreamLife>> StreamLives::of(std::string_view stream, Position head,
                                                  Timestamp now) const {
  STELE_TRY(const auto info, state_.index.info(stream, head));
  if (!info) return std::optional<StreamLife>{};
  StreamLife life;
  life.last = info->last_revision;
  STELE_TRY(life.first, first_present(stream, life.last, head));
  STELE_ASSERT(life.first <= life.last, "the last event is never dropped", life.first.value(),
               life.last.value());
  const bool metadata = is_metadata_stream(stream);
  STELE_TRY(life.tombstoned, state_.index.ended(metadata ? stream_of_metadata(stream) : stream, head));
  if (metadata) {
    life.kept_by_count = life.last;  // only the newest counts
    return std::optional(life);
  }
  STELE_TRY(const auto keep, retention_of(stream, head));
  life.kept_by_truncation = keep.truncate_before.value_or(Revision{});
  const auto count = keep.max_count.value_or(no_limit);
  if (count <= life.last.value()) life.kept_by_count = Revision(life.last.value() + 1 - count);
  if (keep.max_age) {
    STELE_TRY(life.kept_by_age, first_younger_than(stream, now - *keep.max_age, life, head));
  }
  return std::optional(life);
}

}  // namespace stele::engine

// active_part.cpp - adding event by event, and the answers of the part in memory.
#include "engine/index/active_part.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace stele::engine {
namespace {

constexpr std::string_view stream_closing_type = "$tombstone";

// Rows of a term in a part that goes on growing: bounded when it was asked for.
class ActivePostings final : public IndexPostings {
 public:
  ActivePostings(const TermTable::Found& found, Position base) : found_(found), base_(base) {
    STELE_ASSERT(found.visible >= 1, "postings are never empty", found.visible);
  }

  [[nodiscard]] std::uint64_t count() const override { return found_.visible; }
  [[nodiscard]] Position first() const override { return at(0); }
  [[nodiscard]] Position last() const override { return at(found_.visible - 1); }
  [[nodiscard]] TypeMask types() const override {
    const std::lock_guard lock(*found_.mutex);
    TypeMask all = 0;
    for (std::size_t i = 0; i < blocks(); ++i) all |= found_.term->block_types()[i];
    return all;
  }
  [[nodiscard]] Revision first_revision() const override { return found_.term->first_revision(); }
  [[nodiscard]] std::size_t blocks() const override { return (found_.visible - 1) / block_positions + 1; }

  result<Block> block(std::size_t index) const override {
    const auto begin = index * block_positions;
    STELE_ASSERT(begin < found_.visible, "there is such a block", index, found_.visible);
    const auto count = std::min(block_positions, found_.visible - begin);
    const std::lock_guard lock(*found_.mutex);
    return Block{position_of(begin), position_of(begin + count - 1), static_cast<std::uint32_t>(count),
                 found_.term->block_types()[index]};
  }

  result<std::size_t> decode(std::size_t index, std::span<Position, block_positions> into) const override {
    const auto begin = index * block_positions;
    STELE_ASSERT(begin < found_.visible, "there is such a block", index, found_.visible);
    const auto count = std::min(block_positions, found_.visible - begin);
    const std::lock_guard lock(*found_.mutex);
    for (std::size_t i = 0; i < count; ++i) into[i] = position_of(begin + i);
    return count;
  }

  result<Place> place_of(std::uint64_t ordinal) const override {
    return Place{static_cast<std::size_t>(ordinal / block_positions), ordinal % block_positions};
  }

 private:
  // Under the term's lock.
  [[nodiscard]] Position position_of(std::size_t i) const {
    return Position(base_.value() + found_.term->rows()[i]);
  }
  [[nodiscard]] Position at(std::size_t i) const {
    const std::lock_guard lock(*found_.mutex);
    return position_of(i);
  }

  TermTable::Found found_;
  Position base_;
};

}  // namespace

// ---- Adding

void ActivePart::begin_frame(std::uint32_t segment, Timestamp recorded_at) {
  STELE_ASSERT(!bound_ || segment == segment_, "a growing part belongs to one segment", segment, segment_);
  STELE_ASSERT(last().value() + 1 == first_.value() + rows_, "no frame is open", last().value(), rows_);
  if (!bound_) segment_ = segment;  // once: readers look at it without a lock, behind last()
  bound_ = true;
  last_recorded_at_ = recorded_at;
  if (times_.empty() || rows_ - times_.back().row >= time_step) {
    const std::lock_guard lock(times_mutex_);
    times_.push_back({rows_, recorded_at});
  }
}

void ActivePart::begin_write(Revision first_revision) {
  STELE_ASSERT(write_types_.empty(), "the write before has ended", write_types_.size());
  write_revision_ = first_revision;
  write_ends_stream_ = false;
}

void ActivePart::add_event(const Uuid& id, std::string_view type, std::uint64_t offset) {
  STELE_ASSERT(offset > 0 && offset <= ~std::uint32_t{0}, "a location holds the offset", offset);
  offsets_.append(static_cast<std::uint32_t>(offset));
  write_types_.push_back(types_.add(type));
  write_ends_stream_ = type == stream_closing_type;
  frame_ids_.push_back(id);
  ++rows_;
}

void ActivePart::add_tag(std::string_view tag) {
  STELE_ASSERT(!write_types_.empty(), "a tag belongs to an event", rows_);
  tags_.add(tag, rows_ - 1, std::span(&write_types_.back(), 1));
}

void ActivePart::end_write(std::string_view stream) {
  const auto first_row = rows_ - static_cast<std::uint32_t>(write_types_.size());
  const auto category = category_of(stream);
  categories_.add(category, static_cast<std::uint32_t>(write_types_.size()));
  streams_.add(stream, first_row, write_types_, write_revision_, write_ends_stream_);
  write_types_.clear();
}

void ActivePart::end_frame(std::uint64_t frame_end) {
  STELE_ASSERT(write_types_.empty(), "every write has ended", write_types_.size());
  STELE_ASSERT(frame_end > end_, "frames follow each other", frame_end, end_);
  end_ = frame_end;
  ++frames_;
  ids_.insert(frame_ids_, rows_ - static_cast<std::uint32_t>(frame_ids_.size()));
  frame_ids_.clear();
  last_.store(first_.value() + rows_ - 1, std::memory_order_release);
}

void ActivePart::add_nothing(Position last) {
  for (; first_.value() + rows_ <= last.value(); ++rows_, ++missing_) {
    offsets_.append(0);
    types_.add_nothing();
    categories_.add_nothing();
  }
  STELE_ASSERT(first_.value() + rows_ == last.value() + 1, "what is missing has its rows", rows_,
               last.value());
  last_.store(last.value(), std::memory_order_release);
}

bool ActivePart::fits(std::string_view stream, Revision next) const {
  const auto found = streams_.find(stream, rows_);
  return !found || found->term->first_revision().value() + found->term->rows().size() == next.value();
}

// ---- Answering

result<Location> ActivePart::location(Position position) const {
  STELE_ASSERT(position >= first_ && position <= last(), "the position lies in the part", position.value(),
               first_.value());
  const auto offset = offsets_.at(row_of(position));
  return offset == 0 ? Location{} : Location{segment_, offset};
}

result<std::unique_ptr<Postings>> ActivePart::postings(TermKind kind, std::string_view name,
                                                       Position until) const {
  if (until < first_) return nullptr;
  const auto found = terms(kind).find(name, until.value() - first_.value());
  if (!found) return nullptr;
  return std::make_unique<ActivePostings>(*found, first_);
}

result<std::optional<ColumnName>> ActivePart::find_name(ColumnKind kind, std::string_view name) const {
  return column(kind).find(name, first_);
}

result<void> ActivePart::codes(ColumnKind kind, Position from, std::span<std::uint32_t> into) const {
  STELE_ASSERT(from >= first_ && from.value() + into.size() <= last().value() + 1, "the rows lie in the part",
               from.value(), into.size());
  column(kind).codes(row_of(from), into);
  return {};
}

result<std::optional<Position>> ActivePart::find_id(const Uuid& id) const {
  const auto row = ids_.find(id);
  if (!row) return std::nullopt;
  return Position(first_.value() + *row);
}

result<std::vector<std::string>> ActivePart::streams(std::string_view prefix, std::string_view after,
                                                     std::size_t limit) const {
  return streams_.names(prefix, after, limit);
}

result<std::optional<StreamEnd>> ActivePart::stream_end(std::string_view stream) const {
  const auto found = streams_.find(stream, ~std::uint64_t{0});
  if (!found) return std::nullopt;
  const std::lock_guard lock(*found->mutex);
  const auto rows = found->term->rows();
  return StreamEnd{Revision(found->term->first_revision().value() + rows.size()),
                   Position(first_.value() + rows.back()), found->term->tombstoned()};
}

result<TimeBracket> ActivePart::around(Timestamp time) const {
  const std::lock_guard lock(times_mutex_);
  const auto later =
      std::ranges::partition_point(times_, [time](const Time& known) { return known.at <= time; });
  TimeBracket bracket;
  if (later != times_.begin()) bracket.after = Position(first_.value() + std::prev(later)->row);
  if (later != times_.end()) bracket.before = Position(first_.value() + later->row);
  return bracket;
}

std::vector<ActivePart::Time> ActivePart::times() const {
  const std::lock_guard lock(times_mutex_);
  return times_;
}

}  // namespace stele::engine

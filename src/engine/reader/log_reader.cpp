// log_reader.cpp - one stretch of the log per call, by the way chosen for it.
#include "engine/reader/log_reader.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace stele::engine {
namespace {

// Rows that one call looks through at most when nothing matches: about a millisecond of columns.
constexpr std::uint64_t rows_per_call = 1u << 20;
constexpr std::size_t events_per_call = 4096;
constexpr std::size_t bytes_per_call = 8u << 20;

}  // namespace

// The scan keeps its place between stretches, so scanning part after part is one scan.
result<std::span<const EventView>> LogReader::scan(Position end, std::size_t max) {
  scan_.go_to(next_);
  auto events = scan_.next_batch(query_, end, max);
  STELE_ASSERT(scan_.position() >= next_, "a scan moves on", next_.value(), scan_.position().value());
  next_ = scan_.position();
  return events;
}

// Bounded three ways, by rows, events and bytes: a subscriber is told of its progress, and memory stays small.
result<std::span<const EventView>> LogReader::look_up(Position end, std::size_t max) {
  const auto bound = Position(next_.value() + std::min(end.value() - next_.value(), rows_per_call));
  STELE_ASSERT(bound >= next_ && bound <= end, "a call looks at a piece of its stretch", bound.value(),
               end.value());
  max = std::min(max, events_per_call);
  while (next_ <= bound && events_.size() < max && arena_.bytes() < bytes_per_call) {
    const auto match = walk_.next(next_, bound);
    if (!match) {
      walk_.recover();
      break;
    }
    if (!*match) {
      next_ = bound.next();
      break;
    }
    const auto [position, location] = **match;
    auto event = single_.read_at(position, location, arena_);
    if (!event && !events_.empty()) break;  // what was good comes first, the damage with the next call
    next_ = event || EventReader::passes(event.error()) ? position.next() : position;
    if (!event) return event.error();
    events_.push_back(*event);
  }
  STELE_ASSERT(events_.empty() || events_.back().position < next_, "nothing comes twice", next_.value());
  return std::span<const EventView>(events_);
}

result<std::span<const EventView>> LogReader::next_batch(Position until, std::size_t max) {
  events_.clear();
  arena_.clear();
  if (next_ > until || max == 0) return std::span<const EventView>(events_);
  const auto [end, by_index] = walk_.enter(next_, until);
  STELE_ASSERT(end >= next_ && end <= until, "a stretch ends where the log is visible", end.value(),
               until.value());
  return by_index ? look_up(end, max) : scan(end, max);
}

}  // namespace stele::engine

// index.cpp - adds frames to the column and the two tables.
#include "engine/index/index.hpp"

#include "base/assert.hpp"
#include "event/retention.hpp"

namespace stele::engine {

void Index::add_event(const Uuid& id, Location location) {
  last_ = last_.next();
  locations_.append(location);
  ids_.insert(id, last_);
}

void Index::add_tombstone(std::string_view stream) {
  STELE_ASSERT(last_ > Position{}, "a tombstone is an event that was added", last_.value());
  const std::lock_guard lock(tombstones_mutex_);
  tombstones_.emplace(stream, last_);
}

bool Index::tombstoned(std::string_view stream, Position until) const {
  const std::lock_guard lock(tombstones_mutex_);
  const auto found = tombstones_.find(stream);
  return found != tombstones_.end() && found->second <= until;
}

void Index::add(std::uint32_t segment, std::uint64_t offset, const log::FrameView& frame) {
  STELE_ASSERT(frame.first() > last_, "frames come in order", frame.first().value(), last_.value());
  for (; last_.next() < frame.first(); last_ = last_.next()) locations_.append({});
  STELE_ASSERT(last_.next() == frame.first(), "what was skipped has its lost places", last_.value(),
               frame.first().value());
  auto position = frame.first();
  for (log::FrameWrites writes(frame); writes.next();) {
    const auto& write = writes.write();
    streams_.add(write.stream, write.first_revision, position, write.events);
    position = Position(position.value() + write.events);
  }
  STELE_ASSERT(position == frame.last().next(), "the writes have the frame's events", position.value(),
               frame.last().value());
  for (log::FrameEvents events(frame); events.next();) {
    add_event(events.event().id, {segment, static_cast<std::uint32_t>(offset + events.offset())});
    if (events.event().type == tombstone_type) add_tombstone(events.event().stream);
  }
  STELE_ASSERT(last_ == frame.last(), "every event of the frame was added", last_.value(),
               frame.last().value());
}

void Index::add(std::uint32_t segment, std::uint64_t offset, Position first,
                std::span<const StreamWrite> writes, std::span<const Revision> first_revisions,
                const log::EncodedFrame& frame) {
  STELE_ASSERT(first == last_.next(), "a staged frame follows the last one", first.value(), last_.value());
  STELE_ASSERT(writes.size() == first_revisions.size(), "a revision for every write");
  STELE_ASSERT(offset + frame.bytes.size() <= 1ull << 32, "a location holds the offset", offset,
               frame.bytes.size());
  std::size_t event = 0;
  for (std::size_t i = 0; i < writes.size(); ++i) {
    streams_.add(writes[i].stream, first_revisions[i], last_.next(), writes[i].events.size());
    for (const auto& added : writes[i].events) {
      add_event(added.id, {segment, static_cast<std::uint32_t>(offset + frame.event_offsets[event++])});
      if (added.type == tombstone_type) add_tombstone(writes[i].stream);
    }
  }
  STELE_ASSERT(event == frame.events(), "every staged event was added", event, frame.events());
}

}  // namespace stele::engine

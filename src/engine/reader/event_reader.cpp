// event_reader.cpp - one read around the record usually brings the frame's front with it; what is missing is read
// by itself, and only as much of it as this one event needs.
#include "engine/reader/event_reader.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace stele::engine {
namespace {

constexpr std::uint64_t window_before = 256;  // room for the front of a small frame
constexpr std::size_t smallest_window = 512;
constexpr std::size_t largest_guess = 16u << 10;
constexpr std::size_t largest_front = 2u << 20;  // a thousand streams with the longest names
constexpr std::size_t bytes_per_write = 64;      // of a write header, as a first guess
constexpr std::uint32_t many_writes = 16;        // headers of larger frames are worth remembering

Error misplaced(Position position, const OpenSegment& segment, Location location) {
  return corrupt_event(position, &segment, location.offset, "the record stands in the wrong place");
}

EventView view_of(Position position, std::string_view stream, Revision revision, const log::FrameFront& front,
                  const log::RecordView& record) {
  return EventView{position,        revision,    front.recorded_at,   record.id,
                   stream,          record.type, record.content_type, record.data,
                   record.metadata, record.tags};
}

}  // namespace

Error corrupt_event(Position position, const OpenSegment* segment, std::uint64_t offset,
                    std::string_view reason) {
  auto text = "event " + std::to_string(position.value()) + " is damaged: " + std::string(reason);
  auto failure = Error(errc::corrupt, std::move(text)).with("position", position.value());
  if (segment != nullptr) {
    failure =
        std::move(failure).with("file", segment->file->path().filename().string()).with("offset", offset);
  }
  return std::move(failure).help("run `stele verify` on the store's directory");
}

// What is closed when the reader is made stays closed.
EventReader::EventReader(const ReadState& state)
    : state_(state), written_from_(state.index.parts()->back()->first()) {}

const OpenSegment& EventReader::enter(Position position, std::uint32_t ordinal) {
  if (segment_ == nullptr || ordinal_ != ordinal) {
    segment_ = &state_.segments.at(ordinal);
    ordinal_ = ordinal;
    mapped_ = {};
    tried_map_ = false;
  }
  if (!tried_map_ && position < written_from_) {
    mapped_ = state_.maps->bytes_of(ordinal, *segment_);
    tried_map_ = true;
  }
  STELE_ASSERT(mapped_.empty() || tried_map_, "only closed segments are mapped", ordinal);
  return *segment_;
}

// The record's bytes and whatever of its surroundings came along.
result<EventReader::Window> EventReader::read_record(const OpenSegment& segment, Location location,
                                                     Arena& arena) {
  STELE_ASSERT(location.offset >= log::segment_header_bytes, "a record lies behind the header",
               location.offset);
  if (location.offset < mapped_.size()) return Window{0, mapped_};
  const auto begin =
      std::max<std::uint64_t>(log::segment_header_bytes + window_before, location.offset) - window_before;
  const auto lead = location.offset - begin;
  auto into = arena.take(std::max(smallest_window, lead + expected_bytes_));
  STELE_TRY(auto got, segment.file->read_at(begin, into));
  if (got < lead + 8) {
    arena.shrink_last(into, 0);
    return Window{begin, {}};
  }
  const auto size = log::claimed_record_size({into.data() + lead, got - lead});
  if (size > log::frame_bytes_limit) return Window{begin, {}};
  expected_bytes_ = std::min<std::size_t>(largest_guess, size + size / 4);
  if (lead + size > into.size()) {
    arena.shrink_last(into, 0);
    into = arena.take(lead + size);
    STELE_TRY(got, segment.file->read_at(begin, into));
  } else {
    arena.shrink_last(into, lead + size);
  }
  STELE_ASSERT(got <= into.size(), "no more is read than there is room for", got, into.size());
  return Window{begin, {into.data(), std::min<std::size_t>(got, lead + size)}};
}

// The record says how far it stands from its frame's beginning; the frame is checked by whoever uses that.
result<EventReader::Placed> EventReader::read_placed(Position position, Location location, Arena& arena) {
  const auto& segment = enter(position, location.segment);
  STELE_TRY(const auto window, read_record(segment, location, arena));
  const auto bytes = window.from(location.offset);
  if (!bytes.empty()) {
    const auto record = log::parse_record(bytes);
    STELE_ASSERT(!record || record->size <= bytes.size(), "a record lies in what was read", bytes.size());
    if (record && record->back <= location.offset)
      return Placed{*record, location.offset - record->back, window};
  }
  return corrupt_event(position, &segment, location.offset, "the record does not match its checksum");
}

// Of many writes a part of the front only: parse_front says how much there should be.
result<log::FrameFront> EventReader::load_front(Position position, Location location, const Placed& placed,
                                                Arena& arena) {
  const auto& segment = enter(position, location.segment);
  auto parsed = log::parse_front(placed.window.from(placed.frame_offset), segment.salt, placed.frame_offset);
  for (std::size_t have = 0; parsed.needed > have && parsed.needed <= largest_front;) {
    const auto into = arena.take(std::max(parsed.needed, smallest_window));
    STELE_TRY(const auto got, segment.file->read_at(placed.frame_offset, into));
    have = into.size();
    parsed = log::parse_front({into.data(), got}, segment.salt, placed.frame_offset);
    arena.shrink_last(into, 0);
  }
  if (parsed.status == log::FrameStatus::ok) return parsed.front;
  return corrupt_event(position, &segment, placed.frame_offset,
                       "the frame header does not match its checksum");
}

// Position and record must agree with the header, also with one that was kept: a record in the wrong place is damage.
result<log::FrameFront> EventReader::front_of(Position position, Location location, const Placed& placed,
                                              Arena& arena) {
  auto front = state_.fronts->find(location.segment, placed.frame_offset);
  if (!front) {
    STELE_TRY(front, load_front(position, location, placed, arena));
    if (front->writes >= many_writes) state_.fronts->keep(location.segment, placed.frame_offset, *front);
  }
  STELE_ASSERT(front->writes > 0 && front->events >= front->writes, "a verified header has events",
               front->events, front->writes);
  const auto& record = placed.record;
  if (front->first.value() + record.index != position.value() || record.write >= front->writes ||
      record.index >= front->events) {
    return misplaced(position, *segment_, location);
  }
  return *front;
}

// The headers of the writes before it are verified on the way, so the name is the one that was written.
result<EventReader::Owner> EventReader::owner_of(Position position, Location location, const Placed& placed,
                                                 const log::FrameFront& front, Arena& arena) {
  const auto& segment = enter(position, location.segment);
  const auto& record = placed.record;
  auto found = log::find_write(placed.window.from(placed.frame_offset), front, record.write);
  // All write headers stand before the first record.
  const auto most = std::min<std::size_t>(record.back, largest_front);
  auto wanted = log::frame_header_bytes + std::size_t{8} * front.writes +
                (record.write + std::size_t{1}) * bytes_per_write;
  for (bool whole = false; !found && !whole; wanted *= 4) {
    whole = wanted >= most;
    const auto into = arena.take(std::min(wanted, most));
    STELE_TRY(const auto got, segment.file->read_at(placed.frame_offset, into));
    found = log::find_write({into.data(), got}, front, record.write);
    arena.shrink_last(into, 0);
    if (found) found->write.stream = arena.copy(found->write.stream);  // to the front of that piece
  }
  if (!found) {
    return corrupt_event(position, &segment, placed.frame_offset,
                         "a write header of its frame does not match its checksum");
  }
  const auto& write = found->write;
  STELE_ASSERT(!write.stream.empty() && write.events > 0, "a verified write has a name and events",
               write.events);
  if (record.index < found->first_event || record.index - found->first_event >= write.events)
    return misplaced(position, segment, location);
  return Owner{write.stream, Revision(write.first_revision.value() + record.index - found->first_event)};
}

// Who asks for a place and then reads it may have been overtaken by a compaction.
Error EventReader::not_there(Position position) const {
  if (!state_.segments.dropped(position))
    return corrupt_event(position, nullptr, 0, "it was lost with a damaged frame");
  return Error(errc::gone, "event " + std::to_string(position.value()) + " was dropped by compaction")
      .with("position", position.value());
}

result<EventView> EventReader::read_at(Position position, Location location, Arena& arena) {
  if (Index::is_lost(location)) return not_there(position);
  STELE_TRY(const auto placed, read_placed(position, location, arena));
  STELE_TRY(const auto front, front_of(position, location, placed, arena));
  STELE_TRY(const auto owner, owner_of(position, location, placed, front, arena));
  return view_of(position, owner.stream, owner.revision, front, placed.record);
}

result<EventView> EventReader::read_of(std::string_view stream, Revision revision, Position position,
                                       Location location, Arena& arena) {
  if (Index::is_lost(location)) return not_there(position);
  STELE_TRY(const auto placed, read_placed(position, location, arena));
  STELE_TRY(const auto front, front_of(position, location, placed, arena));
  // Where it costs next to nothing, the log has the last word.
  if (front.writes == 1) {
    STELE_TRY(const auto owner, owner_of(position, location, placed, front, arena));
    if (owner.stream != stream || owner.revision != revision) return misplaced(position, *segment_, location);
  }
  return view_of(position, stream, revision, front, placed.record);
}

result<EventView> EventReader::read(Position position, Arena& arena) {
  if (position == Position{}) return read_at(position, {}, arena);
  STELE_TRY(const auto location, state_.index.location(position));
  return read_at(position, location, arena);
}

result<std::uint64_t> EventReader::frame_offset(Position position, Location location, Arena& arena) {
  STELE_TRY(const auto placed, read_placed(position, location, arena));
  return placed.frame_offset;
}

}  // namespace stele::engine

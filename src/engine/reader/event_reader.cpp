// event_reader.cpp - one read of a few KiB around the record usually brings the frame's front with it.
#include "engine/reader/event_reader.hpp"

#include "base/assert.hpp"

namespace stele::engine {
namespace {

constexpr std::uint64_t window_before = 256;  // room for the front of a small frame
constexpr std::size_t window_bytes = 4096;
constexpr std::size_t largest_front = 2u << 20;  // a thousand streams with the longest names

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

// The record's bytes and whatever of its surroundings came along; Window::bytes begins at Window::offset.
result<EventReader::Window> EventReader::read_record(const OpenSegment& segment, Location location,
                                                     Arena& arena) {
  STELE_ASSERT(location.offset >= log::segment_header_bytes, "a record lies behind the header",
               location.offset);
  const auto begin =
      std::max<std::uint64_t>(log::segment_header_bytes + window_before, location.offset) - window_before;
  const auto lead = location.offset - begin;
  STELE_ASSERT(begin >= log::segment_header_bytes && begin <= location.offset, "the window holds the record",
               begin, location.offset);
  auto into = arena.take(window_bytes);
  STELE_TRY(auto got, segment.file->read_at(begin, into));
  if (got >= lead + 8) {
    const auto size = log::claimed_record_size({into.data() + lead, got - lead});
    if (size > log::frame_bytes_limit) return Window{begin, {}};
    if (lead + size > got) {
      arena.shrink_last(into, 0);
      into = arena.take(lead + size);
      STELE_TRY(got, segment.file->read_at(begin, into));
    } else {
      arena.shrink_last(into, lead + size);
    }
    got = std::min<std::size_t>(got, lead + size);
  }
  STELE_ASSERT(got <= into.size(), "no more is read than there is room for", got, into.size());
  return Window{begin, {into.data(), got}};
}

bool EventReader::parse_front_of(const OpenSegment& segment, std::string_view bytes, Location location,
                                 std::uint64_t frame_offset, std::size_t& needed) {
  const auto parsed = log::parse_front(bytes, segment.salt, frame_offset);
  needed = parsed.needed;
  if (parsed.status != log::FrameStatus::ok) return false;
  const auto writes = log::parse_writes(bytes, parsed.front);
  if (!writes) {
    needed =
        std::min<std::size_t>(parsed.front.total_size, std::max<std::size_t>(bytes.size() * 4, window_bytes));
    return false;
  }
  front_ = Front{location.segment, frame_offset, parsed.front, {}, {}};
  std::uint32_t event = 0;
  for (const auto& write : *writes) {
    front_.writes.emplace_back(write.stream, write.first_revision);
    front_.first_event.push_back(event);
    event += write.events;
  }
  STELE_ASSERT(
      front_.writes.size() == front_.frame.writes && front_.first_event.size() == front_.frame.writes,
      "the front has every write", front_.writes.size(), front_.frame.writes);
  return true;
}

result<void> EventReader::load_front(Position position, Location location, std::uint64_t frame_offset,
                                     Window window) {
  if (front_.offset == frame_offset && front_.segment == location.segment) return {};
  const auto& segment = state_.segments.at(location.segment);
  std::size_t needed = log::frame_header_bytes;
  if (frame_offset >= window.offset &&
      parse_front_of(segment, window.bytes.substr(frame_offset - window.offset), location, frame_offset,
                     needed)) {
    return {};
  }
  std::string bytes;
  while (needed > bytes.size() && needed <= largest_front) {
    bytes.resize(std::max(needed, window_bytes));
    STELE_TRY(const auto got, segment.file->read_at(frame_offset, bytes));
    const bool whole = got == bytes.size();
    bytes.resize(got);
    if (parse_front_of(segment, bytes, location, frame_offset, needed)) return {};
    if (!whole) break;
  }
  return corrupt_event(position, &segment, frame_offset, "the frame header does not match its checksum");
}

result<EventReader::Placed> EventReader::read_placed(Position position, Location location, Arena& arena) {
  const auto& segment = state_.segments.at(location.segment);
  STELE_TRY(const auto window, read_record(segment, location, arena));
  const auto lead = location.offset - window.offset;
  if (window.bytes.size() > lead) {
    const auto record = log::parse_record(window.bytes.substr(lead));
    if (record && record->back <= location.offset)
      return Placed{*record, location.offset - record->back, window};
  }
  return corrupt_event(position, &segment, location.offset, "the record does not match its checksum");
}

result<std::uint64_t> EventReader::frame_offset(Position position, Location location, Arena& arena) {
  STELE_TRY(const auto placed, read_placed(position, location, arena));
  return placed.frame_offset;
}

result<EventView> EventReader::read(Position position, Arena& arena) {
  const auto location = position == Position{} ? Location{} : state_.index.locations().at(position);
  if (Index::is_lost(location))
    return corrupt_event(position, nullptr, 0, "it was lost with a damaged frame");
  STELE_TRY(const auto placed, read_placed(position, location, arena));
  STELE_CHECK(load_front(position, location, placed.frame_offset, placed.window));
  const auto& record = placed.record;
  if (front_.frame.first.value() + record.index != position.value() || record.write >= front_.writes.size() ||
      record.index < front_.first_event[record.write]) {
    return corrupt_event(position, &state_.segments.at(location.segment), location.offset,
                         "the record stands in the wrong place");
  }
  const auto& [stream, first_revision] = front_.writes[record.write];
  const Revision revision(first_revision.value() + record.index - front_.first_event[record.write]);
  return EventView{position,           revision,    front_.frame.recorded_at, record.id,
                   arena.copy(stream), record.type, record.content_type,      record.data,
                   record.metadata,    record.tags};
}

}  // namespace stele::engine

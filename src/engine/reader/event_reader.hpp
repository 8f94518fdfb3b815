// event_reader.hpp - one event, wherever it lies: for stream reads, backward reads, queries and look-ups. Whoever
// walks the log forward reads whole frames instead (forward_reader.hpp).
//
// The record's own checksum is verified on every read, the frame's header checksum too unless this very header was
// verified before (front_cache.hpp). Nothing is allocated per event but the bytes themselves.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "engine/index/index.hpp"
#include "engine/query/log_walk.hpp"
#include "engine/reader/arena.hpp"
#include "engine/reader/front_cache.hpp"
#include "engine/reader/segment_maps.hpp"
#include "engine/segments.hpp"
#include "stele/store.hpp"

namespace stele::engine {

// What readers share. Borrowed by cursors, owned by the store.
struct ReadState {
  const Index& index;
  const Segments& segments;
  std::unique_ptr<FrontCache> fronts = std::make_unique<FrontCache>();
  std::unique_ptr<SegmentMaps> maps = std::make_unique<SegmentMaps>();
  // A log with damage is read, not asked: what matched among the lost events cannot be known, and is told.
  Plan plan = Plan::by_choice;
};

[[nodiscard]] Error corrupt_event(Position position, const OpenSegment* segment, std::uint64_t offset,
                                  std::string_view reason);

// One thread at a time.
class EventReader {
 public:
  explicit EventReader(const ReadState& state);

  // The views live in `arena`, or as long as the store. `position` must be visible. corrupt: with facts position,
  // file, offset.
  result<EventView> read(Position position, Arena& arena);
  // The same where the index has said where it lies.
  result<EventView> read_at(Position position, Location location, Arena& arena);
  // And whose it is. The view of the stream's name is the one that was given.
  result<EventView> read_of(std::string_view stream, Revision revision, Position position, Location location,
                            Arena& arena);
  // Whether a reader goes on behind an event that ended in this. What is only away just now (an archive) is asked for
  // again: nobody may miss it.
  [[nodiscard]] static bool passes(const Error& error) { return error.kind() != errc::unavailable; }
  // That one will be read soon: memory is slow, and it can be asked for several at a time.
  void expect(Location location) const {
    constexpr std::size_t line = 64;
    constexpr std::size_t front = 3 * line;  // of a frame with one write
    constexpr std::size_t lines = 8;
    if (location.segment != ordinal_ || location.offset + lines * line > mapped_.size()) return;
    const char* const begin = mapped_.data() + location.offset - front;
    for (std::size_t i = 0; i < lines; ++i) __builtin_prefetch(begin + i * line);
  }
  // Where the frame of that event begins in its segment, as its record says.
  result<std::uint64_t> frame_offset(Position position, Location location, Arena& arena);

 private:
  [[nodiscard]] Error not_there(Position position) const;
  // A piece of a segment; `bytes` begin at `offset` of the file.
  struct Window {
    std::uint64_t offset = 0;
    std::string_view bytes;
    [[nodiscard]] std::string_view from(std::uint64_t at) const {
      return at < offset || at - offset > bytes.size() ? std::string_view{} : bytes.substr(at - offset);
    }
  };
  struct Placed {
    log::RecordView record;
    std::uint64_t frame_offset = 0;
    Window window;
  };
  struct Owner {
    std::string_view stream;
    Revision revision;
  };

  // The segment, and, when it is closed and can be mapped, its bytes in mapped_.
  const OpenSegment& enter(Position position, std::uint32_t ordinal);
  result<Placed> read_placed(Position position, Location location, Arena& arena);
  result<Window> read_record(const OpenSegment& segment, Location location, Arena& arena);
  // The verified header of the frame that the record is in; the record stands where the header says.
  result<log::FrameFront> front_of(Position position, Location location, const Placed& placed, Arena& arena);
  result<log::FrameFront> load_front(Position position, Location location, const Placed& placed,
                                     Arena& arena);
  // Stream and revision, from the frame's write headers.
  result<Owner> owner_of(Position position, Location location, const Placed& placed,
                         const log::FrameFront& front, Arena& arena);

  const ReadState& state_;
  Position written_from_;                 // positions before it lie in closed segments
  const OpenSegment* segment_ = nullptr;  // of the last read
  std::uint32_t ordinal_ = 0;
  bool tried_map_ = false;
  std::string_view mapped_;
  std::size_t expected_bytes_ = 768;  // of the next record: about what the last one had
};

}  // namespace stele::engine

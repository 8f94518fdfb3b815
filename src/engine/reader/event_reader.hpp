// event_reader.hpp - one event, wherever it lies: for stream reads, backward reads and look-ups. Whoever
// walks the log forward reads whole frames instead (forward_reader.hpp).
//
// The record's own checksum and the frame's header checksum are verified on every read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/index/index.hpp"
#include "engine/reader/arena.hpp"
#include "engine/segments.hpp"
#include "stele/store.hpp"

namespace stele::engine {

// What readers share. Borrowed by cursors, owned by the store.
struct ReadState {
  const Index& index;
  const Segments& segments;
};

[[nodiscard]] Error corrupt_event(Position position, const OpenSegment* segment, std::uint64_t offset,
                                  std::string_view reason);

// One thread at a time.
class EventReader {
 public:
  explicit EventReader(const ReadState& state) : state_(state) {}

  // The views live in `arena`. `position` must be visible. corrupt: with facts position, file, offset.
  result<EventView> read(Position position, Arena& arena);
  // Where the frame of that event begins in its segment, as its record says.
  result<std::uint64_t> frame_offset(Position position, Location location, Arena& arena);

 private:
  // The part of a frame that places its records; kept, since neighbours in a stream often share a frame.
  struct Front {
    std::uint32_t segment = 0;
    std::uint64_t offset = 0;  // 0: none
    log::FrameFront frame;
    std::vector<std::pair<std::string, Revision>> writes;  // stream, first revision
    std::vector<std::uint32_t> first_event;                // per write: index in the frame
  };
  struct Window {
    std::uint64_t offset = 0;
    std::string_view bytes;
  };

  struct Placed {
    log::RecordView record;
    std::uint64_t frame_offset = 0;
    Window window;
  };

  result<Placed> read_placed(Position position, Location location, Arena& arena);
  result<Window> read_record(const OpenSegment& segment, Location location, Arena& arena);
  result<void> load_front(Position position, Location location, std::uint64_t frame_offset, Window window);
  // False: the bytes are not the front of a frame, or too few of them.
  bool parse_front_of(const OpenSegment& segment, std::string_view bytes, Location location,
                      std::uint64_t frame_offset, std::size_t& needed);

  const ReadState& state_;
  Front front_;
};

}  // namespace stele::engine

// rewrite.hpp - a closed segment without some of its events, as a pure function from bytes to bytes. Which events go
// is the caller's choice, where the bytes come from and go to as well; docs/log-format.md has the format.
//
// What stays keeps its position, revision, time, durable mark and every byte of its content. A frame that loses events
// in its middle becomes several frames.
#pragma once

#include <cstdint>
#include <functional>

#include "engine/log/frame.hpp"
#include "engine/log/segment.hpp"
#include "io/file.hpp"

namespace stele::engine::log {

struct ClosedSegment {
  const io::ByteSource* bytes = nullptr;
  SegmentHeader header;
  Position last;  // the one before the next segment begins
};

using Keep = std::function<bool(const EventView&)>;

// Every event of the segment in order, verified, with the size of its record. Returns where the frames end. corrupt:
// it does not hold all that it should, so it must be left alone.
using EventVisitor =
    std::function<result<void>(const FrameView& frame, const EventView& event, std::uint32_t bytes)>;
result<std::uint64_t> visit_closed(const ClosedSegment& segment, const EventVisitor& visit);

// Takes the frames of the new segment in pieces, the first to stand at segment_header_bytes.
using FrameSink = std::function<result<void>(std::uint64_t offset, std::string_view frames)>;

// The header of the new segment, once all of its frames are with the sink. `salt` must be a fresh one.
result<SegmentHeader> rewrite(const ClosedSegment& from, std::uint64_t salt, Timestamp now, const Keep& keep,
                              const FrameSink& sink);

// corrupt: `after` is not what rewrite() makes of `before`, event by event.
result<void> check_rewritten(const ClosedSegment& before, const ClosedSegment& after, const Keep& keep);

}  // namespace stele::engine::log

// frame_copy.hpp - whole frames of one segment file into another, each verified on the way. What backup and restore
// have in common; which segments there are, and how far to go, they know.
#pragma once

#include <cstdint>
#include <string>

#include "engine/log/segment.hpp"
#include "io/file.hpp"

namespace stele::engine {

struct FrameRange {
  const io::ByteSource& source;
  log::SegmentHeader header;  // of the source: its salt, and where a rewritten one ends
  std::uint64_t begin = 0;    // where the first frame stands
  std::uint64_t end = 0;      // nothing is read from here on
  Position next;              // of the first frame
  Position until;             // frames that go beyond it are left out
};

struct CopiedFrames {
  std::uint64_t end = 0;  // behind the last frame, the same in both files
  Position next;          // behind the last event
  Timestamp last_recorded_at;
  std::uint64_t events = 0;
  std::uint32_t crc = 0;   // of all bytes up to `end`, continued from the one given
  std::string stopped_by;  // why there was no next frame, when `until` was not the reason
};

// Frames keep their places: a frame is tied to where it stands. Nothing is synced. Errors: of the two files.
result<CopiedFrames> copy_frames(const FrameRange& range, io::File& to, std::uint32_t crc);

// The checksum of the bytes [begin, end), continued from `crc`. corrupt: the file ends earlier.
result<std::uint32_t> checksum_of(const io::ByteSource& source, std::uint64_t begin, std::uint64_t end,
                                  std::uint32_t crc);

// A segment's header out of its file. corrupt: it cannot be read.
result<log::SegmentHeader> read_segment_header(const io::File& file);

}  // namespace stele::engine

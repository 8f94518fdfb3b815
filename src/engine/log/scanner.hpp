// scanner.hpp - the frames of one segment in order, each verified. Sequential reading for recovery, followers
// and full scans; a single event is read with parse_record() instead. It decides nothing: an invalid frame is
// handed to the caller as such.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/log/frame.hpp"
#include "io/file.hpp"

namespace stele::engine::log {

// One thread at a time. The source must outlive it.
class SegmentScanner {
 public:
  // Reads [offset, end) of the segment; `end` may lie behind the end of the file.
  SegmentScanner(const io::ByteSource& source, std::uint64_t salt, std::uint64_t offset, std::uint64_t end);

  // The frame at offset(), and on success moves behind it. Blank also stands for the end. A bad one is not
  // passed: seek() decides where to go on. The frame borrows this scanner's buffer until the next call.
  result<ParsedFrame> next();
  // Where the next frame will be looked for.
  [[nodiscard]] std::uint64_t offset() const { return offset_; }
  // Where the frame of the last successful next() began.
  [[nodiscard]] std::uint64_t frame_offset() const { return frame_offset_; }
  void seek(std::uint64_t offset) { offset_ = offset; }
  // What was read is forgotten: the next call looks at the file again.
  void read_again() { buffered_ = 0; }
  // For a follower: more of the segment may be read now.
  void extend(std::uint64_t end) { end_ = end; }

  // The next place, from offset() on, where a whole frame header with a good checksum stands; moves there.
  // False: none before the end.
  result<bool> seek_header();
  // The header at offset(), where seek_header() has stopped (asserted).
  result<FrameFront> peek_front();
  // Behind the last byte, from offset() on, that is not zero; offset() when all are.
  result<std::uint64_t> last_written();

 private:
  // At least `bytes` from offset_ on in the buffer, if the source has them.
  result<std::string_view> window(std::size_t bytes);

  const io::ByteSource& source_;
  std::uint64_t salt_;
  std::uint64_t offset_;
  std::uint64_t end_;
  std::uint64_t frame_offset_ = 0;
  std::string buffer_;
  std::uint64_t buffer_offset_ = 0;  // in the file
  std::size_t buffered_ = 0;
};

}  // namespace stele::engine::log

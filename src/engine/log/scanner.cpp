// scanner.cpp - a sliding window over a segment and the frames in it.
#include "engine/log/scanner.hpp"

#include <algorithm>
#include <cstring>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "engine/log/frame_layout.hpp"

namespace stele::engine::log {
namespace {

// Fits the second-level cache, so that the checksum does not fetch the bytes from memory again.
constexpr std::size_t window_bytes = 256u << 10;

}  // namespace

SegmentScanner::SegmentScanner(const io::ByteSource& source, std::uint64_t salt, std::uint64_t offset,
                               std::uint64_t end)
    : source_(source), salt_(salt), offset_(offset), end_(end) {}

result<std::string_view> SegmentScanner::window(std::size_t bytes) {
  const bool inside = offset_ >= buffer_offset_ && offset_ - buffer_offset_ <= buffered_;
  const auto skip = inside ? static_cast<std::size_t>(offset_ - buffer_offset_) : buffered_;
  STELE_ASSERT(skip <= buffered_ && buffered_ <= buffer_.size(), "the window lies in the buffer", skip,
               buffered_, buffer_.size());
  auto have = buffered_ - skip;
  if (have < bytes && offset_ + have < end_) {
    // What is left moves to the front, the window is filled up behind it.
    std::memmove(buffer_.data(), buffer_.data() + skip, have);
    buffer_.resize(std::max({buffer_.size(), window_bytes, bytes}));
    const auto want = std::min<std::uint64_t>(buffer_.size() - have, end_ - offset_ - have);
    buffer_offset_ = offset_;
    buffered_ = 0;  // should the read fail, nothing is in the window
    STELE_TRY(const auto got,
              source_.read_at(offset_ + have, {buffer_.data() + have, static_cast<std::size_t>(want)}));
    have += got;
    STELE_ASSERT(got <= want && have <= buffer_.size(), "no more is read than there is room for", got, want,
                 have);
    buffered_ = have;
    return std::string_view(buffer_.data(), have);
  }
  const auto limit = end_ > offset_ ? end_ - offset_ : 0;
  return std::string_view(buffer_.data() + skip,
                          static_cast<std::size_t>(std::min<std::uint64_t>(have, limit)));
}

result<ParsedFrame> SegmentScanner::next() {
  STELE_TRY(auto bytes, window(frame_header_bytes));
  auto parsed = parse_frame(bytes, salt_, offset_);
  while (parsed.needed > bytes.size()) {
    const auto before = bytes.size();
    STELE_TRY(bytes, window(parsed.needed));
    if (bytes.size() == before) break;
    parsed = parse_frame(bytes, salt_, offset_);
  }
  if (parsed.status == FrameStatus::ok) {
    STELE_ASSERT(parsed.frame.size() >= frame_header_bytes && parsed.frame.size() <= bytes.size(),
                 "a whole frame is in the window", parsed.frame.size(), bytes.size());
    frame_offset_ = offset_;
    offset_ += parsed.frame.size();
  } else {
    read_again();  // a writer may fill this place later
  }
  return parsed;
}

result<bool> SegmentScanner::seek_header() {
  offset_ = layout::align(offset_);
  for (;;) {
    STELE_TRY(auto bytes, window(frame_header_bytes));
    if (bytes.size() < frame_header_bytes) return false;
    std::size_t at = 0;
    while (at + frame_header_bytes <= bytes.size() &&
           base::load_le<std::uint32_t>(bytes.data() + at) != frame_magic) {
      at += frame_alignment;
    }
    offset_ += at;
    STELE_ASSERT(offset_ % frame_alignment == 0, "headers are looked for at aligned places", offset_);
    if (at + frame_header_bytes > bytes.size()) continue;
    auto parsed = parse_front(bytes.substr(at), salt_, offset_);
    if (parsed.needed > bytes.size() - at) {
      STELE_TRY(bytes, window(parsed.needed));
      parsed = parse_front(bytes, salt_, offset_);
    }
    if (parsed.status == FrameStatus::ok) return true;
    offset_ += frame_alignment;
  }
}

result<FrameFront> SegmentScanner::peek_front() {
  STELE_TRY(auto bytes, window(frame_header_bytes));
  auto parsed = parse_front(bytes, salt_, offset_);
  if (parsed.needed > bytes.size()) {
    STELE_TRY(bytes, window(parsed.needed));
    parsed = parse_front(bytes, salt_, offset_);
  }
  STELE_ASSERT(parsed.status == FrameStatus::ok, "a header stands where one was found", offset_,
               parsed.reason);
  return parsed.front;
}

result<std::uint64_t> SegmentScanner::last_written() {
  auto last = offset_;
  const auto start = offset_;
  for (;;) {
    STELE_TRY(const auto bytes, window(1));
    if (bytes.empty()) break;
    const auto found = bytes.find_last_not_of('\0');
    if (found != std::string_view::npos) last = offset_ + found + 1;
    offset_ += bytes.size();
  }
  STELE_ASSERT(last >= start && last <= offset_, "the last byte lies in what was read", start, last, offset_);
  offset_ = start;
  read_again();
  return last;
}

}  // namespace stele::engine::log

// frame_copy.cpp - frames in large writes.
#include "engine/backup/frame_copy.hpp"

#include <algorithm>
#include <vector>

#include "base/assert.hpp"
#include "base/crc32c.hpp"
#include "engine/log/scanner.hpp"

namespace stele::engine {
namespace {

constexpr std::size_t write_bytes = 1u << 20;

// Gathers what follows each other and writes it at its place.
class PlacedWriter {
 public:
  PlacedWriter(io::File& file, std::uint64_t at, std::uint32_t crc) : file_(file), at_(at), crc_(crc) {}

  result<void> add(std::string_view bytes) {
    pending_ += bytes;
    crc_ = base::crc32c(bytes, crc_);
    return pending_.size() < write_bytes ? result<void>{} : flush();
  }
  result<void> flush() {
    if (pending_.empty()) return {};
    STELE_ASSERT(at_ % log::frame_alignment == 0, "frames are written where they stood", at_);
    STELE_CHECK(file_.write_at(at_, pending_));
    at_ += pending_.size();
    pending_.clear();
    return {};
  }
  [[nodiscard]] std::uint32_t crc() const { return crc_; }

 private:
  io::File& file_;
  std::uint64_t at_;
  std::uint32_t crc_;
  std::string pending_;
};

// Why a frame is not the next one; empty: it is.
std::string unfit(const log::ParsedFrame& parsed, std::uint64_t offset, std::uint64_t expected_offset,
                  const FrameRange& range, Position next) {
  if (parsed.status == log::FrameStatus::blank) return "the frames end";
  if (parsed.status == log::FrameStatus::bad) return parsed.reason;
  if (offset != expected_offset) return "there is a hole between two frames";
  const bool follows = range.header.has_gaps() ? parsed.frame.first() >= next : parsed.frame.first() == next;
  return follows ? "" : "a frame is missing, or one is out of order";
}

}  // namespace

result<CopiedFrames> copy_frames(const FrameRange& range, io::File& to, std::uint32_t crc) {
  STELE_ASSERT(range.begin >= log::segment_header_bytes, "frames stand behind the header", range.begin);
  const auto end = range.header.has_gaps() ? std::min(range.end, range.header.end) : range.end;
  log::SegmentScanner scanner(range.source, range.header.salt, range.begin, end);
  PlacedWriter writer(to, range.begin, crc);
  CopiedFrames copied{.end = range.begin,
                      .next = range.next,
                      .last_recorded_at = {},
                      .events = 0,
                      .crc = crc,
                      .stopped_by = {}};
  while (copied.end < end && copied.next <= range.until) {
    STELE_TRY(const auto parsed, scanner.next());
    copied.stopped_by = unfit(parsed, scanner.frame_offset(), copied.end, range, copied.next);
    if (!copied.stopped_by.empty() || parsed.frame.last() > range.until) break;
    STELE_CHECK(writer.add(parsed.frame.bytes()));
    copied.end += parsed.frame.size();
    copied.next = parsed.frame.last().next();
    STELE_ASSERT(copied.end == scanner.offset(), "frames follow each other", copied.end, scanner.offset());
    copied.last_recorded_at = parsed.frame.recorded_at();
    copied.events += parsed.frame.events();
  }
  STELE_CHECK(writer.flush());
  copied.crc = writer.crc();
  STELE_ASSERT(copied.next >= range.next && copied.end >= range.begin, "copying goes forward",
               copied.next.value(), range.next.value());
  STELE_ASSERT(copied.next <= range.until.next(), "nothing beyond the bound is copied", copied.next.value(),
               range.until.value());
  return copied;
}

result<std::uint32_t> checksum_of(const io::ByteSource& source, std::uint64_t begin, std::uint64_t end,
                                  std::uint32_t crc) {
  STELE_ASSERT(begin <= end, "a range goes forward", begin, end);
  std::string buffer(static_cast<std::size_t>(std::min<std::uint64_t>(write_bytes, end - begin)), '\0');
  for (auto at = begin; at < end;) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), end - at));
    STELE_TRY(const auto got, source.read_at(at, std::span(buffer.data(), wanted)));
    if (got < wanted) {
      return Error(errc::corrupt,
                   "the file ends at byte " + std::to_string(at + got) + ", not at " + std::to_string(end));
    }
    crc = base::crc32c(std::string_view(buffer).substr(0, wanted), crc);
    at += wanted;
  }
  return crc;
}

result<log::SegmentHeader> read_segment_header(const io::File& file) {
  std::string bytes(log::segment_header_bytes, '\0');
  STELE_TRY(const auto got, file.read_at(0, bytes));
  const auto parsed = log::parse_header(std::string_view(bytes).substr(0, got));
  if (!parsed.header)
    return Error(errc::corrupt, file.path().string() + ": " + parsed.damage)
        .with("path", file.path().string());
  if (auto refused = log::refuse(*parsed.header, false)) return *std::move(refused);
  return *parsed.header;
}

}  // namespace stele::engine

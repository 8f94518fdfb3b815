// frame.hpp - one append as bytes: encoding, sealing, parsing. Pure functions over memory; no files here. The
// bytes themselves are laid out in docs/log-format.md, and a test compares that page with this code.
//
// An append becomes a frame in two steps. encode() does the work and runs on the caller's thread; seal()
// fills in what only the single writer knows (position, time, first revisions) and costs one pass over the
// header. Parsing never reads outside the bytes it was given and believes a length only after a checksum or a
// bound.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stele/event.hpp"
#include "stele/store.hpp"

namespace stele::engine::log {

inline constexpr std::size_t frame_header_bytes = 64;
inline constexpr std::size_t record_header_bytes = 48;
inline constexpr std::size_t write_header_bytes = 12;
inline constexpr std::size_t frame_alignment = 8;
inline constexpr std::uint32_t frame_magic = 0x464C5453;  // "STLF"
// Above every limit of event.hpp together; a length beyond it is damage whatever the checksum says.
inline constexpr std::uint32_t frame_bytes_limit = 256u << 20;

// A frame without its place in the log.
struct EncodedFrame {
  std::string bytes;                         // the whole frame; header and revisions are filled in by seal()
  std::vector<std::uint32_t> event_offsets;  // of each record, from the start of the frame
  std::uint32_t writes = 0;

  [[nodiscard]] std::uint32_t events() const { return static_cast<std::uint32_t>(event_offsets.size()); }
};

// Every write has events, every event an id, and check_event() and the limits hold: asserted, not reported.
[[nodiscard]] EncodedFrame encode(std::span<const StreamWrite> writes);

// What the single writer adds.
struct Seal {
  Position first;  // of the frame's first event
  Timestamp recorded_at;
  Position durable;                           // everything up to here was durable when this frame was built
  std::span<const Revision> first_revisions;  // per write, of its first event
  std::uint64_t salt = 0;                     // of the segment
  std::uint64_t offset = 0;                   // in the segment file: a frame anywhere else does not parse
};

void seal(EncodedFrame& frame, const Seal& with);

// ---- Reading

// One event record, borrowed from bytes that passed their checksum.
struct RecordView {
  std::uint32_t size = 0;   // of the record
  std::uint32_t back = 0;   // from the record's start back to the frame's
  std::uint32_t index = 0;  // in the frame: position = frame's first + index
  std::uint16_t write = 0;  // which of the frame's writes
  Uuid id;
  std::string_view type;
  std::string_view content_type;
  std::string_view data;
  std::string_view metadata;
  TagsView tags;
};

// Checks and decodes the record at the start of `bytes`, which may go on behind it; nothing when it is
// damaged.
[[nodiscard]] std::optional<RecordView> parse_record(std::string_view bytes);
// How many bytes the record at the start of `bytes` (at least 8 of them) claims to have. Unverified.
[[nodiscard]] std::uint32_t claimed_record_size(std::string_view bytes);

// One stream's part of a frame.
struct WriteView {
  std::string_view stream;
  Revision first_revision;
  std::uint32_t events = 0;
};

// A frame that parsed completely. Borrows the bytes; copy freely.
class FrameView {
 public:
  FrameView() = default;

  [[nodiscard]] Position first() const { return first_; }
  [[nodiscard]] Position last() const { return Position(first_.value() + events_ - 1); }
  [[nodiscard]] std::uint32_t events() const { return events_; }
  [[nodiscard]] std::uint32_t writes() const { return writes_; }
  [[nodiscard]] Timestamp recorded_at() const { return recorded_at_; }
  [[nodiscard]] Position durable() const { return durable_; }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] std::string_view bytes() const { return bytes_; }

 private:
  friend class FrameWrites;
  friend class FrameEvents;
  friend struct FrameParser;
  std::string_view bytes_;
  Position first_;
  Position durable_;
  Timestamp recorded_at_;
  std::uint32_t events_ = 0;
  std::uint32_t writes_ = 0;
};

// Walks the writes of a frame in order: `for (FrameWrites w(frame); w.next();) use(w.write());`
class FrameWrites {
 public:
  explicit FrameWrites(const FrameView& frame);
  bool next();
  [[nodiscard]] const WriteView& write() const { return write_; }

 private:
  friend class FrameEvents;
  std::string_view bytes_;
  std::uint32_t count_ = 0;
  std::uint32_t index_ = 0;
  std::size_t at_ = 0;
  WriteView write_;
};

// Walks the events of a frame in order, copying nothing: `for (FrameEvents e(frame); e.next();)
// use(e.event());`
class FrameEvents {
 public:
  explicit FrameEvents(const FrameView& frame);
  bool next();
  [[nodiscard]] const EventView& event() const { return event_; }
  [[nodiscard]] std::uint32_t offset() const { return offset_; }  // of the record, from the frame's start
  [[nodiscard]] std::uint32_t size() const { return size_; }      // of the record
  [[nodiscard]] std::uint32_t write() const { return write_; }    // which write it belongs to

 private:
  FrameWrites writes_;
  std::string_view bytes_;
  EventView event_;
  std::size_t at_ = 0;
  std::uint32_t left_ = 0;  // events not yet visited
  std::uint32_t left_in_write_ = 0;
  std::uint32_t offset_ = 0;
  std::uint32_t size_ = 0;
  std::uint32_t write_ = 0;
};

// The part of a frame in front of its records: enough to place a record that was read alone (its `back` says
// where this is). `bytes` starts at the frame.
struct FrameFront {
  std::uint32_t total_size = 0;
  std::uint32_t body_size = 0;
  std::uint32_t body_sum = 0;
  std::uint32_t events = 0;
  std::uint32_t writes = 0;
  Position first;
  Position durable;
  Timestamp recorded_at;
};

enum class FrameStatus : std::uint8_t {
  ok,     // verified to the last byte
  blank,  // zeros where a header would be: nothing was written here
  bad,    // something else: `reason` says what
};

struct ParsedFront {
  FrameStatus status = FrameStatus::bad;
  FrameFront front;
  const char* reason = "";
  std::size_t needed = 0;  // not 0: `bytes` ended too early, this many would tell
};

// Only the header and the revisions: cheap, and enough to trust the size, the positions and the durable mark.
[[nodiscard]] ParsedFront parse_front(std::string_view bytes, std::uint64_t salt, std::uint64_t offset);

struct ParsedFrame {
  FrameStatus status = FrameStatus::bad;
  FrameView frame;                  // when ok
  std::optional<FrameFront> front;  // when the header was good, whatever the body is
  const char* reason = "";
  std::size_t needed = 0;  // not 0: `bytes` ended too early, this many would tell
};

// `bytes` starts where a frame should and may go on behind it; `offset` is where that is in the segment file.
[[nodiscard]] ParsedFrame parse_frame(std::string_view bytes, std::uint64_t salt, std::uint64_t offset);

// One write of a frame, and which of the frame's events is its first.
struct PlacedWrite {
  WriteView write;
  std::uint32_t first_event = 0;
};
// In a frame of which only the front (and perhaps more) is at hand; nothing when it is damaged or cut short. The
// view points into `bytes`.
[[nodiscard]] std::optional<PlacedWrite> find_write(std::string_view bytes, const FrameFront& front,
                                                    std::uint32_t index);

}  // namespace stele::engine::log

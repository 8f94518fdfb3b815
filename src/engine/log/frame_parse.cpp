// frame_parse.cpp - from bytes, possibly garbage, to a frame. Nothing is believed before a checksum or a
// bound.
#include <algorithm>

#include "base/assert.hpp"
#include "engine/log/frame.hpp"
#include "engine/log/frame_layout.hpp"

namespace stele::engine::log {
namespace {

using base::load_le;

bool all_zero(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == 0; });
}

// Every tag's length stays inside; TagsView itself does not look.
bool tags_hold_together(std::string_view encoded) {
  while (!encoded.empty()) {
    if (encoded.size() < 2) return false;
    const std::size_t size = 2 + std::size_t{load_le<std::uint16_t>(encoded.data())};
    if (size > encoded.size()) return false;
    encoded.remove_prefix(size);
  }
  return true;
}

bool crc_matches(std::string_view bytes) {
  return load_le<std::uint32_t>(bytes.data()) == base::crc32c(bytes.substr(4));
}

FrameFront read_front(const char* at) {
  FrameFront front;
  front.total_size = load_le<std::uint32_t>(at + layout::total_size);
  front.body_size = load_le<std::uint32_t>(at + layout::body_size);
  front.body_sum = load_le<std::uint32_t>(at + layout::body_sum);
  front.events = load_le<std::uint32_t>(at + layout::event_count);
  front.writes = load_le<std::uint32_t>(at + layout::write_count);
  front.first = Position(load_le<std::uint64_t>(at + layout::first));
  front.durable = Position(load_le<std::uint64_t>(at + layout::durable));
  const auto time = static_cast<std::int64_t>(load_le<std::uint64_t>(at + layout::recorded_at));
  front.recorded_at = Timestamp(std::chrono::microseconds(time));
  return front;
}

// What a whole header may still have wrong; "" for nothing.
const char* front_fault(const char* at, const FrameFront& front) {
  const auto used = layout::front_bytes(front.writes) + std::uint64_t{front.body_size};
  if (load_le<std::uint32_t>(at + layout::flags) != 0 || load_le<std::uint64_t>(at + layout::reserved) != 0) {
    return "frame uses features this version does not know";
  }
  if (front.total_size > frame_bytes_limit || front.total_size != layout::align(used)) {
    return "frame size does not match its parts";
  }
  if (front.events < front.writes || front.events > Limits::events_per_append)
    return "frame has an impossible event count";
  if (front.first.value() == 0 || front.durable >= front.first) return "frame has an impossible position";
  return "";
}

ParsedFront bad_front(const char* reason, std::size_t needed = 0) {
  return {.status = FrameStatus::bad, .front = {}, .reason = reason, .needed = needed};
}

// The end of the write header at `at` in `bytes`, or 0 when it does not fit.
std::size_t write_end(std::string_view bytes, std::size_t at) {
  STELE_ASSERT(at <= bytes.size(), "a write header is looked for inside", at, bytes.size());
  if (bytes.size() - at < write_header_bytes) return 0;
  const std::size_t name = load_le<std::uint32_t>(bytes.data() + at + layout::name_length);
  if (name == 0 || name > Limits::stream_name_bytes || name > bytes.size() - at - write_header_bytes)
    return 0;
  return at + write_header_bytes + name;
}

// Checks the body of one frame whose header is good: write headers, records, the sum over both, the padding.
class BodyCheck {
 public:
  BodyCheck(std::string_view frame, const FrameFront& front)
      : bytes_(frame.substr(0, layout::front_bytes(front.writes) + front.body_size)),
        padding_(frame.substr(bytes_.size())),
        front_(front),
        at_(layout::front_bytes(front.writes)),
        write_at_(at_) {
    STELE_ASSERT(at_ <= bytes_.size(), "the body lies behind the front", at_, bytes_.size());
    STELE_ASSERT(padding_.size() < frame_alignment, "padding is shorter than the alignment", padding_.size());
  }

  // "" when all is well.
  const char* run() {
    if (const auto* fault = check_writes(); *fault != '\0') return fault;
    for (std::uint32_t write = 0, index = 0; write < front_.writes; ++write) {
      for (auto left = events_of_next_write(); left > 0; --left, ++index) {
        if (const auto* fault = check_record(index, write); *fault != '\0') return fault;
      }
    }
    if (at_ != bytes_.size()) return "frame body is longer than its records";
    if (sum_ != front_.body_sum) return "frame body does not belong to its header";
    if (!all_zero(padding_)) return "frame padding is not zero";
    return "";
  }

 private:
  const char* check_writes() {
    std::uint64_t events = 0;
    for (std::uint32_t i = 0; i < front_.writes; ++i) {
      const auto end = write_end(bytes_, at_);
      if (end == 0) return "write header does not fit its frame";
      const auto write = bytes_.substr(at_, end - at_);
      if (!crc_matches(write)) return "write header checksum does not match";
      const auto count = load_le<std::uint32_t>(write.data() + layout::write_events);
      if (count == 0) return "write header has no events";
      events += count;
      sum_ = layout::add_to_sum(sum_, write.data());
      at_ = end;
    }
    return events == front_.events ? "" : "event counts of the frame and its writes differ";
  }

  std::uint32_t events_of_next_write() {
    const auto count = load_le<std::uint32_t>(bytes_.data() + write_at_ + layout::write_events);
    write_at_ = write_end(bytes_, write_at_);
    STELE_ASSERT(write_at_ != 0 && write_at_ <= at_, "a checked write header stays good", write_at_, at_);
    return count;
  }

  const char* check_record(std::uint32_t index, std::uint32_t write) {
    const auto rest = bytes_.substr(at_);
    if (rest.size() < record_header_bytes) return "record does not fit its frame";
    const auto size = claimed_record_size(rest);
    if (size < record_header_bytes || size > rest.size()) return "record size does not fit its frame";
    const auto bytes = rest.substr(0, size);
    if (!crc_matches(bytes)) return "record checksum does not match";
    const auto record = layout::decode_record(bytes);
    if (!record) return "record lengths do not add up";
    if (record->back != at_ || record->index != index || record->write != write)
      return "record is in the wrong place";
    sum_ = layout::add_to_sum(sum_, bytes.data());
    at_ += size;
    STELE_ASSERT(at_ <= bytes_.size(), "a checked record lies in the frame", at_, bytes_.size());
    return "";
  }

  std::string_view bytes_;
  std::string_view padding_;
  const FrameFront& front_;
  std::size_t at_;
  std::size_t write_at_;  // of the write header whose records come next
  std::uint32_t sum_ = 0;
};

}  // namespace

std::optional<RecordView> layout::decode_record(std::string_view bytes) {
  if (bytes.size() < record_header_bytes) return std::nullopt;
  const char* const at = bytes.data();
  const std::size_t type = load_le<std::uint16_t>(at + type_length);
  const std::size_t code = load_le<std::uint8_t>(at + content_code);
  const std::size_t content = load_le<std::uint8_t>(at + content_length);
  const std::size_t tags = load_le<std::uint16_t>(at + tags_length);
  const std::size_t metadata = load_le<std::uint32_t>(at + metadata_length);
  const std::size_t data = load_le<std::uint32_t>(at + data_length);
  if (record_header_bytes + type + content + tags + metadata + data != bytes.size()) return std::nullopt;
  if (code >= content_codes.size() || (code != 0 && content != 0)) return std::nullopt;

  RecordView record;
  record.size = static_cast<std::uint32_t>(bytes.size());
  record.back = load_le<std::uint32_t>(at + record_back);
  record.index = load_le<std::uint32_t>(at + record_index);
  record.write = load_le<std::uint16_t>(at + record_write);
  std::array<std::uint8_t, 16> id{};
  std::copy_n(at + event_id, id.size(), id.begin());
  record.id = Uuid(id);
  auto rest = bytes.substr(record_header_bytes);
  const auto take = [&rest](std::size_t count) {
    const auto taken = rest.substr(0, count);
    rest.remove_prefix(count);
    return taken;
  };
  record.type = take(type);
  const auto text = take(content);
  record.content_type = code == 0 ? text : content_codes[code];
  record.tags = TagsView(take(tags));
  record.metadata = take(metadata);
  record.data = take(data);
  STELE_ASSERT(rest.empty(), "the parts are the whole record", rest.size(), bytes.size());
  if (!tags_hold_together(record.tags.encoded())) return std::nullopt;
  return record;
}

std::uint32_t claimed_record_size(std::string_view bytes) {
  STELE_ASSERT(bytes.size() >= 8, "the size field is there", bytes.size());
  return load_le<std::uint32_t>(bytes.data() + layout::record_size);
}

std::optional<RecordView> parse_record(std::string_view bytes) {
  if (bytes.size() < record_header_bytes) return std::nullopt;
  const auto size = claimed_record_size(bytes);
  if (size < record_header_bytes || size > bytes.size()) return std::nullopt;
  if (!crc_matches(bytes.substr(0, size))) return std::nullopt;
  return layout::decode_record(bytes.substr(0, size));
}

ParsedFront parse_front(std::string_view bytes, std::uint64_t salt, std::uint64_t offset) {
  if (all_zero(bytes.substr(0, frame_header_bytes))) {
    const auto needed = bytes.size() < frame_header_bytes ? frame_header_bytes : 0;
    return {
        .status = FrameStatus::blank, .front = {}, .reason = "nothing was written here", .needed = needed};
  }
  if (bytes.size() < frame_header_bytes) return bad_front("frame header is cut short", frame_header_bytes);
  if (load_le<std::uint32_t>(bytes.data()) != frame_magic) return bad_front("no frame begins here");
  const auto writes = load_le<std::uint32_t>(bytes.data() + layout::write_count);
  if (writes == 0 || writes > Limits::streams_per_append)
    return bad_front("frame has an impossible write count");
  const auto front_size = layout::front_bytes(writes);
  if (bytes.size() < front_size) return bad_front("frame header is cut short", front_size);

  const auto covered = bytes.substr(layout::total_size, front_size - layout::total_size);
  if (load_le<std::uint32_t>(bytes.data() + layout::header_crc) !=
      base::crc32c(covered, layout::place_seed(salt, offset))) {
    return bad_front("frame header checksum does not match");
  }
  const auto front = read_front(bytes.data());
  if (const auto* fault = front_fault(bytes.data(), front); *fault != '\0') return bad_front(fault);
  return {.status = FrameStatus::ok, .front = front, .reason = "", .needed = 0};
}

// Fills in a view; the only way to get one that is not empty.
struct FrameParser {
  static FrameView view(std::string_view bytes, const FrameFront& front) {
    FrameView frame;
    frame.bytes_ = bytes;
    frame.first_ = front.first;
    frame.durable_ = front.durable;
    frame.recorded_at_ = front.recorded_at;
    frame.events_ = front.events;
    frame.writes_ = front.writes;
    return frame;
  }
};

ParsedFrame parse_frame(std::string_view bytes, std::uint64_t salt, std::uint64_t offset) {
  const auto parsed = parse_front(bytes, salt, offset);
  ParsedFrame frame{
      .status = parsed.status, .frame = {}, .front = {}, .reason = parsed.reason, .needed = parsed.needed};
  if (parsed.status != FrameStatus::ok) return frame;
  frame.front = parsed.front;
  if (bytes.size() < parsed.front.total_size) {
    frame.status = FrameStatus::bad;
    frame.reason = "frame is cut short";
    frame.needed = parsed.front.total_size;
    return frame;
  }
  const auto whole = bytes.substr(0, parsed.front.total_size);
  STELE_ASSERT(whole.size() % frame_alignment == 0, "an accepted size is aligned", whole.size());
  frame.reason = BodyCheck(whole, parsed.front).run();
  frame.status = *frame.reason == '\0' ? FrameStatus::ok : FrameStatus::bad;
  if (frame.status == FrameStatus::ok) frame.frame = FrameParser::view(whole, parsed.front);
  return frame;
}

std::optional<PlacedWrite> find_write(std::string_view bytes, const FrameFront& front, std::uint32_t index) {
  if (index >= front.writes) return std::nullopt;
  const auto limit = std::min<std::size_t>(bytes.size(), layout::front_bytes(front.writes) + front.body_size);
  const auto body = bytes.substr(0, limit);
  auto at = layout::front_bytes(front.writes);
  if (at > body.size()) return std::nullopt;
  PlacedWrite placed;
  for (std::uint32_t i = 0;; ++i) {
    const auto end = write_end(body, at);
    if (end == 0 || !crc_matches(body.substr(at, end - at))) return std::nullopt;
    placed.write.events = load_le<std::uint32_t>(body.data() + at + layout::write_events);
    if (i == index) break;
    placed.first_event += placed.write.events;
    at = end;
  }
  const std::size_t name = load_le<std::uint32_t>(body.data() + at + layout::name_length);
  placed.write.stream = body.substr(at + write_header_bytes, name);
  const auto revision_at = frame_header_bytes + std::size_t{8} * index;
  placed.write.first_revision = Revision(load_le<std::uint64_t>(body.data() + revision_at));
  STELE_ASSERT(placed.write.stream.size() == name, "a verified write header stays inside", at, name);
  return placed;
}

}  // namespace stele::engine::log

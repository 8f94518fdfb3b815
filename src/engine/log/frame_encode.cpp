// frame_encode.cpp - from a request to bytes. The reverse is frame_parse.cpp.
#include <algorithm>

#include "base/assert.hpp"
#include "engine/log/frame.hpp"
#include "engine/log/frame_layout.hpp"

namespace stele::engine::log {
namespace {

using base::store_le;

std::size_t tags_bytes(const NewEvent& event) {
  std::size_t bytes = 0;
  for (const auto& tag : event.tags) bytes += 2 + tag.size();
  return bytes;
}

std::uint8_t code_of(std::string_view content_type) {
  const auto& known = layout::content_codes;
  const auto found = std::find(known.begin() + 1, known.end(), content_type);
  return found == known.end() ? std::uint8_t{0} : static_cast<std::uint8_t>(found - known.begin());
}

std::size_t record_bytes(const NewEvent& event) {
  const auto content = code_of(event.content_type) == 0 ? event.content_type.size() : 0;
  return record_header_bytes + event.type.size() + content + tags_bytes(event) + event.metadata.size() +
         event.data.size();
}

std::size_t body_bytes(std::span<const StreamWrite> writes) {
  std::size_t bytes = 0;
  for (const auto& write : writes) {
    bytes += write_header_bytes + write.stream.size();
    for (const auto& event : write.events) bytes += record_bytes(event);
  }
  return bytes;
}

// Writes the body into bytes that are already as large as the frame.
class BodyEncoder {
 public:
  BodyEncoder(EncodedFrame& frame, std::size_t at) : frame_(frame), at_(at) {}

  void write_header(const StreamWrite& write) {
    STELE_ASSERT(
        !write.events.empty() && !write.stream.empty() && write.stream.size() <= Limits::stream_name_bytes,
        "a write names its stream and has events", write.stream.size(), write.events.size());
    char* const to = here();
    store_le<std::uint32_t>(to + layout::name_length, static_cast<std::uint32_t>(write.stream.size()));
    store_le<std::uint32_t>(to + layout::write_events, static_cast<std::uint32_t>(write.events.size()));
    at_ += write_header_bytes;
    put(write.stream);
    close(to);
  }

  void record(const NewEvent& event, std::uint16_t write) {
    STELE_ASSERT(!event.id.is_nil() && event.type.size() <= Limits::event_type_bytes &&
                     event.tags.size() <= Limits::tags_per_event,
                 "an event was checked and has an id", event.type.size(), event.tags.size());
    char* const to = here();
    const auto code = code_of(event.content_type);
    const auto content = code == 0 ? std::string_view(event.content_type) : std::string_view();
    STELE_ASSERT(content.size() <= Limits::content_type_bytes, "a content type is short", content.size());
    store_le<std::uint32_t>(to + layout::record_size, static_cast<std::uint32_t>(record_bytes(event)));
    store_le<std::uint32_t>(to + layout::record_back, static_cast<std::uint32_t>(at_));
    store_le<std::uint32_t>(to + layout::record_index, frame_.events());
    store_le<std::uint16_t>(to + layout::record_write, write);
    store_le<std::uint16_t>(to + layout::type_length, static_cast<std::uint16_t>(event.type.size()));
    std::copy(event.id.bytes().begin(), event.id.bytes().end(), to + layout::event_id);
    store_le<std::uint8_t>(to + layout::content_code, code);
    store_le<std::uint8_t>(to + layout::content_length, static_cast<std::uint8_t>(content.size()));
    store_le<std::uint16_t>(to + layout::tags_length, static_cast<std::uint16_t>(tags_bytes(event)));
    store_le<std::uint32_t>(to + layout::metadata_length, static_cast<std::uint32_t>(event.metadata.size()));
    store_le<std::uint32_t>(to + layout::data_length, static_cast<std::uint32_t>(event.data.size()));
    frame_.event_offsets.push_back(static_cast<std::uint32_t>(at_));
    at_ += record_header_bytes;
    put(event.type);
    put(content);
    put_tags(event.tags);
    put(event.metadata);
    put(event.data);
    STELE_ASSERT(here() == to + record_bytes(event), "a record is as long as it says", here() - to);
    close(to);
  }

  [[nodiscard]] std::size_t at() const { return at_; }
  [[nodiscard]] std::uint32_t sum() const { return sum_; }

 private:
  char* here() { return frame_.bytes.data() + at_; }

  void put(std::string_view bytes) {
    STELE_ASSERT(at_ + bytes.size() <= frame_.bytes.size(), "a part lies in its frame", at_, bytes.size(),
                 frame_.bytes.size());
    std::copy(bytes.begin(), bytes.end(), here());
    at_ += bytes.size();
  }

  void put_tags(const std::vector<std::string>& tags) {
    for (const auto& tag : tags) {
      STELE_ASSERT(tag.size() <= Limits::tag_bytes, "a tag is short", tag.size());
      store_le<std::uint16_t>(here(), static_cast<std::uint16_t>(tag.size()));
      at_ += 2;
      put(tag);
    }
  }

  // The checksum of what began at `start`; it stands in the first four bytes and covers the others.
  void close(char* start) {
    store_le<std::uint32_t>(start, base::crc32c({start + 4, static_cast<std::size_t>(here() - start) - 4}));
    sum_ = layout::add_to_sum(sum_, start);
  }

  EncodedFrame& frame_;
  std::size_t at_;
  std::uint32_t sum_ = 0;
};

void encode_counts(EncodedFrame& frame, std::size_t body, std::uint32_t sum) {
  char* const to = frame.bytes.data();
  store_le<std::uint32_t>(to + layout::magic, frame_magic);
  store_le<std::uint32_t>(to + layout::total_size, static_cast<std::uint32_t>(frame.bytes.size()));
  store_le<std::uint32_t>(to + layout::event_count, frame.events());
  store_le<std::uint32_t>(to + layout::write_count, frame.writes);
  store_le<std::uint32_t>(to + layout::body_sum, sum);
  store_le<std::uint32_t>(to + layout::body_size, static_cast<std::uint32_t>(body));
}

}  // namespace

EncodedFrame encode(std::span<const StreamWrite> writes) {
  STELE_ASSERT(!writes.empty() && writes.size() <= Limits::streams_per_append, "a frame has writes",
               writes.size());
  const auto front = layout::front_bytes(writes.size());
  const auto body = body_bytes(writes);
  STELE_ASSERT(front + body < frame_bytes_limit, "a frame is bounded", front, body);

  EncodedFrame frame;
  frame.bytes.resize(layout::align(front + body));
  frame.writes = static_cast<std::uint32_t>(writes.size());
  BodyEncoder encoder(frame, front);
  for (const auto& write : writes) encoder.write_header(write);
  for (std::size_t i = 0; i < writes.size(); ++i) {
    for (const auto& event : writes[i].events) encoder.record(event, static_cast<std::uint16_t>(i));
  }
  STELE_ASSERT(encoder.at() == front + body, "the body is as long as computed", encoder.at(), front + body);
  STELE_ASSERT(frame.events() <= Limits::events_per_append, "a frame's events are bounded", frame.events());
  encode_counts(frame, body, encoder.sum());
  return frame;
}

void seal(EncodedFrame& frame, const Seal& with) {
  STELE_ASSERT(with.first_revisions.size() == frame.writes, "each write gets its first revision",
               with.first_revisions.size(), frame.writes);
  STELE_ASSERT(with.durable < with.first, "what is being written is not durable yet", with.durable.value(),
               with.first.value());
  STELE_ASSERT(with.offset % frame_alignment == 0, "frames are aligned", with.offset);
  char* const to = frame.bytes.data();
  store_le<std::uint64_t>(to + layout::first, with.first.value());
  store_le<std::uint64_t>(to + layout::recorded_at,
                          static_cast<std::uint64_t>(with.recorded_at.time_since_epoch().count()));
  store_le<std::uint64_t>(to + layout::durable, with.durable.value());
  for (std::size_t i = 0; i < with.first_revisions.size(); ++i) {
    store_le<std::uint64_t>(to + frame_header_bytes + 8 * i, with.first_revisions[i].value());
  }
  const auto covered = layout::front_bytes(frame.writes) - layout::total_size;
  store_le<std::uint32_t>(to + layout::header_crc, base::crc32c({to + layout::total_size, covered},
                                                                layout::place_seed(with.salt, with.offset)));
}

}  // namespace stele::engine::log

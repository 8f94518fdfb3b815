// frame_walk.cpp - walking a frame that parsed. The bytes are verified, so this only asserts.
#include "base/assert.hpp"
#include "engine/log/frame.hpp"
#include "engine/log/frame_layout.hpp"

namespace stele::engine::log {

using base::load_le;

FrameWrites::FrameWrites(const FrameView& frame)
    : bytes_(frame.bytes_), count_(frame.writes_), at_(layout::front_bytes(frame.writes_)) {}

bool FrameWrites::next() {
  if (index_ == count_) return false;
  const char* const here = bytes_.data() + at_;
  const std::size_t name = load_le<std::uint32_t>(here + layout::name_length);
  STELE_ASSERT(at_ + write_header_bytes + name <= bytes_.size(), "a verified write header stays inside", at_,
               name);
  write_.stream = bytes_.substr(at_ + write_header_bytes, name);
  write_.events = load_le<std::uint32_t>(here + layout::write_events);
  const auto revision_at = frame_header_bytes + std::size_t{8} * index_;
  write_.first_revision = Revision(load_le<std::uint64_t>(bytes_.data() + revision_at));
  at_ += write_header_bytes + name;
  ++index_;
  return true;
}

FrameEvents::FrameEvents(const FrameView& frame)
    : writes_(frame), bytes_(frame.bytes_), left_(frame.events_) {
  // The first record stands behind the last write header.
  FrameWrites ahead(frame);
  while (ahead.next()) {
  }
  at_ = ahead.at_;
  event_.position = Position(frame.first_.value() - 1);
  event_.recorded_at = frame.recorded_at_;
}

bool FrameEvents::next() {
  if (left_ == 0) return false;
  if (left_in_write_ == 0) {
    const bool more = writes_.next();
    STELE_ASSERT(more, "there is a write for every event", left_);
    write_ = writes_.index_ - 1;
    left_in_write_ = writes_.write().events;
    event_.stream = writes_.write().stream;
    event_.revision = writes_.write().first_revision;
  } else {
    event_.revision = event_.revision.next();
  }
  STELE_ASSERT(left_in_write_ > 0 && left_in_write_ <= left_, "no write has more events than are left",
               left_in_write_, left_);
  STELE_ASSERT(at_ + record_header_bytes <= bytes_.size(), "a verified record begins inside", at_,
               bytes_.size());
  size_ = claimed_record_size(bytes_.substr(at_));
  const auto record = layout::decode_record(bytes_.substr(at_, size_));
  STELE_ASSERT(record.has_value(), "a verified record decodes", at_, size_);
  event_.position = event_.position.next();
  event_.id = record->id;
  event_.type = record->type;
  event_.content_type = record->content_type;
  event_.data = record->data;
  event_.metadata = record->metadata;
  event_.tags = record->tags;
  offset_ = static_cast<std::uint32_t>(at_);
  STELE_ASSERT(record->back == at_, "a verified record knows its place", record->back, at_);
  at_ += size_;
  --left_;
  --left_in_write_;
  return true;
}

}  // namespace stele::engine::log

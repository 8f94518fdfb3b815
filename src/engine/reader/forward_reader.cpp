// forward_reader.cpp - reads grow while a scan goes on, so that a short look costs little and a long one runs
// at the speed of the disk. The buffer is only moved or refilled while no view into it has been handed out.
#include "engine/reader/forward_reader.hpp"

#include <utility>

#include "base/assert.hpp"

namespace stele::engine {

// Frames follow each other without a gap, so while one stands behind the last one nobody has to be asked where the
// next event is.
bool ForwardReader::goes_on() const {
  return placed_ && follows_ &&
         buffer_offset_ + frame_at_ < segment_->visible_end.load(std::memory_order_acquire);
}

// Where the frame of a record begins is written in the record; the frame itself is verified when it is taken.
result<void> ForwardReader::place(Location location) {
  STELE_TRY(const auto offset, single_.frame_offset(next_, location, arena_));
  segment_ = &state_.segments.at(location.segment);
  ordinal_ = location.segment;
  buffer_.clear();
  buffer_offset_ = offset;
  frame_at_ = 0;
  placed_ = true;
  follows_ = true;
  return {};
}

result<bool> ForwardReader::read_more(std::size_t needed) {
  STELE_ASSERT(events_.empty(), "no view points into a buffer that moves", events_.size());
  STELE_ASSERT(frame_at_ <= buffer_.size() && !walk_, "the frame begins in the buffer", frame_at_,
               buffer_.size());
  buffer_.erase(0, frame_at_);
  buffer_offset_ += frame_at_;
  frame_at_ = 0;
  // One huge frame must not hold its memory for ever.
  if (buffer_.capacity() > largest_kept && std::max(needed, buffer_.size()) < largest_step)
    buffer_.shrink_to_fit();
  const auto have = buffer_.size();
  const auto end = segment_->visible_end.load(std::memory_order_acquire);
  const auto ahead = end > buffer_offset_ + have ? end - buffer_offset_ - have : 0;
  const auto more = std::min<std::uint64_t>(ahead, std::max(step_, needed > have ? needed - have : 0));
  if (more == 0) return false;
  step_ = std::min(step_ * 2, largest_step);
  buffer_.resize(have + more);
  const auto got = segment_->file->read_at(buffer_offset_ + have, std::span(buffer_).subspan(have));
  STELE_ASSERT(!got || *got <= more, "no more is read than asked for", have, more);
  buffer_.resize(have + (got ? *got : 0));
  if (!got) return got.error();
  return *got > 0;
}

ForwardReader::Step ForwardReader::begin_frame() {
  STELE_ASSERT(placed_ && segment_ != nullptr, "a frame is looked for where one was placed", next_.value());
  const auto bytes = std::string_view(buffer_).substr(frame_at_);
  const auto parsed = log::parse_frame(bytes, segment_->salt, buffer_offset_ + frame_at_);
  if (parsed.needed > bytes.size()) {
    needed_ = parsed.needed;
    return Step::starved;
  }
  if (parsed.status != log::FrameStatus::ok) return Step::damaged;
  if (parsed.frame.last() < next_ || parsed.frame.first() > next_) return Step::damaged;
  walk_.emplace(parsed.frame);
  frame_size_ = parsed.frame.size();
  STELE_ASSERT(frame_size_ <= bytes.size(), "a whole frame is in the buffer", frame_size_, bytes.size());
  return Step::paused;
}

ForwardReader::Step ForwardReader::take_frame(const Query& query, Position until, std::size_t max) {
  if (!walk_) {
    if (const auto begun = begin_frame(); begun != Step::paused) return begun;
  }
  while (events_.size() < max && next_ <= until) {
    if (!walk_->next()) {
      walk_.reset();
      frame_at_ += frame_size_;
      STELE_ASSERT(frame_at_ <= buffer_.size(), "the next frame begins in the buffer or at its end",
                   frame_at_, buffer_.size());
      return Step::passed;
    }
    const auto& event = walk_->event();
    if (event.position < next_) continue;
    STELE_ASSERT(event.position == next_, "a frame's positions are dense", event.position.value(),
                 next_.value());
    if (query.matches(event)) events_.push_back(event);
    next_ = event.position.next();
  }
  return Step::paused;
}

result<void> ForwardReader::take_single(const Query& query) {
  STELE_ASSERT(events_.empty() && !walk_, "a single event is a batch of its own", events_.size());
  const auto position = next_;
  next_ = next_.next();
  placed_ = false;
  const auto event = single_.read(position, arena_);
  if (!event && EventReader::passes(event.error())) return event.error();
  if (!event) {
    next_ = position;
    return event.error();
  }
  if (query.matches(*event)) events_.push_back(*event);
  return {};
}

// Asks the index; true: the frame of next_ can be taken, or nothing stands there to be taken.
result<bool> ForwardReader::find_place() {
  const auto location = places_.of(next_);
  const bool lost = location && Index::is_lost(*location);
  if (lost && state_.segments.dropped(next_)) {
    next_ = next_.next();
    return true;
  }
  if (location && !lost && placed_ && location->segment == ordinal_) return true;
  if (!events_.empty()) return false;
  placed_ = false;
  auto there = !location ? result<void>(location.error())
               : lost    ? result<void>(corrupt_event(next_, nullptr, 0, "it was lost with a damaged frame"))
                         : place(*location);
  if (there) return true;
  if (EventReader::passes(there.error())) next_ = next_.next();
  return std::move(there).error();
}

result<bool> ForwardReader::advance(const Query& query, Position until, std::size_t max) {
  if (!walk_ && !goes_on()) {
    const auto before = next_;
    STELE_TRY(const bool found, find_place());
    if (!found || next_ != before) return found;
  }
  const auto step = take_frame(query, until, max);
  if (step == Step::passed) {
    follows_ = true;
    return true;
  }
  if (step == Step::damaged && std::exchange(follows_, false)) return true;  // after asking the index
  if (step == Step::paused || !events_.empty()) return false;
  if (step == Step::starved) {
    // Where the disk cannot be read in one piece, the events are asked for one by one.
    const auto more = read_more(needed_);
    if (more && *more) return ++refills_ <= refills_per_batch;
  }
  STELE_CHECK(take_single(query));
  return true;
}

result<std::span<const EventView>> ForwardReader::next_batch(const Query& query, Position until,
                                                             std::size_t max) {
  events_.clear();
  arena_.clear();
  refills_ = 0;
  while (next_ <= until && events_.size() < max) {
    STELE_TRY(const bool more, advance(query, until, max));
    if (!more) break;
  }
  STELE_ASSERT(events_.size() <= max, "no more than asked for", events_.size(), max);
  STELE_ASSERT(events_.empty() || (events_.back().position <= until && events_.back().position < next_),
               "nothing beyond the end, nothing twice", until.value(), next_.value());
  return std::span<const EventView>(events_);
}

}  // namespace stele::engine

// index.cpp - the list of parts: growing, rolling, replacing, healing. What is asked of it is index_answers.cpp.
#include "engine/index/index.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "engine/log/frame_layout.hpp"

namespace stele::engine {
namespace {

// A staged frame is sealed: its time stands in its header.
Timestamp recorded_at_of(const log::EncodedFrame& frame) {
  const auto at = base::load_le<std::uint64_t>(frame.bytes.data() + log::layout::recorded_at);
  return Timestamp(std::chrono::microseconds(static_cast<std::int64_t>(at)));
}

}  // namespace

void add_frame(ActivePart& part, std::uint32_t segment, std::uint64_t offset, const log::FrameView& frame) {
  if (frame.first() > part.last().next()) part.add_nothing(Position(frame.first().value() - 1));
  part.begin_frame(segment, frame.recorded_at());
  log::FrameEvents events(frame);
  for (log::FrameWrites writes(frame); writes.next();) {
    const auto& write = writes.write();
    part.begin_write(write.first_revision);
    for (std::uint32_t i = 0; i < write.events && events.next(); ++i) {
      part.add_event(events.event().id, events.event().type, offset + events.offset());
      for (const auto tag : events.event().tags) part.add_tag(tag);
    }
    part.end_write(write.stream);
  }
  part.end_frame(offset + frame.size());
}

Index::Index() { begin_part(Position(1)); }

// ---- Parts

std::shared_ptr<const Index::Parts> Index::parts() const {
  const std::lock_guard lock(mutex_);
  return parts_;
}

void Index::publish(Parts parts) const {
  STELE_ASSERT(!parts.empty(), "there is always a part that grows");
  for (std::size_t i = 1; i < parts.size(); ++i) {
    STELE_ASSERT(parts[i]->first() == parts[i - 1]->last().next(), "parts follow each other",
                 parts[i]->first().value(), parts[i - 1]->last().value());
  }
  parts_ = std::make_shared<const Parts>(std::move(parts));
}

void Index::begin_part(Position first) {
  active_ = std::make_shared<ActivePart>(first);
  const std::lock_guard lock(mutex_);
  auto parts = parts_ ? *parts_ : Parts{};
  if (!parts.empty() && parts.back()->last() < parts.back()->first()) parts.pop_back();
  parts.push_back(active_);
  publish(std::move(parts));
}

void Index::roll() {
  if (active_->empty()) return;
  begin_part(active_->last().next());
  if (rolled_) rolled_();
}

void Index::begin_segment(std::uint32_t segment) {
  if (!active_->empty() && active_->frames() > 0 && active_->segment() != segment) roll();
}

void Index::adopt(std::shared_ptr<const IndexPart> sealed) {
  if (sealed->first() > last().next()) active_->add_nothing(Position(sealed->first().value() - 1));
  roll();
  const auto last = sealed->last();
  STELE_ASSERT(sealed->first() == active_->first(), "a file follows what was added", sealed->first().value(),
               active_->first().value());
  {
    const std::lock_guard lock(mutex_);
    auto parts = *parts_;
    parts.back() = std::move(sealed);
    active_ = std::make_shared<ActivePart>(last.next());
    parts.push_back(active_);
    publish(std::move(parts));
  }
  last_.store(last.value(), std::memory_order_release);
}

bool Index::replace(std::span<const std::shared_ptr<const Part>> old, const Parts& with) const {
  STELE_ASSERT(!old.empty() && !with.empty(), "a range is replaced by the same range", old.size(),
               with.size());
  STELE_ASSERT(old.front()->first() == with.front()->first() && old.back()->last() == with.back()->last(),
               "a range is replaced by the same range", with.front()->first().value(),
               with.back()->last().value());
  const std::lock_guard lock(mutex_);
  auto parts = *parts_;
  const auto at = std::search(parts.begin(), parts.end(), old.begin(), old.end());
  if (at == parts.end()) return false;
  const auto hole = parts.erase(at, at + static_cast<std::ptrdiff_t>(old.size()));
  parts.insert(hole, with.begin(), with.end());
  publish(std::move(parts));
  return true;
}

result<void> Index::heal(const Part& damaged) const {
  const std::lock_guard healing(healing_);
  const auto now = parts();
  const auto at = std::ranges::find(*now, &damaged, &std::shared_ptr<const Part>::get);
  if (at == now->end()) return {};
  if (!rebuild_) {
    return Error(errc::corrupt, "an index file is damaged and there is no log to make it anew from")
        .with("position", damaged.first().value());
  }
  STELE_TRY(const auto fresh, rebuild_(damaged));
  replace(std::span(&*at, 1), fresh);
  return {};
}

// ---- Adding

void Index::pass(Position last) {
  if (last <= this->last()) return;
  active_->add_nothing(last);
  last_.store(last.value(), std::memory_order_release);
}

void Index::add(std::uint32_t segment, std::uint64_t offset, const log::FrameView& frame) {
  STELE_ASSERT(frame.first() > last(), "frames come in order", frame.first().value(), last().value());
  begin_segment(segment);
  if (frame.first() > last().next()) active_->add_nothing(Position(frame.first().value() - 1));
  // Where events are missing a stream may have lost some: then a new part lets its revisions begin again.
  bool fits = true;
  for (log::FrameWrites writes(frame); active_->missing() > 0 && fits && writes.next();) {
    fits = active_->fits(writes.write().stream, writes.write().first_revision);
  }
  if (!fits) begin_part(active_->last().next());
  add_frame(*active_, segment, offset, frame);
  STELE_ASSERT(active_->last() == frame.last(), "every event of the frame was added", active_->last().value(),
               frame.last().value());
  last_.store(frame.last().value(), std::memory_order_release);
}

void Index::add(std::uint32_t segment, std::uint64_t offset, Position first,
                std::span<const StreamWrite> writes, std::span<const Revision> first_revisions,
                const log::EncodedFrame& frame) {
  STELE_ASSERT(first == last().next(), "a staged frame follows the last one", first.value(), last().value());
  STELE_ASSERT(writes.size() == first_revisions.size(), "a revision for every write");
  begin_segment(segment);
  active_->begin_frame(segment, recorded_at_of(frame));
  std::size_t event = 0;
  for (std::size_t i = 0; i < writes.size(); ++i) {
    active_->begin_write(first_revisions[i]);
    for (const auto& added : writes[i].events) {
      active_->add_event(added.id, added.type, offset + frame.event_offsets[event++]);
      for (const auto& tag : added.tags) active_->add_tag(tag);
    }
    active_->end_write(writes[i].stream);
  }
  active_->end_frame(offset + frame.bytes.size());
  STELE_ASSERT(event == frame.events(), "every staged event was added", event, frame.events());
  last_.store(active_->last().value(), std::memory_order_release);
}

}  // namespace stele::engine

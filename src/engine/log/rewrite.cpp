// rewrite.cpp - frames taken apart and put together again. Nothing is trusted that was not verified.
#include "engine/log/rewrite.hpp"

#include <limits>
#include <vector>

#include "base/assert.hpp"
#include "engine/log/scanner.hpp"

namespace stele::engine::log {
namespace {

constexpr std::size_t piece_bytes = 1u << 20;

Error not_whole(const ClosedSegment& segment, const std::string& why) {
  return Error(errc::corrupt, segment_name(segment.header.first) + ": " + why)
      .with("file", segment_name(segment.header.first))
      .help("run `stele verify` on the store's directory");
}

// The frames of a closed segment, one by one; each must be good, and nothing may be missing.
class ClosedFrames {
 public:
  explicit ClosedFrames(const ClosedSegment& segment)
      : segment_(segment),
        scanner_(*segment.bytes, segment.header.salt, segment_header_bytes, scan_end(segment.header)),
        next_(segment.header.first) {}

  // Nothing: the end, and it is where it should be.
  result<std::optional<FrameView>> next() {
    const bool gaps = segment_.header.has_gaps();
    if (gaps && scanner_.offset() == segment_.header.end) return at_end();
    if (!gaps && next_ == segment_.last.next()) return std::optional<FrameView>{};
    STELE_TRY(const auto parsed, scanner_.next());
    if (parsed.status != FrameStatus::ok) {
      return not_whole(segment_,
                       "no whole frame at byte " + std::to_string(scanner_.offset()) + ": " + parsed.reason);
    }
    const auto& frame = parsed.frame;
    const bool in_place = gaps ? frame.first() >= next_ : frame.first() == next_;
    if (!in_place || frame.last() > segment_.last) {
      return not_whole(segment_, "an unexpected frame at byte " + std::to_string(scanner_.frame_offset()));
    }
    next_ = frame.last().next();
    events_ += frame.events();
    return std::optional(frame);
  }
  [[nodiscard]] std::uint64_t end() const { return scanner_.offset(); }

 private:
  static std::uint64_t scan_end(const SegmentHeader& header) {
    return header.has_gaps() ? header.end : std::numeric_limits<std::uint64_t>::max();
  }
  result<std::optional<FrameView>> at_end() const {
    if (events_ == segment_.header.events && segment_.header.last == segment_.last)
      return std::optional<FrameView>{};
    return not_whole(segment_, "it does not hold what its header says");
  }

  const ClosedSegment& segment_;
  SegmentScanner scanner_;
  Position next_;
  std::uint64_t events_ = 0;
};

NewEvent new_event(const EventView& view) {
  NewEvent event;
  event.id = view.id;
  event.type = view.type;
  event.data = view.data;
  event.metadata = view.metadata;
  event.content_type = view.content_type;
  for (const auto tag : view.tags) event.tags.emplace_back(tag);
  return event;
}

class Rewriter {
 public:
  Rewriter(std::uint64_t salt, const FrameSink& sink) : salt_(salt), sink_(sink) {}

  result<void> take(const FrameView& frame, const Keep& keep) {
    std::vector<bool> kept;
    std::uint32_t count = 0;
    for (FrameEvents events(frame); events.next();) {
      kept.push_back(keep(events.event()));
      count += kept.back() ? 1 : 0;
    }
    STELE_ASSERT(kept.size() == frame.events(), "every event was asked about", kept.size(), frame.events());
    events_ += count;
    if (count == frame.events()) return put_whole(frame);
    return count == 0 ? result<void>{} : put_parts(frame, kept);
  }
  result<void> flush() {
    if (piece_.empty()) return {};
    STELE_CHECK(sink_(end() - piece_.size(), piece_));
    piece_.clear();
    return {};
  }
  [[nodiscard]] std::uint64_t end() const { return end_; }
  [[nodiscard]] std::uint64_t events() const { return events_; }

 private:
  result<void> put_whole(const FrameView& frame) {
    EncodedFrame copy{std::string(frame.bytes()), {}, frame.writes()};
    std::vector<Revision> revisions;
    for (FrameWrites writes(frame); writes.next();) revisions.push_back(writes.write().first_revision);
    return put(std::move(copy), frame, frame.first(), revisions);
  }

  // One frame for each run of events that stay and follow each other.
  result<void> put_parts(const FrameView& frame, const std::vector<bool>& kept) {
    std::vector<StreamWrite> writes;
    std::vector<Revision> revisions;
    Position first;
    std::size_t index = 0;
    auto last_write = ~std::uint32_t{0};
    for (FrameEvents events(frame); events.next(); ++index) {
      if (!kept[index]) {
        STELE_CHECK(put_run(frame, first, writes, revisions));
        continue;
      }
      const auto& event = events.event();
      if (writes.empty()) first = event.position;
      if (writes.empty() || events.write() != last_write) {
        writes.push_back({std::string(event.stream), {}, {}});
        revisions.push_back(event.revision);
        last_write = events.write();
      }
      writes.back().events.push_back(new_event(event));
    }
    STELE_ASSERT(index == kept.size(), "every event went one way or the other", index, kept.size());
    return put_run(frame, first, writes, revisions);
  }

  result<void> put_run(const FrameView& frame, Position first, std::vector<StreamWrite>& writes,
                       std::vector<Revision>& revisions) {
    if (writes.empty()) return {};
    STELE_CHECK(put(encode(writes), frame, first, revisions));
    writes.clear();
    revisions.clear();
    return {};
  }

  result<void> put(EncodedFrame made, const FrameView& from, Position first,
                   const std::vector<Revision>& revisions) {
    STELE_ASSERT(first >= from.first() && first <= from.last(), "a part lies in its frame", first.value(),
                 from.first().value(), from.last().value());
    seal(made, {.first = first,
                .recorded_at = from.recorded_at(),
                .durable = from.durable(),
                .first_revisions = revisions,
                .salt = salt_,
                .offset = end_});
    piece_ += made.bytes;
    end_ += made.bytes.size();
    STELE_ASSERT(end_ % frame_alignment == 0, "frames are aligned", end_);
    return piece_.size() < piece_bytes ? result<void>{} : flush();
  }

  std::uint64_t salt_;
  const FrameSink& sink_;
  std::string piece_;
  std::uint64_t end_ = segment_header_bytes;
  std::uint64_t events_ = 0;
};

// The events of a segment, one at a time.
class ClosedEvents {
 public:
  explicit ClosedEvents(const ClosedSegment& segment) : frames_(segment) {}
  // nullptr: the end. Valid until the next call.
  result<const EventView*> next() {
    while (!walk_ || !walk_->next()) {
      STELE_TRY(const auto frame, frames_.next());
      if (!frame) return nullptr;
      durable_ = frame->durable();
      walk_.emplace(*frame);
    }
    return &walk_->event();
  }
  [[nodiscard]] Position durable() const { return durable_; }

 private:
  ClosedFrames frames_;
  std::optional<FrameEvents> walk_;
  Position durable_;
};

bool same_event(const EventView& a, const EventView& b) {
  return a.position == b.position && a.revision == b.revision && a.recorded_at == b.recorded_at &&
         a.id == b.id && a.stream == b.stream && a.type == b.type && a.content_type == b.content_type &&
         a.data == b.data && a.metadata == b.metadata && a.tags.encoded() == b.tags.encoded();
}

}  // namespace

result<std::uint64_t> visit_closed(const ClosedSegment& segment, const EventVisitor& visit) {
  ClosedFrames frames(segment);
  for (;;) {
    STELE_TRY(const auto frame, frames.next());
    if (!frame) break;
    for (FrameEvents events(*frame); events.next();) {
      STELE_CHECK(visit(*frame, events.event(), events.size()));
    }
  }
  STELE_ASSERT(frames.end() >= segment_header_bytes, "frames end behind the header", frames.end());
  return frames.end();
}

result<SegmentHeader> rewrite(const ClosedSegment& from, std::uint64_t salt, Timestamp now, const Keep& keep,
                              const FrameSink& sink) {
  STELE_ASSERT(salt != from.header.salt, "no frame of the old file parses in the new one", salt);
  Rewriter rewriter(salt, sink);
  ClosedFrames frames(from);
  for (;;) {
    STELE_TRY(const auto frame, frames.next());
    if (!frame) break;
    STELE_CHECK(rewriter.take(*frame, keep));
  }
  STELE_CHECK(rewriter.flush());
  SegmentHeader header = from.header;
  header.minor = gaps_minor;
  header.incompatible = feature_gaps;
  header.block_bytes = header.blocks = 0;
  header.table = 0;
  header.salt = salt;
  header.created_at = now;
  header.capacity = rewriter.end();
  header.last = from.last;
  header.events = rewriter.events();
  header.end = rewriter.end();
  STELE_ASSERT(header.events <= header.last.value() - header.first.value() + 1, "no event was added",
               header.events);
  return header;
}

result<void> check_rewritten(const ClosedSegment& before, const ClosedSegment& after, const Keep& keep) {
  STELE_ASSERT(before.header.first == after.header.first && before.last == after.last,
               "both stand for the same positions", before.header.first.value(), before.last.value());
  ClosedEvents old_events(before);
  ClosedEvents new_events(after);
  for (;;) {
    STELE_TRY(const auto* const old_event, old_events.next());
    if (old_event != nullptr && !keep(*old_event)) continue;
    STELE_TRY(const auto* const new_event, new_events.next());
    if (old_event == nullptr && new_event == nullptr) return {};
    if (old_event == nullptr || new_event == nullptr || !same_event(*old_event, *new_event) ||
        old_events.durable() != new_events.durable()) {
      return not_whole(after, "what was written does not read back");
    }
  }
}

}  // namespace stele::engine::log

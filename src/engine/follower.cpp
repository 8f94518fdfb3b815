// follower.cpp - one thread, asleep until the shared page wakes it.
#include "engine/follower.hpp"

#include <limits>

#include "base/assert.hpp"
#include "engine/reader/event_reader.hpp"

namespace stele::engine {
namespace {

// How soon closing is noticed when a wake-up is missed; no event is delayed by it.
constexpr auto follower_nap = std::chrono::milliseconds(200);

}  // namespace

Follower::~Follower() {
  stopping_.store(true);
  job_.reset();
  if (watermark_ != nullptr) watermark_->wake();
  if (thread_.joinable()) thread_.join();
}

void Follower::start(log::Watermark& watermark) {
  STELE_ASSERT(watermark_ == nullptr && !thread_.joinable(), "following starts once");
  watermark_ = &watermark;
  if (auto* const background = parts_.world.background) {
    job_ = background->add("follow", [this] { return follow(*watermark_); });
    return;
  }
  thread_ = std::thread([this] { run(*watermark_); });
}

void Follower::run(log::Watermark& watermark) {
  while (!stopping_.load()) {
    const auto sequence = watermark.sequence();
    (void)follow(watermark);
    if (!stopping_.load()) watermark.wait(sequence, follower_nap);
  }
}

bool Follower::follow(const log::Watermark& watermark) {
  const auto mark = watermark.read();
  if (!mark || mark->durable <= parts_.visibility.head()) return false;
  // Trouble reading is not the end of following: the next mark finds the same place again.
  if (!catch_up(mark->durable)) scanner_.reset();
  return true;
}

result<void> Follower::open_next_segment() {
  const auto path = parts_.log_directory / log::segment_name(parts_.index.last().next());
  STELE_TRY(auto file, log::open_segment(parts_.world.disk, path, parts_.cold));
  STELE_TRY(const auto parsed, log::read_header(*file));
  const auto& header = parsed.header;
  if (!header || header->store != parts_.store || header->first != parts_.index.last().next()) {
    return Error(errc::corrupt, path.string() + " is not that segment of this store")
        .with("path", path.string())
        .help("run `stele verify` on the store's directory");
  }
  STELE_ASSERT(!scanner_, "the segment before is left", end_);
  parts_.segments.add(std::move(file), *header, log::segment_header_bytes);
  end_ = log::segment_header_bytes;
  return {};
}

// It was opened for events that are durable, so they should begin in it.
Error Follower::no_frames(const OpenSegment& segment) {
  return corrupt_event(segment.first, &segment, log::segment_header_bytes, "its segment has no frame");
}

result<void> Follower::add_frames(Position durable) {
  while (parts_.index.last() < durable) {
    log::ParsedFrame parsed{};
    parsed.status = log::FrameStatus::blank;
    if (parts_.segments.size() > 0) {
      if (!scanner_) {
        const auto& segment = parts_.segments.at(parts_.segments.size() - 1);
        scanner_.emplace(*segment.file, segment.salt, end_, std::numeric_limits<std::uint64_t>::max());
      }
      STELE_TRY(parsed, scanner_->next());
      // What was read ahead may be older than the mark; the second look reads the file again.
      if (parsed.status != log::FrameStatus::ok) {
        STELE_TRY(parsed, scanner_->next());
      }
    }
    if (parsed.status != log::FrameStatus::ok) {
      // Durable events go on, so what ends here is the segment.
      scanner_.reset();
      if (parts_.segments.size() > 0) {
        const auto& ended = parts_.segments.at(parts_.segments.size() - 1);
        if (ended.has_gaps) parts_.index.pass(ended.last);
        if (parts_.index.last() >= durable) break;
        if (ended.first > parts_.index.last()) return no_frames(ended);
      }
      STELE_CHECK(open_next_segment());
      continue;
    }
    const auto ordinal = parts_.segments.size() - 1;
    if (parsed.frame.first() <= parts_.index.last()) {
      return Error(errc::corrupt, "position " + std::to_string(parsed.frame.first().value()) +
                                      " stands behind " + std::to_string(parts_.index.last().value()))
          .help("run `stele verify` on the store's directory");
    }
    parts_.index.add(ordinal, scanner_->frame_offset(), parsed.frame);
    STELE_ASSERT(parts_.index.last() == parsed.frame.last(), "the index has the frame",
                 parts_.index.last().value(), parsed.frame.last().value());
    STELE_ASSERT(scanner_->frame_offset() == end_ && scanner_->offset() > end_, "frames follow each other",
                 scanner_->frame_offset(), end_, scanner_->offset());
    end_ = scanner_->offset();
    parts_.segments.at(ordinal).visible_end.store(end_, std::memory_order_release);
  }
  return {};
}

result<void> Follower::catch_up(Position durable) {
  const auto added = add_frames(durable);
  // What comes before a place that cannot be read is served all the same.
  const auto reached = std::min(durable, parts_.index.last());
  STELE_ASSERT(!added || reached == durable, "all that is durable was found", reached.value(),
               durable.value());
  parts_.visibility.publish(std::max(reached, parts_.visibility.head()));
  return added;
}

}  // namespace stele::engine

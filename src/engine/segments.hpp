// segments.hpp - the open segment files of a store, oldest first, for readers. Writing them is the writer's.
//
// Threading: every member from any thread. A segment stays where it is until the end, also when another file for
// the same positions has been added behind it.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "engine/log/segment.hpp"
#include "io/file.hpp"

namespace stele::engine {

struct OpenSegment {
  OpenSegment(std::shared_ptr<io::File> opened, const log::SegmentHeader& from, std::uint64_t end)
      : file(std::move(opened)),
        first(from.first),
        last(from.last),
        has_gaps(from.has_gaps()),
        salt(from.salt),
        visible_end(end) {}
  std::shared_ptr<io::File> file;
  Position first;
  Position last;  // of a segment with gaps
  bool has_gaps;
  std::uint64_t salt;
  std::atomic<std::uint64_t> visible_end;  // behind the last frame that readers may look at
};

class Segments {
 public:
  // Returns the new segment's ordinal.
  std::uint32_t add(std::shared_ptr<io::File> file, const log::SegmentHeader& header,
                    std::uint64_t visible_end) {
    STELE_ASSERT(file != nullptr && header.first > Position{}, "a segment has a file and a place",
                 header.first.value());
    const std::unique_lock lock(mutex_);
    all_.emplace_back(std::move(file), header, visible_end);
    if (header.has_gaps()) {
      const auto positions = header.last.value() - header.first.value() + 1;
      STELE_ASSERT(header.events <= positions, "a segment has no more events than positions", header.events,
                   positions);
      rewritten_.insert_or_assign(header.first, Rewritten{header.last, positions - header.events});
    }
    return static_cast<std::uint32_t>(all_.size() - 1);
  }
  // Events that were lost with damaged bytes: their places are not gaps, wherever they are.
  void add_lost(Position first, Position last) {
    const std::unique_lock lock(mutex_);
    lost_.emplace_back(first, last);
  }

  // Whether the position is empty because compaction dropped its event. Asked of positions that have no place.
  [[nodiscard]] bool dropped(Position position) const {
    const std::shared_lock lock(mutex_);
    auto found = rewritten_.upper_bound(position);
    if (found == rewritten_.begin() || position > (--found)->second.last) return false;
    return std::ranges::none_of(
        lost_, [position](const auto& range) { return range.first <= position && position <= range.second; });
  }
  // Whether every event without a place was dropped, and none damaged.
  [[nodiscard]] bool only_dropped() const {
    const std::shared_lock lock(mutex_);
    return !rewritten_.empty() && lost_.empty();
  }
  // How many events the log has dropped.
  [[nodiscard]] std::uint64_t dropped_events() const {
    const std::shared_lock lock(mutex_);
    std::uint64_t all = 0;
    for (const auto& [first, segment] : rewritten_) all += segment.dropped;
    return all;
  }
  // The newest file of the segment that begins there.
  [[nodiscard]] std::optional<std::uint32_t> find(Position first) const {
    const std::shared_lock lock(mutex_);
    for (auto ordinal = all_.size(); ordinal-- > 0;) {
      if (all_[ordinal].first == first) return static_cast<std::uint32_t>(ordinal);
    }
    return std::nullopt;
  }
  // The file with this salt of the segment that begins there: what an older part of the index was made from.
  [[nodiscard]] std::optional<std::uint32_t> find(Position first, std::uint64_t salt) const {
    const std::shared_lock lock(mutex_);
    for (auto ordinal = all_.size(); ordinal-- > 0;) {
      const auto& segment = all_[ordinal];
      if (segment.first == first && segment.salt == salt) return static_cast<std::uint32_t>(ordinal);
    }
    return std::nullopt;
  }
  [[nodiscard]] OpenSegment& at(std::uint32_t ordinal) {
    const std::shared_lock lock(mutex_);
    STELE_ASSERT(ordinal < all_.size(), "an ordinal names a segment", ordinal, all_.size());
    return all_.at(ordinal);
  }
  [[nodiscard]] const OpenSegment& at(std::uint32_t ordinal) const {
    const std::shared_lock lock(mutex_);
    STELE_ASSERT(ordinal < all_.size(), "an ordinal names a segment", ordinal, all_.size());
    return all_.at(ordinal);
  }
  [[nodiscard]] std::uint32_t size() const {
    const std::shared_lock lock(mutex_);
    return static_cast<std::uint32_t>(all_.size());
  }

 private:
  struct Rewritten {
    Position last;
    std::uint64_t dropped = 0;
  };

  mutable std::shared_mutex mutex_;
  std::map<Position, Rewritten> rewritten_;  // by first position: the newest file of it counts
  std::vector<std::pair<Position, Position>> lost_;
  std::deque<OpenSegment> all_;  // growing moves nothing
};

}  // namespace stele::engine

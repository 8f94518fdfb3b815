// segments.hpp - the open segment files of a store, oldest first, for readers. Writing them is the writer's.
//
// Threading: add() by one thread at a time; the rest from any thread. A segment stays where it is until the
// end.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <shared_mutex>

#include "base/assert.hpp"
#include "engine/log/segment.hpp"
#include "io/file.hpp"

namespace stele::engine {

struct OpenSegment {
  OpenSegment(std::shared_ptr<io::File> opened, const log::SegmentHeader& from, std::uint64_t end)
      : file(std::move(opened)), first(from.first), salt(from.salt), visible_end(end) {}
  std::shared_ptr<io::File> file;
  Position first;
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
    return static_cast<std::uint32_t>(all_.size() - 1);
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
  mutable std::shared_mutex mutex_;
  std::deque<OpenSegment> all_;  // growing moves nothing
};

}  // namespace stele::engine

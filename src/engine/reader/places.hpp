// places.hpp - positions to places on the disk, for readers whose next position mostly lies in the same part of the
// index as the last one: the part is looked for once.
//
// One thread at a time.
#pragma once

#include <memory>

#include "base/assert.hpp"
#include "engine/index/index.hpp"
#include "engine/query/part_walk.hpp"

namespace stele::engine {

class Places {
 public:
  explicit Places(const Index& index) : index_(index) {}

  // Nowhere for position 0 and for events that are not there any more.
  result<Location> of(Position position) {
    if (position == Position{}) return Location{};
    if (!part_ || position < part_->first() || position > part_->last()) {
      part_ = part_of(*index_.parts(), position);
      STELE_ASSERT(part_ != nullptr, "a visible position lies in a part", position.value());
    }
    auto location = part_->location(position);
    if (location) return location;
    part_.reset();
    return index_.location(position);  // heals
  }

 private:
  const Index& index_;
  std::shared_ptr<const Part> part_;
};

}  // namespace stele::engine

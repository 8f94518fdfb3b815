// apply.hpp - one batch of events into a target, all or nothing. The only place where "once" is decided.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <vector>

#include "projection/meters.hpp"
#include "projection/parked.hpp"
#include "stele/projection.hpp"

namespace stele::projection {

struct Applied {
  Checkpoint now;
  std::uint64_t events = 0;          // that were new
  std::vector<std::string> changed;  // keys
  std::vector<ParkedEvent> parked;   // of the new ones: they have to wait for an earlier one
  Timestamp applied_at;              // before the commit
};

struct NotApplied {
  Error why;
  std::size_t event;  // index of the one that failed; the number of events when the commit did
};

// What a runner adds; a fold needs neither.
struct Besides {
  const Parked* parked = nullptr;
  ApplyMeter* meter = nullptr;
};

// However it ends, nothing of an open transaction stays, unless it was dismissed.
class RolledBack {
 public:
  explicit RolledBack(ProjectionTarget& target) : target_(&target) {}
  ~RolledBack() {
    if (target_) target_->rollback();
  }
  RolledBack(const RolledBack&) = delete;
  RolledBack& operator=(const RolledBack&) = delete;
  void dismiss() { target_ = nullptr; }

 private:
  ProjectionTarget* target_;
};

// What a cursor's batch tells about the log up to `up_to`. Only an empty batch is the end of a walk: a short one says
// nothing about what follows it.
struct Stretch {
  std::span<const EventView> events;
  Position until;  // everything up to here is among the events, or does not match
};
[[nodiscard]] Stretch stretch_of(std::span<const EventView> batch, Position up_to);

// Applies what lies beyond `from.position` in one transaction and moves the checkpoint to `up_to`. With
// nothing to apply the target is only told that it passed. An exception in a projection is `invalid`, not a
// crash.
[[nodiscard]] std::expected<Applied, NotApplied> apply_batch(ProjectionTarget& target, const Checkpoint& from,
                                                             std::span<const EventView> events,
                                                             Position up_to, const Besides& besides = {});

// One event, inside begin() and commit() or rollback(). An exception is an error like others.
[[nodiscard]] result<void> apply_caught(ProjectionTarget& target, const EventView& event);

// The same; the error leads to the event.
[[nodiscard]] result<void> apply_event(ProjectionTarget& target, const EventView& event);

}  // namespace stele::projection

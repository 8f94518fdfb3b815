// worker_lease.cpp - one of several processes works, the others stand by: they show what that one has made visible and
// ask for the lease until they get it. How a lease is kept is the target's business.
#include <algorithm>

#include "projection/worker.hpp"

namespace stele::projection {
namespace {

// Long, because a subscription is woken by appends; it only bounds how long a lost wake-up could hide.
constexpr std::chrono::seconds quiet_time{30};
// How often standby asks for the lease, and looks at what the holder has made visible.
constexpr std::chrono::milliseconds standby_look{50};

}  // namespace

std::chrono::microseconds Worker::longest_wait() const {
  const ProjectionLease* lease = target_->lease();
  if (!lease || lease->renew_every().count() == 0) return quiet_time;
  return std::min<std::chrono::microseconds>(lease->renew_every(), quiet_time);
}

// False: told to stop before it was ours.
result<bool> Worker::take_lease() {
  ProjectionLease* lease = target_->lease();
  while (lease && !stopping()) {
    const auto taken = lease->take();
    if (taken) break;
    if (taken.error().kind() != errc::busy) return taken.error();
    enter(ProjectionState::standby, taken.error().message());
    follow_the_holder();
    do_jobs(&taken.error());
    std::unique_lock lock(mutex_);
    woken_.wait_for(lock, standby_look, [&] { return stop_ || !jobs_.empty(); });
  }
  if (stopping()) return false;
  lease_taken_ = Clock::now();
  STELE_CHECK(find_what_serves());
  enter(ProjectionState::catching_up);
  return true;
}

// After the lease was taken: somebody else has written meanwhile, maybe another model by now.
result<void> Worker::find_what_serves() {
  SideBySide* beside = target_->lease() ? target_->side_by_side() : nullptr;
  if (!beside) return {};
  if (auto found = beside->refresh(); !found) return std::move(found).error();
  return {};
}

// False: somebody else has it.
result<bool> Worker::keep_lease() {
  ProjectionLease* lease = target_->lease();
  if (!lease || lease->renew_every().count() == 0) return true;
  if (Clock::now() - lease_taken_ < lease->renew_every()) return true;
  const auto taken = lease->take();
  if (!taken && taken.error().kind() != errc::busy) return taken.error();
  lease_taken_ = Clock::now();
  return taken.has_value();
}

bool Worker::has_lease() {
  ProjectionLease* lease = target_->lease();
  return !lease || lease->take().has_value();
}

// Errors show when it is our turn; until then the holder's model is what there is to see.
void Worker::follow_the_holder() {
  if (SideBySide* beside = target_->side_by_side()) (void)beside->refresh().has_value();
  const auto seen = target_->checkpoint();
  if (!seen || seen->position == waits_.position()) return;
  if (seen->position < waits_.position()) waits_.reset();
  if (load_parked()) waits_.advance(seen->position);
}

}  // namespace stele::projection

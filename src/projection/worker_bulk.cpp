// worker_bulk.cpp - far behind the head: long batches straight from the log, for a target that takes them. Nobody waits
// for these events one by one. The first that cannot be applied ends it: small batches with all their care (worker.cpp)
// go over that place, and afterwards it goes on here.
#include <algorithm>
#include <chrono>

#include "base/assert.hpp"
#include "projection/worker.hpp"

namespace stele::projection {
namespace {

constexpr std::uint64_t far_batches = 16;
constexpr std::size_t bulk_read = 2'048;  // events taken from the log at once; then it is asked to stop
constexpr std::chrono::seconds longest_batch{2};  // so that progress shows, and little is lost by a kill
constexpr std::size_t measured_each = 16;

}  // namespace

// A batch while it grows.
struct Worker::LongBatch {
  Checkpoint now;
  std::uint64_t events = 0;
  Timestamp newest{};                 // recorded time of the last one
  std::vector<Timestamp> since_life;  // recorded times of those that count as latency
};

bool Worker::far_behind() {
  if (!target_->takes_long_batches() || options_.catch_up_batch <= options_.batch) return false;
  if (at_.position < careful_until_ || parked_.missing() > 0) return false;
  const std::uint64_t behind =
      store_.head().position.value() - std::min(store_.head().position, at_.position).value();
  if (behind < far_batches * options_.batch) return false;
  const std::lock_guard lock(mutex_);
  return hold_back_.count() == 0;
}

// False: the lease has gone to somebody else.
result<bool> Worker::catch_up_in_bulk() {
  const Position head = store_.head().position;
  ReadAhead events(store_, target_->events(), at_.position.next(), head,
                   std::min(bulk_read, options_.catch_up_batch));
  while (!interrupted()) {
    STELE_TRY(const bool kept, keep_lease());
    if (!kept) return false;
    if (!long_batch(events, head)) break;
  }
  return true;
}

// False: everything up to the head is in the model, or somewhere there is an event to be careful with.
bool Worker::long_batch(ReadAhead& events, Position head) {
  LongBatch batch{.now = at_, .events = 0, .since_life = {}};
  delivered_at_ = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  const auto until = Clock::now() + longest_batch;
  bool more = true;
  while (more && batch.events < options_.catch_up_batch && Clock::now() < until && !interrupted()) {
    const auto read = events.next();
    if (!read) return give_up_long(batch.now.position.next());
    more = !read->empty();
    if (more && !apply_in_bulk(*read, batch)) return false;
  }
  if (!more) batch.now.position = std::max(batch.now.position, head);
  return commit_long(batch) && more;
}

// Nothing of the batch counts. Why shows when `there` is reached with care.
bool Worker::give_up_long(Position there) {
  target_->rollback();
  careful_until_ = there;
  return false;
}

bool Worker::apply_in_bulk(std::span<const EventView> events, LongBatch& batch) {
  if (batch.events == 0 && !target_->begin()) return give_up_long(events.back().position);
  for (std::size_t i = 0; i < events.size(); ++i) {
    const EventView& event = events[i];
    STELE_ASSERT(event.position > batch.now.position, "events come in order, once", event.position.value(),
                 batch.now.position.value());
    const bool measured = i % measured_each == 0;
    const auto before = measured ? Clock::now() : Clock::time_point{};
    if (!apply_event(*target_, event)) return give_up_long(event.position);
    if (measured)
      apply_meter_.add(event.type, Clock::now() - before, std::min(measured_each, events.size() - i));
    batch.now.position = event.position;
    if (event.recorded_at >= started_) batch.since_life.push_back(event.recorded_at);
  }
  batch.events += events.size();
  batch.newest = events.back().recorded_at;
  batch.now.last_event = events.back().position;
  batch.now.last_event_id = events.back().id;
  return true;
}

bool Worker::commit_long(LongBatch& batch) {
  Applied applied{.now = batch.now, .events = 0, .changed = {}, .parked = {}, .applied_at = {}};
  if (batch.events == 0) {
    if (batch.now.position > at_.position) target_->passed(batch.now.position);
    publish(applied, {});
    return true;
  }
  const auto wall = [] {
    return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  };
  const Timestamp applied_at = wall();
  auto changed = target_->commit(batch.now);
  if (!changed) return give_up_long(batch.now.position);
  const Timestamp visible = wall();
  for (const Timestamp recorded : batch.since_life) {
    delivered_.add(delivered_at_ - recorded);
    applied_in_.add(applied_at - recorded);
    latency_.add(visible - recorded);
  }
  count(batch.events, batch.newest);
  applied.changed = *std::move(changed);
  publish(applied, {});
  return true;
}

}  // namespace stele::projection

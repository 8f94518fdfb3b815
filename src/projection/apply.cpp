// apply.cpp - skipping what is known, applying the rest, committing it with the checkpoint.
#include "projection/apply.hpp"

#include <chrono>
#include <exception>
#include <utility>

#include "base/assert.hpp"

namespace stele::projection {
namespace {

// An error must lead people to the event: they have to look at it, in the stream, to do anything about it.
Error naming_event(const Error& why, const EventView& event, const ProjectionTarget& target) {
  return Error(why)
      .at(target.name() + ": event " + std::to_string(event.position.value()) + " (" +
          std::string(event.type) + ")")
      .with("position", event.position.value())
      .with("stream", std::string(event.stream))
      .with("projection", target.name());
}

// A waiting event is written down instead; the target keeps it with the batch.
result<void> wait_in_line(ProjectionTarget& target, const Parked& parked, const EventView& event,
                          std::vector<ParkedEvent>& waiting) {
  ProjectionParking* place = target.parking();
  STELE_ASSERT(place, "only a target that parks has parked events", target.name(), event.position.value());
  if (parked.missing() + waiting.size() >= parked.at_most())
    return Error(errc::too_large, "more than " + std::to_string(parked.at_most()) + " events are parked")
        .help("correct the projection and retry them, or build the model anew");
  waiting.push_back(parked.entry_for(event, ParkedEvent::State::waiting));
  return place->put(waiting.back());
}

// What failed is no measure of what applying costs.
result<void> apply_measured(ProjectionTarget& target, const EventView& event, ApplyMeter* meter) {
  if (!meter) return apply_caught(target, event);
  const auto before = std::chrono::steady_clock::now();
  auto done = apply_caught(target, event);
  if (done) meter->add(event.type, std::chrono::steady_clock::now() - before);
  return done;
}

Timestamp now_by_the_clock() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

}  // namespace

// Projections are application code, and exact arithmetic throws when it leaves its range.
result<void> apply_caught(ProjectionTarget& target, const EventView& event) {
  try {
    return target.apply(event);
  } catch (const std::exception& thrown) {
    return Error(errc::invalid, std::string("the projection threw: ") + thrown.what())
        .help("correct the projection, or raise its version to build the model anew");
  }
}

result<void> apply_event(ProjectionTarget& target, const EventView& event) {
  auto done = apply_caught(target, event);
  if (!done) return naming_event(done.error(), event, target);
  return {};
}

Stretch stretch_of(std::span<const EventView> batch, Position up_to) {
  const bool whole = batch.empty() || batch.back().position >= up_to;
  const Position until = whole ? up_to : batch.back().position;
  while (!batch.empty() && batch.back().position > up_to) batch = batch.first(batch.size() - 1);
  STELE_ASSERT(until <= up_to, "a stretch ends where it was to end, or earlier", until.value(),
               up_to.value());
  return {batch, until};
}

std::expected<Applied, NotApplied> apply_batch(ProjectionTarget& target, const Checkpoint& from,
                                               std::span<const EventView> events, Position up_to,
                                               const Besides& besides) {
  std::size_t first = 0;
  while (first < events.size() && events[first].position <= from.position) ++first;
  Applied applied;
  applied.now = from;
  applied.now.position = std::max(from.position, up_to);
  // A transaction for nothing would cost a write per append that does not concern the model.
  if (first == events.size()) {
    if (up_to > from.position) target.passed(up_to);
    return applied;
  }
  if (auto begun = target.begin(); !begun) return std::unexpected(NotApplied{begun.error(), events.size()});
  RolledBack unless_committed(target);  // also when the application's `sequence` throws
  Position last = from.position;
  for (std::size_t i = first; i < events.size(); ++i) {
    STELE_ASSERT(events[i].position > last && events[i].position <= up_to, "events come in order, once",
                 events[i].position.value(), last.value(), up_to.value());
    last = events[i].position;
    const bool waits = besides.parked && besides.parked->holds_up(events[i]);
    auto done = waits ? wait_in_line(target, *besides.parked, events[i], applied.parked)
                      : apply_measured(target, events[i], besides.meter);
    if (!done) return std::unexpected(NotApplied{naming_event(done.error(), events[i], target), i});
  }
  applied.events = events.size() - first;
  applied.applied_at = now_by_the_clock();
  applied.now.last_event = events.back().position;
  applied.now.last_event_id = events.back().id;
  auto changed = target.commit(applied.now);
  unless_committed.dismiss();
  if (!changed) return std::unexpected(NotApplied{changed.error(), events.size()});
  applied.changed = *std::move(changed);
  return applied;
}

}  // namespace stele::projection

// estimate.cpp - what a rebuild would take: a sample applied to a scratch model, and a count of the rest.
#include <chrono>

#include "projection/apply.hpp"
#include "projection/rebuild.hpp"

namespace stele::projection {
namespace {

constexpr std::uint64_t sample_events = 20'000;
constexpr std::size_t sample_batch = 1'000;

// The first events stand for the others; what cannot be applied ends the sample.
result<void> take_sample(Cursor& events, ProjectionTarget& scratch, RebuildEstimate& estimate) {
  Checkpoint at;
  const auto began = Worker::Clock::now();
  while (estimate.sampled < sample_events) {
    STELE_TRY(const auto batch, events.next_batch(sample_batch));
    if (batch.empty()) break;
    estimate.events += batch.size();
    const auto applied = apply_batch(scratch, at, batch, batch.back().position);
    if (!applied) break;
    at = applied->now;
    estimate.sampled += batch.size();
  }
  const std::chrono::duration<double> took = Worker::Clock::now() - began;
  if (estimate.sampled > 0 && took.count() > 0)
    estimate.events_per_second = static_cast<double>(estimate.sampled) / took.count();
  return {};
}

}  // namespace

result<RebuildEstimate> estimate(Worker& serving) {
  SideBySide* beside = serving.target().side_by_side();
  if (!beside)
    return Error(errc::invalid, serving.target().name() + ": its target cannot be built beside itself")
        .with("projection", serving.target().name());
  RebuildEstimate estimate;
  STELE_TRY(const auto scratch, beside->scratch());
  STELE_TRY(const auto events, serving.store().read({.query = serving.target().events(), .from = {}}));
  STELE_CHECK(take_sample(*events, *scratch, estimate));
  while (true) {
    STELE_TRY(const auto batch, events->next_batch(sample_batch));
    if (batch.empty()) break;
    estimate.events += batch.size();
  }
  if (estimate.events_per_second > 0)
    estimate.time = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::duration<double>(static_cast<double>(estimate.events) / estimate.events_per_second));
  return estimate;
}

}  // namespace stele::projection

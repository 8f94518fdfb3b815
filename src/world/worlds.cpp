// worlds.cpp - from what was said to seeds that are run, and from a failure to words that run it again.
#include <cstdlib>
#include <string>

#include "stele/detail/spec_answer.hpp"
#include "stele/world.hpp"
#include "world/simulation.hpp"

namespace stele {
namespace {

// Nothing: it is not set, or no number.
std::optional<std::uint64_t> world_setting(const char* name) {
  const char* text = std::getenv(name);
  if (!text || !*text) return std::nullopt;
  char* end = nullptr;
  const auto value = std::strtoull(text, &end, 10);
  return *end == '\0' ? std::optional<std::uint64_t>(value) : std::nullopt;
}

}  // namespace

// ---- World

EventStore& World::store() { return simulation_.store(); }
Timestamp World::now() const { return simulation_.now(); }
std::uint64_t World::below(std::uint64_t end) { return simulation_.below(end); }
detail::Delivery World::begin_delivery() { return simulation_.begin_delivery(); }
bool World::delivered(detail::Delivery& delivery, std::optional<std::optional<Position>> place) {
  return simulation_.delivered(delivery, place);
}
bool World::failed(detail::Delivery& delivery, const Error& why) { return simulation_.failed(delivery, why); }

// ---- Worlds

Worlds& Worlds::seeds(std::uint64_t count, std::uint64_t first) {
  seeds_ = count;
  first_seed_ = first;
  return *this;
}
Worlds& Worlds::steps(std::uint64_t each) {
  steps_ = each;
  return *this;
}
Worlds& Worlds::dies_every(std::uint64_t changes) {
  dies_every_ = changes;
  return *this;
}
Worlds& Worlds::add_saga(std::function<std::unique_ptr<detail::SagaKind>()> kind) {
  sagas_.push_back(std::move(kind));
  return *this;
}
Worlds& Worlds::projection(std::function<result<std::shared_ptr<ProjectionTarget>>()> open, Shows shows) {
  projections_.push_back({std::move(open), std::move(shows)});
  return *this;
}
Worlds& Worlds::begins(Act act) {
  begins_.push_back(std::move(act));
  return *this;
}
Worlds& Worlds::people(Act act) {
  people_.push_back(std::move(act));
  return *this;
}
Worlds& Worlds::always(std::string what, Act holds) {
  always_.push_back({std::move(what), std::move(holds)});
  return *this;
}
Worlds& Worlds::in_the_end(std::string what, Act holds) {
  in_the_end_.push_back({std::move(what), std::move(holds)});
  return *this;
}

WorldReport Worlds::run() {
  WorldReport report;
  const auto one = world_setting("STELE_WORLD_SEED");
  const std::uint64_t first = one.value_or(first_seed_);
  const std::uint64_t count = one ? 1 : world_setting("STELE_WORLD_SEEDS").value_or(seeds_);
  for (std::uint64_t seed = first; seed < first + count; ++seed) run_one(seed, report);
  return report;
}

void Worlds::run_one(std::uint64_t seed, WorldReport& report) const {
  ++report.seeds;
  detail::Simulation simulation(*this, seed, report);
  const std::string failure = simulation.run(world_setting("STELE_WORLD_STEPS").value_or(steps_));
  if (failure.empty()) return;
  ++report.failed;
  spec::detail::report(where_, "world \"" + name_ + "\", " + failure +
                                   "\n  again: the same test with STELE_WORLD_SEED=" + std::to_string(seed));
}

}  // namespace stele

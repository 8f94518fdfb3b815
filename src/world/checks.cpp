// checks.cpp - what must be true in every world, and the claims of whoever made it.
#include "base/json_reader.hpp"
#include "domain/saga_step.hpp"
#include "world/simulation.hpp"

namespace stele::detail {
namespace {

constexpr std::size_t events_at_once = 256;

// Of nothing that is kept.
constexpr Uuid world_space({0x77, 0x6f, 0x72, 0x6c, 0x64, 0x00, 0x4d, 0x01, 0x8a, 0x10, 0x64, 0x69, 0x67,
                            0x65, 0x73, 0x74});

std::string key_of(std::string_view metadata) {
  const auto document = JsonDocument::parse(metadata, {.allow_repeated_keys = true});
  if (!document) return "";
  const auto key = document->root().find("idempotencyKey");
  return std::string(key ? key->as_string().value_or("") : "");
}

}  // namespace

// Only the first failure counts: what comes after it may follow from it.
void Simulation::fail(const std::string& what) {
  if (!failure_.empty()) return;
  failure_ = "seed " + std::to_string(seed_) + ", step " + std::to_string(step_) + ", life " +
             std::to_string(lives_) + ": " + what;
}

// What cannot be asked because the process dies in it is asked again in the next life.
void Simulation::check(const std::vector<Worlds::Claim>& claims) {
  for (const Worlds::Claim& claim : claims) {
    if (dead() || !failure_.empty()) return;
    const auto holds = guarded([&] { return claim.holds(world_); });
    if (!holds && !dead()) fail(claim.what + ": " + holds.error().to_string());
  }
}

void Simulation::check_log() {
  const auto walked = guarded([&]() -> result<void> {
    STELE_TRY(const auto cursor, seen_.read({.query = Query::all(), .from = {}}));
    while (true) {
      STELE_TRY(const auto events, cursor->next_batch(events_at_once));
      if (events.empty()) return {};
      for (const EventView& event : events) check_event(event);
    }
  });
  if (!walked) fail("the log cannot be read: " + walked.error().to_string());
}

void Simulation::check_event(const EventView& event) {
  const std::uint64_t position = event.position.value();
  ++report_.events;
  report_.digest =
      Uuid::from_name(world_space, to_string(report_.digest) + "\n" + std::string(event.stream) + "\n" +
                                       std::string(event.type) + "\n" + std::string(event.data));
  const auto promised = seen_.acknowledged().find(position);
  if (promised != seen_.acknowledged().end() && promised->second != event.id)
    fail("at position " + std::to_string(position) + " stands another event than the one that was answered");
  if (const std::string key = key_of(event.metadata); !key.empty()) {
    const auto [last, first_of_it] = last_effect_.try_emplace(key, position);
    if (!first_of_it && last->second + 1 != position)
      fail("a request has effects twice: at position " + std::to_string(last->second) + " and at " +
           std::to_string(position) + " (" + std::string(event.type) + " in " + std::string(event.stream) +
           ")");
    last->second = position;
  }
  if (event.type != domain::step_type) return;
  const auto step = read_event<domain::SagaStep>(event);
  if (!step) return fail("a step cannot be read: " + step.error().to_string());
  if (step->because != domain::Because::timer) return;
  ++report_.timers;
  if (!fired_.insert(std::string(event.stream) + "\n" + std::to_string(step->position) + "\n" + step->name)
           .second)
    fail("timer " + step->name + " has fired twice in " + std::string(event.stream));
}

void Simulation::check_sagas() {
  for (const Saga& saga : sagas_) {
    const SagaStatus status = saga.worker->status();
    for (const SagaTrouble& trouble : saga.worker->troubles())
      fail("saga " + status.name + ", instance " + trouble.instance + " is stuck at " + trouble.what + ": " +
           trouble.error);
    if (status.timers > 0) fail("saga " + status.name + " still has timers that nothing waits for");
    if (!saga.worker->is_idle()) fail("saga " + status.name + " has not come to the end of the log");
  }
}

// The model that has lived through everything, beside one that is made of the log now.
void Simulation::check_models() {
  for (std::size_t i = 0; i < models_.size(); ++i) {
    const auto& plan = plan_.projections_[i];
    const auto compared = guarded([&]() -> result<void> {
      STELE_TRY(const auto anew, plan.open());
      STELE_CHECK(fold(*anew, seen_, seen_.head().position));
      if (plan.shows(*anew) != plan.shows(*models_[i]))
        fail("projection " + anew->name() + " shows something else than when it is built anew");
      return {};
    });
    if (!compared) fail("a projection cannot be built anew: " + compared.error().to_string());
  }
}

}  // namespace stele::detail

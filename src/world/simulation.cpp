// simulation.cpp - the lives of a process on a simulated machine, and what happens in them.
#include "world/simulation.hpp"

#include <algorithm>
#include <utility>

#include "base/assert.hpp"

namespace stele::detail {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

constexpr std::uint64_t segment_size = 1 << 20;
constexpr int most_turns = 100'000;              // of all sagas, before they count as restless
constexpr std::chrono::days longest_end{3'650};  // until then all timers must have run out

}  // namespace

Simulation::Simulation(const Worlds& plan, std::uint64_t seed, WorldReport& report)
    : plan_(plan),
      seed_(seed),
      report_(report),
      dice_(seed),
      entropy_(seed + 0x9e3779b97f4a7c15),
      saga_clock_(clock_.now()),
      sagas_(plan.sagas_.size()) {
  seen_.before_append = [this] { meddle(); };
  seen_.loses_reply = [this] { return wild_ && below(40) == 0; };
  seen_.dies_at_record = [this] {
    if (!wild_ || plan_.dies_every_ == 0 || below(plan_.dies_every_) > 0) return false;
    seen_.enter(nullptr);
    return dead_ = true;
  };
}

Simulation::~Simulation() { die(); }

std::uint64_t Simulation::below(std::uint64_t end) {
  STELE_ASSERT(end > 0, "there is a number below", end);
  return dice_.below(end);
}

// ---- Lives

void Simulation::die() {
  seen_.enter(nullptr);
  for (Saga& saga : sagas_) {
    STELE_ASSERT(!saga.busy, "nobody dies while acting", depth_);
    saga.worker.reset();
  }
  store_.reset();
}

// With the power on or off; starting may itself be cut off.
void Simulation::live() {
  STELE_ASSERT(depth_ == 0, "a process starts at the top", depth_);
  die();
  while (failure_.empty() && !open_store()) {
  }
  if (!failure_.empty()) return;
  ++lives_;
  seen_.enter(store_.get());
  if (seen_.head().position < seen_.acknowledged_up_to())
    return fail("an append that was answered is not in the log any more");
  if (wild_ && below(8) == 0) seen_.lose_records("saga");
  start_sagas();
  arm();
  check(plan_.always_);
}

bool Simulation::open_store() {
  if (lives_ > 0 || dead()) {
    disk_.clear_plans();
    if (below(2) == 0)
      disk_.crash(below(~std::uint64_t{0}));
    else
      disk_.kill();
  }
  dead_ = false;
  if (wild_ && plan_.dies_every_ > 0 && below(6) == 0) disk_.stop_at_change(1 + below(20));
  OpenOptions options;
  options.segment_bytes = segment_size;
  auto opened = engine::EmbeddedStore::open(machine_, "/world", options);
  if (!opened) {
    if (!disk_.stopped()) fail("the store cannot be opened: " + opened.error().to_string());
    return false;
  }
  store_ = *std::move(opened);
  return true;
}

// Without pauses: how long one waits would be another die.
void Simulation::start_sagas() {
  SagaOptions options;
  options.tries = 20;
  options.first_pause = options.longest_pause = microseconds(0);
  options.checkpoint_every = 16;
  options.clock = &saga_clock_;
  for (std::size_t i = 0; i < sagas_.size(); ++i)
    sagas_[i].worker = std::make_unique<domain::SagaWorker>(seen_, plan_.sagas_[i](), options);
}

void Simulation::arm() {
  if (wild_ && plan_.dies_every_ > 0) disk_.stop_at_change(1 + below(2 * plan_.dies_every_));
}

// ---- Requests

Delivery Simulation::begin_delivery() {
  Delivery delivery;
  delivery.context.user = "world";
  delivery.context.idempotency_key = "world/" + std::to_string(seed_) + "/" + std::to_string(requests_++);
  delivery.context.at = now();
  delivery.options.max_tries = 50;
  delivery.options.jitter_seed = seed_;
  delivery.options.pause = [](microseconds) {};
  ++report_.requests;
  return delivery;
}

// A request that has left nothing in the log may be decided otherwise the next time.
bool Simulation::delivered(Delivery& delivery, std::optional<std::optional<Position>> place) {
  const bool had_effect = delivery.answered && *delivery.answered;
  if (had_effect && place && *place != *delivery.answered)
    fail("a request that was repeated got another answer than before");
  if (!had_effect) delivery.answered = place;
  if (!wild_ || dead() || ++delivery.times > 3 || below(6) > 0) return false;
  ++report_.repeats;
  return true;
}

// Whoever has not heard an answer asks again.
bool Simulation::failed(Delivery& delivery, const Error& why) {
  ++delivery.times;
  if (!failure_.empty() || depth_ > 0) return false;
  const bool died = dead();
  if (died) live();
  const bool may_pass = why.kind() == errc::timeout || why.kind() == errc::conflict;
  if (!failure_.empty() || (!died && (!may_pass || delivery.times > 20))) return false;
  ++report_.repeats;
  return true;
}

// ---- What happens

void Simulation::meddle() {
  if (!wild_ || depth_ > 0 || dead() || below(8) > 0) return;
  const Nested nested(depth_);
  ++report_.meddled;
  const std::uint64_t what = below(2 + sagas_.size());
  if (what < 2)
    people();
  else if (!sagas_[what - 2].busy)
    (void)turn(what - 2);
}

void Simulation::act(const Worlds::Act& act, std::string_view what) {
  const auto done = guarded([&] { return act(world_); });
  if (done || dead() || !failure_.empty()) return;
  const errc kind = done.error().kind();
  const bool may_happen = kind == errc::timeout || kind == errc::conflict;
  if (!may_happen || !wild_) fail(std::string(what) + ": " + done.error().to_string());
}

void Simulation::people() {
  if (!plan_.people_.empty()) act(plan_.people_[below(plan_.people_.size())], "what people did ended badly");
}

// True: it may have more to do.
bool Simulation::turn(std::size_t saga) {
  Saga& one = sagas_[saga];
  STELE_ASSERT(!one.busy && one.worker, "a saga takes one turn at a time", saga);
  one.busy = true;
  const auto did = guarded([&] { return one.worker->turn(); });
  one.busy = false;
  return did && *did && !dead();
}

// Begins before its checkpoint at times, as a subscription that is set up anew does.
void Simulation::model_step(std::size_t model) {
  ProjectionTarget& target = *models_[model];
  const auto done = guarded([&]() -> result<void> {
    STELE_TRY(const Checkpoint at, target.checkpoint());
    const std::uint64_t back = std::min(at.position.value(), below(20));
    const Position head = seen_.head().position;
    STELE_TRY(const auto events,
              seen_.read({.query = target.events(), .from = Position(at.position.value() + 1 - back)}));
    STELE_CHECK(fold(target, *events, std::max(head, at.position)));
    return {};
  });
  if (!done && !dead()) fail("projection " + target.name() + ": " + done.error().to_string());
}

void Simulation::pass_time(microseconds time) {
  clock_.advance(time);
  saga_clock_.advance(time);
}

void Simulation::jump() {
  if (below(10) == 0)
    pass_time(seconds(below(std::uint64_t{48} * 3600)));
  else
    pass_time(seconds(below(300)));
}

void Simulation::step() {
  if (beside_.size() > 0 && below(4) == 0) (void)beside_.run(below(beside_.size()));
  const std::uint64_t what = below(100);
  if (what < 3) {
    check(plan_.always_);
  } else if (what < 15) {
    jump();
  } else if (what < 25 && !models_.empty()) {
    model_step(below(models_.size()));
  } else if (what < 55 && !sagas_.empty()) {
    (void)turn(below(sagas_.size()));
  } else {
    ++step_;
    people();
  }
}

std::string Simulation::run(std::uint64_t steps) {
  for (const auto& each : plan_.projections_) {
    auto opened = each.open();
    if (opened)
      models_.push_back(*std::move(opened));
    else
      fail("a projection cannot be opened: " + opened.error().to_string());
  }
  if (failure_.empty()) live();
  for (const auto& each : plan_.begins_)
    if (failure_.empty()) act(each, "the beginning");
  wild_ = true;
  arm();
  while (failure_.empty() && step_ < steps) {
    if (dead())
      live();
    else
      step();
  }
  calm_down();
  report_.steps += step_;
  report_.lives += lives_;
  return failure_;
}

// ---- The end

void Simulation::calm_down() {
  if (!failure_.empty()) return;
  wild_ = false;
  if (dead()) live();
  disk_.clear_plans();
  settle();
  for (std::size_t i = 0; failure_.empty() && i < models_.size(); ++i) model_step(i);
  if (failure_.empty()) check_sagas();
  if (failure_.empty()) check_log();
  if (failure_.empty()) check_models();
  if (failure_.empty()) check(plan_.always_);
  if (failure_.empty()) check(plan_.in_the_end_);
}

bool Simulation::turn_all() {
  bool any = false;
  for (std::size_t i = 0; i < sagas_.size(); ++i) any = turn(i) || any;
  return any;
}

std::optional<Timestamp> Simulation::next_timer() {
  std::optional<Timestamp> next;
  for (const Saga& saga : sagas_)
    if (const auto due = saga.worker->next_due(); due && (!next || *due < *next)) next = due;
  return next;
}

// By the hour, so that what is due at nearly the same time comes together.
void Simulation::settle() {
  const Timestamp end = saga_clock_.now() + longest_end;
  while (failure_.empty()) {
    int turns = 0;
    while (turn_all())
      if (++turns > most_turns) return fail("the sagas never come to rest");
    const auto next = next_timer();
    if (!next) return;
    if (*next > end) return fail("timers are scheduled without end");
    pass_time(std::max<microseconds>(std::chrono::hours(1), *next - saga_clock_.now()));
  }
}

}  // namespace stele::detail

// after_cut.cpp - cutting, opening, cutting again, comparing.
#include "after_cut.hpp"

#include "engine/embedded_store.hpp"
#include "io/simulated/manual_clock.hpp"
#include "requests.hpp"
#include "step_by_step.hpp"

namespace stele::simulation {
namespace {

// A machine that was switched on again; everything in it ends with it, but for the disk.
struct Machine {
  Machine(io::simulated::MemoryDisk& on, std::uint64_t seed) : disk(on), random(seed) {}
  io::simulated::MemoryDisk& disk;
  io::simulated::ManualClock clock;
  io::simulated::SeededRandom random;
  StepByStep jobs;
  io::World world{disk, clock, random, &jobs};

  auto open(std::uint64_t segment_bytes) {
    return engine::EmbeddedStore::open(world, "/store", {.segment_bytes = segment_bytes});
  }
};

// The power goes again while the store is being opened.
void cut_recovery(Machine& machine, std::uint64_t segment_bytes, Dice& dice, CutCounts& counts) {
  machine.disk.stop_at_change(1 + dice.below(8));
  {
    const auto opened = machine.open(segment_bytes);
    ++counts.openings;
    if (opened && dice.below(2) == 0) machine.jobs.run_all(3);
  }
  machine.disk.crash(dice.next());
  ++counts.cuts;
  ++counts.double_cuts;
}

// It goes on from here: what is appended now is there after the next cut, too.
void check_it_goes_on(Machine& machine, std::unique_ptr<engine::EmbeddedStore> store, Model model,
                      std::uint64_t segment_bytes, Dice& dice, Judge& judge, CutCounts& counts) {
  std::uint64_t serial = 500'000'000;
  for (auto left = 1 + dice.below(3); left > 0 && judge.content(); --left) {
    const auto request = small_append(dice, serial);
    const auto expected = model.decide(request);
    const auto answer = store->append(request);
    check_answer(answer, expected, judge);
    if (!answer || !judge.content()) continue;
    model.stage(request, expected);
    model.acknowledge(*answer);
    model.see(answer->last);
  }
  check_something(*store, model, dice, judge);
  store.reset();
  machine.disk.crash(dice.next());
  ++counts.cuts;
  ++counts.double_cuts;
  const auto again = machine.open(segment_bytes);
  ++counts.openings;
  if (!judge.expect(again.has_value(), "opening after a second cut",
                    [&] { return again.error().to_string(); })) {
    return;
  }
  settle(**again, model, judge);
}

}  // namespace

namespace {

// Whether it may be that the log ends where this one does.
bool check_head(Position head, const Model& model, Judge& judge) {
  const auto found = [&] { return number(head.value()) + " of " + number(model.visible().value()); };
  if (!judge.expect(head >= model.visible(), "acknowledged events are lost", found)) return false;
  if (!judge.expect(head <= model.last(), "there are events that nobody appended", found)) return false;
  return judge.expect(model.is_boundary(head), "a part of an append has survived", found);
}

}  // namespace

bool settle(EventStore& store, Model& model, Judge& judge) {
  const auto head = store.head().position;
  if (!check_head(head, model, judge)) return false;
  model.cut_to(head);
  return check_log(store, model, judge);
}

void check_after_cut(io::simulated::MemoryDisk& disk, const Model& model, std::uint64_t segment_bytes,
                     Dice& dice, Judge& judge, CutCounts& counts) {
  disk.clear_plans();
  disk.set_free_bytes(~std::uint64_t{0});
  disk.crash(dice.next());
  ++counts.cuts;
  Machine machine(disk, dice.next());
  for (auto again = dice.below(4); again == 0; again = dice.below(3)) {
    cut_recovery(machine, segment_bytes, dice, counts);
  }
  auto opened = machine.open(segment_bytes);
  ++counts.openings;
  if (!judge.expect(opened.has_value(), "opening after a power cut",
                    [&] { return opened.error().to_string(); })) {
    return;
  }
  const auto& damages = (*opened)->recovery().damages;
  if (!judge.expect(damages.empty(), "a power cut is taken for damage",
                    [&] { return engine::log::to_string(damages.front()); })) {
    return;
  }
  const auto head = (*opened)->head().position;
  if (!check_head(head, model, judge) || !compare_log(**opened, model, head, judge)) return;
  if (dice.below(4) != 0) return;
  auto survived = model;
  if (!settle(**opened, survived, judge)) return;
  check_something(**opened, survived, dice, judge);
  check_it_goes_on(machine, std::move(*opened), std::move(survived), segment_bytes, dice, judge, counts);
}

}  // namespace stele::simulation

// life.hpp - one life of a store on a simulated machine, decided by a seed: what clients do, what the disk does to
// them, when the power goes; and the model beside it, after every step.
//
// Beside the course that a life takes, the power is cut at many of its moments on copies of the disk: each copy is
// opened by the engine and held against the model, some after further cuts during recovery.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "engine/embedded_store.hpp"
#include "io/simulated/manual_clock.hpp"
#include "io/simulated/memory_disk.hpp"
#include "requests.hpp"
#include "step_by_step.hpp"
#include "watched_disk.hpp"

namespace stele::simulation {

enum class Kind : std::uint8_t {
  append,        // and wait
  load,          // many of them, few cuts meanwhile
  append_async,  // answered by some later step
  repeat,        // an append of before, word by word or not quite
  retention,
  background,  // one job of the store does a piece of its work
  look,        // a question and its answer
  look_at_all,
  subscribe,  // the subscriptions take what there is
  follow,     // a second process looks
  compact,
  archive,  // or compress
  clock,
  close,      // and open again
  kill,       // the process, not the machine
  cut_power,  // now
  cut_soon,   // some changes later, in the middle of whatever
  fail_sync,
  fail_write,
  fail_read,
  fill_disk,
  free_disk,
};
inline constexpr std::size_t kinds = 22;
[[nodiscard]] const char* name_of(Kind kind);

struct Step {
  Kind kind;
  std::uint64_t seed;
};

struct Plan {
  std::uint64_t seed = 0;
  Habits habits;
  bool slow = false;             // calls of the disk take seconds
  std::uint64_t cut_one_in = 2;  // changes on a copy of which the power is cut
  std::uint64_t segment_bytes = 0;
  Lie lie = Lie::none;
  std::vector<Step> steps;
};
// The same seed, the same plan. `length` is about how many steps.
[[nodiscard]] Plan plan_of(std::uint64_t seed, std::uint64_t length = 60);

struct Outcome {
  std::optional<std::string> finding;  // with the number and kind of the step
  std::uint64_t steps = 0;
  std::uint64_t changes = 0;      // of the disk
  std::uint64_t cuts = 0;         // power cuts, each followed by recovery and a comparison
  std::uint64_t double_cuts = 0;  // of them, during the recovery from one
  std::uint64_t openings = 0;
  std::uint64_t appends = 0;  // asked for
  std::uint64_t acknowledged = 0;
  std::uint64_t refused = 0;
  std::uint64_t faults = 0;  // errors and full disks
  std::uint64_t flips = 0;   // of bits, on copies of the disk
  std::uint64_t flips_told = 0;
  std::uint64_t digest = 0;  // of what happened: the same for the same plan
};

// `only`: the numbers of the steps to take; empty: all.
[[nodiscard]] Outcome live(const Plan& plan, const std::set<std::size_t>& only = {});

// Of a plan with a finding: as few steps as still have one.
[[nodiscard]] std::set<std::size_t> minimise(const Plan& plan);
// "--seed 7 --steps 3,9,12": how to see it again.
[[nodiscard]] std::string replay_arguments(std::uint64_t seed, const std::set<std::size_t>& only);

// A broken invariant ends the process: from now on not without saying which seed it was.
void tell_seed_on_abort(const char* command);

}  // namespace stele::simulation

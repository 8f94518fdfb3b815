// rot.cpp - a flip, an opening, and every event against the model.
#include "rot.hpp"

#include "engine/embedded_store.hpp"
#include "io/simulated/manual_clock.hpp"
#include "step_by_step.hpp"

namespace stele::simulation {
namespace {

// Some byte of some file of the store; nothing when there is none.
std::optional<std::pair<std::filesystem::path, std::uint64_t>> some_byte(io::simulated::MemoryDisk& disk,
                                                                         Dice& dice) {
  std::vector<std::filesystem::path> files{"/store/MANIFEST"};
  for (const char* folder : {"/store/log", "/store/index"}) {
    const auto names = disk.list(folder);
    if (!names) continue;
    for (const auto& name : *names) files.push_back(std::filesystem::path(folder) / name);
  }
  const auto& file = files[dice.below(files.size())];
  const auto bytes = disk.bytes(file);
  if (bytes.empty()) return std::nullopt;
  // Mostly where something was written: the end of a segment is zeros.
  const auto last = bytes.find_last_not_of('\0');
  const auto end = last == std::string::npos || dice.below(8) == 0 ? bytes.size() : last + 1;
  return std::pair(file, dice.below(end));
}

struct Reading {
  std::uint64_t events = 0;
  std::uint64_t errors = 0;
};

// Everything that can still be read is what it was. Goes on behind what is damaged, as a reader may.
Reading read_past_damage(EventStore& store, const Model& model, Judge& judge) {
  Reading reading;
  auto cursor = store.read({});
  if (!cursor) return {.events = 0, .errors = 1};
  while (judge.content() && reading.errors < 1000) {
    const auto events = (*cursor)->next_batch(16);
    if (!events) {
      ++reading.errors;
      continue;
    }
    if (events->empty()) break;
    for (const auto& got : *events) {
      const auto differs = model.difference(got);
      judge.expect(differs.empty(), "a byte that changed gives a wrong event",
                   [&] { return "position " + number(got.position.value()) + ": " + differs; });
      ++reading.events;
    }
  }
  return reading;
}

}  // namespace

void check_rot(io::simulated::MemoryDisk& disk, const Model& model, std::uint64_t segment_bytes, Dice& dice,
               Judge& judge, RotCounts& counts) {
  const auto at = some_byte(disk, dice);
  if (!at) return;
  const auto& [file, offset] = *at;
  disk.flip(file, offset, static_cast<std::uint8_t>(1U << dice.below(8)));
  ++counts.flips;
  io::simulated::ManualClock clock;
  io::simulated::SeededRandom random(dice.next());
  StepByStep jobs;
  OpenOptions options;
  options.segment_bytes = segment_bytes;
  const auto opened = engine::EmbeddedStore::open({disk, clock, random, &jobs}, "/store", options);
  if (!opened) {
    ++counts.told;
    return;
  }
  auto& store = **opened;
  const auto reading = read_past_damage(store, model, judge);
  const bool told = reading.errors > 0 || !store.recovery().damages.empty();
  if (told) ++counts.told;
  const auto missing = model.visible().value() - model.dropped() - reading.events;
  judge.expect(missing == 0 || told, "a byte that changed hides events, and nobody says so", [&] {
    return file.string() + " offset " + number(offset) + ": " + number(missing) + " events are not there";
  });
  // Through the index, too; errors are fine here.
  Judge lenient([] { return true; });
  if (!told) check_something(store, model, dice, lenient);
  if (lenient.finding())
    judge.complain(file.string() + " offset " + number(offset) + ": " + *lenient.finding());
}

}  // namespace stele::simulation

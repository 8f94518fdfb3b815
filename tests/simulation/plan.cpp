// plan.cpp - from a seed to a life; and from a life that found something to a shorter one that does.
#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "life.hpp"
#include "life_seed.hpp"

namespace stele::simulation {
namespace {

struct Weight {
  Kind kind;
  const char* name;
  std::uint64_t weight;
};

constexpr std::array<Weight, kinds> weights = {{
    {Kind::append, "append", 24},
    {Kind::load, "load", 3},
    {Kind::append_async, "append_async", 14},
    {Kind::repeat, "repeat", 5},
    {Kind::retention, "retention", 5},
    {Kind::background, "background", 14},
    {Kind::look, "look", 8},
    {Kind::look_at_all, "look_at_all", 2},
    {Kind::subscribe, "subscribe", 6},
    {Kind::follow, "follow", 2},
    {Kind::compact, "compact", 4},
    {Kind::archive, "archive", 2},
    {Kind::clock, "clock", 2},
    {Kind::close, "close", 2},
    {Kind::kill, "kill", 2},
    {Kind::cut_power, "cut_power", 3},
    {Kind::cut_soon, "cut_soon", 3},
    {Kind::fail_sync, "fail_sync", 2},
    {Kind::fail_write, "fail_write", 1},
    {Kind::fail_read, "fail_read", 1},
    {Kind::fill_disk, "fill_disk", 1},
    {Kind::free_disk, "free_disk", 2},
}};

// Each life has its own taste: some kinds never, some often.
std::array<std::uint64_t, kinds> taste(Dice& dice) {
  constexpr std::array<std::uint64_t, 5> factors = {0, 1, 1, 1, 4};
  std::array<std::uint64_t, kinds> own{};
  for (std::size_t i = 0; i < kinds; ++i) own[i] = weights[i].weight * factors[dice.below(factors.size())];
  own[0] += 4;
  return own;
}

Kind draw(const std::array<std::uint64_t, kinds>& own, Dice& dice) {
  std::uint64_t all = 0;
  for (const auto weight : own) all += weight;
  auto at = dice.below(all);
  for (std::size_t i = 0; i < kinds; ++i) {
    if (at < own[i]) return weights[i].kind;
    at -= own[i];
  }
  return Kind::append;
}

std::atomic<std::uint64_t> living_seed{0};
std::atomic<std::size_t> living_step{0};
const char* replay_command = "";

void last_words(int) {
  std::fprintf(stderr, "\nthe process aborts in the life of seed %llu, step %zu; again: %s --seed %llu\n",
               static_cast<unsigned long long>(living_seed.load()), living_step.load(), replay_command,
               static_cast<unsigned long long>(living_seed.load()));
}

}  // namespace

const char* name_of(Kind kind) { return weights[static_cast<std::size_t>(kind)].name; }

void at_step(std::uint64_t seed, std::size_t step) {
  living_seed.store(seed);
  living_step.store(step);
}

void tell_seed_on_abort(const char* command) {
  replay_command = command;
  std::signal(SIGABRT, last_words);
}

Plan plan_of(std::uint64_t seed, std::uint64_t length) {
  constexpr std::array<Habits, 5> habits = {{{.data_bytes = 40, .varied = false, .most_events = 1},
                                             {.data_bytes = 200, .varied = false, .most_events = 1},
                                             {.data_bytes = 2000, .varied = true, .most_events = 1},
                                             {.data_bytes = 900, .varied = true, .most_events = 2},
                                             {.data_bytes = 300, .varied = true, .most_events = 4}}};
  Dice dice(seed * 0x9E3779B97F4A7C15 + 1);
  Plan plan;
  plan.seed = seed;
  plan.habits = habits[dice.below(habits.size())];
  plan.habits.wrong_one_in = 3 + dice.below(20);
  plan.slow = dice.below(4) == 0;
  plan.cut_one_in = 1 + dice.below(3);
  plan.segment_bytes = 64 << 10;
  if (dice.below(20) == 0) {  // segments that are filled ahead of the writer, a piece at a time
    plan.segment_bytes = 1600 << 10;
    plan.habits = {.data_bytes = 150'000, .varied = true, .most_events = 1};
    plan.cut_one_in = 10;
  }
  const auto own = taste(dice);
  for (auto steps = length / 2 + dice.below(length); steps > 0; --steps) {
    const auto kind = draw(own, dice);
    plan.steps.push_back({kind, dice.next()});
  }
  return plan;
}

// Leaves out ever smaller pieces, as long as something is still found.
std::set<std::size_t> minimise(const Plan& plan) {
  std::vector<std::size_t> kept;
  for (std::size_t i = 0; i < plan.steps.size(); ++i) kept.push_back(i);
  int tries = 300;
  for (auto piece = kept.size() / 2; piece > 0; piece /= 2) {
    for (std::size_t at = 0; at < kept.size() && tries > 0;) {
      auto fewer = kept;
      const auto begin = fewer.begin() + static_cast<std::ptrdiff_t>(at);
      fewer.erase(begin, begin + static_cast<std::ptrdiff_t>(std::min(piece, kept.size() - at)));
      --tries;
      if (!fewer.empty() && live(plan, {fewer.begin(), fewer.end()}).finding)
        kept = std::move(fewer);
      else
        at += piece;
    }
  }
  return {kept.begin(), kept.end()};
}

std::string replay_arguments(std::uint64_t seed, const std::set<std::size_t>& only) {
  auto text = "--seed " + number(seed);
  for (bool first = true; const auto step : only) {
    text += (first ? " --steps " : ",") + number(step);
    first = false;
  }
  return text;
}

}  // namespace stele::simulation

// simulate.cpp - lives for as long as one likes: prints how it goes, writes what was done as JSON, and shows a life
// that found something as short as it can. Started by `./dev simulate`.
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>

#include "../life.hpp"

namespace {

using stele::simulation::Outcome;
using clock_type = std::chrono::steady_clock;

struct Wishes {
  std::uint64_t first = 1;
  std::uint64_t seeds = 1000;
  std::uint64_t length = 60;
  double seconds = 0;  // 0: as many seeds as wished
  bool one = false;
  bool quiet = false;
  std::set<std::size_t> steps;
  std::string summary;
};

int usage() {
  std::fputs(
      "simulate [--seeds N | --hours H | --seconds S] [--first SEED] [--length STEPS] [--summary FILE]\n"
      "simulate --seed SEED [--steps A,B,...] [--length STEPS]    one life again\n",
      stderr);
  return 2;
}

std::set<std::size_t> numbers(const char* list) {
  std::set<std::size_t> all;
  std::istringstream in(list);
  for (std::string one; std::getline(in, one, ',');) all.insert(std::strtoull(one.c_str(), nullptr, 10));
  return all;
}

std::optional<Wishes> wishes_of(int count, char** words) {
  Wishes wishes;
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    if (word == "--quiet") {
      wishes.quiet = true;
      continue;
    }
    if (i + 1 == count) return std::nullopt;
    const char* value = words[++i];
    const auto number = std::strtoull(value, nullptr, 10);
    if (word == "--seeds")
      wishes.seeds = number;
    else if (word == "--first")
      wishes.first = number;
    else if (word == "--length")
      wishes.length = number;
    else if (word == "--hours")
      wishes.seconds = 3600 * std::strtod(value, nullptr);
    else if (word == "--seconds")
      wishes.seconds = std::strtod(value, nullptr);
    else if (word == "--steps")
      wishes.steps = numbers(value);
    else if (word == "--summary")
      wishes.summary = value;
    else if (word == "--seed")
      wishes.one = true, wishes.first = number, wishes.seeds = 1;
    else
      return std::nullopt;
  }
  return wishes;
}

void add(Outcome& all, const Outcome& one) {
  all.steps += one.steps;
  all.changes += one.changes;
  all.cuts += one.cuts;
  all.double_cuts += one.double_cuts;
  all.openings += one.openings;
  all.appends += one.appends;
  all.acknowledged += one.acknowledged;
  all.refused += one.refused;
  all.faults += one.faults;
  all.flips += one.flips;
  all.flips_told += one.flips_told;
}

double since(clock_type::time_point begin) {
  return std::chrono::duration<double>(clock_type::now() - begin).count();
}

std::string json_of(const Outcome& all, std::uint64_t first, std::uint64_t seeds, double seconds) {
  std::ostringstream out;
  out << "{\"kind\":\"simulation\",\"first_seed\":" << first << ",\"seeds\":" << seeds
      << ",\"power_cuts\":" << all.cuts << ",\"cuts_during_recovery_or_after_it\":" << all.double_cuts
      << ",\"openings\":" << all.openings << ",\"steps\":" << all.steps << ",\"disk_changes\":" << all.changes
      << ",\"appends\":" << all.appends << ",\"acknowledged\":" << all.acknowledged
      << ",\"refused\":" << all.refused << ",\"disk_faults\":" << all.faults
      << ",\"flipped_bits\":" << all.flips << ",\"flipped_bits_told\":" << all.flips_told
      << ",\"violations\":" << (all.finding ? 1 : 0) << ",\"seconds\":" << static_cast<std::uint64_t>(seconds)
      << "}\n";
  return out.str();
}

int show(const stele::simulation::Plan& plan, const Outcome& found, const Wishes& wishes) {
  std::printf("seed %" PRIu64 ": %s\n", plan.seed, found.finding->c_str());
  auto steps = wishes.steps;
  if (steps.empty() && !wishes.quiet) steps = stele::simulation::minimise(plan);
  for (const auto step : steps) std::printf("  step %zu %s\n", step, name_of(plan.steps[step].kind));
  const auto length = wishes.length == 60 ? std::string() : " --length " + std::to_string(wishes.length);
  std::printf("again: ./dev simulate %s%s\n", stele::simulation::replay_arguments(plan.seed, steps).c_str(),
              length.c_str());
  return 1;
}

}  // namespace

int main(int count, char** words) {
  const auto wishes = wishes_of(count, words);
  if (!wishes) return usage();
  stele::simulation::tell_seed_on_abort("./dev simulate");
  const auto begin = clock_type::now();
  Outcome all;
  std::uint64_t lived = 0;
  double told = 0;
  int code = 0;
  for (auto seed = wishes->first; code == 0; ++seed) {
    if (wishes->seconds > 0 ? since(begin) >= wishes->seconds : lived >= wishes->seeds) break;
    const auto plan = stele::simulation::plan_of(seed, wishes->length);
    const auto one = live(plan, wishes->steps);
    ++lived;
    add(all, one);
    if (one.finding) {
      all.finding = one.finding;
      code = show(plan, one, *wishes);
    }
    const auto now = since(begin);
    if (now < told + 10 && !wishes->one) continue;
    told = now;
    std::printf("%8.0f s  %" PRIu64 " lives  %" PRIu64 " cuts  %" PRIu64
                " acknowledged  %.0f cuts/s  digest %" PRIx64 "\n",
                now, lived, all.cuts, all.acknowledged, static_cast<double>(all.cuts) / now, one.digest);
    std::fflush(stdout);
  }
  const auto json = json_of(all, wishes->first, lived, since(begin));
  std::fputs(json.c_str(), stdout);
  if (!wishes->summary.empty()) std::ofstream(wishes->summary) << json;
  return code;
}

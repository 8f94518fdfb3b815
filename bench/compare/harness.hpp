// harness.hpp - one measurement of one rival: the same loop for all of them. Rates, percentiles, a line of JSON. It
// knows no store.
#pragma once

#include <string>

#include "cli/bench/histogram.hpp"
#include "rival.hpp"

namespace stele::compare {

// What the command line of a driver says. The script starts a driver once per measurement, so that rivals can be
// taken in turn.
struct Task {
  std::string workload;  // append, fill, replay, load, rebuild
  std::string form = "blocking";
  std::uint64_t writers = 1;
  std::uint64_t batch = 1;
  std::uint64_t events = 100'000;
  std::uint64_t streams = 1'000;
  double seconds = 2;
  std::string run = "0";  // part of the stream names: measurements share no stream
  Place place;
};
[[nodiscard]] result<Task> parse_task(std::span<char* const> words);

struct Measured {
  std::uint64_t operations = 0;
  std::uint64_t events = 0;
  double seconds = 0;
  std::uint32_t checksum = 0;  // of what was replayed
  cli::bench::Histogram latency;
};
[[nodiscard]] result<Measured> run_task(Rival& rival, const Task& task);
// {"workload":…,"per_second":…,"p50_us":…}
[[nodiscard]] std::string line_of(const Task& task, const Measured& measured, const std::string& durability);

}  // namespace stele::compare

// aggregate_bench.cpp - what loading an aggregate of many events costs, folded from the start and from a snapshot.
#include <benchmark/benchmark.h>

#include <filesystem>
#include <string>

#include "../tests/domain/meter.hpp"

namespace {

using namespace metering;

// The same rules without snapshots.
struct Folded : MeterRules<Folded, Running, Sealed> {
  static State evolve(Running meter, const MeterRead& e) { return Meter::evolve(std::move(meter), e); }
  static State evolve(const Running& meter, const MeterSealed& e) { return Meter::evolve(meter, e); }
};

template <class D>
void load_aggregate(benchmark::State& state) {
  const auto directory = std::filesystem::temp_directory_path() / "stele_aggregate_bench";
  std::filesystem::remove_all(directory);
  {
    const auto store = stele::open(directory);
    for (std::int64_t done = 0; done < state.range(0); done += 50)
      if (!stele::handle<D>(**store, ReadMeter{"m1", 1, 50})) return state.SkipWithError("cannot append");
    (void)stele::handle<D>(**store, ReadMeter{"m1", 1, 50});
    for (auto _ : state) {
      auto loaded = stele::Repository<D>(**store).load("m1");
      benchmark::DoNotOptimize(loaded);
      state.counters["events_read"] = static_cast<double>(loaded->events_read);
    }
  }
  std::filesystem::remove_all(directory);
}
BENCHMARK(load_aggregate<Folded>)
    ->Name("load/folded")
    ->Arg(1'000)
    ->Arg(10'000)
    ->Unit(benchmark::kMicrosecond);
BENCHMARK(load_aggregate<Meter>)
    ->Name("load/snapshot")
    ->Arg(1'000)
    ->Arg(10'000)
    ->Unit(benchmark::kMicrosecond);

}  // namespace

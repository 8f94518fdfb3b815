// parts_bench.cpp - the small parts that every event passes through: checksums, JSON of an event's struct, exact
// decimals, the index. Frames are log_scan_bench.cpp's; whole stores are `stele bench`'s.
#include <benchmark/benchmark.h>

#include "base/crc32c.hpp"
#include "engine/index/index.hpp"
#include "engine/log/frame.hpp"
#include "engine/log/segment.hpp"
#include "stele/decimal.hpp"
#include "stele/wire.hpp"

namespace {

using namespace stele;

// ---- Checksums

template <std::uint32_t (*Sum)(std::string_view, std::uint32_t)>
void checksum(benchmark::State& state) {
  const std::string bytes(static_cast<std::size_t>(state.range(0)), 'x');
  for (auto _ : state) benchmark::DoNotOptimize(Sum(bytes, 0));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(checksum<base::crc32c>)->Name("crc32c")->Arg(64)->Arg(300)->Arg(4096)->Arg(1 << 20);
BENCHMARK(checksum<base::crc32c_portable>)->Name("crc32c_portable")->Arg(300)->Arg(4096);

// ---- JSON of an event

struct MoneyMoved {
  std::string account_id;
  Money amount;
  std::string description;
  std::int64_t sequence = 0;
  std::optional<std::string> reference;
};

MoneyMoved moved() {
  return {.account_id = "acct-42",
          .amount = Money::from_units(482'050),
          .description = "Rent payment for March, flat 12",
          .sequence = 1'234'567,
          .reference = "invoice 2026-03"};
}

void write_event_json(benchmark::State& state) {
  const auto event = moved();
  std::string text;
  for (auto _ : state) {
    text.clear();
    append_json(text, event);
    benchmark::DoNotOptimize(text.data());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(write_event_json);

void read_event_json(benchmark::State& state) {
  const auto text = to_json(moved());
  for (auto _ : state) {
    const auto event = from_json<MoneyMoved>(std::string_view(text));
    if (!event) return state.SkipWithError("not read back");
    benchmark::DoNotOptimize(event->amount);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(read_event_json);

// ---- Decimals

void parse_decimal(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(Money::parse("123456.78"));
}
BENCHMARK(parse_decimal);

void print_decimal(benchmark::State& state) {
  const auto amount = Money::from_units(12'345'678);
  for (auto _ : state) benchmark::DoNotOptimize(to_string(amount));
}
BENCHMARK(print_decimal);

// ---- The index

constexpr std::uint64_t salt = 42;

std::string stream_name(std::uint64_t number) { return "BankAccount-acct-" + std::to_string(number); }

// One event per frame, over so many streams in turn, with a tag each.
class IndexedFrames {
 public:
  explicit IndexedFrames(std::uint64_t streams) : streams_(streams) {}
  // The next frame, put into the index.
  void add_to(engine::Index& index) {
    StreamWrite write{.stream = stream_name(made_ % streams_), .expected = {}, .events = {}};
    auto& event = write.events.emplace_back();
    event.id = Uuid::from_name({}, std::to_string(++made_));
    event.type = "MoneyDeposited";
    event.data = R"({"amount":"12.50"})";
    event.tags = {"customer:" + std::to_string(made_ % streams_)};
    auto frame = engine::log::encode({&write, 1});
    const Revision revision((made_ - 1) / streams_);
    const auto offset = engine::log::segment_header_bytes + made_ * 512;
    engine::log::seal(frame, {Position(made_), {}, Position(made_ - 1), {&revision, 1}, salt, offset});
    index.add(0, offset, Position(made_), {&write, 1}, {&revision, 1}, frame);
  }

 private:
  std::uint64_t streams_;
  std::uint64_t made_ = 0;
};

// With the making of the frame: encode_frames tells what of it that is.
void add_to_index(benchmark::State& state) {
  engine::Index index;
  IndexedFrames frames(static_cast<std::uint64_t>(state.range(0)));
  for (auto _ : state) frames.add_to(index);
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(add_to_index)->Arg(100)->Arg(100'000)->Iterations(300'000);

class FilledIndex {
 public:
  static constexpr std::uint64_t events = 200'000;
  static constexpr std::uint64_t streams = 10'000;
  FilledIndex() {
    IndexedFrames frames(streams);
    for (std::uint64_t i = 0; i < events; ++i) frames.add_to(index);
  }
  engine::Index index;
};

void look_up_stream_head(benchmark::State& state) {
  const FilledIndex filled;
  std::uint64_t number = 0;
  for (auto _ : state)
    benchmark::DoNotOptimize(filled.index.next_revision(stream_name(number++ * 7919 % FilledIndex::streams)));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(look_up_stream_head);

void look_up_missing_stream(benchmark::State& state) {
  const FilledIndex filled;
  std::uint64_t number = FilledIndex::streams;
  for (auto _ : state) benchmark::DoNotOptimize(filled.index.next_revision(stream_name(number++)));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(look_up_missing_stream);

void look_up_id(benchmark::State& state) {
  const FilledIndex filled;
  std::uint64_t number = 0;
  for (auto _ : state) {
    const auto id = Uuid::from_name({}, std::to_string(1 + number++ * 7919 % FilledIndex::events));
    benchmark::DoNotOptimize(filled.index.find_id(id));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(look_up_id);

}  // namespace

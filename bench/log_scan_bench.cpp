// log_scan_bench.cpp - how fast frames are encoded, sealed and scanned: the ceiling of appends and of recovery.
#include <benchmark/benchmark.h>

#include "engine/log/frame.hpp"
#include "engine/log/scanner.hpp"
#include "engine/log/segment.hpp"

namespace {

using namespace stele;
using namespace stele::engine::log;

constexpr std::uint64_t salt = 42;

// About 300 bytes on disk.
NewEvent event_of(std::uint64_t number) {
  NewEvent event;
  event.id = Uuid::from_name({}, std::to_string(number));
  event.type = "MoneyDeposited";
  event.data = std::string(190, 'd');
  event.metadata = R"({"userId":"user-1"})";
  return event;
}

StreamWrite write_of(std::int64_t events) {
  StreamWrite write{"BankAccount-acct-42", {}, {}};
  for (std::int64_t i = 0; i < events; ++i) write.events.push_back(event_of(static_cast<std::uint64_t>(i)));
  return write;
}

void place(EncodedFrame& frame, std::uint64_t first, std::uint64_t offset) {
  const Revision revision(first);
  seal(frame, {Position(first), {}, Position(first - 1), {&revision, 1}, salt, offset});
}

void encode_frames(benchmark::State& state) {
  const auto write = write_of(state.range(0));
  for (auto _ : state) {
    auto frame = encode({&write, 1});
    place(frame, 1, segment_header_bytes);
    benchmark::DoNotOptimize(frame.bytes.data());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(encode_frames)->Arg(1)->Arg(100);

void scan_frames(benchmark::State& state) {
  const auto write = write_of(state.range(0));
  auto frame = encode({&write, 1});
  std::string image(segment_header_bytes, '\0');
  std::int64_t events = 0;
  while (image.size() < (64u << 20)) {
    place(frame, static_cast<std::uint64_t>(events + 1), image.size());
    image += frame.bytes;
    events += state.range(0);
  }
  const io::BytesSource source(image);
  for (auto _ : state) {
    SegmentScanner scanner(source, salt, segment_header_bytes, image.size());
    std::int64_t seen = 0;
    while (seen < events) {
      const auto next = scanner.next();
      if (!next || next->status != FrameStatus::ok) state.SkipWithError("the scan ended early");
      for (FrameEvents walk(next->frame); walk.next();) ++seen;
    }
  }
  state.SetItemsProcessed(state.iterations() * events);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(image.size()));
}
BENCHMARK(scan_frames)->Arg(1)->Arg(100);

}  // namespace

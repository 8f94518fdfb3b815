// read_load.cpp - fills, replays, loads and scans.
#include "cli/bench/read_load.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "base/crc32c.hpp"
#include "io/world.hpp"

namespace stele::cli::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t streams_in_append = 500;
constexpr std::size_t replay_batch = 1024;
constexpr std::size_t scan_bytes = 1u << 20;

double elapsed(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Names as applications have them: a category, then a number.
std::string stream_of(std::uint64_t number) { return fmt::format("bench-{}", number); }

// One append, many streams: consecutive events of a stream end up far apart, as concurrent writers leave
// them.
AppendRequest one_event_each(std::uint64_t first, std::uint64_t behind, const std::string& payload) {
  AppendRequest request;
  for (auto number = first; number < behind; ++number) {
    auto& write = request.writes.emplace_back();
    write.stream = stream_of(number);
    auto& event = write.events.emplace_back();
    event.type = "BenchEvent";
    event.data = payload;
  }
  return request;
}

std::string filler(std::uint64_t size) {
  constexpr std::uint64_t frame_of_json = 11;  // {"note":""}
  return fmt::format(R"({{"note":"{}"}})", std::string(size > frame_of_json ? size - frame_of_json : 0, 'x'));
}

}  // namespace

result<std::uint64_t> fill(EventStore& store, std::uint64_t events, std::uint64_t size,
                           std::stop_token stop) {
  const auto streams = std::max<std::uint64_t>(1, events / events_per_stream);
  const auto payload = filler(size);
  for (std::uint64_t round = 0; round < events_per_stream; ++round) {
    for (std::uint64_t first = 0; first < streams && !stop.stop_requested(); first += streams_in_append) {
      const auto behind = std::min(streams, first + streams_in_append);
      STELE_CHECK(store.append(one_event_each(first, behind, payload)));
    }
  }
  return streams;
}

// Sums the sizes, so that the compiler cannot leave the walk out; touching every byte is the checksum's
// job.
result<ReplayMeasured> replay(EventStore& store) {
  ReplayMeasured measured;
  const auto begin = Clock::now();
  STELE_TRY(const auto cursor, store.read({.query = Query::all(), .from = {}}));
  while (true) {
    STELE_TRY(const auto events, cursor->next_batch(replay_batch));
    if (events.empty()) break;
    measured.events += events.size();
    for (const auto& event : events) measured.payload_bytes += event.data.size();
  }
  measured.seconds = elapsed(begin);
  return measured;
}

// A load that does not find every event would be fast and wrong: it is an error.
result<LoadsMeasured> load_streams(EventStore& store, std::uint64_t streams, double seconds,
                                   std::uint64_t seed) {
  LoadsMeasured measured;
  std::mt19937_64 random(seed);
  const auto begin = Clock::now();
  while (elapsed(begin) < seconds) {
    const auto name = stream_of(random() % streams);
    const auto one = Clock::now();
    STELE_TRY(const auto cursor, store.read_stream({.stream = name, .from = {}}));
    std::uint64_t events = 0;
    while (true) {
      STELE_TRY(const auto batch, cursor->next_batch(replay_batch));
      if (batch.empty()) break;
      events += batch.size();
    }
    measured.latency.add(Clock::now() - one);
    if (events != events_per_stream)
      return Error(errc::corrupt,
                   fmt::format("{} has {} events instead of {}", name, events, events_per_stream));
    ++measured.loads;
  }
  measured.seconds = elapsed(begin);
  return measured;
}

result<ScanMeasured> scan_files(const std::filesystem::path& log_directory) {
  auto& disk = io::real_world().disk;
  ScanMeasured measured;
  std::string buffer(scan_bytes, '\0');
  std::uint32_t sum = 0;
  STELE_TRY(const auto names, disk.list(log_directory));
  const auto begin = Clock::now();
  for (const auto& name : names) {
    STELE_TRY(const auto file, disk.open(log_directory / name, io::Mode::read));
    for (std::uint64_t offset = 0; true; offset += buffer.size()) {
      STELE_TRY(const auto got, file->read_at(offset, buffer));
      sum = base::crc32c(std::string_view(buffer).substr(0, got), sum);
      measured.bytes += got;
      if (got < buffer.size()) break;
    }
  }
  measured.seconds = elapsed(begin);
  return measured;
}

}  // namespace stele::cli::bench

// read_load.hpp - what `bench read` measures: replay of the whole log and loads of single streams, on a store
// filled for the purpose, beside a plain checksum scan over the same files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>

#include "cli/bench/histogram.hpp"
#include "stele/store.hpp"

namespace stele::cli::bench {

inline constexpr std::uint64_t events_per_stream = 100;

// Streams of a hundred events each, one event at a time of every stream in turn: scattered as far as can be.
// Returns how many streams there are.
[[nodiscard]] result<std::uint64_t> fill(EventStore& store, std::uint64_t events, std::uint64_t size,
                                         std::stop_token stop);

struct ReplayMeasured {
  std::uint64_t events = 0;
  std::uint64_t payload_bytes = 0;
  double seconds = 0;
};
[[nodiscard]] result<ReplayMeasured> replay(EventStore& store);

struct LoadsMeasured {
  std::uint64_t loads = 0;
  double seconds = 0;
  Histogram latency;
};
// Random streams, one after the other, each read to its end.
[[nodiscard]] result<LoadsMeasured> load_streams(EventStore& store, std::uint64_t streams, double seconds,
                                                 std::uint64_t seed);

struct ScanMeasured {
  std::uint64_t bytes = 0;
  double seconds = 0;
};
// Every byte of the log's files through CRC-32C, in order, one thread: the limit of any verified replay.
[[nodiscard]] result<ScanMeasured> scan_files(const std::filesystem::path& log_directory);

}  // namespace stele::cli::bench

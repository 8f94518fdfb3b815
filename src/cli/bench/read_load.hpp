// read_load.hpp - the reading halves of the measurements: replay of everything, loads of single streams, selective
// reads, beside what the files themselves allow. The log was made by log_source.hpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>

#include "cli/bench/histogram.hpp"
#include "cli/bench/log_source.hpp"
#include "stele/store.hpp"

namespace stele::cli::bench {

struct ReplayMeasured {
  std::uint64_t events = 0;
  std::uint64_t payload_bytes = 0;
  double seconds = 0;
};
[[nodiscard]] result<ReplayMeasured> replay(EventStore& store);

struct ReadsMeasured {
  std::uint64_t reads = 0;
  std::uint64_t events = 0;
  double seconds = 0;
  // From when the read was due, at a given rate; else from its call.
  Histogram latency;
};
struct ReadsPlan {
  LogPlan log;
  double seconds = 2;
  std::uint64_t rate = 0;  // reads a second, open loop; 0: one after the other
  std::uint64_t threads = 1;
  std::uint64_t seed = 42;
  std::uint64_t among = 0;  // only so many of all, evenly spread: they are in memory soon; 0: any
  bool once = false;        // each of those once, in order, however long it takes: then they are in memory
};
// Random streams, each read to its end. Where every stream has the same number of events, a load that does not find
// them all is an error: it would be fast and wrong.
[[nodiscard]] result<ReadsMeasured> load_streams(EventStore& store, const ReadsPlan& plan,
                                                 const std::stop_token& stop);
// Random `order:` tags, each read by a query; the same rule.
[[nodiscard]] result<ReadsMeasured> read_by_tag(EventStore& store, const ReadsPlan& plan,
                                                const std::stop_token& stop);

struct ScanMeasured {
  std::uint64_t bytes = 0;
  double seconds = 0;
};
// Every byte of the log's files through CRC-32C, in order, one thread: the limit of any verified replay.
[[nodiscard]] result<ScanMeasured> scan_files(const std::filesystem::path& log_directory);
// Seconds to copy `count` pieces of `bytes` from random places of the mapped files, the median: the limit of a
// load of that many scattered events.
[[nodiscard]] result<double> probe_scattered(const std::filesystem::path& log_directory, std::uint64_t count,
                                             std::uint64_t bytes, double seconds);

}  // namespace stele::cli::bench

// disk_probe.cpp - prefilled files, as the log has them: a commit never changes a file's size.
#include "cli/bench/disk_probe.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include "cli/bench/histogram.hpp"
#include "io/world.hpp"

namespace stele::cli::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t probe_bytes = 64u << 20;
constexpr std::array<std::uint64_t, 3> sync_sizes{300, 4u << 10, 64u << 10};
constexpr double seconds_per_size = 0.4;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Also the measurement of the writing rate: the second pass goes over a file that has its blocks.
result<double> write_whole(io::File& file) {
  const std::string block(1u << 20, '\x5a');
  const auto begin = Clock::now();
  for (std::uint64_t offset = 0; offset < probe_bytes; offset += block.size())
    STELE_CHECK(file.write_at(offset, block));
  STELE_CHECK(file.sync_data());
  return static_cast<double>(probe_bytes) / seconds_since(begin);
}

result<SyncTime> time_syncs(io::File& file, std::uint64_t bytes) {
  const std::string block(bytes, '\x5a');
  Histogram times;
  std::uint64_t offset = 0;
  for (const auto begin = Clock::now(); seconds_since(begin) < seconds_per_size;) {
    if (offset + bytes > probe_bytes) offset = 0;
    const auto one = Clock::now();
    STELE_CHECK(file.write_at(offset, block));
    STELE_CHECK(file.sync_data());
    times.add(Clock::now() - one);
    offset += bytes;
  }
  return SyncTime{.bytes = bytes,
                  .p50 = std::chrono::duration<double>(times.percentile(0.5)).count(),
                  .p99 = std::chrono::duration<double>(times.percentile(0.99)).count()};
}

}  // namespace

double DiskLimits::sync_seconds(double bytes) const {
  if (syncs.empty()) return 0;
  const auto above =
      std::ranges::find_if(syncs, [&](const SyncTime& s) { return static_cast<double>(s.bytes) >= bytes; });
  if (above == syncs.begin()) return above->p50;
  const auto& below = *std::prev(above);
  const auto more = bytes - static_cast<double>(below.bytes);
  if (above == syncs.end()) return below.p50 + more / bytes_per_second;
  return below.p50 + more * (above->p50 - below.p50) / static_cast<double>(above->bytes - below.bytes);
}

result<DiskLimits> probe_disk(const std::filesystem::path& directory) {
  STELE_TRY(const auto file, io::real_world().disk.open(directory / "probe", io::Mode::create));
  DiskLimits limits;
  STELE_CHECK(write_whole(*file));
  STELE_TRY(limits.bytes_per_second, write_whole(*file));
  for (const auto bytes : sync_sizes) {
    STELE_TRY(const auto time, time_syncs(*file, bytes));
    limits.syncs.push_back(time);
  }
  STELE_CHECK(io::real_world().disk.remove(directory / "probe"));
  return limits;
}

}  // namespace stele::cli::bench

// disk_probe.cpp - prefilled files, as the log has them: a commit never changes a file's size.
#include "cli/bench/disk_probe.hpp"

#include <algorithm>
#include <array>

#include "cli/bench/histogram.hpp"
#include "cli/bench/pace.hpp"
#include "io/world.hpp"

namespace stele::cli::bench {
namespace {

constexpr std::uint64_t probe_bytes = 64u << 20;
constexpr std::array<std::uint64_t, 3> sync_sizes{300, 4u << 10, 64u << 10};
constexpr std::uint64_t commit_file_bytes = 4u << 20;

// Also the measurement of the writing rate: the second pass goes over a file that has its blocks.
result<double> write_whole(io::File& file) {
  const std::string block(1u << 20, '\x5a');
  const auto begin = Clock::now();
  for (std::uint64_t offset = 0; offset < probe_bytes; offset += block.size())
    STELE_CHECK(file.write_at(offset, block));
  STELE_CHECK(file.sync_data());
  return static_cast<double>(probe_bytes) / seconds_since(begin);
}

// The offset moves on like that of a log; writing one place over and over is cheaper on some disks.
result<SyncTime> time_syncs(io::File& file, std::uint64_t file_bytes, std::uint64_t bytes, double seconds) {
  const std::string block(bytes, '\x5a');
  Histogram times;
  std::uint64_t offset = 0;
  for (const auto begin = Clock::now(); seconds_since(begin) < seconds;) {
    if (offset + bytes > file_bytes) offset = 0;
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

result<DiskLimits> probe_disk(const std::filesystem::path& directory, double seconds) {
  STELE_TRY(const auto file, io::real_world().disk.open(directory / "probe", io::Mode::create));
  DiskLimits limits;
  STELE_CHECK(write_whole(*file));
  STELE_TRY(limits.bytes_per_second, write_whole(*file));
  for (const auto bytes : sync_sizes) {
    STELE_TRY(const auto time, time_syncs(*file, probe_bytes, bytes, seconds));
    limits.syncs.push_back(time);
  }
  STELE_CHECK(io::real_world().disk.remove(directory / "probe"));
  return limits;
}

// The file is filled before the clock starts, as segments are: growing it would cost a journal write a
// time.
result<double> probe_sync(const std::filesystem::path& directory, std::uint64_t bytes, double seconds) {
  const auto file_bytes = std::max(commit_file_bytes, 4 * bytes);
  STELE_TRY(const auto file, io::real_world().disk.open(directory / "commit", io::Mode::create));
  STELE_CHECK(file->write_at(0, std::string(file_bytes, '\0')));
  STELE_CHECK(file->sync_data());
  STELE_TRY(const auto time, time_syncs(*file, file_bytes, bytes, seconds));
  STELE_CHECK(io::real_world().disk.remove(directory / "commit"));
  return time.p50;
}

}  // namespace stele::cli::bench

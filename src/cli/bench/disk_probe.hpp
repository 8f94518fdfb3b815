// disk_probe.hpp - the limits of the disk, measured in the same run as the store: without them no figure of
// the store means anything. Raw files through src/io; no store involved.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "stele/result.hpp"

namespace stele::cli::bench {

struct SyncTime {
  std::uint64_t bytes = 0;
  double p50 = 0;  // seconds for one write and one fdatasync
  double p99 = 0;
};

struct DiskLimits {
  std::vector<SyncTime> syncs;  // by size, smallest first
  double bytes_per_second = 0;  // sequential writing, synced at the end
};

// Takes `seconds` for each size and 64 MiB below `directory`.
[[nodiscard]] result<DiskLimits> probe_disk(const std::filesystem::path& directory, double seconds);

// Seconds for one write of so many bytes and its fdatasync, the median of `seconds` of trying: what one commit
// of that size costs right now. Disks shared with others change from minute to minute, so it is asked beside
// each load.
[[nodiscard]] result<double> probe_sync(const std::filesystem::path& directory, std::uint64_t bytes,
                                        double seconds);

// How many requests of `bytes` a second `threads` waiting threads get through one committing thread: the
// limit of every store that answers blocking callers, whatever it does besides.
[[nodiscard]] result<double> probe_hand_over(const std::filesystem::path& directory, std::size_t threads,
                                             std::uint64_t bytes, double seconds);

}  // namespace stele::cli::bench

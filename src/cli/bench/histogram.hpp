// histogram.hpp - latencies in buckets that grow with the value: memory is constant, the error at most 1.6 %.
// Not thread-safe: every measuring thread fills its own, and they are added up.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

namespace stele::cli::bench {

class Histogram {
 public:
  void add(std::chrono::nanoseconds value);
  void merge(const Histogram& other);
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::chrono::nanoseconds max() const { return std::chrono::nanoseconds(max_); }
  // The value that `share` (0 to 1) of all values do not exceed, rounded up to its bucket's end, never above
  // max().
  [[nodiscard]] std::chrono::nanoseconds percentile(double share) const;

 private:
  // 64 buckets per power of two: exact below 64 ns, within 1/64 above.
  static constexpr unsigned sub_bits = 6;
  static constexpr std::size_t buckets = (64 - sub_bits + 1) << sub_bits;
  static std::size_t bucket_of(std::uint64_t value);
  static std::uint64_t last_in(std::size_t bucket);

  std::array<std::uint64_t, buckets> counts_{};
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace stele::cli::bench

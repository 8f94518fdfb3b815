// histogram.cpp - values to buckets and back.
#include "cli/bench/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace stele::cli::bench {

// The leading bit chooses the row, the next six bits the bucket in it.
std::size_t Histogram::bucket_of(std::uint64_t value) {
  if (value < (1u << sub_bits)) return static_cast<std::size_t>(value);
  const auto shift = static_cast<unsigned>(std::bit_width(value)) - sub_bits - 1;
  return (static_cast<std::size_t>(shift + 1) << sub_bits) +
         static_cast<std::size_t>((value >> shift) - (1u << sub_bits));
}

std::uint64_t Histogram::last_in(std::size_t bucket) {
  if (bucket < (1u << sub_bits)) return bucket;
  const auto shift = static_cast<unsigned>(bucket >> sub_bits) - 1;
  const std::uint64_t first = (std::uint64_t{1} << sub_bits) + (bucket & ((1u << sub_bits) - 1));
  return (first << shift) + ((std::uint64_t{1} << shift) - 1);
}

void Histogram::add(std::chrono::nanoseconds value) {
  const auto nanoseconds = static_cast<std::uint64_t>(std::max<std::int64_t>(value.count(), 0));
  ++counts_[bucket_of(nanoseconds)];
  ++count_;
  max_ = std::max(max_, nanoseconds);
}

void Histogram::merge(const Histogram& other) {
  for (std::size_t i = 0; i < buckets; ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

std::chrono::nanoseconds Histogram::percentile(double share) const {
  const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < buckets; ++i) {
    seen += counts_[i];
    if (seen >= wanted && seen > 0) return std::chrono::nanoseconds(std::min(last_in(i), max_));
  }
  return max();
}

}  // namespace stele::cli::bench

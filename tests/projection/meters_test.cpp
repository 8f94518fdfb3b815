// meters_test.cpp - the figures of a runner: buckets, quantiles, rates.
#include "projection/meters.hpp"

#include <gtest/gtest.h>

namespace stele::projection {
namespace {

using std::chrono::microseconds;
using namespace std::chrono_literals;

TEST(LatencyMeter, a_value_falls_into_the_bucket_whose_bound_it_does_not_exceed) {
  LatencyMeter meter;
  meter.add(100us);
  meter.add(101us);
  meter.add(-5us);
  meter.add(microseconds(60s));
  const LatencyHistogram read = meter.read();
  EXPECT_EQ(read.count, 4u);
  EXPECT_EQ(read.counts[0], 2u);
  EXPECT_EQ(read.counts[1], 1u);
  EXPECT_EQ(read.counts.back(), 1u);
  EXPECT_EQ(read.sum, 60s + 201us);
}

TEST(LatencyMeter, quantiles_name_the_bound_of_their_bucket) {
  LatencyMeter meter;
  EXPECT_EQ(meter.read().quantile(0.5), 0us);
  for (int i = 0; i < 99; ++i) meter.add(700us);
  meter.add(40ms);
  EXPECT_EQ(meter.read().quantile(0.5), 1000us);
  EXPECT_EQ(meter.read().quantile(0.99), 1000us);
  EXPECT_EQ(meter.read().quantile(1.0), 50ms);
  meter.add(microseconds(60s));
  EXPECT_EQ(meter.read().quantile(1.0), microseconds::max());
}

TEST(RateMeter, counts_the_last_seconds_and_forgets_what_is_older) {
  RateMeter meter;
  const RateMeter::Clock::time_point start(1000s);
  EXPECT_EQ(meter.per_second(start), 0.0);
  for (int i = 0; i <= 40; ++i) meter.add(10, start + i * 100ms);
  EXPECT_NEAR(meter.per_second(start + 4s), 100.0, 15.0);
  EXPECT_EQ(meter.per_second(start + 60s), 0.0);
  meter.add(5, start + 60s);
  EXPECT_NEAR(meter.per_second(start + 60s), 5.0, 0.1);
}

}  // namespace
}  // namespace stele::projection

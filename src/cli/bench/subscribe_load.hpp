// subscribe_load.hpp - how long after its acknowledgement an event reaches a live subscriber: one writer at a fixed
// rate, one subscriber in a thread of its own, the times of both kept per position and compared afterwards.
#pragma once

#include <stop_token>

#include "cli/bench/histogram.hpp"
#include "cli/target/target.hpp"
#include "stele/store.hpp"

namespace stele::cli::bench {

struct SubscribeLoad {
  std::uint64_t rate = 1000;  // appends a second, fixed in advance
  double seconds = 2;
  std::uint64_t size = 256;
};

struct SubscribeMeasured {
  std::uint64_t events = 0;
  Histogram from_acknowledged;  // 0 where the subscriber was told before the writer had its answer
  Histogram from_due;           // the whole way, from when the append was due
};

// In this process.
[[nodiscard]] result<SubscribeMeasured> measure_subscription(EventStore& store, const SubscribeLoad& load,
                                                             const std::stop_token& stop);
// Through a server in this process, over its event stream on loopback. Appends go to the store directly.
[[nodiscard]] result<SubscribeMeasured> measure_live_stream(EventStore& store, const SubscribeLoad& load,
                                                            const std::stop_token& stop);

// Seconds that one thread takes to wake another, the median: the limit of any delivery between threads.
[[nodiscard]] double probe_wake_up(double seconds);

}  // namespace stele::cli::bench

// log_source.hpp - logs made for measuring: so many events over so many streams, scattered as concurrent writers
// leave them. The same plan makes the same log. It fills a store; nothing is measured here but the filling.
#pragma once

#include <cstdint>
#include <random>
#include <stop_token>
#include <string>

#include "stele/store.hpp"

namespace stele::cli::bench {

struct LogPlan {
  std::uint64_t events = 1'000'000;
  std::uint64_t streams = 10'000;
  std::uint64_t size = 256;  // bytes of JSON payload
  // False: every stream in turn, one event at a time. True: stream k gets a share of about 1/k (Zipf, exponent
  // 1), as accounts and users do.
  bool zipf = false;
  // Tags: `order:<n>` on ten events each, far apart; `country:de` on every tenth; `early:<n>` in the first
  // twentieth of the log only.
  bool tags = false;
};

// Streams are named so; the number is from 0.
[[nodiscard]] std::string stream_of(std::uint64_t number);
// How many different `order:` tags a log of the plan has.
[[nodiscard]] std::uint64_t orders_of(const LogPlan& plan);
[[nodiscard]] std::string order_tag(std::uint64_t number);

struct FillMeasured {
  std::uint64_t events = 0;
  double seconds = 0;
};
// Appends are kept in flight, so that encoding and writing overlap. Ends early, without error, when asked to stop.
[[nodiscard]] result<FillMeasured> fill(EventStore& store, const LogPlan& plan, const std::stop_token& stop);

// Numbers from 0 to n - 1, number k with a share of 1/(k + 1) of all: by inverting the integral of 1/x, which is
// within a fraction of the true shares and costs one logarithm whatever n is.
class Zipf {
 public:
  Zipf(std::uint64_t n, std::uint64_t seed);
  std::uint64_t next();

 private:
  double log_span_;
  std::uint64_t n_;
  std::mt19937_64 random_;
  std::uniform_real_distribution<double> share_{0.0, 1.0};
};

}  // namespace stele::cli::bench

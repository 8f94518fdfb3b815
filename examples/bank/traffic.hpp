// traffic.hpp - a little life for the demo: people who pay and get paid, at a gentle rate. Not a load generator
// (`stele bench` is), and never on the accounts that the documentation quotes (42, 99 and 13).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "stele/store.hpp"

namespace bank {

struct TrafficOptions {
  std::uint64_t seed = 42;
  std::chrono::milliseconds pause{500};  // between two commands
};

// Runs from construction to destruction on a thread of its own; what the bank refuses is refused. `store` must
// outlive it.
class Traffic {
 public:
  explicit Traffic(stele::EventStore& store, TrafficOptions options = {});
  ~Traffic();
  Traffic(const Traffic&) = delete;
  Traffic& operator=(const Traffic&) = delete;

  [[nodiscard]] std::uint64_t accepted() const;
  // Errors of the store, not refusals: a full disk, for example. The traffic goes on trying.
  [[nodiscard]] std::uint64_t failed() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bank

// saga_troubles.hpp - the instances of a saga that could not go on: what waits behind the first failure, in order,
// and when to try again. Not who tries (saga_worker.hpp).
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "stele/saga.hpp"

namespace stele::domain {

// One thing to be handled: an event or a step by its position, or a timer by its name.
struct SagaItem {
  std::uint64_t position = 0;
  std::optional<std::string> timer;
  std::optional<bool> out_of_turn;  // it could not be read when it came by
  bool operator==(const SagaItem&) const = default;
};

struct HeldInstance {
  std::string instance;
  std::vector<SagaItem> items;  // the first is the one that failed
  bool stuck = false;
  std::uint64_t tries = 0;
  std::uint64_t faults = 0;  // the tries that failed for a reason of its own, see may_pass()
  std::string what;
  std::string error;
  Timestamp since{};
  Timestamp next_try{};
};

class Troubles {
 public:
  Troubles(const SagaOptions& options, std::uint64_t jitter_seed) : options_(options), jitter_(jitter_seed) {}

  // Null: the instance is not in trouble.
  [[nodiscard]] HeldInstance* find(std::string_view instance);
  // A try of the instance's first item has failed; `item` when it was none held before.
  HeldInstance& failed(std::string_view instance, const SagaItem& item, const Error& why, Timestamp now);
  // One more for an instance in trouble, at its place by position; what comes to stand in front is tried at `now`.
  void insert(std::string_view instance, const SagaItem& item, std::string what, Timestamp now);
  void release(std::string_view instance);
  void adopt(HeldInstance held);

  // Instances whose next try is due, not the stuck ones.
  [[nodiscard]] std::vector<std::string> due(Timestamp now) const;
  [[nodiscard]] std::optional<Timestamp> next_try() const;
  [[nodiscard]] std::vector<HeldInstance> all() const;
  [[nodiscard]] std::size_t stuck() const;
  [[nodiscard]] std::size_t size() const { return held_.size(); }

 private:
  [[nodiscard]] std::chrono::microseconds pause(std::uint64_t tries);
  const SagaOptions& options_;
  std::map<std::string, HeldInstance, std::less<>> held_;
  std::mt19937_64 jitter_;
};

// Troubles that are not the instance's: they last as long as they last, and never make it stuck.
[[nodiscard]] bool may_pass(errc kind);

}  // namespace stele::domain

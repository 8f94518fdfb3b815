// timer_table.hpp - the pending timers of all instances of a saga, by when they are due. A copy of what the steps
// in the log say; never the truth.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "domain/saga_instance.hpp"
#include "stele/saga.hpp"

namespace stele::domain {

struct TimerEntry {
  std::string instance;
  std::string timer;
  Timestamp due{};
  std::uint64_t scheduled_by = 0;
  bool operator==(const TimerEntry&) const = default;
};

class TimerTable {
 public:
  // What the step of an instance has done to its timers. Doing it again changes nothing.
  void apply(const std::string& instance, const RecordedStep& step);
  void put(TimerEntry entry);
  void erase(const std::string& instance, const std::string& timer);

  [[nodiscard]] std::optional<PendingTimer> find(const std::string& instance, const std::string& timer) const;

  // Without the timers of instances that `waits` is true for.
  using Waits = std::function<bool(const std::string& instance)>;
  [[nodiscard]] std::optional<Timestamp> next_due(const Waits& waits) const;
  // Due at `now`, the earliest first.
  [[nodiscard]] std::vector<TimerEntry> due(Timestamp now, const Waits& waits) const;
  [[nodiscard]] std::vector<TimerEntry> all() const;
  // The next ones, the earliest first.
  [[nodiscard]] std::vector<SagaTimer> first(std::size_t most) const;
  [[nodiscard]] std::size_t size() const { return timers_.size(); }

 private:
  using Key = std::pair<std::string, std::string>;  // instance, timer
  void erase(std::map<Key, PendingTimer>::iterator at);
  std::map<Key, PendingTimer> timers_;
  std::set<std::tuple<Timestamp, std::string, std::string>> by_due_;
};

}  // namespace stele::domain

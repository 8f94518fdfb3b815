// timer_table.cpp - timers by name and by time.
#include "domain/timer_table.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace stele::domain {

// A step that is older than the timer in its place has had its effect before.
void TimerTable::apply(const std::string& instance, const RecordedStep& recorded) {
  const SagaStep& step = recorded.step;
  if (step.because == Because::timer || step.because == Because::skipped) {
    const auto ended = timers_.find({instance, step.name});
    if (ended != timers_.end() && ended->second.scheduled_by.value() == step.position) erase(ended);
  }
  for (const StepTimer& each : step.timers) {
    const auto known = timers_.find({instance, each.timer});
    if (known != timers_.end() && known->second.scheduled_by > recorded.at) continue;
    if (each.due)
      put({instance, each.timer, *each.due, recorded.at.value()});
    else if (known != timers_.end())
      erase(known);
  }
  if (!step.completed) return;
  for (auto at = timers_.lower_bound({instance, ""}); at != timers_.end() && at->first.first == instance;)
    erase(at++);
}

// Scheduling a name again moves it: there is one timer for each name.
void TimerTable::put(TimerEntry entry) {
  erase(entry.instance, entry.timer);
  by_due_.emplace(entry.due, entry.instance, entry.timer);
  timers_.emplace(Key(std::move(entry.instance), std::move(entry.timer)),
                  PendingTimer{entry.due, Position(entry.scheduled_by)});
  STELE_ASSERT(by_due_.size() == timers_.size(), "each timer is listed once by its time", timers_.size());
}

void TimerTable::erase(const std::string& instance, const std::string& timer) {
  if (const auto known = timers_.find({instance, timer}); known != timers_.end()) erase(known);
}

void TimerTable::erase(std::map<Key, PendingTimer>::iterator at) {
  const auto gone = by_due_.erase({at->second.due, at->first.first, at->first.second});
  STELE_ASSERT(gone == 1, "each timer is listed by its time", gone);
  timers_.erase(at);
}

std::optional<PendingTimer> TimerTable::find(const std::string& instance, const std::string& timer) const {
  const auto known = timers_.find({instance, timer});
  return known == timers_.end() ? std::nullopt : std::optional(known->second);
}

std::optional<Timestamp> TimerTable::next_due(const Waits& waits) const {
  for (const auto& [due, instance, timer] : by_due_)
    if (!waits(instance)) return due;
  return std::nullopt;
}

// A copy, since firing changes the table.
std::vector<TimerEntry> TimerTable::due(Timestamp now, const Waits& waits) const {
  std::vector<TimerEntry> list;
  for (const auto& [due, instance, timer] : by_due_) {
    if (due > now) break;
    if (!waits(instance))
      list.push_back({instance, timer, due, timers_.at({instance, timer}).scheduled_by.value()});
  }
  return list;
}

std::vector<SagaTimer> TimerTable::first(std::size_t most) const {
  std::vector<SagaTimer> list;
  list.reserve(std::min(most, by_due_.size()));
  for (const auto& [due, instance, timer] : by_due_) {
    if (list.size() == most) break;
    list.push_back({instance, timer, due});
  }
  return list;
}

std::vector<TimerEntry> TimerTable::all() const {
  std::vector<TimerEntry> list;
  list.reserve(timers_.size());
  for (const auto& [key, timer] : timers_)
    list.push_back({key.first, key.second, timer.due, timer.scheduled_by.value()});
  return list;
}

}  // namespace stele::domain

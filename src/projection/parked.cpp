// parked.cpp - bookkeeping of parked events; changes are rare and few, so the counts are simply made again.
#include "projection/parked.hpp"

#include <chrono>
#include <utility>

#include "base/assert.hpp"

namespace stele::projection {

void Parked::count() {
  held_up_.clear();
  std::uint64_t missing = 0;
  for (const auto& [position, event] : events_) {
    if (event.state == ParkedEvent::State::skipped) continue;
    ++missing;
    if (!event.sequence.empty()) ++held_up_[event.sequence];
  }
  missing_.store(missing, std::memory_order_release);
}

void Parked::load(std::vector<ParkedEvent> events) {
  const std::lock_guard lock(mutex_);
  events_.clear();
  for (ParkedEvent& event : events) {
    const Position at = event.position;
    events_.emplace(at, std::move(event));
  }
  count();
}

// Additions are counted one by one: a sequence that fills up must not cost the square of its length.
void Parked::keep(const ParkedEvent& event) {
  const std::lock_guard lock(mutex_);
  const bool known = events_.contains(event.position);
  events_.insert_or_assign(event.position, event);
  if (known || event.state == ParkedEvent::State::skipped) {
    count();
    return;
  }
  if (!event.sequence.empty()) ++held_up_[event.sequence];
  missing_.fetch_add(1, std::memory_order_acq_rel);
}

void Parked::forget(Position position) {
  const std::lock_guard lock(mutex_);
  const auto found = events_.find(position);
  if (found == events_.end()) return;
  const ParkedEvent event = std::move(found->second);
  events_.erase(found);
  if (event.state == ParkedEvent::State::skipped) return;
  STELE_ASSERT(missing_.load() > 0, "a parked event was counted", position.value());
  missing_.fetch_sub(1, std::memory_order_acq_rel);
  const auto held = held_up_.find(event.sequence);
  if (held != held_up_.end() && --held->second == 0) held_up_.erase(held);
}

std::string Parked::key_of(const EventView& event) const {
  return key_of_ ? key_of_(event) : std::string(event.stream);
}

bool Parked::holds_up(const EventView& event) const {
  if (missing() == 0) return false;
  const std::string key = key_of(event);
  const std::lock_guard lock(mutex_);
  return !key.empty() && held_up_.contains(key);
}

ParkedEvent Parked::entry_for(const EventView& event, ParkedEvent::State state) const {
  ParkedEvent entry;
  entry.position = event.position;
  entry.sequence = key_of(event);
  entry.stream = event.stream;
  entry.type = event.type;
  entry.state = state;
  entry.since = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  return entry;
}

std::uint64_t Parked::skipped() const {
  const std::lock_guard lock(mutex_);
  return events_.size() - missing();
}

bool Parked::lacks(Position position) const {
  if (missing() == 0) return false;
  const std::lock_guard lock(mutex_);
  const auto found = events_.find(position);
  return found != events_.end() && found->second.state != ParkedEvent::State::skipped;
}

std::vector<ParkedEvent> Parked::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<ParkedEvent> all;
  all.reserve(events_.size());
  for (const auto& [position, event] : events_) all.push_back(event);
  return all;
}

// By position, so each sequence comes in order; events without one are sequences of their own.
std::vector<std::vector<ParkedEvent>> Parked::sequences(Position of) const {
  const std::lock_guard lock(mutex_);
  const auto wanted = events_.find(of);
  if (of != Position{} && wanted == events_.end()) return {};
  std::vector<std::vector<ParkedEvent>> found;
  std::map<std::string_view, std::size_t> places;
  for (const auto& [position, event] : events_) {
    if (event.state == ParkedEvent::State::skipped) continue;
    const bool same = of == Position{} || position == of ||
                      (!event.sequence.empty() && event.sequence == wanted->second.sequence);
    if (!same) continue;
    const auto [place, fresh] = places.try_emplace(event.sequence, found.size());
    if (fresh || event.sequence.empty()) found.emplace_back();
    (event.sequence.empty() ? found.back() : found[place->second]).push_back(event);
  }
  return found;
}

}  // namespace stele::projection

// parked.hpp - what a runner knows of its parked events: which sequences have to wait, which positions are missing
// from the model. A copy of what the target keeps; how events come to be parked is worker_parking.cpp.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "stele/projection.hpp"

namespace stele::projection {

// Threading: asked from any thread; changed by the runner's.
class Parked {
 public:
  using KeyOf = std::function<std::string(const EventView&)>;
  Parked(KeyOf key_of, std::uint64_t at_most) : key_of_(std::move(key_of)), at_most_(at_most) {}

  void load(std::vector<ParkedEvent> events);
  // After the commit that put or removed them.
  void keep(const ParkedEvent& event);
  void forget(Position position);

  [[nodiscard]] std::string key_of(const EventView& event) const;
  // An earlier event of its sequence is parked, so this one has to wait. Cheap when nothing is parked at all.
  [[nodiscard]] bool holds_up(const EventView& event) const;
  // As it is written down for an event that waits, or that failed.
  [[nodiscard]] ParkedEvent entry_for(const EventView& event, ParkedEvent::State state) const;

  [[nodiscard]] bool full() const { return missing() >= at_most_; }
  [[nodiscard]] std::uint64_t at_most() const { return at_most_; }
  [[nodiscard]] std::uint64_t missing() const { return missing_.load(std::memory_order_acquire); }
  [[nodiscard]] std::uint64_t skipped() const;
  [[nodiscard]] bool lacks(Position position) const;  // parked there, skipped ones not counted
  [[nodiscard]] std::vector<ParkedEvent> list() const;
  // What has to be applied, in order, when this event is tried again; all of them at position 0.
  [[nodiscard]] std::vector<std::vector<ParkedEvent>> sequences(Position of) const;

 private:
  void count();

  const KeyOf key_of_;
  const std::uint64_t at_most_;
  mutable std::mutex mutex_;
  std::map<Position, ParkedEvent> events_;
  std::map<std::string, std::uint64_t, std::less<>> held_up_;  // events missing, by sequence
  std::atomic<std::uint64_t> missing_{0};
};

}  // namespace stele::projection

// log_of.hpp - a log as a list: made at random or by hand, given out in pieces, folded by hand.
#pragma once

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "stele/store.hpp"
#include "targets/stores.hpp"

namespace stele::test {

// Positions have gaps, as they have for a projection that does not want every event. Ids follow from positions, so the
// same log can be made twice.
class Log {
 public:
  enum class Kind : std::uint8_t {
    mixed,    // all types
    numbers,  // Added only: what a model of any length can hold
  };
  Log() = default;
  explicit Log(std::size_t events, Kind kind = Kind::mixed) {
    std::mt19937_64 random(events);
    const std::vector<std::string> types{"Added", "Added", "Noted", "Cleared", "Ordered", "Ordered"};
    for (std::size_t i = 0; i < events; ++i) {
      const std::string type = kind == Kind::numbers ? "Added" : types[random() % types.size()];
      const auto number = static_cast<std::int64_t>(random() % 2000) - 1000;
      skip(random() % 3);
      add("s-" + std::to_string(random() % 15), type, std::to_string(number));
    }
  }

  void skip(std::uint64_t positions) { next_ += positions; }
  void add(std::string stream, std::string type, std::string data) {
    RecordedEvent event;
    event.position = Position(next_++);
    event.id = Uuid::from_name(Uuid{}, std::to_string(event.position.value()) + data);
    event.stream = std::move(stream);
    event.type = std::move(type);
    event.data = std::move(data);
    events_.push_back(std::move(event));
  }

  [[nodiscard]] std::size_t size() const { return events_.size(); }
  // The position of the last of the first `count`.
  [[nodiscard]] Position last(std::size_t count) const {
    return count == 0 ? Position{} : events_[std::min(count, size()) - 1].position;
  }
  [[nodiscard]] std::size_t count_to(Position position) const {
    return static_cast<std::size_t>(
        std::ranges::upper_bound(events_, position, {}, &RecordedEvent::position) - events_.begin());
  }
  [[nodiscard]] std::vector<EventView> views(std::size_t first, std::size_t count) const {
    std::vector<EventView> views;
    for (std::size_t i = first; i < std::min(first + count, size()); ++i) views.push_back(view(events_[i]));
    return views;
  }
  [[nodiscard]] Model by_hand(std::size_t count) const {
    Model model;
    for (const EventView& event : views(0, count)) keep(model, event);
    return model;
  }
  // Every stream that the random ones, and the tests, use.
  [[nodiscard]] static std::vector<std::string> streams() {
    std::vector<std::string> names{"a", "b"};
    for (int i = 0; i < 15; ++i) names.push_back("s-" + std::to_string(i));
    return names;
  }

 private:
  static EventView view(const RecordedEvent& event) {
    EventView view;
    view.position = event.position;
    view.id = event.id;
    view.stream = event.stream;
    view.type = event.type;
    view.data = event.data;
    return view;
  }
  std::uint64_t next_ = 1;
  std::vector<RecordedEvent> events_;
};

}  // namespace stele::test

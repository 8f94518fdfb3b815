// trial.hpp - the events of an append as they will be once they are recorded, for a model that is to say whether it
// takes them. Time and position are guesses: somebody else may append first. The revisions hold when the append goes
// through. What the model makes of them is worker_append.cpp's.
#pragma once

#include <string>
#include <vector>

#include "stele/store.hpp"

namespace stele::projection {

// What a store refuses by looking at an event alone; a view of such an event could not even be made. Errors: those of
// check_event and check_stream_name.
[[nodiscard]] result<void> check_writes(const AppendRequest& request);

// What a synchronous projection is told whose target has no trial().
[[nodiscard]] Error cannot_be_tried(const std::string& name);

// Borrows from the request, which has passed check_writes().
class Trial {
 public:
  // `first` is the position of the first event. Errors: those of asking the store where its streams stand.
  static result<Trial> of(EventStore& store, const AppendRequest& request, Position first);
  [[nodiscard]] const std::vector<EventView>& events() const { return events_; }

 private:
  Trial() = default;
  void add(const StreamWrite& write, Revision next, Timestamp now, Position& position);

  std::vector<std::string> tags_;  // encoded; the events point into them
  std::vector<EventView> events_;
};

}  // namespace stele::projection

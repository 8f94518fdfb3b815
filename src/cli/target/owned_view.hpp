// owned_view.hpp - a RecordedEvent seen as an EventView, for the places that hand on views but hold copies.
#pragma once

#include <string>

#include "stele/event.hpp"

namespace stele::cli {

class OwnedView {
 public:
  // The event must outlive this, and this the view.
  explicit OwnedView(const RecordedEvent& event);
  [[nodiscard]] EventView view() const;

 private:
  const RecordedEvent& event_;
  std::string tags_;  // in the encoding of TagsView
};

}  // namespace stele::cli

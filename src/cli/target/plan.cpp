// plan.cpp - bounds and limits of a reading command, applied event by event.
#include "cli/target/plan.hpp"

namespace stele::cli {

bool has_filter(const QueryItem& filter) {
  return !filter.types.empty() || !filter.tags.empty() || !filter.categories.empty();
}

Query query_of(const ReadPlan& plan) {
  QueryItem item = plan.filter;
  item.streams.clear();
  if (!plan.stream.empty()) item.streams.push_back(plan.stream);
  if (item.streams.empty() && !has_filter(item)) return Query::all();
  return Query::of(std::move(item));
}

// Reading backward, what lies above the bounds comes first and what lies below ends the walk.
PlanWalk::Place PlanWalk::place_of(const EventView& event) const {
  const bool low = (plan_.from_position && event.position < *plan_.from_position) ||
                   (plan_.from_revision && event.revision < *plan_.from_revision);
  const bool high = (plan_.to_position && event.position > *plan_.to_position) ||
                    (plan_.to_revision && event.revision > *plan_.to_revision);
  if (!low && !high) return Place::inside;
  const bool forward = plan_.direction == Direction::forward;
  return low == forward ? Place::before : Place::behind;
}

result<bool> PlanWalk::take(const EventView& event) {
  const auto place = place_of(event);
  if (place == Place::before) return true;
  if (place == Place::behind || taken_ >= plan_.limit) {
    done_ = true;
    return false;
  }
  STELE_TRY(const bool more, sink_(event));
  done_ = !more || ++taken_ >= plan_.limit;
  return !done_;
}

}  // namespace stele::cli

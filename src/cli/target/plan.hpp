// plan.hpp - what both kinds of target do with a ReadPlan: the query it stands for, and the check of every
// delivered event against the plan's bounds. Knows neither directories nor servers.
#pragma once

#include "cli/target/target.hpp"

namespace stele::cli {

// The plan's filter and stream as a query; all events when it has neither.
[[nodiscard]] Query query_of(const ReadPlan& plan);
[[nodiscard]] bool has_filter(const QueryItem& filter);

// Hands events of a walk to a sink until the plan is satisfied.
class PlanWalk {
 public:
  // Both must outlive the walk.
  PlanWalk(const ReadPlan& plan, const EventSink& sink) : plan_(plan), sink_(sink) {}

  // False: nothing behind this event can be wanted.
  result<bool> take(const EventView& event);
  [[nodiscard]] bool done() const { return done_; }

 private:
  enum class Place : std::uint8_t { before, inside, behind };
  [[nodiscard]] Place place_of(const EventView& event) const;

  const ReadPlan& plan_;
  const EventSink& sink_;
  std::uint64_t taken_ = 0;
  bool done_ = false;
};

}  // namespace stele::cli

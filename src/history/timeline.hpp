// timeline.hpp - one aggregate's history as a row of states that can be entered anywhere. The first walk folds
// everything once and keeps copies of the state on its way, so that every later jump folds only what lies behind the
// nearest copy. Holds no events.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "history/source.hpp"
#include "stele/detail/aggregate_kind.hpp"

namespace stele::history {

// Where a state comes from: who folds, and how it is called in answers.
struct Fold {
  std::string category;
  std::string name;  // "bank::Account", "fold file folds.toml"
  std::function<std::unique_ptr<stele::detail::HistoryFold>()> begin;
  // Of an application's aggregates; null for declared folds and plug-ins.
  const stele::detail::AggregateKind* kind = nullptr;
  // Of a declared fold: the whole text it was read from, so that it can go along with a history.
  std::string declared{};
};

// One event, and the aggregate's state in front of it and behind it. Valid during the call.
struct Step {
  const EventView& event;
  const std::string& before;  // JSON
  const std::string& after;
};
using TakeStep = std::function<result<bool>(const Step&)>;

// What there is of an aggregate.
struct Extent {
  std::string stream;
  Revision first;  // that is kept
  Revision last;
};

// One thread at a time.
class Timeline {
 public:
  virtual ~Timeline() = default;
  // How states come about, for people.
  [[nodiscard]] virtual const std::string& fold_name() const = 0;
  [[nodiscard]] virtual const Extent& extent() const = 0;
  // The steps from one revision to another, both included and inside the extent. Errors: corrupt for an event that the
  // fold cannot take; the steps in front of it were given.
  virtual result<void> walk(Revision from, Revision to, const TakeStep& take) = 0;
  // The same events, for questions that no state has to be made for.
  virtual result<void> walk_events(Revision from, Revision to, const TakeEvent& take);
  // JSON. Nothing: before the first event.
  virtual result<std::string> state_at(std::optional<Revision> revision) = 0;
  // The stream is longer than it was: its end is here now. Nothing is folded yet.
  virtual void extend(Revision last) = 0;
};

struct TimelineLimits {
  std::uint64_t spacing = 256;    // events between two copies, doubled whenever there are too many
  std::size_t copies = 1'024;     // 0: none, for one walk that nobody repeats
  std::size_t bytes = 64u << 20;  // of all copies together, as large as their JSON is
};

// Folds in this process. `source` and `fold` must outlive it. Errors: not_found when there is no such stream.
[[nodiscard]] result<std::unique_ptr<Timeline>> open_timeline(EventSource& source, const Fold& fold,
                                                              const std::string& stream,
                                                              const TimelineLimits& limits = {});

}  // namespace stele::history

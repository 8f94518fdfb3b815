// search.hpp - the first event where a condition holds: in one history, or in all of a type. A linear walk by default,
// since a condition may hold for a while and not later; by halves where the asker says that it never stops holding.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "history/expression.hpp"
#include "history/timeline.hpp"

namespace stele::history {

// A step to keep.
struct KeptStep {
  RecordedEvent event;
  std::string before;
  std::string after;
};

// The first step from `from` to `to` where the condition holds. `monotone`: once it holds, it holds to the end; then a
// few states are looked at instead of all.
[[nodiscard]] result<std::optional<KeptStep>> first_where(Timeline& timeline, const Expression& condition,
                                                          Revision from, Revision to, bool monotone = false);
// The last step from `from` to `to` where it holds: for stepping back.
[[nodiscard]] result<std::optional<KeptStep>> last_where(Timeline& timeline, const Expression& condition,
                                                         Revision from, Revision to);
// One step. The revision must exist.
[[nodiscard]] result<KeptStep> step_at(Timeline& timeline, Revision revision);

// ---- All aggregates of a type

struct Sweep {
  std::string category;
  std::size_t threads = 2;
  std::size_t most_found = 100;  // then it stops, and is not complete
  std::stop_token stop{};
  // Now and then, from any thread, one at a time: streams and events looked at so far.
  std::function<void(std::uint64_t streams, std::uint64_t events)> progress{};
};
struct SweepResult {
  std::vector<KeptStep> found;          // the first of each aggregate, oldest first
  std::vector<std::string> unreadable;  // "stream: why": histories that could not be folded to their end
  std::uint64_t streams = 0;
  std::uint64_t events = 0;
  bool complete = true;
};
// `source` makes one for each thread. Errors: the source's.
[[nodiscard]] result<SweepResult> sweep(const std::function<std::unique_ptr<EventSource>()>& source,
                                        const Fold& fold, const Expression& condition, const Sweep& options);

}  // namespace stele::history

// search.hpp - the first event where a condition holds: in one history, or in all of a type. A linear walk by default,
// since a condition may hold for a while and not later; by halves where the asker says that it never stops holding.
// No state is made for a condition that asks for none.
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
// Makes a source for each thread.
using MakeSource = std::function<result<std::unique_ptr<EventSource>>()>;
// Errors: the source's.
[[nodiscard]] result<SweepResult> sweep(const MakeSource& source, const Fold& fold,
                                        const Expression& condition, const Sweep& options);

// What is worth telling of one aggregate: it was found, or cannot be folded to its end.
struct Verdict {
  std::string stream;
  std::optional<KeptStep> found;
  std::string unreadable;  // why
};

class StreamQueue;
class Inspection;

// The same in the order of the names and a piece at a time: for whoever may not stay away for long, and is asked again.
// Borrows source and fold. One thread at a time.
class SweepWalk {
 public:
  // Begins behind the stream `after`; "" is the first one.
  SweepWalk(EventSource& source, const Fold& fold, Expression condition, const std::string& category,
            const std::string& after = "");
  ~SweepWalk();
  SweepWalk(const SweepWalk&) = delete;
  SweepWalk& operator=(const SweepWalk&) = delete;

  // Goes on until there is something to tell. Nothing: `most` events were looked at, or ended(). Errors: the source's.
  [[nodiscard]] result<std::optional<Verdict>> next(std::uint64_t most);
  [[nodiscard]] bool ended() const { return ended_; }
  // The last stream that was done with; where to begin again.
  [[nodiscard]] const std::string& reached() const { return reached_; }
  [[nodiscard]] std::uint64_t streams() const { return streams_; }
  [[nodiscard]] std::uint64_t events() const { return events_; }

 private:
  EventSource& source_;
  const Fold& fold_;
  Expression condition_;
  std::unique_ptr<StreamQueue> queue_;
  std::unique_ptr<Inspection> inspection_;  // of the stream at hand
  std::string reached_;
  std::uint64_t streams_ = 0;
  std::uint64_t events_ = 0;
  bool ended_ = false;
};

}  // namespace stele::history

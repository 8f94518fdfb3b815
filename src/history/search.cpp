// search.cpp - walks and halves one history; walks many on a few threads.
#include "history/search.hpp"

#include <algorithm>
#include <mutex>
#include <thread>

#include "base/assert.hpp"

namespace stele::history {
namespace {

constexpr std::size_t streams_of_sweep = 256;
constexpr std::uint64_t events_between_stops = 65'536;

bool holds_at(const Expression& condition, const Step& step) {
  return condition.holds({&step.event, step.before, step.after});
}

KeptStep kept(const Step& step) { return {step.event.to_owned(), step.before, step.after}; }

bool needs_states(const Expression& condition) { return condition.needs().before || condition.needs().after; }

// The copies of the timeline make each look short after the first, which folds up to the middle.
result<std::optional<KeptStep>> halve(Timeline& timeline, const Expression& condition, Revision from,
                                      Revision to) {
  auto low = from.value();
  auto high = to.value() + 1;
  std::optional<KeptStep> found;
  while (low < high) {
    const auto middle = low + (high - low) / 2;
    STELE_TRY(auto step, step_at(timeline, Revision(middle)));
    // Without tags: what a history keeps of an event here.
    const auto view = stele::detail::view_of(step.event);
    if (condition.holds({&view, step.before, step.after})) {
      found = std::move(step);
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return found;
}

// The states are made where it was found, and nowhere else.
result<std::optional<KeptStep>> first_event_where(Timeline& timeline, const Expression& condition,
                                                  Revision from, Revision to) {
  std::optional<Revision> found;
  const auto take = [&](const EventView& event) -> result<bool> {
    if (condition.holds({.event = &event})) found = event.revision;
    return !found;
  };
  STELE_CHECK(timeline.walk_events(from, to, take));
  if (!found) return std::optional<KeptStep>();
  STELE_TRY(auto step, step_at(timeline, *found));
  return std::optional(std::move(step));
}

}  // namespace

// The aggregates of a category, handed out one by one.
class StreamQueue {
 public:
  StreamQueue(EventSource& source, const std::string& category, std::string after = "")
      : source_(source), prefix_(category + "-"), last_(std::move(after)) {}

  // Nothing: there are no more. A stream that keeps no events has no states.
  result<std::optional<StreamInfo>> next() {
    const std::lock_guard lock(mutex_);
    while (true) {
      if (at_ == page_.size() && !ended_) STELE_CHECK(fetch());
      if (at_ == page_.size()) return std::optional<StreamInfo>();
      auto& info = page_[at_++];
      if (info.events > 0) return std::optional(std::move(info));
    }
  }

 private:
  result<void> fetch() {
    STELE_TRY(page_, source_.list_streams(prefix_, last_, streams_of_sweep));
    STELE_ASSERT(page_.size() <= streams_of_sweep, "a page holds no more than was asked for", page_.size());
    at_ = 0;
    ended_ = page_.size() < streams_of_sweep;
    if (!page_.empty()) last_ = page_.back().stream;
    return {};
  }
  std::mutex mutex_;
  EventSource& source_;
  std::string prefix_;
  std::string last_;
  std::vector<StreamInfo> page_;
  std::size_t at_ = 0;
  bool ended_ = false;
};

// One aggregate looked through from its first event on, with pauses.
class Inspection {
 public:
  Inspection(EventSource& source, const Fold& fold, const Expression& condition, StreamInfo info)
      : source_(source),
        fold_(fold),
        condition_(condition),
        info_(std::move(info)),
        next_(first_kept(info_)),
        by_states_(needs_states(condition)) {}

  [[nodiscard]] const StreamInfo& info() const { return info_; }
  [[nodiscard]] std::uint64_t looked() const { return looked_; }
  [[nodiscard]] std::optional<KeptStep> take_found() { return std::exchange(found_, std::nullopt); }

  // Looks at up to `most` events more. False: that was all, or it was found. Errors: corrupt, see Timeline; others are
  // the source's.
  result<bool> go_on(std::uint64_t most) {
    STELE_ASSERT(most > 0 && next_ <= info_.last_revision, "there is something to look at", most,
                 next_.value());
    const Revision end(next_.value() + std::min(most - 1, info_.last_revision.value() - next_.value()));
    if (by_states_ && !state_) {
      state_ = fold_.begin();
      STELE_TRY(before_, state_->state());
    }
    STELE_CHECK(
        source_.read_stream(info_.stream, next_, end, [&](const EventView& event) { return look(event); }));
    next_ = end.next();
    if (hit_) STELE_CHECK(keep_hit());
    return !found_ && next_ <= info_.last_revision;
  }

 private:
  result<bool> look(const EventView& event) {
    ++looked_;
    if (!by_states_) {
      if (condition_.holds({.event = &event})) hit_ = event.revision;
      return !hit_;
    }
    STELE_CHECK(state_->take(event));
    STELE_TRY(after_, state_->state());
    const Step step{event, before_, after_};
    if (holds_at(condition_, step)) found_ = kept(step);
    before_.swap(after_);
    return !found_;
  }

  // Nothing was folded on the way there.
  result<void> keep_hit() {
    STELE_TRY(const auto timeline, open_timeline(source_, fold_, info_.stream, {.copies = 0}));
    if (*hit_ < timeline->extent().first)
      return Error(errc::gone, "it lost its beginning while it was looked through");
    STELE_TRY(found_, step_at(*timeline, *hit_));
    return {};
  }

  EventSource& source_;
  const Fold& fold_;
  const Expression& condition_;
  StreamInfo info_;
  Revision next_;
  bool by_states_;
  std::unique_ptr<stele::detail::HistoryFold> state_;
  std::string before_;
  std::string after_;
  std::optional<Revision> hit_;
  std::optional<KeptStep> found_;
  std::uint64_t looked_ = 0;
};

namespace {

class Sweeper {
 public:
  Sweeper(const Fold& fold, const Expression& condition, const Sweep& options, StreamQueue& queue)
      : fold_(fold), condition_(condition), options_(options), queue_(queue) {}

  // Each thread takes one stream at a time; a long one holds up nobody else.
  void work(const result<std::unique_ptr<EventSource>>& source) {
    if (!source) return fail(source.error());
    while (!done()) {
      auto info = queue_.next();
      if (!info) return fail(info.error());
      if (!*info) return;
      look(**source, **info);
    }
  }

  result<SweepResult> finish() {
    if (failure_) return *failure_;
    out_.complete = !done();
    std::ranges::sort(out_.found, {}, [](const KeptStep& each) { return each.event.position; });
    return std::move(out_);
  }

 private:
  bool done() {
    const std::lock_guard lock(mutex_);
    return failure_ || options_.stop.stop_requested() || out_.found.size() >= options_.most_found;
  }

  // A history that cannot be folded is told at the end and ends nothing. A stop is noticed inside of a long one.
  void look(EventSource& source, const StreamInfo& info) {
    Inspection inspection(source, fold_, condition_, info);
    result<bool> more = true;
    while (more && *more) {
      if (options_.stop.stop_requested()) return;
      more = inspection.go_on(events_between_stops);
    }
    if (more)
      note(info, inspection.looked(), inspection.take_found());
    else
      note(info, inspection.looked(), more.error());
  }

  void note(const StreamInfo& info, std::uint64_t events, result<std::optional<KeptStep>> found) {
    const std::lock_guard lock(mutex_);
    ++out_.streams;
    out_.events += events;
    if (!found)
      out_.unreadable.push_back(info.stream + ": " + found.error().message());
    else if (*found)
      out_.found.push_back(**std::move(found));
    if (options_.progress && out_.streams % 64 == 0) options_.progress(out_.streams, out_.events);
  }

  void fail(const Error& why) {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = why;
  }

  const Fold& fold_;
  const Expression& condition_;
  const Sweep& options_;
  StreamQueue& queue_;
  std::mutex mutex_;
  SweepResult out_;
  std::optional<Error> failure_;
};

}  // namespace

result<std::optional<KeptStep>> first_where(Timeline& timeline, const Expression& condition, Revision from,
                                            Revision to, bool monotone) {
  if (monotone) return halve(timeline, condition, from, to);
  if (!needs_states(condition)) return first_event_where(timeline, condition, from, to);
  std::optional<KeptStep> found;
  const auto take = [&](const Step& step) -> result<bool> {
    if (!holds_at(condition, step)) return true;
    found = kept(step);
    return false;
  };
  STELE_CHECK(timeline.walk(from, to, take));
  return found;
}

// In windows from the end, each walked forward.
result<std::optional<KeptStep>> last_where(Timeline& timeline, const Expression& condition, Revision from,
                                           Revision to) {
  constexpr std::uint64_t window = 1'024;
  for (auto end = to.value() + 1; end > from.value();) {
    const auto begin = end - from.value() > window ? end - window : from.value();
    std::optional<KeptStep> found;
    const auto take = [&](const Step& step) -> result<bool> {
      if (holds_at(condition, step)) found = kept(step);
      return true;
    };
    STELE_CHECK(timeline.walk(Revision(begin), Revision(end - 1), take));
    if (found) return found;
    end = begin;
  }
  return std::optional<KeptStep>();
}

// A walk of one step.
result<KeptStep> step_at(Timeline& timeline, Revision revision) {
  std::optional<KeptStep> found;
  const auto take = [&](const Step& step) -> result<bool> {
    found = kept(step);
    return false;
  };
  STELE_CHECK(timeline.walk(revision, revision, take));
  if (found) return *std::move(found);
  return Error(errc::not_found,
               timeline.extent().stream + " has no version " + std::to_string(revision.value()));
}

result<SweepResult> sweep(const MakeSource& source, const Fold& fold, const Expression& condition,
                          const Sweep& options) {
  STELE_ASSERT(options.threads > 0, "somebody must do it", options.threads);
  STELE_TRY(const auto names, source());
  StreamQueue queue(*names, options.category);
  Sweeper sweeper(fold, condition, options, queue);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 1; i < options.threads; ++i) threads.emplace_back([&] { sweeper.work(source()); });
    sweeper.work(source());
  }
  return sweeper.finish();
}

SweepWalk::SweepWalk(EventSource& source, const Fold& fold, Expression condition, const std::string& category,
                     const std::string& after)
    : source_(source),
      fold_(fold),
      condition_(std::move(condition)),
      queue_(std::make_unique<StreamQueue>(source, category, after)),
      reached_(after) {}
SweepWalk::~SweepWalk() = default;

// What cannot be folded is told of its stream and ends nothing.
result<std::optional<Verdict>> SweepWalk::next(std::uint64_t most) {
  const auto enough = events_ + most;
  while (events_ < enough && !ended_) {
    if (!inspection_) {
      STELE_TRY(auto info, queue_->next());
      ended_ = !info;
      if (ended_) break;
      inspection_ = std::make_unique<Inspection>(source_, fold_, condition_, *std::move(info));
    }
    const auto before = inspection_->looked();
    const auto more = inspection_->go_on(enough - events_);
    events_ += inspection_->looked() - before;
    if (more && *more) continue;
    const auto done = std::exchange(inspection_, nullptr);
    ++streams_;
    reached_ = done->info().stream;
    if (!more) return std::optional(Verdict{reached_, {}, more.error().message()});
    if (auto found = done->take_found()) return std::optional(Verdict{reached_, std::move(found), {}});
  }
  return std::optional<Verdict>();
}

}  // namespace stele::history

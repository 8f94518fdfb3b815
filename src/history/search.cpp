// search.cpp - walks and halves one history; walks many on a few threads.
#include "history/search.hpp"

#include <algorithm>
#include <mutex>
#include <thread>

#include "base/assert.hpp"

namespace stele::history {
namespace {

constexpr std::size_t streams_of_sweep = 256;

bool holds_at(const Expression& condition, const Step& step) {
  return condition.holds({&step.event, step.before, step.after});
}

KeptStep kept(const Step& step) { return {step.event.to_owned(), step.before, step.after}; }

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

// The streams of a category, handed out one by one.
class StreamQueue {
 public:
  StreamQueue(std::unique_ptr<EventSource> source, const std::string& category)
      : source_(std::move(source)), prefix_(category) {}

  // Nothing: there are no more.
  result<std::optional<StreamInfo>> next() {
    const std::lock_guard lock(mutex_);
    while (true) {
      if (at_ == page_.size() && !ended_) STELE_CHECK(fetch());
      if (at_ == page_.size()) return std::optional<StreamInfo>();
      auto& info = page_[at_++];
      if (category_of(info.stream) == prefix_) return std::optional(std::move(info));
    }
  }

 private:
  result<void> fetch() {
    const auto after = page_.empty() ? std::string() : last_;
    STELE_TRY(page_, source_->list_streams(prefix_, after, streams_of_sweep));
    at_ = 0;
    ended_ = page_.size() < streams_of_sweep;
    if (!page_.empty()) last_ = page_.back().stream;
    return {};
  }
  std::mutex mutex_;
  std::unique_ptr<EventSource> source_;
  std::string prefix_;
  std::string last_;
  std::vector<StreamInfo> page_;
  std::size_t at_ = 0;
  bool ended_ = false;
};

class Sweeper {
 public:
  Sweeper(const Fold& fold, const Expression& condition, const Sweep& options, StreamQueue& queue)
      : fold_(fold), condition_(condition), options_(options), queue_(queue) {}

  // Each thread takes one stream at a time; a long one holds up nobody else.
  void work(EventSource& source) {
    while (!done()) {
      auto info = queue_.next();
      if (!info) return fail(info.error());
      if (!*info) return;
      look(source, **info);
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

  // A history that cannot be folded is told at the end and ends nothing.
  void look(EventSource& source, const StreamInfo& info) {
    auto timeline = open_timeline(source, fold_, info.stream, {.copies = 0});
    if (!timeline) return note(info, 0, timeline.error());
    const auto& extent = (*timeline)->extent();
    auto found = first_where(**timeline, condition_, extent.first, extent.last);
    const auto looked =
        found && *found ? (*found)->event.revision.value() - extent.first.value() + 1 : info.events;
    note(info, looked, std::move(found));
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

result<SweepResult> sweep(const std::function<std::unique_ptr<EventSource>()>& source, const Fold& fold,
                          const Expression& condition, const Sweep& options) {
  STELE_ASSERT(options.threads > 0, "somebody must do it", options.threads);
  StreamQueue queue(source(), options.category);
  Sweeper sweeper(fold, condition, options, queue);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 1; i < options.threads; ++i) threads.emplace_back([&] { sweeper.work(*source()); });
    sweeper.work(*source());
  }
  return sweeper.finish();
}

}  // namespace stele::history

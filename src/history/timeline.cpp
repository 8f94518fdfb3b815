// timeline.cpp - folds from the nearest copy, and leaves copies behind.
#include "history/timeline.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace stele::history {
namespace {

using stele::detail::HistoryFold;

class FoldedTimeline final : public Timeline {
 public:
  FoldedTimeline(EventSource& source, const Fold& fold, Extent extent, const TimelineLimits& limits)
      : source_(source), fold_(fold), extent_(std::move(extent)), limits_(limits), spacing_(limits.spacing) {
    STELE_ASSERT(spacing_ > 0, "copies are some events apart", spacing_);
  }

  [[nodiscard]] const std::string& fold_name() const override { return fold_.name; }
  [[nodiscard]] const Extent& extent() const override { return extent_; }

  // Events in front of `from` are folded silently, from the nearest copy on.
  result<void> walk(Revision from, Revision to, const TakeStep& take) override {
    STELE_ASSERT(from >= extent_.first && to <= extent_.last, "a walk stays inside", from.value(),
                 to.value());
    auto fold = nearest(from);
    std::string before;
    std::string after;
    bool told = false;
    const auto step = [&](const EventView& event) -> result<bool> {
      const bool wanted = event.revision >= from;
      if (wanted && !std::exchange(told, true)) {
        STELE_TRY(before, fold->state());
      }
      STELE_CHECK(fold->take(event));
      if (event.revision.value() % spacing_ == 0) keep(event.revision, *fold);
      if (!wanted) return true;
      STELE_TRY(after, fold->state());
      STELE_TRY(const bool more, take({event, before, after}));
      before.swap(after);
      return more;
    };
    return source_.read_stream(extent_.stream, begin_, to, step);
  }

  // Nothing is folded, so an event that the fold cannot take is an event like any other.
  result<void> walk_events(Revision from, Revision to, const TakeEvent& take) override {
    STELE_ASSERT(from >= extent_.first && to <= extent_.last, "a walk stays inside", from.value(),
                 to.value());
    return source_.read_stream(extent_.stream, from, to, take);
  }

  // Only the last state is written as JSON: folding is much cheaper than that.
  result<std::string> state_at(std::optional<Revision> revision) override {
    if (!revision || *revision < extent_.first) return fold_.begin()->state();
    STELE_ASSERT(*revision <= extent_.last, "there is such a state", revision->value());
    auto fold = nearest(revision->next());
    const auto take = [&](const EventView& event) -> result<bool> {
      STELE_CHECK(fold->take(event));
      if (event.revision.value() % spacing_ == 0) keep(event.revision, *fold);
      return true;
    };
    STELE_CHECK(source_.read_stream(extent_.stream, begin_, *revision, take));
    return fold->state();
  }

  // Copies stay good: what they stand for does not change.
  void extend(Revision last) override {
    STELE_ASSERT(last >= extent_.last, "a stream never gets shorter at its end", last.value());
    extent_.last = last;
  }

 private:
  struct Copy {
    std::unique_ptr<HistoryFold> fold;
    std::size_t bytes;
  };

  // A fold that stands in front of `revision` or earlier; it goes on with event `begin_`.
  std::unique_ptr<HistoryFold> nearest(Revision revision) {
    auto copy = copies_.lower_bound(revision);
    if (copy == copies_.begin()) {
      begin_ = extent_.first;
      return fold_.begin();
    }
    --copy;
    begin_ = copy->first.next();
    return copy->second.fold->clone();
  }

  // A fold that has met what it cannot take is not worth keeping.
  void keep(Revision revision, const HistoryFold& fold) {
    if (limits_.copies == 0 || !fold.whole() || copies_.contains(revision)) return;
    auto copy = fold.clone();
    if (!copy) return;
    const auto state = fold.state();
    const auto bytes = state ? state->size() + sizeof(Copy) : sizeof(Copy);
    bytes_ += bytes;
    copies_.emplace(revision, Copy{std::move(copy), bytes});
    if (copies_.size() > limits_.copies || bytes_ > limits_.bytes) thin_out();
  }

  // Every other copy goes; a single one that is too large goes as well.
  void thin_out() {
    spacing_ *= 2;
    for (auto copy = copies_.begin(); copy != copies_.end();) {
      const bool stays = copy->first.value() % spacing_ == 0 && bytes_ <= 2 * limits_.bytes;
      if (stays) {
        ++copy;
        continue;
      }
      bytes_ -= copy->second.bytes;
      copy = copies_.erase(copy);
    }
  }

  EventSource& source_;
  const Fold& fold_;
  Extent extent_;
  TimelineLimits limits_;
  std::uint64_t spacing_;
  std::map<Revision, Copy> copies_;  // the state behind that event
  std::size_t bytes_ = 0;
  Revision begin_;
};

}  // namespace

result<void> Timeline::walk_events(Revision from, Revision to, const TakeEvent& take) {
  return walk(from, to, [&](const Step& step) { return take(step.event); });
}

result<std::unique_ptr<Timeline>> open_timeline(EventSource& source, const Fold& fold,
                                                const std::string& stream, const TimelineLimits& limits) {
  STELE_TRY(const auto info, source.stream_info(stream));
  return std::make_unique<FoldedTimeline>(source, fold, Extent{stream, first_kept(info), info.last_revision},
                                          limits);
}

}  // namespace stele::history

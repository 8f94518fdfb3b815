// cursors.cpp - cursors over the event reader and the forward reader.
#include "engine/reader/cursors.hpp"

#include <algorithm>
#include <chrono>
#include <optional>

#include "base/assert.hpp"
#include "engine/reader/places.hpp"

namespace stele::engine {
namespace {

constexpr std::size_t largest_batch = 4096;
constexpr std::size_t largest_bytes = 8u << 20;
constexpr std::size_t read_ahead = 4;  // events whose bytes are on their way from memory

// Positions of one stream, fetched from the index a batch at a time; backward it walks the same list in
// reverse.
class StreamCursor final : public Cursor {
 public:
  StreamCursor(const ReadState& state, const StreamRead& read, std::uint64_t count, Position head)
      : state_(state),
        reader_(state),
        places_(state.index),
        stream_(read.stream),
        head_(head),
        left_(read.limit) {
    backward_ = read.direction == Direction::backward;
    if (backward_) {
      end_ = read.from ? std::min(read.from->value(), no_limit - 1) + 1 : count;
      end_ = std::min(end_, count);
    } else {
      begin_ = read.from ? read.from->value() : 0;
      end_ = count;
    }
    STELE_ASSERT(end_ <= count, "a cursor ends where its stream does", end_, count);
  }

  result<std::span<const EventView>> next_batch(std::size_t max) override {
    events_.clear();
    arena_.clear();
    STELE_TRY(const auto positions, next_positions(max));
    STELE_ASSERT(positions.size() == locations_.size() || unplaced_, "every place is known, or why not",
                 positions.size(), locations_.size());
    for (std::size_t i = 0; i < locations_.size() && arena_.bytes() < largest_bytes; ++i) {
      const Revision revision(backward_ ? end_ - 1 : begin_);
      if (i + read_ahead < locations_.size()) reader_.expect(locations_[i + read_ahead]);
      auto event = reader_.read_of(stream_, revision, positions[i], locations_[i], arena_);
      if (!event && !events_.empty()) break;  // what was good comes first, the damage with the next call
      if (event || EventReader::passes(event.error())) pass_one();
      if (!event) return event.error();
      events_.push_back(*event);
    }
    if (events_.empty() && unplaced_) {
      if (EventReader::passes(*unplaced_)) pass_one();
      return *unplaced_;
    }
    return std::span<const EventView>(events_);
  }

 private:
  // Of the next events, in the order of reading, with locations_ for them; empty: the end. A compaction since the
  // cursor was opened may have dropped a beginning of the stream: that is passed first.
  result<std::vector<Position>> next_positions(std::size_t max) {
    for (;;) {
      locations_.clear();
      unplaced_.reset();
      const auto wanted =
          std::min<std::uint64_t>({max, largest_batch, left_, end_ > begin_ ? end_ - begin_ : 0});
      if (wanted == 0) return std::vector<Position>{};
      const Revision from(backward_ ? end_ - wanted : begin_);
      STELE_TRY(auto positions,
                state_.index.positions(stream_, from, static_cast<std::size_t>(wanted), head_));
      const bool whole = positions.size() == wanted;
      STELE_ASSERT(whole || state_.segments.only_dropped(), "a visible stream has all of its positions",
                   positions.size(), wanted);
      STELE_ASSERT(!whole || positions.back() <= head_, "no position beyond the head", head_.value());
      if (backward_) std::ranges::reverse(positions);
      if (whole) locate(positions);
      if (whole && !std::ranges::any_of(locations_, Index::is_lost)) return positions;
      if (!state_.segments.only_dropped()) return positions;
      const auto before = begin_;
      STELE_CHECK(pass_dropped());
      if (begin_ != before) continue;
      if (whole) return positions;  // what is there no more is damage, and told event by event
      return Error(errc::corrupt, "the index does not have all events of the stream '" + stream_ + "'")
          .with("stream", stream_)
          .help("run `stele verify` on the store's directory");
    }
  }

  void pass_one() {
    STELE_ASSERT(begin_ < end_ && left_ > 0, "there is one to pass", begin_, end_, left_);
    if (backward_)
      --end_;
    else
      ++begin_;
    --left_;
  }

  // All places first, so that the bytes of later events can be on their way while earlier ones are checked. They
  // end where a place cannot be told: why is the answer once everything before it was read, and then it goes on.
  void locate(const std::vector<Position>& positions) {
    locations_.reserve(positions.size());
    for (const auto position : positions) {
      const auto place = places_.of(position);
      if (!place) unplaced_ = place.error();
      if (!place) break;
      locations_.push_back(*place);
    }
    events_.reserve(locations_.size());
    STELE_ASSERT(locations_.size() <= positions.size(), "a place for every position", locations_.size());
  }

  // Begins at the first event that is still there, by halving: all before it are gone, none behind it.
  result<void> pass_dropped() {
    auto there = end_;
    while (begin_ < there) {
      const auto middle = begin_ + (there - begin_) / 2;
      STELE_TRY(const auto found, state_.index.positions(stream_, Revision(middle), 1, head_));
      if (found.empty() || found.front() == Position{})
        begin_ = middle + 1;
      else
        there = middle;
    }
    STELE_ASSERT(begin_ <= end_, "a cursor does not pass its end", begin_, end_);
    return {};
  }

  const ReadState& state_;
  EventReader reader_;
  Places places_;
  std::string stream_;
  Position head_;
  std::uint64_t begin_ = 0;  // revisions still to be read: [begin_, end_)
  std::uint64_t end_ = 0;
  std::uint64_t left_;
  bool backward_ = false;
  std::vector<Location> locations_;  // of the batch
  std::optional<Error> unplaced_;    // why they end before it does
  Arena arena_;
  std::vector<EventView> events_;
};

// Through the index where the query can be looked up, else event by event.
class BackwardCursor final : public Cursor {
 public:
  BackwardCursor(const ReadState& state, LogRead read, Position head)
      : state_(state),
        reader_(state),
        places_(state.index),
        query_(std::move(read.query)),
        walk_(state.index, query_, Direction::backward, state.plan),
        next_(std::min(read.from.value_or(head), head)),
        left_(read.limit) {}

  result<std::span<const EventView>> next_batch(std::size_t max) override {
    events_.clear();
    arena_.clear();
    const auto wanted = std::min<std::uint64_t>({max, largest_batch, left_});
    while (next_ > Position{} && events_.size() < wanted && arena_.bytes() < largest_bytes) {
      const auto before = events_.size();
      const auto from = next_;
      auto moved = step();
      if (!moved && before > 0) {
        next_ = from;  // what was good comes first, the damage with the next call
        break;
      }
      if (!moved && !EventReader::passes(moved.error())) next_ = from;
      if (!moved) return moved.error();
    }
    STELE_ASSERT(events_.size() <= left_, "a limit holds", events_.size(), left_);
    left_ -= events_.size();
    return std::span<const EventView>(events_);
  }

 private:
  // Looks at one event, or passes those that do not match.
  result<void> step() {
    const auto [end, by_index] = walk_.enter(next_, Position(1));
    LogWalk::Match match{next_, {}};
    if (by_index) {
      const auto found = walk_.next(next_, end);
      if (!found) {
        walk_.recover();
        return {};
      }
      if (!*found) {
        next_ = Position(end.value() - 1);
        return {};
      }
      match = **found;
    }
    STELE_ASSERT(match.position <= next_, "backward is backward", match.position.value(), next_.value());
    next_ = Position(match.position.value() - 1);
    if (!by_index) {
      STELE_TRY(match.location, places_.of(match.position));
      if (Index::is_lost(match.location) && state_.segments.dropped(match.position)) return {};
    }
    STELE_TRY(const auto event, reader_.read_at(match.position, match.location, arena_));
    if (by_index || query_.matches(event)) events_.push_back(event);
    return {};
  }

  const ReadState& state_;
  EventReader reader_;
  Places places_;
  Query query_;
  LogWalk walk_;
  Position next_;
  std::uint64_t left_;
  Arena arena_;
  std::vector<EventView> events_;
};

class ForwardCursor final : public Cursor {
 public:
  ForwardCursor(const ReadState& state, LogRead read, Position head)
      : reader_(state, std::move(read.query), std::max(read.from.value_or(Position(1)), Position(1))),
        until_(head),
        left_(read.limit) {}

  result<std::span<const EventView>> next_batch(std::size_t max) override {
    const auto wanted = std::min<std::uint64_t>(max, left_);
    while (wanted > 0 && reader_.position() <= until_) {
      STELE_TRY(const auto events, reader_.next_batch(until_, static_cast<std::size_t>(wanted)));
      STELE_ASSERT(events.size() <= left_, "a limit holds", events.size(), left_);
      left_ -= events.size();
      if (!events.empty()) return events;
    }
    return std::span<const EventView>{};
  }

 private:
  LogReader reader_;
  Position until_;
  std::uint64_t left_;
};

class LogSubscription final : public Subscription {
 public:
  LogSubscription(const ReadState& state, Visibility& visibility, Query query, Position after)
      : reader_(state, std::move(query), after.next()), visibility_(visibility) {}

  result<SubscriptionBatch> next_batch(std::size_t max, std::chrono::microseconds timeout) override {
    const Position seen(reader_.position().value() - 1);
    auto head = visibility_.head();
    if (head <= seen) head = visibility_.wait_beyond(seen, timeout, cancelled_);
    if (cancelled_.load()) return Error(errc::unavailable, "the subscription was cancelled");
    if (visibility_.closed()) return Error(errc::unavailable, "the store is closing");
    if (head <= seen) return SubscriptionBatch{{}, seen, head == seen};
    std::span<const EventView> events;
    // Looking at many events that do not match must still tell how far it came now and then.
    for (const auto looked = seen; events.empty() && reader_.position() <= head && !cancelled_.load();) {
      STELE_TRY(events, reader_.next_batch(head, std::max<std::size_t>(max, 1)));
      if (reader_.position().value() - looked.value() > progress_every) break;
    }
    const Position position(reader_.position().value() - 1);
    STELE_ASSERT(position >= seen && position <= head, "a batch moves on, up to the head", position.value(),
                 seen.value(), head.value());
    return SubscriptionBatch{events, position, position == visibility_.head()};
  }

  void cancel() override {
    cancelled_.store(true);
    visibility_.wake();
  }

 private:
  static constexpr std::uint64_t progress_every = 100'000;

  LogReader reader_;
  Visibility& visibility_;
  std::atomic<bool> cancelled_{false};
};

}  // namespace

result<std::unique_ptr<Cursor>> open_stream_cursor(const ReadState& state, const StreamRead& read,
                                                   Position head) {
  STELE_TRY(const auto next, state.index.next_revision(read.stream, head));
  return std::make_unique<StreamCursor>(state, read, next.value(), head);
}

std::unique_ptr<Cursor> open_log_cursor(const ReadState& state, LogRead read, Position head) {
  if (read.direction == Direction::backward)
    return std::make_unique<BackwardCursor>(state, std::move(read), head);
  return std::make_unique<ForwardCursor>(state, std::move(read), head);
}

std::unique_ptr<Subscription> open_subscription(const ReadState& state, Visibility& visibility, Query query,
                                                Position after) {
  return std::make_unique<LogSubscription>(state, visibility, std::move(query), after);
}

}  // namespace stele::engine

// log_reader.hpp - the events that match a query, forward from a position, a batch at a time: by index or by
// scanning, as log_walk.hpp chooses. Cursors and subscriptions are this, repeated.
//
// One thread at a time.
#pragma once

#include <vector>

#include "engine/query/log_walk.hpp"
#include "engine/reader/forward_reader.hpp"

namespace stele::engine {

class LogReader {
 public:
  LogReader(const ReadState& state, Query query, Position from)
      : query_(std::move(query)),
        walk_(state.index, query_, Direction::forward, state.plan),
        scan_(state, from),
        single_(state),
        next_(from) {}
  LogReader(const LogReader&) = delete;
  LogReader& operator=(const LogReader&) = delete;

  // Matching events up to and including `until` (which must be visible), at most `max` of them. The work of one
  // call is bounded, so it may return none although there are more: then position() has moved. The views stay
  // valid until the next call. After an error the next call goes on behind the damage.
  result<std::span<const EventView>> next_batch(Position until, std::size_t max);
  // The next position that will be looked at.
  [[nodiscard]] Position position() const { return next_; }

 private:
  result<std::span<const EventView>> scan(Position end, std::size_t max);
  result<std::span<const EventView>> look_up(Position end, std::size_t max);

  Query query_;
  LogWalk walk_;
  ForwardReader scan_;
  EventReader single_;
  Arena arena_;
  Position next_;
  std::vector<EventView> events_;
};

}  // namespace stele::engine

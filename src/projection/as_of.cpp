// as_of.cpp - the past: where a moment stands in the log, and folding up to there.
#include <algorithm>
#include <chrono>
#include <string>

#include "projection/apply.hpp"
#include "stele/projection.hpp"

namespace stele {
namespace {

constexpr std::size_t fold_batch = 1024;

result<Position> position_of_revision(EventStore& store, Revision revision, std::string_view stream) {
  if (stream.empty())
    return Error(errc::invalid, "a revision needs a stream; name a position (p123) or a time instead");
  STELE_TRY(const auto cursor,
            store.read_stream({.stream = std::string(stream), .from = revision, .limit = 1}));
  STELE_TRY(const auto events, cursor->next_batch(1));
  if (!events.empty() && events.front().revision == revision) return events.front().position;
  return Error(errc::not_found,
               "stream " + std::string(stream) + " has no revision " + std::to_string(revision.value()))
      .with("stream", std::string(stream))
      .with("revision", revision.value());
}

// The state before the last `count` events: with fewer of them, the state before everything.
result<Position> position_before_last(EventStore& store, std::uint64_t count, std::string_view stream) {
  if (stream.empty()) {
    const std::uint64_t head = store.head().position.value();
    return Position(head - std::min(head, count));
  }
  STELE_TRY(const StreamInfo info, store.stream_info(stream));
  if (count > info.last_revision.value()) return Position{};
  return position_of_revision(store, Revision(info.last_revision.value() - count), stream);
}

result<Position> position_of_time(EventStore& store, Timestamp time) { return store.position_at(time); }

// An age is counted back from the wall clock, not from the head: "-2h" means two hours ago.
Timestamp time_before_now(std::chrono::microseconds age) {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now()) - age;
}

template <class... Cases>
struct MomentCases : Cases... {
  using Cases::operator()...;
};

}  // namespace

result<Position> position_of(EventStore& store, const Moment& moment, std::string_view stream) {
  using Answer = result<Position>;
  const MomentCases answer{
      [](Moment::Start) -> Answer { return Position{}; },
      [&](Moment::Head) -> Answer { return store.head().position; },
      [&](Moment::Last last) { return position_before_last(store, last.count, stream); },
      [&](Moment::Ago ago) { return position_of_time(store, time_before_now(ago.age)); },
      [&](Revision revision) { return position_of_revision(store, revision, stream); },
      [&](Position position) -> Answer { return std::min(position, store.head().position); },
      [&](Timestamp time) { return position_of_time(store, time); },
  };
  return std::visit(answer, moment.at);
}

// The last batch moves the checkpoint to `up_to` even when no event lies there: that is what the model reflects.
// A target that was folded before goes on from its checkpoint; what it knows is skipped.
result<Position> fold(ProjectionTarget& into, Cursor& events, Position up_to) {
  STELE_TRY(Checkpoint at, into.checkpoint());
  std::vector<EventView> wanted;
  for (bool more = true; more;) {
    STELE_TRY(const auto batch, events.next_batch(fold_batch));
    more = !batch.empty() && batch.back().position <= up_to;
    wanted.clear();
    for (const EventView& event : batch)
      if (event.position <= up_to && into.events().matches(event)) wanted.push_back(event);
    const Position reached = more ? batch.back().position : std::max(up_to, at.position);
    auto applied = projection::apply_batch(into, at, wanted, reached);
    if (!applied) return applied.error().why;
    at = applied->now;
  }
  return at.position;
}

result<Position> fold(ProjectionTarget& into, EventStore& store, Position up_to) {
  STELE_TRY(const Checkpoint at, into.checkpoint());
  STELE_TRY(const auto cursor, store.read({.query = into.events(), .from = at.position.next()}));
  return fold(into, *cursor, up_to);
}

}  // namespace stele

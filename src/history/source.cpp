// source.cpp - a store in this process as a source of histories.
#include "history/source.hpp"

namespace stele::history {
namespace {

constexpr std::size_t source_batch = 512;
// A long piece of a stream that makes up much of the log is read as a piece of the log: in large reads, whole frames at
// a time, where the stream alone is read event by event.
constexpr std::uint64_t long_piece = 4'096;
constexpr std::uint64_t positions_per_event = 4;

// Hands on what the cursor has, until `inside` says that the end is passed or the taker has enough.
template <class Inside>
result<void> drain_cursor(Cursor& cursor, const TakeEvent& take, Inside inside) {
  while (true) {
    STELE_TRY(const auto batch, cursor.next_batch(source_batch));
    if (batch.empty()) return {};
    for (const EventView& event : batch) {
      if (!inside(event)) return {};
      STELE_TRY(const bool more, take(event));
      if (!more) return {};
    }
  }
}

// Where the stream is dense enough to be read from the log: the position of revision `from`. Nothing: it is not.
std::optional<Position> dense_from(EventStore& store, const std::string& stream, Revision from, Revision to) {
  if (to.value() - from.value() < long_piece) return std::nullopt;
  const auto info = store.stream_info(stream);
  if (!info || from < first_kept(*info) || info->first_position == Position{}) return std::nullopt;
  const auto extent = info->last_position.value() - info->first_position.value() + 1;
  if (extent / positions_per_event > info->events) return std::nullopt;
  if (from == first_kept(*info)) return info->first_position;
  const auto cursor = store.read_stream({.stream = stream, .from = from, .limit = 1});
  if (!cursor) return std::nullopt;
  const auto first = (*cursor)->next_batch(1);
  if (!first || first->empty() || first->front().revision != from) return std::nullopt;
  return first->front().position;
}

}  // namespace

// Whatever is wrong with the log on the way, also with events of others, the stream itself is asked from there on.
result<void> StoreSource::read_stream(const std::string& stream, Revision from, Revision to,
                                      const TakeEvent& take) {
  if (from > to) return {};
  if (const auto begin = dense_from(store_, stream, from, to)) {
    STELE_TRY(const bool done, read_dense(stream, *begin, from, to, take));
    if (done || from > to) return {};
  }
  STELE_TRY(const auto cursor,
            store_.read_stream({.stream = stream, .from = from, .limit = to.value() - from.value() + 1}));
  return drain_cursor(*cursor, take, [&](const EventView& event) { return event.revision <= to; });
}

// True: that was all, or enough. False: somebody else goes on at `from`.
result<bool> StoreSource::read_dense(const std::string& stream, Position begin, Revision& from, Revision to,
                                     const TakeEvent& take) {
  QueryItem only;
  only.streams = {stream};
  const auto cursor = store_.read({.query = Query::of(std::move(only)), .from = begin});
  if (!cursor) return false;
  while (true) {
    const auto batch = (*cursor)->next_batch(source_batch);
    if (!batch || batch->empty()) return false;
    for (const EventView& event : *batch) {
      if (event.revision != from) return false;
      STELE_TRY(const bool more, take(event));
      if (!more || event.revision == to) return true;
      from = from.next();
    }
  }
}

result<void> StoreSource::read_log(const Query& query, Position from, Position to, const TakeEvent& take) {
  if (from > to) return {};
  STELE_TRY(const auto cursor, store_.read({.query = query, .from = from}));
  return drain_cursor(*cursor, take, [&](const EventView& event) { return event.position <= to; });
}

}  // namespace stele::history

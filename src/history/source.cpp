// source.cpp - a store in this process as a source of histories.
#include "history/source.hpp"

namespace stele::history {
namespace {

constexpr std::size_t source_batch = 512;

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

}  // namespace

result<void> StoreSource::read_stream(const std::string& stream, Revision from, Revision to,
                                      const TakeEvent& take) {
  if (from > to) return {};
  STELE_TRY(const auto cursor,
            store_.read_stream({.stream = stream, .from = from, .limit = to.value() - from.value() + 1}));
  return drain_cursor(*cursor, take, [&](const EventView& event) { return event.revision <= to; });
}

result<void> StoreSource::read_log(const Query& query, Position from, Position to, const TakeEvent& take) {
  if (from > to) return {};
  STELE_TRY(const auto cursor, store_.read({.query = query, .from = from}));
  return drain_cursor(*cursor, take, [&](const EventView& event) { return event.position <= to; });
}

}  // namespace stele::history

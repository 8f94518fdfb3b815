// life.hpp - what of a stream is still there: its retention, applied to its revisions at one moment. Reading and
// compacting ask the same question here, so neither shows or drops what the other would not.
//
// A stream's metadata is found through the index and read from the log; nothing is kept in memory for it.
#pragma once

#include <optional>
#include <string_view>

#include "engine/reader/event_reader.hpp"
#include "event/retention.hpp"
#include "io/world.hpp"

namespace stele::engine {

struct StreamLife {
  Revision last;   // of its last event, kept or not: expected versions and numbering go by it
  Revision first;  // that is still in the log: compaction has dropped those before
  // The first revision that each rule keeps, and all of them together. Beyond `last`: none.
  Revision kept_by_truncation;
  Revision kept_by_count;
  Revision kept_by_age;
  bool tombstoned = false;

  [[nodiscard]] Revision first_kept() const;
  // Nothing is left for readers.
  [[nodiscard]] bool is_over() const { return tombstoned || first_kept() > last; }
};

// Borrows both; safe from any thread.
class StreamLives {
 public:
  StreamLives(const ReadState& state, io::Clock& clock) : state_(state), clock_(clock) {}

  // As of the events up to `head` and the time `now`. Nothing: the stream never had an event. Errors: what reading
  // the newest metadata may meet.
  result<std::optional<StreamLife>> of(std::string_view stream, Position head, Timestamp now) const;
  result<std::optional<StreamLife>> of(std::string_view stream, Position head) const {
    return of(stream, head, clock_.now());
  }
  // The newest metadata at or before `head`, with every rule as a plain number; empty when there is none.
  result<Retention> retention_of(std::string_view stream, Position head) const;

 private:
  result<Revision> first_younger_than(std::string_view stream, Timestamp time, const StreamLife& life,
                                      Position head) const;
  result<Revision> first_present(std::string_view stream, Revision last, Position head) const;

  const ReadState& state_;
  io::Clock& clock_;
};

}  // namespace stele::engine

// index_part.hpp - what the index itself, sealing and merging ask of a part, beyond what queries do (part.hpp).
// Both kinds of part are one of these.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/index/part.hpp"

namespace stele::engine {

// A segment of the log that a part covers from its first event to its last.
struct CoveredSegment {
  Position first;
  std::uint64_t end = 0;   // behind its last frame, in the file
  std::uint64_t salt = 0;  // tells two segments of the same place apart
  std::uint64_t frames = 0;
  std::uint64_t events = 0;
  bool operator==(const CoveredSegment&) const = default;
};

// Between two known times: the events in (after, before) were recorded between the two.
struct TimeBracket {
  Position after;   // recorded at or before the time asked for; 0: none here
  Position before;  // recorded later; 0: none here
};

// What both kinds of part give as postings: blocks need not be full, so where the n-th position stands is asked.
class IndexPostings : public Postings {
 public:
  struct Place {
    std::size_t block = 0;
    std::uint64_t skip = 0;  // positions of that block in front of it
  };
  virtual result<Place> place_of(std::uint64_t ordinal) const = 0;
};

// Where a stream goes on.
struct StreamEnd {
  Revision next;       // of its next event
  Position last;       // of its newest one; 0: it has none
  bool ended = false;  // the newest one says that it is closed for ever
};

class IndexPart : public Part {
 public:
  // Names of streams with this prefix, behind `after`, sorted.
  virtual result<std::vector<std::string>> streams(std::string_view prefix, std::string_view after,
                                                   std::size_t limit) const = 0;
  // With everything that was added. Nothing: the stream has no event here.
  virtual result<std::optional<StreamEnd>> stream_end(std::string_view stream) const = 0;
  virtual result<TimeBracket> around(Timestamp time) const = 0;
  [[nodiscard]] virtual bool sealed() const = 0;

 protected:
  IndexPart() = default;
};

}  // namespace stele::engine

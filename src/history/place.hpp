// place.hpp - which event of a stream a moment means: v204, p90211, a time, an age, "twenty ago", or so long before or
// behind the newest event of a type. The grammar of plain moments is stele::parse_moment.
#pragma once

#include <optional>
#include <string_view>

#include "history/source.hpp"

namespace stele::history {

// The last event of `stream` at the moment; nothing: the moment lies before the first that is kept.
// Errors: invalid for no moment, not_found for a version or a type that the stream does not have.
[[nodiscard]] result<std::optional<Revision>> revision_at(EventSource& source, const StreamInfo& stream,
                                                          std::string_view moment, Timestamp now);

// "A..B", "A.." or "..B", as revisions that exist; "" is all of it. Errors as above, and invalid for an empty range.
struct RevisionRange {
  Revision from;
  Revision to;
};
[[nodiscard]] result<RevisionRange> revisions_between(EventSource& source, const StreamInfo& stream,
                                                      std::string_view range, Timestamp now);

}  // namespace stele::history

// cursors.hpp - the three ways a reader walks: a stream, the log backward, the log forward; and the
// subscription, which is the log forward without an end.
#pragma once

#include <atomic>
#include <memory>

#include "engine/reader/log_reader.hpp"
#include "engine/visibility.hpp"

namespace stele::engine {

// Bounded by the head at the time it was opened.
result<std::unique_ptr<Cursor>> open_stream_cursor(const ReadState& state, const StreamRead& read,
                                                   Position head);
std::unique_ptr<Cursor> open_log_cursor(const ReadState& state, LogRead read, Position head);
std::unique_ptr<Subscription> open_subscription(const ReadState& state, Visibility& visibility, Query query,
                                                Position after);

}  // namespace stele::engine

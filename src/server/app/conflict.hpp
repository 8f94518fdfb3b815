// conflict.hpp - what a caller whose expected version or condition was wrong needs to decide again: the events since.
#pragma once

#include "stele/app.hpp"
#include "stele/store.hpp"

namespace stele::server {

// The problem of a conflict, with `events` (where to read on) and `events_since` (the first of them, capped in
// number and bytes; `events_since_complete` says whether these are all). Of an append condition: `event`, the one that
// matches. Reads the store: blocks.
[[nodiscard]] Problem conflict_problem(EventStore& store, const Error& conflict, bool conditional);

}  // namespace stele::server

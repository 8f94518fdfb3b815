// condition.hpp - append conditions (dynamic consistency boundaries): whether an event behind `after` matches the
// query that the decision rested on. Exact, from the index alone, newest events first.
//
// Functions of the index and the condition, nothing else: the same log and the same condition give the same
// answer, whatever was foreseen. A damaged part of the index is healed on the way.
#pragma once

#include <optional>

#include "engine/index/index.hpp"
#include "stele/store.hpp"

namespace stele::engine {

// What does not depend on the state: a query that asks for something. Errors: invalid.
[[nodiscard]] result<void> check_condition(const AppendCondition& condition);

// What a look outside of the serial section has shown: of the events behind `after`, up to `seen`, `match` is the
// newest that matches. The log only grows, so it stays true, and the serial section looks at the rest only.
struct Foreseen {
  Position seen;
  std::optional<Position> match;
};

// Worth while when `after` lies far behind `visible`, the head for readers; nothing otherwise, and nothing when the
// index could not be read, which the serial section will meet again.
[[nodiscard]] Foreseen foresee(const Index& index, const AppendCondition& condition, Position visible);

// Against the whole log, staged appends included. Errors: invalid (`after` is beyond the last position), conflict
// (facts position, after, retry and, when the query names types, type), corrupt.
[[nodiscard]] result<void> decide_condition(const Index& index, const AppendCondition& condition,
                                            const Foreseen& foreseen);

}  // namespace stele::engine

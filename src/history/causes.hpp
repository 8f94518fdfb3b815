// causes.hpp - what led to an event and what it led to, by the correlation and causation ids in metadata; and searches
// over the log. Both say how far they looked: no answer is silently partial.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "history/expression.hpp"
#include "history/source.hpp"

namespace stele::history {

// Where something was looked for.
struct Searched {
  Position from;
  Position to;               // the last position looked at
  std::uint64_t events = 0;  // looked at
  bool complete = true;      // all there was to look at; false: a limit or a stop ended it
};
// {"from":1,"to":90211,"events":…,"complete":true}
[[nodiscard]] std::string searched_json(const Searched& searched);

// ---- Causes

// One event of a transaction, in the order of a walk through its tree.
struct Cause {
  RecordedEvent event;
  std::size_t depth = 0;                // 0: nothing of this log led to it
  std::optional<std::int64_t> elapsed;  // microseconds since its cause
  bool asked = false;                   // the one that was asked about
};
struct Causes {
  std::vector<Cause> tree;
  Searched searched;
};
struct CausesLimits {
  std::size_t events = 1'000;            // in the tree
  std::uint64_t looked_at = 10'000'000;  // of the log
};
// Of the event, everything with its correlation id, and whatever names one of those as its cause. Reads the log from
// the earliest of them on. Errors: not_found.
[[nodiscard]] result<Causes> causes_of(EventSource& source, const Uuid& id, const CausesLimits& limits = {});
// {"depth":1,"elapsed_us":3,"asked":true,"event":{...}}
[[nodiscard]] std::string cause_json(const Cause& cause);

// ---- Finding

// What is empty is not asked for; what is not must all be so.
struct Search {
  Query query{};              // types, streams, categories, tags: by the index
  std::string text{};         // in data or metadata, as it is written there
  std::string correlation{};  // metadata.correlationId
  std::string actor{};        // metadata.userId
  std::optional<Expression> where{};
  Position from{};
  Position to{};
  std::uint64_t limit = 100;
  std::uint64_t looked_at = ~std::uint64_t{0};
  std::stop_token stop{};
};
[[nodiscard]] result<Searched> find_events(EventSource& source, const Search& search,
                                           const std::function<result<void>(const EventView&)>& found);

}  // namespace stele::history

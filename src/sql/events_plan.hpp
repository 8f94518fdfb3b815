// events_plan.hpp - from the conditions of a question to what is read of the log. Pure but for three look-ups in the
// store's index. A plan may read too much (SQLite looks at every row again), never too little.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sql/log_view.hpp"

namespace stele::sql {

// The columns of `events`, in their order.
enum class EventColumn : int {
  global_position,
  stream_id,
  stream_position,
  event_id,
  event_type,
  data,
  metadata,
  created_at,
  category,
  tags,
  content_type,
  recorded_type,
  data_bytes,
  metadata_bytes,
};

enum class Comparison : char {
  equal = '=',
  any_of = '*',  // IN
  greater = '>',
  at_least = 'g',
  less = '<',
  at_most = 'l',
  begins = '~',   // GLOB or LIKE
  has_tag = 'T',  // has_tag(tags, ?)
};

using PlanValue = std::variant<std::monostate, std::int64_t, double, std::string>;

// One condition: column, comparison, and what with. Only `any_of` has another number of values than one.
struct Condition {
  EventColumn column;
  Comparison comparison;
  std::vector<PlanValue> values;
};

struct EventsPlan {
  QueryItem item;  // empty lists ask nothing
  Position from{1};
  Position to;  // inclusive
  std::optional<Revision> first_revision;
  std::optional<Revision> last_revision;
  bool backward = false;
  bool nothing = false;  // no event can match

  // "streams=BankAccount-1 p1..p204 backward"
  [[nodiscard]] std::string to_string() const;
};

[[nodiscard]] result<EventsPlan> plan_events(LogView& view, const std::vector<Condition>& conditions,
                                             bool backward);

// The range of times whose text (as created_at has it) can compare so with `bound`; a side that is not bounded is
// empty. Never too narrow.
struct TimeRange {
  std::optional<Timestamp> first;
  std::optional<Timestamp> last;
};
[[nodiscard]] TimeRange times_for(Comparison comparison, std::string_view bound);

}  // namespace stele::sql

// condition.cpp - the newest match decides; a conflict names it.
#include "engine/writer/condition.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "base/assert.hpp"
#include "engine/query/part_walk.hpp"

namespace stele::engine {
namespace {

// Behind a younger `after` there is so little to look at that one look, the serial one, is the cheapest.
constexpr std::uint64_t recent_events = 4096;

constexpr int most_repairs = 3;

// newest_match() over the parts of now; a damaged one is made anew and asked again.
result<std::optional<Position>> newest_of(const Index& index, const Query& query, Position after,
                                          Position last) {
  for (int repairs = 0;; ++repairs) {
    const auto parts = index.parts();
    const Part* asked = nullptr;
    auto found = newest_match(*parts, query, after, last, &asked);
    if (found || found.error().kind() != errc::corrupt || repairs == most_repairs) return found;
    STELE_ASSERT(asked != nullptr, "damage is in some part", repairs);
    STELE_CHECK(index.heal(*asked));
  }
}

// The type of the event, when it is one that the query names: the index knows no others by name. For the message
// only, so that an index which cannot be read leaves it out.
std::optional<std::string> named_type(const Index& index, const Query& query, Position at) {
  const auto part = part_of(*index.parts(), at);
  STELE_ASSERT(part != nullptr, "a match lies in a part", at.value());
  std::array<std::uint32_t, 1> row{};
  if (!query.items || !part->codes(ColumnKind::type, at, row)) return std::nullopt;
  for (const auto& item : *query.items) {
    for (const auto& type : item.types) {
      const auto known = part->find_name(ColumnKind::type, type);
      if (known && *known && (*known)->code == row[0]) return type;
    }
  }
  return std::nullopt;
}

Error after_beyond_head(Position after, Position last) {
  STELE_ASSERT(after > last, "only what lies beyond the head is refused", after.value(), last.value());
  return Error(errc::invalid, "the condition looks behind position " + std::to_string(after.value()) +
                                  ", the log ends at " + std::to_string(last.value()))
      .with("after", after.value())
      .with("head", last.value())
      .help("give the last position that the decision has seen");
}

Error condition_conflict(const AppendCondition& condition, Position match,
                         const std::optional<std::string>& type) {
  STELE_ASSERT(match > condition.after, "what conflicts lies behind `after`", match.value(),
               condition.after.value());
  const auto which = type ? ", a " + *type + "," : std::string();
  auto error = Error(errc::conflict, "the event at position " + std::to_string(match.value()) + which +
                                         " matches the append condition, which looks behind position " +
                                         std::to_string(condition.after.value()))
                   .with("position", match.value())
                   .with("after", condition.after.value())
                   .with("retry", "yes");
  if (type) error = std::move(error).with("type", *type);
  return std::move(error).help(
      "read what matches behind `after`, decide again, and retry with `after` at the last position you read");
}

}  // namespace

result<void> check_condition(const AppendCondition& condition) {
  if (auto query = check_query(condition.fail_if); !query)
    return std::move(query).error().at("condition.fail_if");
  return {};
}

// What it costs is paid on the caller's thread, beside other callers: a condition that has to look far back holds up
// nobody but its own append.
Foreseen foresee(const Index& index, const AppendCondition& condition, Position visible) {
  const auto after = condition.after.value();
  if (visible.value() < recent_events || after > visible.value() - recent_events) return {};
  const auto match = newest_of(index, condition.fail_if, condition.after, visible);
  STELE_ASSERT(!match || !*match || **match <= visible, "nothing is seen beyond the head", visible.value());
  return match ? Foreseen{visible, *match} : Foreseen{};
}

// The order of the two looks does not matter to the answer: the newest match is in the later piece if there is one.
result<void> decide_condition(const Index& index, const AppendCondition& condition,
                              const Foreseen& foreseen) {
  const auto last = index.last();
  STELE_ASSERT(foreseen.seen <= last, "what was seen is in the log", foreseen.seen.value(), last.value());
  if (condition.after > last) return after_beyond_head(condition.after, last);
  const auto from = std::max(condition.after, foreseen.seen);
  STELE_TRY(auto match, newest_of(index, condition.fail_if, from, last));
  if (!match) match = foreseen.match;
  if (!match) return {};
  return condition_conflict(condition, *match, named_type(index, condition.fail_if, *match));
}

}  // namespace stele::engine

// reading.cpp - the common beginning of every command that reads events.
#include "cli/commands/reading.hpp"

#include "cli/range.hpp"

namespace stele::cli {

std::string stream_named(const std::string& argument) {
  return argument == "@all" ? std::string() : argument;
}

QueryItem item_of(const Filter& filter) {
  return {.types = filter.types, .tags = filter.tags, .streams = {}, .categories = filter.categories};
}

// Places are resolved once, when the command begins: what is appended meanwhile does not move them.
result<ReadingPlan> plan_reading(const std::string& stream, const std::string& range, const Filter& filter,
                                 Target& target, Timestamp now) {
  ReadingPlan reading;
  reading.plan.stream = stream_named(stream);
  reading.plan.filter = item_of(filter);
  STELE_TRY(const auto parsed, parse_range(range));
  STELE_TRY(const auto bounds, resolve(parsed, reading.plan.stream, target, now));
  reading.plan.from_revision = bounds.from_revision;
  reading.plan.to_revision = bounds.to_revision;
  reading.plan.from_position = bounds.from_position;
  reading.plan.to_position = bounds.to_position;
  reading.last = bounds.last;
  return reading;
}

}  // namespace stele::cli

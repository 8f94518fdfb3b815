// spec_reading.cpp - laying events down as a log would, and telling how what was read differs from what was meant.
#include "stele/detail/spec_reading.hpp"

#include "stele/spec.hpp"

namespace stele::spec {
namespace detail {
namespace {

// The members of two JSON objects that are not the same, one line each.
void append_fields(std::string& text, const JsonValue& expected, const JsonValue& actual) {
  for (const auto& [key, value] : expected.members()) {
    const auto other = actual.find(key);
    if (other && other->raw() == value.raw()) continue;
    text += "      " + std::string(key) + ": expected " + std::string(value.raw()) + ", happened " +
            (other ? std::string(other->raw()) : "(none)") + "\n";
  }
  for (const auto& [key, value] : actual.members())
    if (!expected.find(key))
      text += "      " + std::string(key) + ": expected (none), happened " + std::string(value.raw()) + "\n";
}

}  // namespace

std::string field_differences(std::string_view expected, std::string_view actual) {
  const auto brace = expected.find('{');
  if (brace == std::string_view::npos || expected.substr(0, brace) != actual.substr(0, brace)) return "";
  const auto left = JsonDocument::parse(expected.substr(brace));
  const auto right = JsonDocument::parse(actual.substr(brace));
  std::string text;
  if (left && right) append_fields(text, left->root(), right->root());
  return text;
}

EventView LaidDown::at(Position position, std::string_view stream) const {
  return {position,
          Revision(position.value() - 1),
          Timestamp(std::chrono::seconds(position.value())),
          Uuid::from_name({}, std::to_string(position.value())),
          stream,
          type,
          content_type,
          data,
          metadata,
          TagsView()};
}

void compare_lines(const std::source_location& where, const Lines& given, std::string_view verb,
                   const Lines& expected, const result<Lines>& actual) {
  if (actual && *actual == expected) return;
  std::string text = "the specification does not hold\n";
  append_lines(text, "  given   ", given);
  append_lines(text, verb, expected);
  append_lines(text, "  but     ", actual ? *actual : Lines{"error: " + actual.error().message()});
  if (actual) text += first_difference(expected, *actual, "line");
  report(where, text);
}

}  // namespace detail

result<void> Projected::apply(ProjectionTarget& target, const std::vector<detail::LaidDown>& events) {
  std::uint64_t position = 0;
  STELE_CHECK(target.begin());
  Checkpoint now;
  for (const auto& each : events) {
    const EventView event = each.at(Position(++position), "Specified-1");
    if (target.events().matches(event)) STELE_CHECK(target.apply(event));
    now = {event.position, event.position, event.id};
  }
  STELE_CHECK(target.commit(now));
  return {};
}

}  // namespace stele::spec

// condition_cases.cpp - the cases. "AccountClosed" and "signup:" never happen, so nothing is ever in the way.
#include "cli/bench/condition_cases.hpp"

#include <fmt/format.h>

namespace stele::cli::bench {
namespace {

AppendCondition unless(std::vector<std::string> types, std::vector<std::string> tags, Position after) {
  QueryItem item;
  item.types = std::move(types);
  item.tags = std::move(tags);
  return {.fail_if = Query::of(std::move(item)), .after = after};
}

std::string own_tag(std::uint64_t writer) { return fmt::format("writer:{}", writer); }

std::vector<ConditionCase> make_cases() {
  std::vector<ConditionCase> cases;
  cases.push_back({"one tag and one type, after recent", [](std::uint64_t writer, Position seen, Position) {
                     return unless({"BenchEvent"}, {own_tag(writer)}, seen);
                   }});
  cases.push_back({"one type, after recent", [](std::uint64_t, Position seen, Position) {
                     return unless({"AccountClosed"}, {}, seen);
                   }});
  cases.push_back({"one type, no after", [](std::uint64_t, Position, Position) {
                     return unless({"AccountClosed"}, {}, Position());
                   }});
  cases.push_back({"tag of 10 % and a type, after recent", [](std::uint64_t, Position seen, Position) {
                     return unless({"AccountClosed"}, {"country:de"}, seen);
                   }});
  cases.push_back({"tag of 10 % and a rare tag, no after", [](std::uint64_t writer, Position, Position) {
                     return unless({}, {"country:de", fmt::format("signup:{}", writer)}, Position());
                   }});
  cases.push_back({"a tag nothing has, no after", [](std::uint64_t writer, Position, Position) {
                     return unless({}, {fmt::format("signup:{}", writer)}, Position());
                   }});
  cases.push_back({"one tag and one type, after far back", [](std::uint64_t writer, Position, Position far) {
                     return unless({"MoneyDeposited"}, {fmt::format("early:{}", writer)}, far);
                   }});
  return cases;
}

}  // namespace

const std::vector<ConditionCase>& condition_cases() {
  static const auto cases = make_cases();
  return cases;
}

void tag_events(AppendRequest& request, std::uint64_t writer) {
  for (auto& event : request.writes.front().events) {
    event.tags.push_back(own_tag(writer));
    if (event.id.bytes()[8] % 10 == 0) event.tags.emplace_back("country:de");
  }
}

}  // namespace stele::cli::bench

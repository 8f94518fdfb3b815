// condition_cases.hpp - the shapes of append conditions that are measured: recent and old, rare and popular, with
// tags and without. Each is one that holds: what is measured is the look, not the refusal.
#pragma once

#include <string>
#include <vector>

#include "cli/bench/append_load.hpp"
#include "cli/bench/log_source.hpp"

namespace stele::cli::bench {

struct ConditionCase {
  std::string name;
  // What the decision rested on, given the writer and the last position it knows of; `far` lies behind the first
  // tenth of the log.
  std::function<AppendCondition(std::uint64_t writer, Position seen, Position far)> condition;
};
[[nodiscard]] const std::vector<ConditionCase>& condition_cases();

// Tags as in the filled log: one of the writer's own on every event, `country:de` on every tenth append.
void tag_events(AppendRequest& request, std::uint64_t writer);

}  // namespace stele::cli::bench

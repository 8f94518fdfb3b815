// session.cpp - places, plans and their names.
#include "cli/bench/session.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/output/text.hpp"
#include "cli/report.hpp"

namespace stele::cli::bench {
namespace {

constexpr double longest_probe = 0.4;

}  // namespace

result<void> check_one_place(const Session& session) {
  const auto& place = session.common.place;
  if (!place.url.empty() && !place.dir.empty())
    return usage_error("--dir and --url name two places").help("give one of them");
  return {};
}

result<void> check_only_directory(const Session& session) {
  if (!session.common.place.url.empty())
    return usage_error("this measures a directory, not a server")
        .help("leave --url out; --dir chooses the disk");
  return {};
}

LogPlan plan_of(const BenchLogOptions& options, std::uint64_t events_each) {
  const auto streams = options.streams != 0 ? options.streams : options.events / events_each;
  return {.events = options.events,
          .streams = std::clamp<std::uint64_t>(streams, 1, options.events),
          .size = options.size,
          .zipf = options.zipf};
}

std::string log_text(const LogPlan& plan) {
  return fmt::format("{} events of {} B JSON payload in {} streams, {}", grouped(plan.events), plan.size,
                     grouped(plan.streams), plan.zipf ? "Zipf shares" : "in turn");
}

JsonObject log_facts(const LogPlan& plan) {
  JsonObject facts;
  facts.number("events", plan.events).number("streams", plan.streams).number("size", plan.size);
  facts.boolean("zipf", plan.zipf).text("place", "in process");
  return facts;
}

double probe_seconds_for(double measured_seconds) { return std::min(longest_probe, measured_seconds); }

double probe_seconds_for(const LogPlan& plan) {
  return std::min(longest_probe, static_cast<double>(plan.events) * 1e-6);
}

}  // namespace stele::cli::bench

// projection_json.cpp - members in the order in which people ask for them.
#include "server/api/projection_json.hpp"

#include <algorithm>
#include <cmath>

#include "server/text.hpp"

namespace stele::server {
namespace {

std::string member(std::string_view name, std::uint64_t value) {
  return ",\"" + std::string(name) + "\":" + std::to_string(value);
}
std::string member(std::string_view name, std::string_view words) {
  return ",\"" + std::string(name) + "\":" + json_quoted(words);
}
std::string member(std::string_view name, bool value) {
  return ",\"" + std::string(name) + (value ? "\":true" : "\":false");
}

template <class List, class Render>
std::string list_of(std::string_view name, const List& list, Render render) {
  std::string out = ",\"" + std::string(name) + "\":[";
  bool first = true;
  for (const auto& each : list) {
    if (!first) out += ',';
    out += render(each);
    first = false;
  }
  return out + "]";
}

std::uint64_t whole(double number) {
  return number > 0 ? static_cast<std::uint64_t>(std::llround(number)) : 0;
}
std::uint64_t us(std::chrono::microseconds span) { return static_cast<std::uint64_t>(span.count()); }

std::string comparison_json(const TableComparison& table) {
  return "{\"table\":" + json_quoted(table.table) + member("rows_before", table.rows_before) +
         member("rows_after", table.rows_after) + member("same", table.same) +
         list_of("examples", table.examples, [](const std::string& row) { return json_quoted(row); }) + "}";
}

std::string rebuild_json(const RebuildStatus& status) {
  std::string out = "{\"state\":" + json_quoted(to_string(status.state));
  out += member("position", status.position.value()) + member("head", status.head.value());
  out += member("applied", status.applied) + member("events_per_second", whole(status.events_per_second));
  out += status.remaining
             ? member("remaining_ms",
                      static_cast<std::uint64_t>(std::max<std::int64_t>(status.remaining->count(), 0)))
             : std::string(",\"remaining_ms\":null");
  out += member("parked", status.parked) + member("reason", status.reason);
  return out + list_of("comparison", status.comparison, comparison_json) + "}";
}

// Without the closing brace.
std::string status_members(const ProjectionStatus& status) {
  std::string out = "{\"name\":" + json_quoted(status.name);
  out += member("version", static_cast<std::uint64_t>(status.version));
  out += member("state", to_string(status.state)) + member("reason", status.reason);
  out += member("position", status.position.value()) + member("head", status.head.value());
  out += member("behind_events", status.behind_events) + member("behind_us", us(status.behind));
  out += member("events_per_second", whole(status.events_per_second)) + member("applied", status.applied);
  out += member("retries", status.retries) + member("parked", status.parked);
  out += member("skipped", status.skipped) + member("can_roll_back", status.can_roll_back);
  out += member("synchronous", status.synchronous) + member("note", status.note);
  return out + ",\"rebuild\":" + (status.rebuild ? rebuild_json(*status.rebuild) : "null");
}

// Buckets with their upper bounds, the last one without; quantiles are the bound of the bucket they fall in.
std::string histogram_json(std::string_view name, const LatencyHistogram& histogram) {
  std::string out = ",\"" + std::string(name) + "\":{\"count\":" + std::to_string(histogram.count);
  out += member("sum_us", us(histogram.sum));
  const auto quantile = [&](std::string_view words, double q) {
    const auto bound = histogram.quantile(q);
    if (bound == std::chrono::microseconds::max()) return ",\"" + std::string(words) + "\":null";
    return member(words, us(bound));
  };
  out += quantile("p50_us", 0.5) + quantile("p99_us", 0.99);
  std::size_t bucket = 0;
  return out +
         list_of("buckets", histogram.counts,
                 [&](std::uint64_t count) {
                   const bool last = bucket == LatencyHistogram::bounds_us.size();
                   const std::string bound =
                       last ? "null" : std::to_string(LatencyHistogram::bounds_us[bucket]);
                   ++bucket;
                   return "{\"up_to_us\":" + bound + member("count", count) + "}";
                 }) +
         "}";
}

std::string apply_time_json(const ApplyTime& time) {
  const auto mean = time.events > 0 ? static_cast<std::uint64_t>(time.total.count()) / time.events : 0;
  return "{\"type\":" + json_quoted(time.type) + member("events", time.events) + member("mean_ns", mean) +
         member("longest_ns", static_cast<std::uint64_t>(time.longest.count())) + "}";
}

}  // namespace

std::string projection_json(const ProjectionStatus& status) { return status_members(status) + "}"; }

std::string projection_details_json(const Runner& runner) {
  const Timeline way = runner.timeline();
  return status_members(runner.status()) + list_of("apply_times", runner.apply_times(), apply_time_json) +
         histogram_json("delivered", way.delivered) + histogram_json("applied_in", way.applied) +
         histogram_json("visible", way.visible) + "}";
}

std::string parked_json(const ParkedEvent& event) {
  return "{\"position\":" + std::to_string(event.position.value()) + member("state", to_string(event.state)) +
         member("type", event.type) + member("stream", event.stream) + member("sequence", event.sequence) +
         member("error", event.why) + member("tries", event.tries) + member("since", to_string(event.since)) +
         "}";
}

std::string estimate_json(const RebuildEstimate& estimate) {
  return "{\"events\":" + std::to_string(estimate.events) + member("sampled", estimate.sampled) +
         member("events_per_second", whole(estimate.events_per_second)) +
         member("time_ms", static_cast<std::uint64_t>(estimate.time.count())) + "}";
}

}  // namespace stele::server

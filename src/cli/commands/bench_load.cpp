// bench_load.cpp - `stele bench load`: loads of single streams whose events lie scattered over the log, beside what
// the page cache gives for as many scattered pieces.
#include <fmt/format.h>

#include "cli/bench/read_load.hpp"
#include "cli/bench/report.hpp"
#include "cli/bench/scratch.hpp"
#include "cli/bench/session.hpp"
#include "cli/commands/commands.hpp"
#include "cli/exit_code.hpp"
#include "cli/output/text.hpp"
#include "engine/log/directory.hpp"

namespace stele::cli {
namespace {

constexpr double scattered_probe_seconds = 0.2;
constexpr std::uint64_t record_bytes_beside_payload = 50;

bench::Kind load_bench() {
  using enum Column::Kind;
  const Shape shape{{"events_per_load", "events/load", number},
                    {"streams", "streams", number},
                    {"threads", "threads", number},
                    {"rate", "rate", number},
                    {"loads_per_second", "loads/s", number},
                    {"events_per_second", "events/s", number},
                    {"p50_us", "p50 us", text},
                    {"p99_us", "p99 us", text},
                    {"p999_us", "", text},
                    {"max_us", "max us", text},
                    {"limit_us", "limit us", text},
                    {"ratio", "of limit", text},
                    {"limited_by", "limited by", text}};
  return {.name = "load",
          .shape = shape,
          .keys = {"streams", "threads", "rate"},
          .measure = "p50_us",
          .higher_is_better = false};
}

// The ratio is how many times the limit a load takes.
JsonObject load_line(const bench::ReadsPlan& plan, const bench::ReadsMeasured& loads, double ideal_seconds) {
  const auto events_each = loads.reads == 0 ? 0 : loads.events / loads.reads;
  const auto p50 = std::chrono::duration<double>(loads.latency.percentile(0.5)).count();
  JsonObject line;
  line.number("events_per_load", events_each).number("streams", plan.log.streams);
  line.number("threads", plan.threads).number("rate", plan.rate);
  line.number("loads_per_second", bench::per_second(loads.reads, loads.seconds));
  line.number("events_per_second", bench::per_second(loads.events, loads.seconds));
  bench::add_latency(line, loads.latency);
  line.raw("limit_us", fmt::format("{:.1f}", ideal_seconds * 1e6));
  line.raw("ratio", fmt::format("{:.2f}", p50 / ideal_seconds));
  line.text("limited_by", "cache misses: each event lies elsewhere");
  return line;
}

result<void> measure_loads(const bench::ReadsPlan& plan, const std::filesystem::path& directory,
                           bench::Report& report, const std::stop_token& stop) {
  {
    STELE_TRY(const auto store, open(directory));
    STELE_CHECK(bench::fill(*store, plan.log, stop));
  }
  if (stop.stop_requested()) return {};
  STELE_TRY(const auto store, open(directory, {.access = Access::read_only}));
  STELE_TRY(const auto loads, bench::load_streams(*store, plan, stop));
  const auto events_each = std::max<std::uint64_t>(1, loads.reads == 0 ? 1 : loads.events / loads.reads);
  STELE_TRY(const auto limit, bench::probe_scattered(engine::log::log_path(directory), events_each,
                                                     plan.log.size + record_bytes_beside_payload,
                                                     std::min(scattered_probe_seconds, plan.seconds)));
  return report.line(load_line(plan, loads, limit));
}

// Without --streams: loads of a hundred events, then of a thousand.
std::vector<bench::ReadsPlan> plans_of(const BenchLoadOptions& options) {
  std::vector<bench::ReadsPlan> plans;
  for (const std::uint64_t events_each : {100ull, 1000ull}) {
    if (options.streams != 0 && !plans.empty()) break;
    plans.push_back({.log = bench::plan_of(options, events_each),
                     .seconds = options.seconds,
                     .rate = options.rate,
                     .threads = options.threads});
  }
  return plans;
}

}  // namespace

result<int> execute(const BenchLoadOptions& options, Session& session) {
  STELE_CHECK(bench::check_only_directory(session));
  STELE_TRY(const auto report, bench::Report::make(session, load_bench(), options));
  STELE_TRY(const bool listed, report->only_lists_fields());
  if (listed) return exit_done;
  const auto plans = plans_of(options);
  STELE_TRY(const auto scratch, bench::Scratch::make(session.common.place.dir));
  const auto pace = options.rate == 0 ? std::string("one after the other")
                                      : fmt::format("open loop at {} loads/s", grouped(options.rate));
  STELE_CHECK(report->begin(
      fmt::format("{} events of {} B JSON payload, {} · page cache warm · {}", grouped(options.events),
                  options.size, options.zipf ? "Zipf shares" : "every stream in turn", pace),
      bench::log_facts(plans.front().log), scratch.path(), bench::probe_seconds_for(plans.front().log)));
  for (const auto& plan : plans) {
    if (session.stop.stop_requested()) break;
    STELE_CHECK(measure_loads(plan, scratch.path() / fmt::format("store-{}", plan.log.streams), *report,
                              session.stop));
  }
  return report->finish();
}

}  // namespace stele::cli

// bench_fill.cpp - `stele bench fill`: makes a log to measure with and keeps it. With --hold it stays, the store
// open, until somebody kills it: that is how `bench open` gets a store that was never closed.
#include <fmt/format.h>

#include <condition_variable>
#include <mutex>

#include "cli/bench/report.hpp"
#include "cli/bench/session.hpp"
#include "cli/commands/commands.hpp"
#include "cli/exit_code.hpp"
#include "cli/report.hpp"

namespace stele::cli {
namespace {

bench::Kind fill_bench() {
  using enum Column::Kind;
  const Shape shape{{"events", "events", number},
                    {"streams", "streams", number},
                    {"zipf", "", text},
                    {"seconds", "seconds", text},
                    {"events_per_second", "events/s", number}};
  return {
      .name = "fill", .shape = shape, .keys = {"events", "streams", "zipf"}, .measure = "events_per_second"};
}

void hold_until_stopped(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait(lock, stop, [] { return false; });
}

}  // namespace

// Only into a directory that holds no store yet: mixing measured events into somebody's log cannot be undone.
result<int> execute(const BenchFillOptions& options, Session& session) {
  STELE_CHECK(bench::check_only_directory(session));
  STELE_TRY(const auto report, bench::Report::make(session, fill_bench(), options));
  STELE_TRY(const bool listed, report->only_lists_fields());
  if (listed) return exit_done;
  const auto& directory = session.common.place.dir;
  if (directory.empty())
    return usage_error("where to? --dir names the directory").help("it is made when missing");
  auto plan = bench::plan_of(options, 20);
  plan.tags = true;
  STELE_TRY(const auto store, open(directory));
  if (store->head().events != 0)
    return usage_error(directory + " holds a store with events")
        .help("name a directory that is empty or not there");
  STELE_CHECK(report->begin(bench::log_text(plan), bench::log_facts(plan), directory,
                            bench::probe_seconds_for(plan) / 4));
  STELE_TRY(const auto filled, bench::fill(*store, plan, session.stop));
  JsonObject line;
  line.number("events", filled.events).number("streams", plan.streams).boolean("zipf", plan.zipf);
  line.decimal("seconds", filled.seconds);
  line.number("events_per_second", bench::per_second(filled.events, filled.seconds));
  STELE_CHECK(report->line(std::move(line)));
  if (options.hold) hold_until_stopped(session.stop);
  return report->finish();
}

}  // namespace stele::cli

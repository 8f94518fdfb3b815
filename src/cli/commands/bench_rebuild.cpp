// bench_rebuild.cpp - `stele bench rebuild`: the balance of every account from the whole log, in memory and in
// SQLite, beside a replay that does nothing with the events.
#include <fmt/format.h>

#include "cli/bench/read_load.hpp"
#include "cli/bench/rebuild_load.hpp"
#include "cli/bench/report.hpp"
#include "cli/bench/scratch.hpp"
#include "cli/bench/session.hpp"
#include "cli/commands/commands.hpp"
#include "cli/exit_code.hpp"

namespace stele::cli {
namespace {

bench::Kind rebuild_bench() {
  using enum Column::Kind;
  const Shape shape{{"target", "target", text},
                    {"events", "events", number},
                    {"accounts", "accounts", number},
                    {"seconds", "seconds", text},
                    {"events_per_second", "events/s", number},
                    {"limit_per_second", "replay/s", number},
                    {"ratio", "of replay", text},
                    {"limited_by", "limited by", text}};
  return {.name = "rebuild", .shape = shape, .keys = {"target", "events"}, .measure = "events_per_second"};
}

JsonObject rebuild_line(const std::string& target, const bench::RebuildMeasured& measured,
                        const bench::ReplayMeasured& replay) {
  const auto rate = static_cast<double>(measured.events) / measured.seconds;
  const auto limit = static_cast<double>(replay.events) / replay.seconds;
  JsonObject line;
  line.text("target", target).number("events", measured.events).number("accounts", measured.accounts);
  line.decimal("seconds", measured.seconds).number("events_per_second", static_cast<std::uint64_t>(rate));
  line.number("limit_per_second", static_cast<std::uint64_t>(limit));
  line.raw("ratio", fmt::format("{:.2f}", rate / limit));
  line.text("limited_by", target == "memory" ? "reading JSON and hashing names" : "statements of SQLite");
  return line;
}

result<void> measure_rebuilds(EventStore& store, const std::filesystem::path& scratch, bench::Report& report,
                              const std::stop_token& stop) {
  STELE_TRY(const auto replay, bench::replay(store));
  STELE_TRY(const auto memory, bench::rebuild_in_memory(store));
  STELE_CHECK(report.line(rebuild_line("memory", memory, replay)));
  if (stop.stop_requested()) return {};
  STELE_TRY(const auto sqlite, bench::rebuild_in_sqlite(store, scratch / "models", stop));
  STELE_CHECK(report.line(rebuild_line("SQLite", sqlite, replay)));
  if (memory.cents == sqlite.cents && memory.accounts == sqlite.accounts) return {};
  return Error(errc::corrupt, "the two models do not agree")
      .with("memory", std::to_string(memory.cents))
      .with("sqlite", std::to_string(sqlite.cents));
}

}  // namespace

result<int> execute(const BenchRebuildOptions& options, Session& session) {
  STELE_CHECK(bench::check_only_directory(session));
  STELE_TRY(const auto report, bench::Report::make(session, rebuild_bench(), options));
  STELE_TRY(const bool listed, report->only_lists_fields());
  if (listed) return exit_done;
  const auto plan = bench::plan_of(options);
  STELE_TRY(const auto scratch, bench::Scratch::make(session.common.place.dir));
  STELE_CHECK(report->begin(bench::log_text(plan) + " · page cache warm · one thread", bench::log_facts(plan),
                            scratch.path(), bench::probe_seconds_for(plan)));
  const auto directory = scratch.path() / "store";
  {
    STELE_TRY(const auto store, open(directory));
    STELE_CHECK(bench::fill(*store, plan, session.stop));
  }
  STELE_TRY(const auto store, open(directory, {.access = Access::read_only}));
  if (!session.stop.stop_requested())
    STELE_CHECK(measure_rebuilds(*store, scratch.path(), *report, session.stop));
  return report->finish();
}

}  // namespace stele::cli

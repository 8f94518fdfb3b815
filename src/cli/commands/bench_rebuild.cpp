// bench_rebuild.cpp - `stele bench rebuild`: the balance of every account from the whole log, in memory and in
// SQLite, beside what SQLite needs for the same rows alone; then once more while appends and questions go on.
#include <fmt/format.h>

#include <algorithm>

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
                    {"limit_per_second", "limit/s", number},
                    {"ratio", "of limit", text},
                    {"limit", "limit", text},
                    {"appended", "", number},
                    {"questions", "", number}};
  return {.name = "rebuild", .shape = shape, .keys = {"target", "events"}, .measure = "events_per_second"};
}

// What a line is compared with.
struct RebuildLimit {
  std::string_view name;
  double per_second;
};

double rate_of(const bench::RebuildMeasured& measured) {
  return static_cast<double>(measured.events) / std::max(measured.seconds, 1e-9);
}

JsonObject rebuild_line(std::string_view target, const bench::RebuildMeasured& measured,
                        const RebuildLimit& limit) {
  const auto rate = rate_of(measured);
  JsonObject line;
  line.text("target", target).number("events", measured.events).number("accounts", measured.accounts);
  line.decimal("seconds", measured.seconds).number("events_per_second", static_cast<std::uint64_t>(rate));
  line.number("limit_per_second", static_cast<std::uint64_t>(limit.per_second));
  line.raw("ratio", fmt::format("{:.2f}", rate / limit.per_second));
  line.text("limit", limit.name);
  return line;
}

result<void> agree(const bench::RebuildMeasured& one, const bench::RebuildMeasured& other) {
  if (one.cents == other.cents && one.accounts == other.accounts) return {};
  return Error(errc::corrupt, "two models of one log do not agree")
      .with("one", std::to_string(one.cents))
      .with("other", std::to_string(other.cents));
}

// SQLite's own lines come first: they are the limits of the others.
result<void> measure_rebuilds(EventStore& store, const std::filesystem::path& scratch, bench::Report& report,
                              const std::stop_token& stop) {
  STELE_TRY(const auto replay, bench::replay(store));
  const RebuildLimit replaying{"a replay that looks at nothing",
                               static_cast<double>(replay.events) / std::max(replay.seconds, 1e-9)};
  STELE_TRY(const auto memory, bench::rebuild_in_memory(store));
  STELE_CHECK(report.line(rebuild_line("memory", memory, replaying)));
  bench::RebuildMeasured each;
  {
    STELE_TRY(const auto movements, bench::movements_of(store));
    STELE_TRY(each, bench::upsert_each(movements, scratch / "each.db"));
    STELE_TRY(const auto once, bench::insert_once(movements, scratch / "once.db"));
    STELE_CHECK(agree(memory, each));
    STELE_CHECK(agree(memory, once));
    STELE_CHECK(report.line(rebuild_line("SQLite alone, an upsert per event", each, replaying)));
    STELE_CHECK(report.line(rebuild_line("SQLite alone, a row per account", once, replaying)));
  }
  if (stop.stop_requested()) return {};
  STELE_TRY(const auto sqlite, bench::rebuild_in_sqlite(store, scratch / "models", stop));
  STELE_CHECK(agree(memory, sqlite));
  return report.line(rebuild_line("SQLite", sqlite, {"SQLite alone, an upsert per event", rate_of(each)}));
}

result<void> measure_beside(EventStore& store, const std::filesystem::path& scratch, bench::Report& report,
                            const bench::LogPlan& plan, const std::stop_token& stop) {
  STELE_TRY(const auto live,
            bench::rebuild_beside(store, scratch / "models", {.streams = plan.streams}, stop));
  STELE_TRY(const auto memory, bench::rebuild_in_memory(store));
  STELE_CHECK(agree(memory, live.built));
  auto line = rebuild_line("SQLite, beside the one that serves", live.built,
                           {"the same in memory, nothing going on", rate_of(memory)});
  return report.line(line.number("appended", live.appended).number("questions", live.questions));
}

}  // namespace

result<int> execute(const BenchRebuildOptions& options, Session& session) {
  STELE_CHECK(bench::check_only_directory(session));
  STELE_TRY(const auto report, bench::Report::make(session, rebuild_bench(), options));
  STELE_TRY(const bool listed, report->only_lists_fields());
  if (listed) return exit_done;
  const auto plan = bench::plan_of(options);
  STELE_TRY(const auto scratch, bench::Scratch::make(session.common.place.dir));
  STELE_CHECK(report->begin(bench::log_text(plan) + " · page cache warm", bench::log_facts(plan),
                            scratch.path(), bench::probe_seconds_for(plan)));
  const auto directory = scratch.path() / "store";
  {
    STELE_TRY(const auto store, open(directory));
    STELE_CHECK(bench::fill(*store, plan, session.stop));
  }
  if (!session.stop.stop_requested()) {
    STELE_TRY(const auto store, open(directory, {.access = Access::read_only}));
    STELE_CHECK(measure_rebuilds(*store, scratch.path(), *report, session.stop));
  }
  if (!session.stop.stop_requested()) {
    STELE_TRY(const auto store, open(directory));
    STELE_CHECK(measure_beside(*store, scratch.path(), *report, plan, session.stop));
  }
  return report->finish();
}

}  // namespace stele::cli

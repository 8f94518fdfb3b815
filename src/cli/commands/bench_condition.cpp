// bench_condition.cpp - `stele bench condition`: appends that carry a condition beside the same appends without one,
// taken in turn so that a disk in a mood meets both.
#include <fmt/format.h>

#include <ostream>

#include "cli/bench/condition_cases.hpp"
#include "cli/bench/process.hpp"
#include "cli/bench/report.hpp"
#include "cli/bench/scratch.hpp"
#include "cli/bench/session.hpp"
#include "cli/commands/commands.hpp"
#include "cli/exit_code.hpp"
#include "cli/output/text.hpp"
#include "cli/report.hpp"

namespace stele::cli {
namespace {

bench::Kind condition_bench() {
  using enum Column::Kind;
  const Shape shape{{"condition", "condition", text},
                    {"writers", "writers", number},
                    {"form", "form", text},
                    {"appends_per_second", "appends/s", number},
                    {"unconditional_per_second", "without", number},
                    {"ratio", "ratio", text},
                    {"appends_per_write", "per write", text},
                    {"p50_us", "p50 us", text},
                    {"p99_us", "p99 us", text},
                    {"p999_us", "", text},
                    {"max_us", "", text},
                    {"limited_by", "limited by", text},
                    {"conflicts", "conflicts", number},
                    {"errors", "", number}};
  return {.name = "condition",
          .shape = shape,
          .keys = {"condition", "writers", "form"},
          .measure = "appends_per_second"};
}

class ConditionBench {
 public:
  ConditionBench(EventStore& store, const BenchConditionOptions& options, const std::stop_token& stop)
      : store_(store),
        options_(options),
        stop_(stop),
        far_(Position(store.head().position.value() / 10)),
        run_(to_string(Uuid::random()).substr(24)) {}

  // Half of the unconditional appends before, half after.
  result<JsonObject> measure(const bench::ConditionCase& one) {
    STELE_TRY(const auto before, appends(nullptr, options_.seconds / 2));
    const auto calls = bench::io_now().write_calls;
    STELE_TRY(const auto guarded, appends(&one, options_.seconds));
    const auto writes = bench::io_now().write_calls - calls;
    STELE_TRY(const auto after, appends(nullptr, options_.seconds / 2));
    if (!failed_ && guarded.first_error) failed_ = guarded.first_error;
    const auto without = bench::per_second(before.appends + after.appends, before.seconds + after.seconds);
    return line(one.name, guarded, without, writes);
  }
  // Of a conditional append: conflicts count, since every condition holds.
  [[nodiscard]] const std::optional<Error>& failed() const { return failed_; }

 private:
  result<bench::AppendMeasured> appends(const bench::ConditionCase* one, double seconds) {
    bench::AppendLoad load{.writers = options_.writers,
                           .batch = 1,
                           .size = options_.size,
                           .seconds = seconds,
                           .rate = 0,
                           .completions = options_.completions,
                           .run = fmt::format("{}-{}", run_, ++loads_)};
    // Nobody has decided anything before the load began.
    const auto start = store_.head().position;
    load.prepare = [this, one, start](AppendRequest& request, std::uint64_t writer, Position seen) {
      bench::tag_events(request, writer);
      if (one != nullptr) request.condition = one->condition(writer, std::max(seen, start), far_);
    };
    if (load.completions) return bench::run_completions(store_, load, stop_);
    const bench::AppendCallMaker share = [this]() -> result<bench::AppendCall> {
      return bench::AppendCall([this](AppendRequest request) { return store_.append(std::move(request)); });
    };
    return bench::run_blocking(share, load, stop_);
  }

  [[nodiscard]] JsonObject line(const std::string& name, const bench::AppendMeasured& guarded,
                                std::uint64_t without, std::uint64_t writes) const {
    const auto rate = bench::per_second(guarded.appends, guarded.seconds);
    const auto ratio = static_cast<double>(rate) / static_cast<double>(std::max<std::uint64_t>(1, without));
    const auto gathered =
        static_cast<double>(guarded.appends) / static_cast<double>(std::max<std::uint64_t>(1, writes));
    JsonObject record;
    record.text("condition", name).number("writers", options_.writers);
    record.text("form", options_.completions ? "completions" : "blocking");
    record.number("appends_per_second", rate).number("unconditional_per_second", without);
    record.raw("ratio", fmt::format("{:.2f}", ratio));
    record.raw("appends_per_write", fmt::format("{:.1f}", gathered));
    bench::add_latency(record, guarded.latency);
    record.text("limited_by", ratio >= 0.95 ? "what limits the append without it" : "the look at the index");
    record.number("conflicts", guarded.conflicts).number("errors", guarded.errors);
    return record;
  }

  EventStore& store_;
  const BenchConditionOptions& options_;
  const std::stop_token& stop_;
  Position far_;
  std::string run_;
  std::uint64_t loads_ = 0;
  std::optional<Error> failed_;
};

std::string condition_title(const BenchConditionOptions& options, const bench::LogPlan& plan) {
  return fmt::format("{} writers, {} · expected version checked too · over {} · {} s a line", options.writers,
                     options.completions ? "completions" : "blocking threads", bench::log_text(plan),
                     options.seconds);
}

}  // namespace

result<int> execute(const BenchConditionOptions& options, Session& session) {
  STELE_CHECK(bench::check_only_directory(session));
  STELE_TRY(const auto report, bench::Report::make(session, condition_bench(), options));
  STELE_TRY(const bool listed, report->only_lists_fields());
  if (listed) return exit_done;
  auto plan = bench::plan_of(options);
  plan.tags = true;
  STELE_TRY(const auto scratch, bench::Scratch::make(session.common.place.dir));
  auto facts = bench::log_facts(plan);
  facts.decimal("seconds", options.seconds);
  STELE_CHECK(report->begin(condition_title(options, plan), std::move(facts), scratch.path(),
                            bench::probe_seconds_for(options.seconds)));
  STELE_TRY(const auto store, open(scratch.path() / "store"));
  STELE_CHECK(bench::fill(*store, plan, session.stop));
  ConditionBench measuring(*store, options, session.stop);
  for (const auto& one : bench::condition_cases()) {
    if (session.stop.stop_requested() || measuring.failed()) break;
    STELE_TRY(auto line, measuring.measure(one));
    STELE_CHECK(report->line(std::move(line)));
  }
  if (measuring.failed()) session.err << describe(*measuring.failed(), session.colored_err());
  return report->finish(!measuring.failed());
}

}  // namespace stele::cli

// bench_append.cpp - `stele bench append`: the conditions, the limits of the disk, then a line per load with
// its ratio to the limit. The measuring itself is in bench/.
#include <fmt/format.h>

#include <ostream>

#include "cli/bench/append_load.hpp"
#include "cli/bench/disk_probe.hpp"
#include "cli/bench/report.hpp"
#include "cli/bench/scratch.hpp"
#include "cli/bench/session.hpp"
#include "cli/commands/commands.hpp"
#include "cli/exit_code.hpp"
#include "cli/output/text.hpp"
#include "cli/report.hpp"
#include "cli/target/target.hpp"

namespace stele::cli {
namespace {

constexpr double limit_seconds = 0.3;
constexpr std::uint64_t log_bytes_beside_payload = 140;  // of a single event: frame, record header, names
constexpr double near_the_limit = 0.8;

bench::Kind append_bench() {
  using enum Column::Kind;
  const Shape shape{{"writers", "writers", number},
                    {"batch", "batch", number},
                    {"form", "form", text},
                    {"appends_per_second", "appends/s", number},
                    {"events_per_second", "events/s", number},
                    {"p50_us", "p50 us", text},
                    {"p99_us", "p99 us", text},
                    {"p999_us", "p99.9 us", text},
                    {"max_us", "max us", text},
                    {"limit_per_second", "limit/s", number},
                    {"ratio", "ratio", text},
                    {"limited_by", "limited by", text},
                    {"conflicts", "", number},
                    {"errors", "", number}};
  return {.name = "append",
          .shape = shape,
          .keys = {"writers", "batch", "form"},
          .measure = "appends_per_second"};
}

std::vector<bench::AppendLoad> loads_of(const BenchAppendOptions& options) {
  const bool chosen = !options.writers.empty() || !options.batches.empty();
  std::vector<std::pair<std::uint64_t, std::uint64_t>> lines{{1, 1},   {16, 1},  {64, 1},
                                                             {256, 1}, {1, 100}, {16, 100}};
  if (chosen) {
    lines.clear();
    for (const auto batch : options.batches.empty() ? std::vector<std::uint64_t>{1} : options.batches) {
      for (const auto writers : options.writers.empty() ? std::vector<std::uint64_t>{1} : options.writers)
        lines.emplace_back(writers, batch);
    }
  }
  const auto run = to_string(Uuid::random()).substr(24);
  std::vector<bench::AppendLoad> loads;
  loads.reserve(lines.size());
  for (const auto& [writers, batch] : lines) {
    loads.push_back({.writers = writers,
                     .batch = batch,
                     .size = options.size,
                     .seconds = options.seconds,
                     .rate = options.rate,
                     .completions = options.completions,
                     .run = fmt::format("{}-{}", run, loads.size())});
  }
  return loads;
}

// Sizes and durations were checked by the parser; lists of numbers are checked here.
result<void> check_loads(const BenchAppendOptions& options) {
  for (const auto writers : options.writers) {
    if (writers < 1 || writers > 4096)
      return usage_error("--writers must be from 1 to 4096").help("e.g. --writers 1,16,64");
  }
  for (const auto batch : options.batches) {
    if (batch < 1 || batch > Limits::events_per_append)
      return usage_error(fmt::format("--batch must be from 1 to {}", Limits::events_per_append))
          .help("e.g. --batch 1,100");
  }
  return {};
}

// ---- Limits

struct Limit {
  double appends_per_second = 0;
  std::string what;
};

// What the disk allows when everything in flight goes with one write and one sync, and, where threads wait for
// their answers, what handing over between threads allows. Measured right before the load it is for.
result<Limit> limit_of(const std::filesystem::path& directory, const bench::AppendLoad& load) {
  const auto bytes = load.batch * (load.size + log_bytes_beside_payload);
  STELE_TRY(const auto commit, bench::probe_sync(directory, load.writers * bytes, limit_seconds));
  const auto disk = static_cast<double>(load.writers) / commit;
  if (load.writers == 1) return Limit{disk, "fdatasync per append"};
  if (load.completions || load.batch > 1) return Limit{disk, "one write and sync"};
  STELE_TRY(const auto hand_over, bench::probe_hand_over(directory, load.writers, bytes, limit_seconds));
  return hand_over < disk ? Limit{hand_over, "thread wake-ups"} : Limit{disk, "one write and sync"};
}

// ---- Printing

std::string append_title(const BenchAppendOptions& options, const std::string& place) {
  const auto pace = options.rate == 0 ? std::string("closed loop, as fast as answers come")
                                      : fmt::format("open loop at {} appends/s", grouped(options.rate));
  return fmt::format("{} B JSON payload, type, id · expected version checked · {} · {} · {} s a line · {}",
                     options.size, pace, options.completions ? "completions" : "blocking threads",
                     options.seconds, place);
}

JsonObject append_facts(const BenchAppendOptions& options, const std::string& place) {
  JsonObject facts;
  facts.number("size", options.size).number("rate", options.rate);
  facts.text("form", options.completions ? "completions" : "blocking");
  facts.decimal("seconds", options.seconds).text("place", place);
  return facts;
}

// A line without a limit (a server's) has no ratio; a given rate is its own limit.
JsonObject append_line(const bench::AppendLoad& load, const bench::AppendMeasured& measured,
                       const std::optional<Limit>& limit) {
  const auto rate = static_cast<double>(measured.appends) / measured.seconds;
  JsonObject record;
  record.number("writers", load.writers).number("batch", load.batch);
  record.text("form", load.completions ? "completions" : "blocking");
  record.number("appends_per_second", static_cast<std::uint64_t>(rate));
  record.number("events_per_second", static_cast<std::uint64_t>(rate * static_cast<double>(load.batch)));
  bench::add_latency(record, measured.latency);
  if (limit) {
    const auto ratio = rate / limit->appends_per_second;
    record.number("limit_per_second", static_cast<std::uint64_t>(limit->appends_per_second));
    record.raw("ratio", fmt::format("{:.2f}", ratio));
    record.text("limited_by", load.rate != 0            ? "the given rate"
                              : ratio >= near_the_limit ? limit->what
                                                        : "the store; then " + limit->what);
  }
  record.number("conflicts", measured.conflicts).number("errors", measured.errors);
  return record;
}

using RunLoad = std::function<result<bench::AppendMeasured>(const bench::AppendLoad&)>;

// Loads run one after the other; a stop request ends them between two lines or inside one.
result<int> run_lines(const BenchAppendOptions& options, Session& session, bench::Report& report,
                      const std::filesystem::path* disk, const RunLoad& run) {
  bool clean = true;
  for (const auto& load : loads_of(options)) {
    if (session.stop.stop_requested()) break;
    std::optional<Limit> limit;
    if (disk != nullptr) {
      STELE_TRY(limit, limit_of(*disk, load));
    }
    STELE_TRY(const auto measured, run(load));
    STELE_CHECK(report.line(append_line(load, measured, limit)));
    if (measured.first_error) session.err << describe(*measured.first_error, session.colored_err());
    clean = clean && !measured.first_error;
  }
  return report.finish(clean);
}

result<int> append_to_directory(const BenchAppendOptions& options, Session& session, bench::Report& report) {
  STELE_TRY(const auto scratch, bench::Scratch::make(session.common.place.dir));
  STELE_CHECK(report.begin(append_title(options, "in process"), append_facts(options, "in process"),
                           scratch.path(), bench::probe_seconds_for(options.seconds)));
  STELE_TRY(const auto store, open(scratch.path() / "store"));
  const bench::AppendCallMaker share = [&]() -> result<bench::AppendCall> {
    return bench::AppendCall([&](AppendRequest request) { return store->append(std::move(request)); });
  };
  return run_lines(options, session, report, &scratch.path(), [&](const bench::AppendLoad& load) {
    return load.completions ? bench::run_completions(*store, load, session.stop)
                            : bench::run_blocking(share, load, session.stop);
  });
}

result<int> append_to_server(const BenchAppendOptions& options, Session& session, bench::Report& report) {
  const auto& url = session.common.place.url;
  if (options.completions) return usage_error("--async measures a directory").help("leave it out with --url");
  STELE_CHECK(report.begin(append_title(options, url), append_facts(options, url), std::nullopt, 0));
  const bench::AppendCallMaker connect = [&]() -> result<bench::AppendCall> {
    STELE_TRY(auto made, open_remote_target({.url = url}));
    const std::shared_ptr<Target> target = std::move(made);
    return bench::AppendCall([target](AppendRequest request) { return target->append(std::move(request)); });
  };
  return run_lines(options, session, report, nullptr, [&](const bench::AppendLoad& load) {
    return bench::run_blocking(connect, load, session.stop);
  });
}

}  // namespace

result<int> execute(const BenchAppendOptions& options, Session& session) {
  STELE_CHECK(check_loads(options));
  STELE_TRY(const auto report, bench::Report::make(session, append_bench(), options));
  STELE_TRY(const bool listed, report->only_lists_fields());
  if (listed) return exit_done;
  STELE_CHECK(bench::check_one_place(session));
  return session.common.place.url.empty() ? append_to_directory(options, session, *report)
                                          : append_to_server(options, session, *report);
}

}  // namespace stele::cli

// bench_open.cpp - `stele bench open`: how long opening takes after SIGKILL and after a clean close, what it leaves
// in memory, and whether reading and appending are still as fast. Each opening is a process of its own, so that
// memory and caches of an earlier one count for nothing.
#include <fmt/format.h>

#include "cli/bench/append_load.hpp"
#include "cli/bench/pace.hpp"
#include "cli/bench/process.hpp"
#include "cli/bench/read_load.hpp"
#include "cli/bench/report.hpp"
#include "cli/bench/scratch.hpp"
#include "cli/bench/session.hpp"
#include "cli/commands/commands.hpp"
#include "cli/exit_code.hpp"
#include "cli/output/text.hpp"
#include "cli/report.hpp"
#include "engine/log/directory.hpp"

namespace stele::cli {
namespace {

constexpr double reads_seconds = 0.5;
constexpr std::uint64_t read_again = 100;  // what is measured once it is in memory: the same ones at any size
constexpr double open_append_seconds = 0.5;
constexpr double settled = 4;  // times as long: appends once the filters are in memory
constexpr std::uint64_t log_page = 4096;
constexpr std::uint64_t open_append_writers = 64;
constexpr std::uint64_t open_events_each = 20;

bench::Kind open_bench() {
  using enum Column::Kind;
  const Shape shape{{"after", "after", text},
                    {"events", "events", number},
                    {"streams", "streams", number},
                    {"open_seconds", "open s", text},
                    {"rss_mib", "RSS MiB", text},
                    {"pss_mib", "PSS MiB", text},
                    {"log_mib", "log MiB", number},
                    {"beside_log_mib", "beside MiB", number},
                    {"page_read_us", "log page us", text},
                    {"stream_first_us", "stream first us", text},
                    {"stream_read_us", "stream us", text},
                    {"tag_first_us", "tag first us", text},
                    {"tag_read_us", "tag us", text},
                    {"first_appends_per_second", "first appends/s", number},
                    {"appends_per_second", "appends/s", number},
                    {"close_seconds", "close s", text},
                    {"built_per_second", "built/s", number},
                    {"limited_by", "limited by", text}};
  return {.name = "open",
          .shape = shape,
          .keys = {"after", "events", "streams"},
          .measure = "open_seconds",
          .higher_is_better = false};
}

std::string mebibytes(std::uint64_t bytes) {
  return fmt::format("{:.1f}", static_cast<double>(bytes) / (1 << 20));
}

std::string median_us(const bench::ReadsMeasured& reads) {
  return bench::microseconds(reads.latency.percentile(0.5));
}

// ---- One opening, in this process

struct OpenedStore {
  bench::LogPlan plan;        // what it was filled with
  double append_seconds = 0;  // 0: it belongs to somebody, and is only opened
};

// Reads of what `bench fill` has put there; a store that something else wrote has neither.
result<void> add_reads(EventStore& store, const OpenedStore& opened, JsonObject& line,
                       const std::stop_token& stop) {
  bench::ReadsPlan plan{.log = opened.plan, .seconds = reads_seconds};
  bench::ReadsPlan again = plan;
  again.among = read_again;
  bench::ReadsPlan warm = again;
  warm.once = true;
  STELE_TRY(const auto first_loads, bench::load_streams(store, plan, stop));
  line.raw("stream_first_us", median_us(first_loads));
  STELE_CHECK(bench::load_streams(store, warm, stop));
  STELE_TRY(const auto loads, bench::load_streams(store, again, stop));
  line.raw("stream_read_us", median_us(loads));
  STELE_TRY(const auto first_tags, bench::read_by_tag(store, plan, stop));
  line.raw("tag_first_us", median_us(first_tags));
  STELE_CHECK(bench::read_by_tag(store, warm, stop));
  STELE_TRY(const auto tags, bench::read_by_tag(store, again, stop));
  line.raw("tag_read_us", median_us(tags));
  return {};
}

result<std::uint64_t> append_rate(EventStore& store, const OpenedStore& opened, double seconds,
                                  const std::stop_token& stop) {
  const bench::AppendLoad load{.writers = open_append_writers,
                               .batch = 1,
                               .size = opened.plan.size,
                               .seconds = seconds,
                               .rate = 0,
                               .completions = true,
                               .run = to_string(Uuid::random()).substr(24)};
  STELE_TRY(const auto appended, bench::run_completions(store, load, stop));
  if (appended.first_error) return *appended.first_error;
  return bench::per_second(appended.appends, appended.seconds);
}

result<void> add_appends(EventStore& store, const OpenedStore& opened, JsonObject& line,
                         const std::stop_token& stop) {
  STELE_TRY(const auto first, append_rate(store, opened, opened.append_seconds, stop));
  line.number("first_appends_per_second", first);
  STELE_TRY(const auto later, append_rate(store, opened, settled * opened.append_seconds, stop));
  line.number("appends_per_second", later);
  return {};
}

result<JsonObject> measure_opening(const std::filesystem::path& directory, const OpenedStore& opened,
                                   const std::stop_token& stop) {
  const auto log_bytes = bench::bytes_below(engine::log::log_path(directory));
  const auto begin = bench::Clock::now();
  STELE_TRY(auto store, open(directory, {.access = Access::read_write, .create = false}));
  const auto seconds = bench::seconds_since(begin);
  const auto memory = bench::memory_now();
  JsonObject line;
  if (opened.append_seconds > 0)
    line.number("events", opened.plan.events).number("streams", opened.plan.streams);
  else
    line.number("events", store->head().events);
  line.decimal("open_seconds", seconds);
  line.raw("rss_mib", mebibytes(memory.rss_bytes)).raw("pss_mib", mebibytes(memory.pss_bytes));
  line.number("log_mib", log_bytes >> 20);
  line.number("beside_log_mib", (bench::bytes_below(directory) - log_bytes) >> 20);
  if (opened.append_seconds > 0) {
    STELE_CHECK(add_reads(*store, opened, line, stop));
    STELE_CHECK(add_appends(*store, opened, line, stop));
    // Behind the reads: it would bring into memory what they look for.
    STELE_TRY(const auto page,
              bench::probe_scattered(engine::log::log_path(directory), 1, log_page, opened.append_seconds));
    line.raw("page_read_us", fmt::format("{:.1f}", page * 1e6));
  }
  const auto closing = bench::Clock::now();
  store.reset();
  line.decimal("close_seconds", bench::seconds_since(closing));
  return line;
}

// ---- A log of its own, opened by processes of its own

// The command itself, unless a test or a wrapper says otherwise.
std::string program_of(const Session& session) {
  return setting(session, "STELE_PROGRAM").value_or("/proc/self/exe");
}

std::vector<std::string> log_words(const bench::LogPlan& plan) {
  std::vector<std::string> words{"--streams", fmt::format("{}", plan.streams), "--size",
                                 fmt::format("{}", plan.size), "--ndjson"};
  if (plan.zipf) words.emplace_back("--zipf");
  return words;
}

result<JsonDocument> record_of(bench::ChildProcess& child) {
  STELE_CHECK(child.line());  // the conditions
  STELE_TRY(const auto line, child.line());
  return JsonDocument::parse(line);
}

// Builds the log and is killed while it holds the store: the end of the log is as a crash leaves it.
result<std::uint64_t> build_and_kill(const std::string& program, const std::filesystem::path& directory,
                                     const bench::LogPlan& plan) {
  auto words = log_words(plan);
  words.insert(words.begin(), {"bench", "fill", "--dir", directory.string(), "--events",
                               fmt::format("{}", plan.events), "--hold"});
  STELE_TRY(auto child, bench::ChildProcess::start(program, words));
  STELE_TRY(const auto record, record_of(child));
  child.kill();
  child.wait();
  const auto rate = record.root().find("events_per_second");
  return rate ? rate->as_u64().value_or(0) : 0;
}

// The members of the child's line, behind those that only this process knows.
result<JsonObject> open_in_child(const std::string& program, const std::filesystem::path& directory,
                                 const bench::LogPlan& plan, const std::string& after) {
  auto words = log_words(plan);
  words.insert(words.begin(),
               {"bench", "open", "--store", directory.string(), "--events", fmt::format("{}", plan.events),
                "--then-append",
                fmt::format("{}", std::min(open_append_seconds, static_cast<double>(plan.events) * 1e-5))});
  STELE_TRY(auto child, bench::ChildProcess::start(program, words));
  STELE_TRY(const auto record, record_of(child));
  if (const auto code = child.wait(); code != 0)
    return Error(errc::unavailable, "opening ended with an error")
        .with("exit_code", static_cast<std::uint64_t>(code));
  JsonObject line;
  line.text("after", after);
  for (const auto& [member, value] : record.root().members()) {
    if (member != "after") line.raw(member, value.raw());
  }
  return line;
}

result<void> measure_log(const bench::LogPlan& plan, const std::filesystem::path& directory,
                         const std::string& program, bench::Report& report) {
  STELE_TRY(const auto rate, build_and_kill(program, directory, plan));
  STELE_TRY(auto killed, open_in_child(program, directory, plan, "SIGKILL"));
  killed.number("built_per_second", rate).text("limited_by", "reading what was not sealed");
  STELE_CHECK(report.line(std::move(killed)));
  STELE_TRY(auto closed, open_in_child(program, directory, plan, "a clean close"));
  closed.text("limited_by", "reading what was not sealed");
  STELE_CHECK(report.line(std::move(closed)));
  std::error_code ignored;  // the scratch directory goes anyway; this makes room for the next log
  std::filesystem::remove_all(directory, ignored);
  return {};
}

bench::LogPlan open_plan(const BenchOpenOptions& options, std::uint64_t events) {
  BenchLogOptions log;
  log.events = events;
  log.size = options.size;
  log.streams = options.streams;
  log.zipf = options.zipf;
  auto plan = bench::plan_of(log, open_events_each);
  plan.tags = true;
  return plan;
}

result<int> open_store(const BenchOpenOptions& options, Session& session, bench::Report& report) {
  JsonObject facts;
  facts.text("place", options.store);
  STELE_CHECK(report.begin(options.store, std::move(facts), std::nullopt, 0));
  const auto plan = open_plan(options, options.events.empty() ? 1 : options.events.front());
  STELE_TRY(
      auto measured,
      measure_opening(options.store, {.plan = plan, .append_seconds = options.append_seconds}, session.stop));
  JsonObject line;
  auto members = measured.take();
  STELE_TRY(const auto document, JsonDocument::parse(members));
  line.text("after", "as it was found");
  for (const auto& [member, value] : document.root().members()) line.raw(member, value.raw());
  STELE_CHECK(report.line(std::move(line)));
  return report.finish();
}

result<int> open_made_logs(const BenchOpenOptions& options, Session& session, bench::Report& report) {
  STELE_TRY(const auto scratch, bench::Scratch::make(session.common.place.dir));
  const auto sizes = options.events.empty() ? std::vector<std::uint64_t>{1'000'000} : options.events;
  const auto first = open_plan(options, sizes.front());
  STELE_CHECK(report.begin(fmt::format("{} B JSON payload, tags, {} · first: any, wherever they are; then "
                                       "some that are in memory · each in a process of its own",
                                       options.size, options.zipf ? "Zipf shares" : "streams in turn"),
                           bench::log_facts(first), scratch.path(), bench::probe_seconds_for(first)));
  for (const auto events : sizes) {
    if (session.stop.stop_requested()) break;
    STELE_CHECK(measure_log(open_plan(options, events), scratch.path() / fmt::format("store-{}", events),
                            program_of(session), report));
  }
  return report.finish();
}

}  // namespace

result<int> execute(const BenchOpenOptions& options, Session& session) {
  STELE_CHECK(bench::check_only_directory(session));
  for (const auto events : options.events) {
    if (events < 1000)
      return usage_error("--events must be 1000 or more").help("e.g. --events 1000000,10000000");
  }
  STELE_TRY(const auto report, bench::Report::make(session, open_bench(), options));
  STELE_TRY(const bool listed, report->only_lists_fields());
  if (listed) return exit_done;
  return options.store.empty() ? open_made_logs(options, session, *report)
                               : open_store(options, session, *report);
}

}  // namespace stele::cli

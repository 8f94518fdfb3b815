// bench_append.cpp - `stele bench append`: the conditions, the limits of the disk, then a line per load with
// its ratio to the limit. The measuring itself is in bench/.
#include <fmt/format.h>

#include <ostream>

#include "cli/bench/append_load.hpp"
#include "cli/bench/disk_probe.hpp"
#include "cli/bench/machine.hpp"
#include "cli/bench/scratch.hpp"
#include "cli/commands/commands.hpp"
#include "cli/exit_code.hpp"
#include "cli/output/json_object.hpp"
#include "cli/output/record_writer.hpp"
#include "cli/output/text.hpp"
#include "cli/report.hpp"
#include "cli/target/target.hpp"

namespace stele::cli {
namespace {

constexpr double limit_seconds = 0.3;
constexpr std::uint64_t log_bytes_beside_payload = 140;  // of a single event: frame, record header, names
constexpr double near_the_limit = 0.8;

const Shape& append_bench_shape() {
  using enum Column::Kind;
  static const Shape shape{{"writers", "writers", number},
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
  return shape;
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

std::string parameters_text(const BenchAppendOptions& options, const std::string& place) {
  const auto pace = options.rate == 0 ? std::string("closed loop, as fast as answers come")
                                      : fmt::format("open loop at {} appends/s", grouped(options.rate));
  return fmt::format(
      "append · {} B JSON payload, type, id · expected version checked · {} · {} · {} s a line · {}",
      options.size, pace, options.completions ? "completions" : "blocking threads", options.seconds, place);
}

// Medians, with p99 beside them: a noisy disk shows in the distance.
std::string limits_text(const bench::DiskLimits& disk) {
  std::string text = "disk ·";
  for (const auto& sync : disk.syncs)
    text += fmt::format(" fdatasync of {} {:.0f} us (p99 {:.0f}) ·", byte_size(sync.bytes), sync.p50 * 1e6,
                        sync.p99 * 1e6);
  return text +
         fmt::format(" sequential write {}/s", byte_size(static_cast<std::uint64_t>(disk.bytes_per_second)));
}

std::string conditions_record(const BenchAppendOptions& options, const std::string& place,
                              const bench::Machine& machine, const bench::DiskLimits* disk) {
  JsonObject record;
  record.text("bench", "append").text("version", STELE_VERSION).number("size", options.size);
  record.number("rate", options.rate).text("form", options.completions ? "completions" : "blocking");
  record.decimal("seconds", options.seconds)
      .text("place", place)
      .text("sync", "fdatasync before every acknowledgement");
  record.text("cpu", machine.cpu).number("cores", machine.cores).text("kernel", machine.kernel);
  record.text("file_system", machine.file_system)
      .text("device", machine.device)
      .text("compiler", machine.compiler);
  if (disk == nullptr) return record.take();
  record.decimal("write_bytes_per_second", disk->bytes_per_second);
  for (const auto& sync : disk->syncs)
    record.decimal(fmt::format("fdatasync_{}_us", sync.bytes), sync.p50 * 1e6);
  return record.take();
}

std::string microseconds(std::chrono::nanoseconds time) {
  return fmt::format("{:.0f}", std::chrono::duration<double, std::micro>(time).count());
}

// A line without a limit (a server's) has no ratio; a given rate is its own limit.
std::string line_record(const bench::AppendLoad& load, const bench::AppendMeasured& measured,
                        const std::optional<Limit>& limit) {
  const auto rate = static_cast<double>(measured.appends) / measured.seconds;
  JsonObject record;
  record.number("writers", load.writers).number("batch", load.batch);
  record.text("form", load.completions ? "completions" : "blocking");
  record.number("appends_per_second", static_cast<std::uint64_t>(rate));
  record.number("events_per_second", static_cast<std::uint64_t>(rate * static_cast<double>(load.batch)));
  record.raw("p50_us", microseconds(measured.latency.percentile(0.5)));
  record.raw("p99_us", microseconds(measured.latency.percentile(0.99)));
  record.raw("p999_us", microseconds(measured.latency.percentile(0.999)));
  record.raw("max_us", microseconds(measured.latency.max()));
  if (limit) {
    const auto ratio = rate / limit->appends_per_second;
    record.number("limit_per_second", static_cast<std::uint64_t>(limit->appends_per_second));
    record.raw("ratio", fmt::format("{:.2f}", ratio));
    record.text("limited_by", load.rate != 0            ? "the given rate"
                              : ratio >= near_the_limit ? limit->what
                                                        : "the store; then " + limit->what);
  }
  return record.number("conflicts", measured.conflicts).number("errors", measured.errors).take();
}

// The table's two lines of context; formats for machines get them as their first record.
result<void> print_conditions(Session& session, RecordWriter& writer, const BenchAppendOptions& options,
                              const std::string& place, const bench::Machine& machine,
                              const bench::DiskLimits* disk) {
  const auto format = session.format();
  if (format == Format::ndjson || format == Format::json)
    return writer.add(conditions_record(options, place, machine, disk));
  if (format != Format::table) return {};
  session.out << parameters_text(options, place) << '\n'
              << to_string(machine) << " · stele " STELE_VERSION << '\n';
  if (disk != nullptr) session.out << limits_text(*disk) << '\n';
  session.out << '\n' << std::flush;
  return {};
}

using RunLoad = std::function<result<bench::AppendMeasured>(const bench::AppendLoad&)>;

// Loads run one after the other; a stop request ends them between two lines or inside one.
result<int> run_lines(const BenchAppendOptions& options, Session& session, RecordWriter& writer,
                      const std::filesystem::path* disk, const RunLoad& run) {
  bool clean = true;
  for (const auto& load : loads_of(options)) {
    if (session.stop.stop_requested()) break;
    std::optional<Limit> limit;
    if (disk != nullptr) {
      STELE_TRY(limit, limit_of(*disk, load));
    }
    STELE_TRY(const auto measured, run(load));
    STELE_CHECK(writer.add(line_record(load, measured, limit)));
    if (measured.first_error) session.err << describe(*measured.first_error, session.colored_err());
    clean = clean && !measured.first_error;
  }
  STELE_CHECK(writer.finish());
  if (session.stop.stop_requested()) return exit_signal + session.stop_signal();
  return clean ? exit_done : exit_failed;
}

result<int> bench_directory(const BenchAppendOptions& options, Session& session, RecordWriter& writer) {
  STELE_TRY(const auto scratch, bench::Scratch::make(session.common.place.dir));
  STELE_TRY(const auto disk, bench::probe_disk(scratch.path()));
  const auto machine = bench::describe_machine(scratch.path());
  STELE_CHECK(print_conditions(session, writer, options, "in process", machine, &disk));
  STELE_TRY(const auto store, open(scratch.path() / "store"));
  const bench::AppendCallMaker share = [&]() -> result<bench::AppendCall> {
    return bench::AppendCall([&](AppendRequest request) { return store->append(std::move(request)); });
  };
  return run_lines(options, session, writer, &scratch.path(), [&](const bench::AppendLoad& load) {
    return load.completions ? bench::run_completions(*store, load, session.stop)
                            : bench::run_blocking(share, load, session.stop);
  });
}

result<int> bench_server(const BenchAppendOptions& options, Session& session, RecordWriter& writer) {
  const auto& url = session.common.place.url;
  if (options.completions) return usage_error("--async measures a directory").help("leave it out with --url");
  STELE_CHECK(print_conditions(session, writer, options, url, bench::describe_machine("."), nullptr));
  const bench::AppendCallMaker connect = [&]() -> result<bench::AppendCall> {
    STELE_TRY(auto made, open_remote_target(url));
    const std::shared_ptr<Target> target = std::move(made);
    return bench::AppendCall([target](AppendRequest request) { return target->append(std::move(request)); });
  };
  return run_lines(options, session, writer, nullptr, [&](const bench::AppendLoad& load) {
    return bench::run_blocking(connect, load, session.stop);
  });
}

}  // namespace

result<int> execute(const BenchAppendOptions& options, Session& session) {
  STELE_CHECK(check_loads(options));
  RecordWriter writer(session, append_bench_shape());
  STELE_TRY(const bool listed, writer.only_lists_fields());
  if (listed) return exit_done;
  session.handles_stop();
  const auto& place = session.common.place;
  if (!place.url.empty() && !place.dir.empty())
    return usage_error("--dir and --url name two places").help("give one of them");
  return place.url.empty() ? bench_directory(options, session, writer)
                           : bench_server(options, session, writer);
}

}  // namespace stele::cli

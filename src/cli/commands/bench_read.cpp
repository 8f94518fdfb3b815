// bench_read.cpp - `stele bench read`: replay beside a plain checksum scan, loads of single streams, and selective
// reads by tag, warm and from the disk.
#include <fmt/format.h>

#include <thread>

#include "cli/bench/process.hpp"
#include "cli/bench/read_load.hpp"
#include "cli/bench/report.hpp"
#include "cli/bench/scratch.hpp"
#include "cli/bench/session.hpp"
#include "cli/commands/commands.hpp"
#include "cli/exit_code.hpp"
#include "cli/output/text.hpp"
#include "cli/target/target.hpp"
#include "engine/log/directory.hpp"

namespace stele::cli {
namespace {

constexpr double page_bytes = 4096;

bench::Kind read_bench() {
  using enum Column::Kind;
  const Shape shape{{"what", "what", text},
                    {"per_second", "per second", number},
                    {"mb_per_second", "MB/s", text},
                    {"p50_us", "p50 us", text},
                    {"p99_us", "p99 us", text},
                    {"p999_us", "", text},
                    {"max_us", "", text},
                    {"pages_per_event", "pages/event", text},
                    {"ratio", "of the scan", text},
                    {"limited_by", "limited by", text}};
  return {.name = "read", .shape = shape, .keys = {"what"}, .measure = "per_second"};
}

std::string megabytes(std::uint64_t bytes, double seconds) {
  return fmt::format("{:.0f}", static_cast<double>(bytes) / 1e6 / std::max(seconds, 1e-9));
}

JsonObject scan_line(const bench::ScanMeasured& scan) {
  JsonObject line;
  line.text("what", "crc scan of the files").raw("mb_per_second", megabytes(scan.bytes, scan.seconds));
  return line;
}

// Replay has read all the bytes the scan has read, so the ratio is that of the times.
JsonObject replay_line(const bench::ReplayMeasured& replay, const bench::ScanMeasured& scan) {
  const auto ratio = scan.seconds / replay.seconds;
  JsonObject line;
  line.text("what", "replay, events").number("per_second", bench::per_second(replay.events, replay.seconds));
  line.raw("mb_per_second", megabytes(scan.bytes, replay.seconds)).raw("ratio", fmt::format("{:.2f}", ratio));
  line.text("limited_by", ratio >= 0.8 ? "checking every byte" : "decoding; then checking every byte");
  return line;
}

JsonObject reads_line(const std::string& what, const bench::ReadsMeasured& reads) {
  JsonObject line;
  line.text("what", what).number("per_second", bench::per_second(reads.reads, reads.seconds));
  bench::add_latency(line, reads.latency);
  return line;
}

result<std::unique_ptr<EventStore>> open_to_read(const std::filesystem::path& directory) {
  return open(directory, {.access = Access::read_only});
}

// From the disk: every file is dropped from the page cache first, so reads pay for what they touch. Pages that were
// read ahead count too. The kernel drops no page that somebody has mapped, so the store is closed meanwhile.
result<JsonObject> cold_line(std::unique_ptr<EventStore> store, const std::filesystem::path& directory,
                             bench::ReadsPlan plan, const std::stop_token& stop) {
  plan.seed += 1'000;  // other tags than those that are warm
  store.reset();
  STELE_CHECK(bench::drop_from_cache(directory));
  STELE_TRY(store, open_to_read(directory));
  const auto before = bench::io_now();
  STELE_TRY(const auto reads, bench::read_by_tag(*store, plan, stop));
  const auto bytes = static_cast<double>(bench::io_now().read_bytes - before.read_bytes);
  auto line = reads_line("10 events by tag, after dropping the cache", reads);
  line.raw("pages_per_event",
           fmt::format("{:.2f}",
                       bytes / page_bytes / static_cast<double>(std::max<std::uint64_t>(1, reads.events))));
  return line;
}

result<void> measure_reads(const std::filesystem::path& directory, const bench::ReadsPlan& plan,
                           bench::Report& report, const std::stop_token& stop) {
  STELE_TRY(auto store, open_to_read(directory));
  STELE_TRY(const auto scan, bench::scan_files(engine::log::log_path(directory)));
  STELE_CHECK(report.line(scan_line(scan)));
  STELE_TRY(const auto replay, bench::replay(*store));
  STELE_CHECK(report.line(replay_line(replay, scan)));
  STELE_TRY(const auto loads, bench::load_streams(*store, plan, stop));
  STELE_CHECK(report.line(
      reads_line(fmt::format("loads of {} scattered events", plan.log.events / plan.log.streams), loads)));
  auto parallel = plan;
  for (const auto threads : {1u, std::max(2u, std::thread::hardware_concurrency())}) {
    parallel.threads = threads;
    STELE_TRY(const auto reads, bench::read_by_tag(*store, parallel, stop));
    STELE_CHECK(
        report.line(reads_line(fmt::format("10 events by tag, {}", counted(threads, "thread")), reads)));
  }
  STELE_TRY(auto cold, cold_line(std::move(store), directory, plan, stop));
  return report.line(std::move(cold));
}

// The store is opened again before it is measured, so nothing of the filling is left in its memory.
result<int> read_directory(const BenchReadOptions& options, Session& session, bench::Report& report) {
  STELE_TRY(const auto scratch, bench::Scratch::make(session.common.place.dir));
  const auto directory = scratch.path() / "store";
  bench::ReadsPlan plan{.log = bench::plan_of(options), .seconds = options.seconds};
  plan.log.tags = true;
  STELE_CHECK(report.begin(bench::log_text(plan.log) + " · page cache warm unless said · in process",
                           bench::log_facts(plan.log), scratch.path(), bench::probe_seconds_for(plan.log)));
  {
    STELE_TRY(const auto store, open(directory));
    STELE_CHECK(bench::fill(*store, plan.log, session.stop));
  }
  if (session.stop.stop_requested()) return report.finish();
  STELE_CHECK(measure_reads(directory, plan, report, session.stop));
  return report.finish();
}

// A server's log as it is: everything once, over HTTP.
result<int> read_server(const BenchReadOptions& options, Session& session, bench::Report& report) {
  const auto& url = session.common.place.url;
  STELE_TRY(const auto target, open_remote_target({.url = url}));
  JsonObject facts;
  facts.number("events", options.events).text("place", url);
  STELE_CHECK(report.begin(fmt::format("at most {} · {}", counted(options.events, "event"), url),
                           std::move(facts), std::nullopt, 0));
  ReadPlan plan;
  plan.limit = options.events;
  bench::ReplayMeasured measured;
  const auto begin = session.now();
  STELE_CHECK(target->read(plan, [&](const EventView& event) -> result<bool> {
    ++measured.events;
    measured.payload_bytes += event.data.size();
    return !session.stop.stop_requested();
  }));
  measured.seconds = std::max(1e-6, std::chrono::duration<double>(session.now() - begin).count());
  JsonObject line;
  line.text("what", "replay over HTTP, events");
  line.number("per_second", bench::per_second(measured.events, measured.seconds));
  line.raw("mb_per_second", megabytes(measured.payload_bytes, measured.seconds));
  STELE_CHECK(report.line(std::move(line)));
  return report.finish();
}

}  // namespace

result<int> execute(const BenchReadOptions& options, Session& session) {
  STELE_TRY(const auto report, bench::Report::make(session, read_bench(), options));
  STELE_TRY(const bool listed, report->only_lists_fields());
  if (listed) return exit_done;
  STELE_CHECK(bench::check_one_place(session));
  return session.common.place.url.empty() ? read_directory(options, session, *report)
                                          : read_server(options, session, *report);
}

}  // namespace stele::cli

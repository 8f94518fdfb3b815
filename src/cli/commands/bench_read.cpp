// bench_read.cpp - `stele bench read`: replay beside a plain checksum scan, and loads of single streams.
#include <fmt/format.h>

#include <ostream>

#include "cli/bench/machine.hpp"
#include "cli/bench/read_load.hpp"
#include "cli/bench/scratch.hpp"
#include "cli/commands/commands.hpp"
#include "cli/exit_code.hpp"
#include "cli/output/json_object.hpp"
#include "cli/output/record_writer.hpp"
#include "cli/output/text.hpp"
#include "cli/report.hpp"
#include "cli/target/target.hpp"
#include "engine/log/directory.hpp"

namespace stele::cli {
namespace {

constexpr double loads_seconds = 2.0;
constexpr std::uint64_t loads_seed = 42;

const Shape& read_bench_shape() {
  using enum Column::Kind;
  static const Shape shape{{"what", "what", text},          {"per_second", "per second", number},
                           {"mb_per_second", "MB/s", text}, {"p50_us", "p50 us", text},
                           {"p99_us", "p99 us", text},      {"ratio", "of the scan", text}};
  return shape;
}

double megabytes(std::uint64_t bytes, double seconds) { return static_cast<double>(bytes) / 1e6 / seconds; }

std::string scan_record(const bench::ScanMeasured& scan) {
  return JsonObject()
      .text("what", "crc scan of the files")
      .raw("mb_per_second", fmt::format("{:.0f}", megabytes(scan.bytes, scan.seconds)))
      .take();
}

// Replay has read all the bytes the scan has read, so the ratio is that of the times.
std::string replay_record(const bench::ReplayMeasured& replay, const bench::ScanMeasured& scan) {
  return JsonObject()
      .text("what", "replay, events")
      .number("per_second", static_cast<std::uint64_t>(static_cast<double>(replay.events) / replay.seconds))
      .raw("mb_per_second", fmt::format("{:.0f}", megabytes(scan.bytes, replay.seconds)))
      .raw("ratio", fmt::format("{:.2f}", scan.seconds / replay.seconds))
      .take();
}

std::string loads_record(const bench::LoadsMeasured& loads) {
  const auto micro = [](std::chrono::nanoseconds t) {
    return std::chrono::duration<double, std::micro>(t).count();
  };
  return JsonObject()
      .text("what", "loads of 100 scattered events")
      .number("per_second", static_cast<std::uint64_t>(static_cast<double>(loads.loads) / loads.seconds))
      .raw("p50_us", fmt::format("{:.1f}", micro(loads.latency.percentile(0.5))))
      .raw("p99_us", fmt::format("{:.1f}", micro(loads.latency.percentile(0.99))))
      .take();
}

result<void> print_read_conditions(Session& session, RecordWriter& writer, const BenchReadOptions& options,
                                   const bench::Machine& machine, const std::string& place) {
  const auto text =
      fmt::format("read · {} events of {} B JSON payload, {} in a stream · page cache warm · {}",
                  grouped(options.events), options.size, bench::events_per_stream, place);
  if (session.format() == Format::table) {
    session.out << text << '\n' << to_string(machine) << " · stele " STELE_VERSION "\n\n" << std::flush;
    return {};
  }
  if (session.format() != Format::ndjson && session.format() != Format::json) return {};
  return writer.add(JsonObject()
                        .text("bench", "read")
                        .text("version", STELE_VERSION)
                        .number("events", options.events)
                        .number("size", options.size)
                        .text("place", place)
                        .text("cpu", machine.cpu)
                        .number("cores", machine.cores)
                        .text("kernel", machine.kernel)
                        .text("file_system", machine.file_system)
                        .text("device", machine.device)
                        .text("compiler", machine.compiler)
                        .take());
}

// The store is opened again before it is measured, so nothing of the filling is left in its memory.
result<int> read_directory(const BenchReadOptions& options, Session& session, RecordWriter& writer) {
  STELE_TRY(const auto scratch, bench::Scratch::make(session.common.place.dir));
  const auto directory = scratch.path() / "store";
  STELE_CHECK(
      print_read_conditions(session, writer, options, bench::describe_machine(scratch.path()), "in process"));
  STELE_TRY(auto store, open(directory));
  STELE_TRY(const auto streams, bench::fill(*store, options.events, options.size, session.stop));
  if (session.stop.stop_requested()) return exit_signal + session.stop_signal();
  store.reset();
  STELE_TRY(store, open(directory, {.access = Access::read_only}));
  STELE_TRY(const auto scan, bench::scan_files(engine::log::log_path(directory)));
  STELE_TRY(const auto replay, bench::replay(*store));
  STELE_TRY(const auto loads, bench::load_streams(*store, streams, loads_seconds, loads_seed));
  STELE_CHECK(writer.add(scan_record(scan)));
  STELE_CHECK(writer.add(replay_record(replay, scan)));
  STELE_CHECK(writer.add(loads_record(loads)));
  STELE_CHECK(writer.finish());
  return exit_done;
}

// A server's log as it is: everything once, over HTTP.
result<int> read_server(const BenchReadOptions& options, Session& session, RecordWriter& writer) {
  const auto& url = session.common.place.url;
  STELE_TRY(const auto target, open_remote_target(url));
  STELE_CHECK(print_read_conditions(session, writer, options, bench::describe_machine("."), url));
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
  STELE_CHECK(writer.add(
      JsonObject()
          .text("what", "replay over HTTP, events")
          .number("per_second",
                  static_cast<std::uint64_t>(static_cast<double>(measured.events) / measured.seconds))
          .raw("mb_per_second", fmt::format("{:.0f}", megabytes(measured.payload_bytes, measured.seconds)))
          .take()));
  STELE_CHECK(writer.finish());
  return exit_done;
}

}  // namespace

result<int> execute(const BenchReadOptions& options, Session& session) {
  RecordWriter writer(session, read_bench_shape());
  STELE_TRY(const bool listed, writer.only_lists_fields());
  if (listed) return exit_done;
  session.handles_stop();
  const auto& place = session.common.place;
  if (!place.url.empty() && !place.dir.empty())
    return usage_error("--dir and --url name two places").help("give one of them");
  return place.url.empty() ? read_directory(options, session, writer) : read_server(options, session, writer);
}

}  // namespace stele::cli

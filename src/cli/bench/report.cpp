// report.cpp - conditions, lines and ratios as text and as records.
#include "cli/bench/report.hpp"

#include <fmt/format.h>

#include <ostream>

#include "cli/bench/disk_probe.hpp"
#include "cli/bench/machine.hpp"
#include "cli/exit_code.hpp"
#include "cli/output/text.hpp"

namespace stele::cli::bench {
namespace {

// Medians, with p99 beside them: a noisy disk shows in the distance.
std::string disk_text(const DiskLimits& disk) {
  std::string text = "disk ·";
  for (const auto& sync : disk.syncs)
    text += fmt::format(" fdatasync of {} {:.0f} us (p99 {:.0f}) ·", byte_size(sync.bytes), sync.p50 * 1e6,
                        sync.p99 * 1e6);
  return text +
         fmt::format(" sequential write {}/s", byte_size(static_cast<std::uint64_t>(disk.bytes_per_second)));
}

void add_machine(JsonObject& record, const Machine& machine) {
  record.text("sync", "fdatasync before every acknowledgement");
  record.text("cpu", machine.cpu).number("cores", machine.cores).text("kernel", machine.kernel);
  record.text("file_system", machine.file_system)
      .text("device", machine.device)
      .text("compiler", machine.compiler);
}

void add_disk(JsonObject& record, const DiskLimits& disk) {
  record.decimal("write_bytes_per_second", disk.bytes_per_second);
  for (const auto& sync : disk.syncs) {
    record.decimal(fmt::format("fdatasync_{}_us", sync.bytes), sync.p50 * 1e6);
    record.decimal(fmt::format("fdatasync_{}_p99_us", sync.bytes), sync.p99 * 1e6);
  }
}

Kind with_comparison(Kind kind, bool shown) {
  using enum Column::Kind;
  kind.shape.push_back({"vs_baseline", shown ? "vs baseline" : "", text});
  kind.shape.push_back({"p99_vs_baseline", shown ? "p99 vs" : "", text});
  return kind;
}

// Above 1: better than the earlier run, whichever direction is better.
std::optional<double> improvement(double now, double earlier, bool higher_is_better) {
  if (now <= 0 || earlier <= 0) return std::nullopt;
  return higher_is_better ? now / earlier : earlier / now;
}

}  // namespace

Report::Report(Session& session, Kind kind, std::optional<Baseline> baseline)
    : session_(session),
      kind_(with_comparison(std::move(kind), baseline.has_value())),
      baseline_(std::move(baseline)),
      writer_(session, kind_.shape) {}

result<std::unique_ptr<Report>> Report::make(Session& session, Kind kind, const BenchOptions& options) {
  std::optional<Baseline> baseline;
  if (!options.baseline.empty()) {
    STELE_TRY(baseline, Baseline::read(options.baseline, kind.name, kind.keys));
  }
  session.handles_stop();
  return std::unique_ptr<Report>(new Report(session, std::move(kind), std::move(baseline)));
}

result<void> Report::begin(std::string_view title, JsonObject facts,
                           const std::optional<std::filesystem::path>& disk, double probe_seconds) {
  const auto machine = describe_machine(disk.value_or("."));
  std::optional<DiskLimits> limits;
  if (disk) {
    STELE_TRY(limits, probe_disk(*disk, probe_seconds));
  }
  const auto format = session_.format();
  if (format == Format::ndjson || format == Format::json) {
    JsonObject record;
    record.text("bench", kind_.name).text("version", STELE_VERSION);
    auto members = facts.take();
    add_machine(record, machine);
    if (limits) add_disk(record, *limits);
    auto text = record.take();
    if (members.size() > 2) text.insert(text.size() - 1, "," + members.substr(1, members.size() - 2));
    return writer_.add(text);
  }
  if (format != Format::table) return {};
  session_.out << kind_.name << " · " << title << '\n'
               << to_string(machine) << " · stele " STELE_VERSION "\n";
  if (limits) session_.out << disk_text(*limits) << '\n';
  session_.out << '\n' << std::flush;
  return {};
}

result<void> Report::compare(std::string& record) const {
  STELE_TRY(const auto document, JsonDocument::parse(record));
  const auto line = document.root();
  const auto ratio = [&](std::string_view member, bool higher) -> std::optional<double> {
    const auto now = line.find(member);
    const auto earlier = baseline_->find(line, member);
    if (!now || !now->as_double() || !earlier) return std::nullopt;
    return improvement(*now->as_double(), *earlier, higher);
  };
  std::string members;
  if (const auto main = ratio(kind_.measure, kind_.higher_is_better))
    members += fmt::format(",\"vs_baseline\":{:.2f}", *main);
  if (const auto p99 = ratio("p99_us", false)) members += fmt::format(",\"p99_vs_baseline\":{:.2f}", *p99);
  record.insert(record.size() - 1, members);
  return {};
}

result<void> Report::line(JsonObject record) {
  auto text = record.take();
  if (baseline_) STELE_CHECK(compare(text));
  STELE_CHECK(writer_.add(text));
  if (session_.format() != Format::table) writer_.flush();  // a table waits, to know its widths
  return {};
}

result<int> Report::finish(bool clean) {
  STELE_CHECK(writer_.finish());
  if (session_.stop.stop_requested()) return exit_signal + session_.stop_signal();
  return clean ? exit_done : exit_failed;
}

std::string microseconds(std::chrono::nanoseconds time) {
  const auto value = std::chrono::duration<double, std::micro>(time).count();
  return value < 100 ? fmt::format("{:.1f}", value) : fmt::format("{:.0f}", value);
}

void add_latency(JsonObject& record, const Histogram& latency) {
  record.raw("p50_us", microseconds(latency.percentile(0.5)));
  record.raw("p99_us", microseconds(latency.percentile(0.99)));
  record.raw("p999_us", microseconds(latency.percentile(0.999)));
  record.raw("max_us", microseconds(latency.max()));
}

std::uint64_t per_second(std::uint64_t count, double seconds) {
  return seconds > 0 ? static_cast<std::uint64_t>(static_cast<double>(count) / seconds) : 0;
}

}  // namespace stele::cli::bench

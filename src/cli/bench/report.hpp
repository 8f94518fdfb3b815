// report.hpp - what every `stele bench` prints: what is measured and on what, the disk's own figures from the same
// run, then a record per line, beside an earlier run where one was given. It measures nothing but the disk.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "cli/bench/baseline.hpp"
#include "cli/bench/histogram.hpp"
#include "cli/options.hpp"
#include "cli/output/json_object.hpp"
#include "cli/output/record_writer.hpp"
#include "cli/session.hpp"

namespace stele::cli::bench {

// What distinguishes one kind of measurement from another.
struct Kind {
  std::string name;               // "append": also the member `bench` of the first record
  Shape shape;                    // of a line; the members of the comparison are added
  std::vector<std::string> keys;  // members that say which line is which
  std::string measure;            // the member that an earlier run is compared by
  bool higher_is_better = true;
};

// Owned by one command. After begin(), line() for every line and finish() at the end.
class Report {
 public:
  // Reads the baseline first, so that a wrong file ends the command before anything was measured.
  static result<std::unique_ptr<Report>> make(Session& session, Kind kind, const BenchOptions& options);

  // Bare --fields: the names were printed and there is nothing to measure.
  [[nodiscard]] result<bool> only_lists_fields() { return writer_.only_lists_fields(); }
  // `title` for people, `facts` for machines. `disk`: a directory on the measured disk, whose figures are taken
  // now; none when it belongs to another machine.
  result<void> begin(std::string_view title, JsonObject facts,
                     const std::optional<std::filesystem::path>& disk, double probe_seconds);
  result<void> line(JsonObject record);
  // Ends the output and says how the command ends: interrupted, with errors, or well.
  result<int> finish(bool clean = true);

 private:
  Report(Session& session, Kind kind, std::optional<Baseline> baseline);
  result<void> compare(std::string& record) const;

  Session& session_;
  Kind kind_;
  std::optional<Baseline> baseline_;
  RecordWriter writer_;
};

// "12.3": one decimal below 100, none above.
[[nodiscard]] std::string microseconds(std::chrono::nanoseconds time);
// The members p50_us, p99_us, p999_us and max_us.
void add_latency(JsonObject& record, const Histogram& latency);
[[nodiscard]] std::uint64_t per_second(std::uint64_t count, double seconds);

}  // namespace stele::cli::bench

// limits.cpp - what this machine allows for the same work, without any store: the driver's options, the driver's line.
// The script asks it right before each row, so that a disk in a mood shows in the row's limit too.
#include <cstdio>

#include "cli/bench/disk_probe.hpp"
#include "cli/bench/machine.hpp"
#include "cli/output/json_object.hpp"
#include "harness.hpp"

namespace stele::compare {
namespace {

constexpr double probe_seconds = 0.3;
constexpr std::uint64_t bytes_beside_payload = 140;

// One write and one sync for everything in flight; where threads wait for answers, also what bare threads reach that
// hand over to one committer.
result<double> appends_per_second(const Task& task) {
  const auto bytes = task.batch * (payload().size() + bytes_beside_payload);
  STELE_TRY(const auto sync,
            cli::bench::probe_sync(task.place.directory, task.writers * bytes, probe_seconds));
  const auto disk = static_cast<double>(task.writers) / sync;
  if (task.writers == 1 || task.batch > 1 || task.form == "async") return disk;
  STELE_TRY(const auto threads,
            cli::bench::probe_hand_over(task.place.directory, task.writers, bytes, probe_seconds));
  return std::min(disk, threads);
}

result<std::string> line_of_limit(const Task& task) {
  cli::JsonObject line;
  line.text("workload", task.workload);
  if (task.workload == "append") {
    STELE_TRY(const auto rate, appends_per_second(task));
    line.decimal("operations_per_second", rate);
    line.decimal("events_per_second", rate * static_cast<double>(task.batch));
    return line.take();
  }
  if (task.workload != "machine") return Error(errc::invalid, "limits of append and machine only");
  const auto machine = cli::bench::describe_machine(task.place.directory);
  STELE_TRY(const auto disk, cli::bench::probe_disk(task.place.directory, probe_seconds));
  line.text("machine", to_string(machine)).decimal("fdatasync_us", disk.syncs.front().p50 * 1e6);
  line.decimal("fdatasync_p99_us", disk.syncs.front().p99 * 1e6);
  return line.decimal("write_bytes_per_second", disk.bytes_per_second).take();
}

}  // namespace

}  // namespace stele::compare

int main(int argc, char** argv) {
  using namespace stele::compare;
  const auto task = parse_task({argv, static_cast<std::size_t>(argc)});
  const auto line = task ? line_of_limit(*task) : task.error();
  if (!line) {
    std::fprintf(stderr, "%s\n", line.error().to_string().c_str());
    return 1;
  }
  std::printf("%s\n", line->c_str());
  return 0;
}

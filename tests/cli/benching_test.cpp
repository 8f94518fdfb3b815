// benching_test.cpp - bench tells its conditions, counts what the store confirms, and leaves nothing behind.
#include "cli/bench/append_load.hpp"
#include "cli/bench/disk_probe.hpp"
#include "cli/bench/machine.hpp"
#include "cli/bench/read_load.hpp"
#include "shell.hpp"
#include "stele/detail/json.hpp"

namespace stele::cli::test {
namespace {

using testing::HasSubstr;

TEST(Benching, states_its_conditions_and_measures_a_line_for_every_load) {
  TempDirectory directory;
  const auto bench = Shell()({"bench", "append", "--dir", directory.path(), "--duration", "0.05", "--writers",
                              "1,4", "--batch", "1,10"});
  EXPECT_EQ(bench.code, 0) << bench.err;
  std::istringstream lines(bench.out);
  std::string line;
  ASSERT_TRUE(std::getline(lines, line));
  for (const auto* member :
       {"cpu", "kernel", "file_system", "device", "compiler", "fdatasync_300_us", "write_bytes_per_second"})
    EXPECT_THAT(line, HasSubstr(std::string("\"") + member + "\":"));
  int loads = 0;
  for (; std::getline(lines, line); ++loads) {
    const auto record = JsonDocument::parse(line);
    ASSERT_TRUE(record) << line;
    EXPECT_GT(record->root().find("appends_per_second")->as_u64(), 0u) << line;
    EXPECT_EQ(record->root().find("errors")->as_u64(), 0u) << line;
  }
  EXPECT_EQ(loads, 4);
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST(Benching, a_table_begins_with_the_conditions) {
  TempDirectory directory;
  const auto bench = Shell()({"bench", "append", "--dir", directory.path(), "--duration", "0.05", "--writers",
                              "2", "--async", "-o", "table"});
  EXPECT_EQ(bench.code, 0) << bench.err;
  EXPECT_THAT(bench.out, testing::StartsWith("append · 256 B JSON payload"));
  EXPECT_THAT(bench.out, HasSubstr("fdatasync of 300 B"));
  EXPECT_THAT(bench.out, HasSubstr("completions"));
}

TEST(Benching, replays_and_loads_what_it_filled) {
  TempDirectory directory;
  const auto store = open(directory.path("store"));
  ASSERT_TRUE(store) << store.error().to_string();
  const bench::LogPlan log{.events = 2000, .streams = 20, .size = 64};
  const auto filled = bench::fill(**store, log, {});
  ASSERT_TRUE(filled) << filled.error().to_string();
  EXPECT_EQ(filled->events, 2000u);
  const auto replayed = bench::replay(**store);
  ASSERT_TRUE(replayed) << replayed.error().to_string();
  EXPECT_EQ(replayed->events, 2000u);
  EXPECT_EQ(replayed->payload_bytes, 2000u * 64);
  const auto loads = bench::load_streams(**store, {.log = log, .seconds = 0.05}, {});
  ASSERT_TRUE(loads) << loads.error().to_string();
  EXPECT_EQ(loads->events, loads->reads * 100);
  EXPECT_EQ(loads->latency.count(), loads->reads);
}

TEST(Benching, every_acknowledged_append_is_in_the_store) {
  TempDirectory directory;
  const auto store = open(directory.path("store"));
  ASSERT_TRUE(store) << store.error().to_string();
  std::atomic<std::uint64_t> acknowledged{0};
  const bench::AppendCallMaker make = [&]() -> result<bench::AppendCall> {
    return bench::AppendCall([&](AppendRequest request) {
      auto outcome = (*store)->append(std::move(request));
      if (outcome) ++acknowledged;
      return outcome;
    });
  };
  const bench::AppendLoad load{
      .writers = 3, .batch = 2, .size = 64, .seconds = 0.05, .rate = 0, .completions = false, .run = "x"};
  const auto measured = bench::run_blocking(make, load, {});
  ASSERT_TRUE(measured) << measured.error().to_string();
  EXPECT_EQ(measured->conflicts, 0u);
  EXPECT_EQ((*store)->head().events, acknowledged.load() * 2);
  EXPECT_LE(measured->appends, acknowledged.load());
}

TEST(Benching, a_schedule_is_kept_to_and_latency_counts_from_it) {
  const bench::AppendCallMaker make = []() -> result<bench::AppendCall> {
    return bench::AppendCall(
        [revision = std::uint64_t{0}](AppendRequest request) mutable -> result<AppendResult> {
          return AppendResult{.first = {},
                              .last = {},
                              .revisions = {{request.writes.front().stream, Revision(revision++)}},
                              .recorded_at = {}};
        });
  };
  const bench::AppendLoad load{
      .writers = 2, .batch = 1, .size = 64, .seconds = 0.2, .rate = 1000, .completions = false, .run = "x"};
  const auto measured = bench::run_blocking(make, load, {});
  ASSERT_TRUE(measured);
  EXPECT_LE(measured->appends, 220u);  // what was due while warming up may be answered later
  EXPECT_GT(measured->appends, 0u);
}

TEST(Benching, a_failing_store_is_told_and_exits_1) {
  const bench::AppendCallMaker make = []() -> result<bench::AppendCall> {
    return bench::AppendCall(
        [](AppendRequest) -> result<AppendResult> { return Error(errc::disk_full, "full"); });
  };
  const auto measured = bench::run_blocking(
      make, {.writers = 2, .batch = 1, .size = 64, .seconds = 5, .rate = 0, .completions = false, .run = "x"},
      {});
  ASSERT_TRUE(measured);
  EXPECT_EQ(measured->errors, 2u);
  EXPECT_EQ(measured->first_error->kind(), errc::disk_full);
}

TEST(Benching, the_limits_are_measured_and_leave_nothing_behind) {
  TempDirectory directory;
  const auto commit = bench::probe_sync(directory.path(), 3 << 20, 0.01);
  ASSERT_TRUE(commit) << commit.error().to_string();
  EXPECT_GT(*commit, 0);
  const auto hand_over = bench::probe_hand_over(directory.path(), 3, 300, 0.01);
  ASSERT_TRUE(hand_over) << hand_over.error().to_string();
  EXPECT_GT(*hand_over, 0);
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST(Benching, a_directory_that_is_not_there_is_named) {
  const auto missing = Shell()({"bench", "append", "--dir", "/nonexistent-directory"});
  EXPECT_EQ(missing.code, 4);
  EXPECT_THAT(missing.err, HasSubstr("/nonexistent-directory"));
}

TEST(Benching, the_machine_is_described_from_the_system) {
  const auto machine = bench::describe_machine("/proc");
  EXPECT_EQ(machine.file_system, "proc");
  EXPECT_GT(machine.cores, 0u);
  EXPECT_THAT(machine.kernel, HasSubstr("Linux"));
}

}  // namespace
}  // namespace stele::cli::test

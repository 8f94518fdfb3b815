// bench_parts_test.cpp - the parts of `stele bench` against what they must be: percentiles against sorted data, shares
// against Zipf, schedules against their rate, refusals of a store that fails.
#include <random>

#include "cli/bench/append_load.hpp"
#include "cli/bench/baseline.hpp"
#include "cli/bench/condition_cases.hpp"
#include "cli/bench/pace.hpp"
#include "cli/bench/process.hpp"
#include "cli/bench/read_load.hpp"
#include "cli/bench/rebuild_load.hpp"
#include "cli/bench/subscribe_load.hpp"
#include "engine/log/directory.hpp"
#include "shell.hpp"

namespace stele::cli::test {
namespace {

using testing::HasSubstr;

std::unique_ptr<EventStore> filled_store(const std::string& directory, const bench::LogPlan& plan) {
  auto store = open(directory);
  EXPECT_TRUE(store);
  const auto filled = bench::fill(**store, plan, {});
  EXPECT_TRUE(filled) << filled.error().to_string();
  return std::move(*store);
}

TEST(BenchParts, percentiles_are_those_of_the_sorted_values_within_a_bucket) {
  std::mt19937_64 random(7);
  std::lognormal_distribution<double> latencies(11.0, 1.5);  // around 60 us, with a long tail
  std::vector<std::int64_t> values(20'000);
  bench::Histogram histogram;
  for (auto& value : values) {
    value = static_cast<std::int64_t>(latencies(random));
    histogram.add(std::chrono::nanoseconds(value));
  }
  std::ranges::sort(values);
  for (const double share : {0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto exact = static_cast<double>(
        values[static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size()))) - 1]);
    const auto told = static_cast<double>(histogram.percentile(share).count());
    EXPECT_GE(told, exact) << share;
    EXPECT_LE(told, exact * (1 + 1.0 / 64)) << share;
  }
}

TEST(BenchParts, a_pace_is_fixed_in_advance_and_spread_over_its_callers) {
  const bench::Clock::time_point begin{};
  bench::Pace first(begin, 1000, 0, 4);
  bench::Pace third(begin, 1000, 2, 4);
  EXPECT_EQ(first.next() - begin, std::chrono::milliseconds(0));
  EXPECT_EQ(first.next() - begin, std::chrono::milliseconds(4));
  EXPECT_EQ(third.next() - begin, std::chrono::milliseconds(2));
  EXPECT_EQ(third.next() - begin, std::chrono::milliseconds(6));
}

TEST(BenchParts, zipf_shares_fall_as_one_by_k) {
  constexpr std::uint64_t streams = 1000;
  bench::Zipf zipf(streams, 1);
  std::vector<int> counts(streams);
  for (int i = 0; i < 200'000; ++i) ++counts.at(zipf.next());
  EXPECT_NEAR(counts[0] / static_cast<double>(counts[9]), 7.3, 2.0);  // log(2) / log(11/10)
  EXPECT_GT(counts[0], 15'000);
  EXPECT_GT(counts[streams - 1], 0);
}

TEST(BenchParts, a_log_is_what_its_plan_says) {
  TempDirectory directory;
  const bench::LogPlan plan{.events = 3000, .streams = 700, .size = 80, .tags = true};
  const auto store = filled_store(directory.path("store"), plan);
  EXPECT_EQ(store->head().events, 3000u);
  EXPECT_EQ(store->stream_info(bench::stream_of(0))->events, 5u);
  EXPECT_EQ(store->stream_info(bench::stream_of(699))->events, 4u);
  QueryItem item;
  item.tags = {"country:de"};
  const auto cursor = store->read({.query = Query::of(item), .from = {}});
  ASSERT_TRUE(cursor);
  std::uint64_t tagged = 0;
  for (auto batch = (*cursor)->next_batch(1000); batch && !batch->empty();
       batch = (*cursor)->next_batch(1000)) {
    tagged += batch->size();
    for (const auto& event : *batch) EXPECT_EQ(event.data.size(), 80u);
  }
  EXPECT_EQ(tagged, 300u);
}

TEST(BenchParts, early_tags_lie_in_the_beginning_of_the_log_however_few_streams_there_are) {
  for (const bool zipf : {false, true}) {
    TempDirectory directory;
    const bench::LogPlan plan{.events = 1000, .streams = 10, .size = 64, .zipf = zipf, .tags = true};
    const auto store = filled_store(directory.path("store"), plan);
    const auto cursor = store->read({.query = Query::all(), .from = Position(101)});
    ASSERT_TRUE(cursor);
    const auto late = (*cursor)->next_batch(1000);
    ASSERT_TRUE(late);
    for (const auto& event : *late) {
      for (const auto tag : event.tags) EXPECT_FALSE(tag.starts_with("early:")) << event.position.value();
    }
  }
}

TEST(BenchParts, every_tag_is_found_on_ten_events) {
  TempDirectory directory;
  const bench::LogPlan plan{.events = 1000, .streams = 50, .size = 64, .tags = true};
  const auto store = filled_store(directory.path("store"), plan);
  const auto reads = bench::read_by_tag(*store, {.log = plan, .seconds = 0.05, .threads = 2}, {});
  ASSERT_TRUE(reads) << reads.error().to_string();
  EXPECT_EQ(reads->events, reads->reads * 10);
}

TEST(BenchParts, a_load_that_misses_events_is_an_error) {
  TempDirectory directory;
  const bench::LogPlan plan{.events = 1000, .streams = 50, .size = 64};
  const auto store = filled_store(directory.path("store"), plan);
  auto more = plan;
  more.events = 2000;
  const auto loads = bench::load_streams(*store, {.log = more, .seconds = 1}, {});
  ASSERT_FALSE(loads);
  EXPECT_THAT(loads.error().to_string(), HasSubstr("20 events found instead of 40"));
}

TEST(BenchParts, models_are_rebuilt_from_every_event) {
  TempDirectory directory;
  const bench::LogPlan plan{.events = 1000, .streams = 10, .size = 64};
  const auto store = filled_store(directory.path("store"), plan);
  std::int64_t cents = 0;
  for (std::int64_t i = 0; i < 1000; ++i) cents += (i % 5 == 4 ? -1 : 1) * (i * 100 + i % 100);
  const auto memory = bench::rebuild_in_memory(*store);
  ASSERT_TRUE(memory) << memory.error().to_string();
  EXPECT_EQ(memory->cents, cents);
  const auto sqlite = bench::rebuild_in_sqlite(*store, directory.path("models"), {});
  ASSERT_TRUE(sqlite) << sqlite.error().to_string();
  EXPECT_EQ(sqlite->cents, cents);
  EXPECT_EQ(sqlite->accounts, 10u);
  EXPECT_EQ(sqlite->events, 1000u);
}

TEST(BenchParts, a_subscription_that_is_stopped_ends_at_once) {
  TempDirectory directory;
  const auto store = open(directory.path("store"));
  ASSERT_TRUE(store);
  std::stop_source stop;
  stop.request_stop();
  const bench::SubscribeLoad load{.rate = 10, .seconds = 3600};
  const auto inside = bench::measure_subscription(**store, load, stop.get_token());
  ASSERT_TRUE(inside) << inside.error().to_string();
  EXPECT_EQ(inside->events, 0u);
  const auto outside = bench::measure_live_stream(**store, load, stop.get_token());
  ASSERT_TRUE(outside) << outside.error().to_string();
  EXPECT_EQ(outside->events, 0u);
}

TEST(BenchParts, completions_at_a_rate_keep_to_it) {
  TempDirectory directory;
  const auto store = open(directory.path("store"));
  ASSERT_TRUE(store);
  bench::AppendLoad load;
  load.writers = 8;
  load.size = 64;
  load.seconds = 0.2;
  load.rate = 500;
  load.completions = true;
  load.run = "x";
  std::atomic<int> prepared{0};
  load.prepare = [&](AppendRequest&, std::uint64_t, Position) { ++prepared; };
  const auto measured = bench::run_completions(**store, load, {});
  ASSERT_TRUE(measured);
  EXPECT_EQ(measured->errors, 0u);
  EXPECT_LE(measured->appends, 110u);  // what was due while warming up may be answered later
  EXPECT_EQ(static_cast<std::uint64_t>(prepared), (*store)->head().events);
}

TEST(BenchParts, conditions_name_what_never_happens_or_only_oneself) {
  std::vector<std::string> names;
  for (const auto& one : bench::condition_cases()) {
    names.push_back(one.name);
    const auto condition = one.condition(3, Position(500), Position(100));
    EXPECT_TRUE(check_query(condition.fail_if)) << one.name;
    const auto after = condition.after.value();
    EXPECT_TRUE(after == 0 || after == 100 || after == 500) << one.name;
  }
  EXPECT_EQ(names.size(), 7u);
  bench::AppendLoad load;
  bench::AppendSource source(load, 3);
  auto request = source.next();
  bench::tag_events(request, 3);
  EXPECT_THAT(request.writes[0].events[0].tags, testing::Contains("writer:3"));
}

TEST(BenchParts, the_kernel_tells_memory_and_calls) {
  EXPECT_GT(bench::memory_now().rss_bytes, 1u << 20);
  const auto before = bench::io_now();
  TempDirectory directory;
  write_file(directory.path("file"), "four");
  EXPECT_GT(bench::io_now().write_calls, before.write_calls);
  EXPECT_EQ(bench::bytes_below(directory.path()), 4u);
  EXPECT_TRUE(bench::drop_from_cache(directory.path()));
  EXPECT_FALSE(bench::drop_from_cache(directory.path("nothing")));
}

TEST(BenchParts, a_child_is_read_killed_and_reaped) {
  auto child = bench::ChildProcess::start("/bin/sh", {"-c", "echo one; exec sleep 60"});
  ASSERT_TRUE(child) << child.error().to_string();
  EXPECT_EQ(child->line().value(), "one");
  child->kill();
  EXPECT_EQ(child->wait(), 128 + 9);
  auto silent = bench::ChildProcess::start("/bin/sh", {"-c", "exit 3"});
  ASSERT_TRUE(silent);
  EXPECT_FALSE(silent->line());
  EXPECT_EQ(silent->wait(), 3);
}

TEST(BenchParts, scattered_pieces_and_wake_ups_are_measured) {
  TempDirectory directory;
  filled_store(directory.path("store"), {.events = 1000, .streams = 10, .size = 64});
  const auto log = engine::log::log_path(directory.path("store"));
  const auto limit = bench::probe_scattered(log, 10, 100, 0.01);
  ASSERT_TRUE(limit) << limit.error().to_string();
  EXPECT_GT(*limit, 0);
  EXPECT_FALSE(bench::probe_scattered(directory.path("store/models"), 10, 100, 0.01));
  EXPECT_GT(bench::probe_wake_up(0.01), 0);
}

TEST(BenchParts, a_baseline_is_found_by_the_key_of_its_line) {
  TempDirectory directory;
  write_file(directory.path("array"), R"([
{"bench":"load"},
{"streams":10,"p50_us":5.5,"form":"x"},
{"streams":20,"p50_us":7}
])");
  const auto baseline = bench::Baseline::read(directory.path("array"), "load", {"streams"});
  ASSERT_TRUE(baseline) << baseline.error().to_string();
  EXPECT_EQ(baseline->lines(), 2u);
  const auto line = JsonDocument::parse(R"({"streams":10,"p50_us":11})");
  EXPECT_EQ(baseline->find(line->root(), "p50_us"), 5.5);
  EXPECT_EQ(baseline->find(line->root(), "form"), std::nullopt);
  const auto other = JsonDocument::parse(R"({"streams":30})");
  EXPECT_EQ(baseline->find(other->root(), "p50_us"), std::nullopt);
  write_file(directory.path("prose"), "nothing of ours\n");
  EXPECT_FALSE(bench::Baseline::read(directory.path("prose"), "load", {"streams"}));
}

}  // namespace
}  // namespace stele::cli::test

// real_store_test.cpp - projections on the embedded engine: under concurrent writers, across restarts of
// both, and when the process that appends and projects is killed.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <random>
#include <thread>

#include "tally.hpp"

namespace stele::test {
namespace {

constexpr std::chrono::microseconds long_patience = std::chrono::seconds(60);

std::unique_ptr<EventStore> open_store(const std::filesystem::path& folder) {
  auto opened = stele::open(folder, {.segment_bytes = 1u << 20});
  if (!opened) ADD_FAILURE() << opened.error().to_string();
  return opened ? std::move(*opened) : nullptr;
}

std::int64_t sum_in(const Totals& totals) {
  std::int64_t sum = 0;
  for (const auto& [stream, entry] : totals) sum += entry.first;
  return sum;
}

TEST(ProjectionOnEngine, concurrent_writers_each_read_their_own_write) {
  const TempDirectory dir;
  const auto store = open_store(dir.path() / "store");
  const auto target = open_tally(dir);
  Runner runner(*store, target);
  runner.start();
  {
    std::vector<std::jthread> writers;
    for (int t = 0; t < 8; ++t)
      writers.emplace_back([&, t] {
        const std::string stream = "s-" + std::to_string(t);
        for (int i = 1; i <= 20; ++i) {
          const Position written = add(*store, stream, 1, i % 4 == 0 ? "Noise" : "Added");
          ASSERT_TRUE(runner.wait(written, long_patience));
          auto snapshot = target->snapshot();
          ASSERT_TRUE(snapshot);
          ASSERT_GE(snapshot->position(), written);
          ASSERT_EQ(totals_in(*snapshot)[stream].first, i - i / 4);
        }
      });
  }
  EXPECT_EQ(totals_of(*target), fold_by_hand(*store, store->head().position));
  EXPECT_EQ(runner.latency().count, 8u * 15u);
}

TEST(ProjectionOnEngine, store_and_model_are_reopened_and_go_on) {
  const TempDirectory dir;
  for (int round = 1; round <= 3; ++round) {
    const auto store = open_store(dir.path() / "store");
    const auto target = open_tally(dir);
    Runner runner(*store, target);
    for (int i = 0; i < 50; ++i) add(*store, "s-" + std::to_string(i % 7), i);
    runner.start();
    ASSERT_TRUE(runner.wait(store->head().position, long_patience));
    EXPECT_EQ(runner.status().applied, 50u);
    EXPECT_EQ(runner.status().note, "");
    EXPECT_EQ(totals_of(*target), fold_by_hand(*store, store->head().position));
  }
}

TEST(ProjectionOnEngine, a_model_of_a_store_that_was_replaced_is_built_anew) {
  const TempDirectory dir;
  for (const int round : {1, 2}) {
    const auto store = open_store(dir.path() / ("store-" + std::to_string(round)));
    for (int i = 0; i < 10; ++i) add(*store, "s-" + std::to_string(round), i);
    const auto target = open_tally(dir);
    Runner runner(*store, target);
    runner.start();
    // The old model has seen position 10 of the other log as well, so only its content can tell.
    for (int i = 0; i < 10'000 && totals_of(*target) != fold_by_hand(*store, Position(10)); ++i)
      std::this_thread::yield();
    EXPECT_EQ(totals_of(*target), fold_by_hand(*store, Position(10)));
    EXPECT_EQ(runner.status().note.find("another log") != std::string::npos, round == 2);
  }
}

// Appends and projects until it is killed; a byte for each committed batch.
[[noreturn]] void live_until_killed(const std::filesystem::path& folder, int output) {
  auto store = stele::open(folder / "store", {.segment_bytes = 1u << 20});
  auto target = SqliteTarget::open(folder / "models", tally());
  if (!store || !target) _exit(1);
  Runner runner(**store, *target, {.batch = 5});
  auto told = runner.on_change([output](const ModelChange&) { (void)(write(output, ".", 1) == 1); });
  runner.start();
  std::vector<std::jthread> writers;
  for (int t = 0; t < 3; ++t)
    writers.emplace_back([&, t] {
      for (int i = 0;; ++i)
        (void)(*store)->append(one("s-" + std::to_string((t + i) % 9), "Added", i)).has_value();
    });
  writers.clear();
  _exit(0);
}

TEST(ProjectionOnEngine, killed_while_appending_and_projecting_the_model_still_equals_the_log) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const TempDirectory dir;
#ifdef STELE_SANITIZED
  constexpr int rounds = 2;
#else
  constexpr int rounds = 6;
#endif
  for (int round = 0; round < rounds; ++round) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) live_until_killed(dir.path(), ends[1]);
    close(ends[1]);
    char byte = 0;
    for (auto batches = random() % 80; batches > 0 && read(ends[0], &byte, 1) == 1; --batches) {
    }
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    close(ends[0]);

    const auto store = open_store(dir.path() / "store");
    const auto target = open_tally(dir);
    ASSERT_TRUE(store && target);
    EXPECT_EQ(target->note(), "");
    const Position left_at = target->checkpoint()->position;
    EXPECT_LE(left_at, store->head().position) << "a model never knows what the log lost";
    EXPECT_EQ(totals_of(*target), fold_by_hand(*store, left_at));
    Runner runner(*store, target);
    runner.start();
    ASSERT_TRUE(runner.wait(store->head().position, long_patience)) << runner.status().reason;
    EXPECT_EQ(runner.status().note, "");
    EXPECT_EQ(sum_in(totals_of(*target)), sum_in(fold_by_hand(*store, store->head().position)));
  }
}

}  // namespace
}  // namespace stele::test

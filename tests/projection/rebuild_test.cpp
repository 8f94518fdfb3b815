// rebuild_test.cpp - a second model beside the one that serves: built, compared, switched to, given up, gone on with.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <random>
#include <thread>

#include "memory_store.hpp"
#include "tally.hpp"

namespace stele::test {
namespace {

using namespace std::chrono_literals;
constexpr std::chrono::microseconds rebuild_patience = 60s;

template <class Condition>
bool happens(const Condition& condition) {
  for (int i = 0; i < 60'000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(1ms);
  }
  return false;
}

// The tally as it was once wrong: each number counts `factor` times. What a corrected program changes.
SqliteProjection weighed(std::shared_ptr<std::atomic<int>> factor) {
  SqliteProjection projection = tally();
  projection.project = [factor](SqliteModel& model, const EventView& event) -> result<void> {
    STELE_CHECK(
        model.run("INSERT INTO tally VALUES(?1, ?2, 1) ON CONFLICT(stream) DO UPDATE"
                  " SET total = total + excluded.total, times = times + 1",
                  {event.stream, number_in(event) * *factor}));
    return {};
  };
  return projection;
}

class RebuildTest : public testing::Test {
 protected:
  void open() {
    runner_.reset();
    target_ = open_tally(dir_, weighed(factor_));
    runner_ = std::make_unique<Runner>(store_, target_);
    runner_->start();
  }
  void SetUp() override {
    for (int i = 1; i <= 50; ++i) add(store_, "s-" + std::to_string(i % 3), i);
    open();
    ASSERT_TRUE(runner_->wait(Position(50), rebuild_patience));
  }
  void until_served() {
    ASSERT_TRUE(happens([&] { return !runner_->status().rebuild; })) << runner_->status().rebuild->reason;
  }
  void until(RebuildState state) {
    ASSERT_TRUE(happens([&] {
      const auto status = runner_->status().rebuild;
      return status && status->state == state;
    }));
  }
  std::int64_t sum() {
    std::int64_t all = 0;
    for (const auto& [stream, entry] : totals_of(*target_)) all += entry.first;
    return all;
  }

  TempDirectory dir_;
  MemoryStore store_;
  std::shared_ptr<std::atomic<int>> factor_ = std::make_shared<std::atomic<int>>(1);
  std::shared_ptr<SqliteTarget> target_;
  std::unique_ptr<Runner> runner_;
};

TEST_F(RebuildTest, the_corrected_model_takes_the_place_of_the_old_one_and_back) {
  ASSERT_EQ(sum(), 1275);
  EXPECT_FALSE(runner_->status().can_roll_back);
  *factor_ = 2;
  ASSERT_TRUE(runner_->rebuild());
  until_served();
  EXPECT_EQ(sum(), 2550);
  EXPECT_EQ(target_->file().filename(), "tally-v1.1.db");
  EXPECT_TRUE(runner_->status().can_roll_back);
  ASSERT_TRUE(runner_->wait(add(store_, "s-1", 10), rebuild_patience));
  EXPECT_EQ(sum(), 2570);
  *factor_ = 1;
  ASSERT_TRUE(runner_->rollback());
  EXPECT_EQ(sum(), 1285) << "the old model, brought up to date";
  EXPECT_EQ(target_->file().filename(), "tally-v1.db");
  ASSERT_TRUE(runner_->rollback());
  EXPECT_EQ(sum(), 2570) << "and the other way round";
}

TEST_F(RebuildTest, what_serves_is_remembered_and_one_step_back_is_kept) {
  for (int times = 0; times < 3; ++times) {
    ASSERT_TRUE(runner_->rebuild());
    until_served();
  }
  open();
  ASSERT_TRUE(runner_->wait(Position(50), rebuild_patience));
  EXPECT_EQ(target_->file().filename(), "tally-v1.3.db");
  EXPECT_EQ(runner_->status().applied, 0u) << "nothing had to be applied again";
  EXPECT_EQ(totals_of(*target_), fold_by_hand(store_, Position(50)));
  EXPECT_TRUE(std::filesystem::exists(dir_.path() / "models" / "tally-v1.2.db"));
  EXPECT_FALSE(std::filesystem::exists(dir_.path() / "models" / "tally-v1.1.db"));
  EXPECT_FALSE(std::filesystem::exists(dir_.path() / "models" / "tally-v1.db"));
}

TEST_F(RebuildTest, equal_models_are_switched_and_different_ones_shown) {
  ASSERT_TRUE(runner_->rebuild({.compare = true}));
  until_served();
  *factor_ = 3;
  ASSERT_TRUE(runner_->rebuild({.compare = true}));
  until(RebuildState::different);
  EXPECT_EQ(sum(), 1275) << "the old one serves";
  const auto tables = runner_->status().rebuild->comparison;
  ASSERT_EQ(tables.size(), 1u);
  EXPECT_EQ(tables[0].table, "tally");
  EXPECT_EQ(tables[0].rows_before, 3u);
  EXPECT_EQ(tables[0].rows_after, 3u);
  EXPECT_FALSE(tables[0].same);
  ASSERT_EQ(tables[0].examples.size(), 6u);
  EXPECT_TRUE(tables[0].examples.front().starts_with("- s-0 | ")) << tables[0].examples.front();
  EXPECT_TRUE(tables[0].examples.back().starts_with("+ s-2 | ")) << tables[0].examples.back();
  EXPECT_EQ(runner_->rebuild().has_value(), true) << "it goes on and, this time, is not compared";
  until_served();
  EXPECT_EQ(sum(), 3825);
}

TEST_F(RebuildTest, a_model_that_is_ready_waits_and_catches_up_when_it_is_wanted) {
  ASSERT_TRUE(runner_->rebuild({.swap = false}));
  until(RebuildState::ready);
  EXPECT_EQ(target_->file().filename(), "tally-v1.db");
  for (int i = 0; i < 20; ++i) add(store_, "s-1", 1);
  ASSERT_TRUE(runner_->swap());
  EXPECT_EQ(target_->file().filename(), "tally-v1.1.db");
  ASSERT_TRUE(runner_->wait(Position(70), rebuild_patience));
  EXPECT_EQ(totals_of(*target_), fold_by_hand(store_, Position(70)));
  EXPECT_EQ(runner_->swap().error().kind(), errc::not_found) << "nothing is built any more";
}

TEST_F(RebuildTest, what_is_given_up_leaves_nothing) {
  ASSERT_TRUE(runner_->rebuild({.swap = false}));
  until(RebuildState::ready);
  ASSERT_TRUE(runner_->discard_rebuild());
  EXPECT_FALSE(runner_->status().rebuild);
  EXPECT_FALSE(std::filesystem::exists(dir_.path() / "models" / "tally-v1.1.db"));
  EXPECT_EQ(runner_->swap().error().kind(), errc::not_found);
  EXPECT_EQ(runner_->rollback().error().kind(), errc::not_found);
  ASSERT_TRUE(runner_->rebuild());
  until_served();
}

TEST_F(RebuildTest, an_event_that_the_new_program_cannot_apply_ends_the_build_and_not_the_service) {
  auto broken = std::make_shared<std::atomic<bool>>(false);
  SqliteProjection projection = tally(1, broken);
  runner_.reset();
  target_ = open_tally(dir_, projection);
  RunnerOptions impatient;
  impatient.tries = 1;
  runner_ = std::make_unique<Runner>(store_, target_, impatient);
  runner_->start();
  ASSERT_TRUE(runner_->wait(add(store_, "s-1", 1, "Poison"), rebuild_patience));
  *broken = true;
  ASSERT_TRUE(runner_->rebuild());
  until(RebuildState::failed);
  EXPECT_NE(runner_->status().rebuild->reason.find("event 51"), std::string::npos);
  ASSERT_TRUE(runner_->wait(add(store_, "s-2", 1), rebuild_patience)) << "the old one goes on";
  *broken = false;
  ASSERT_TRUE(runner_->rebuild()) << "and the build where it ended";
  until_served();
  EXPECT_EQ(target_->file().filename(), "tally-v1.1.db");
  EXPECT_EQ(runner_->rebuild({.batch = 0}).error().kind(), errc::invalid);
}

TEST_F(RebuildTest, what_it_would_take_is_told_without_doing_it) {
  const auto estimate = runner_->estimate_rebuild();
  ASSERT_TRUE(estimate);
  EXPECT_EQ(estimate->events, 50u);
  EXPECT_EQ(estimate->sampled, 50u);
  EXPECT_GT(estimate->events_per_second, 0.0);
  EXPECT_FALSE(runner_->status().rebuild);
  EXPECT_EQ(target_->file().filename(), "tally-v1.db");
}

TEST_F(RebuildTest, one_that_stands_by_is_led_to_the_new_model_too) {
  const auto theirs = open_tally(dir_, weighed(factor_));
  Runner standby(store_, theirs);
  standby.start();
  ASSERT_TRUE(happens([&] { return standby.status().state == ProjectionState::standby; }));
  *factor_ = 2;
  ASSERT_TRUE(runner_->rebuild());
  until_served();
  EXPECT_TRUE(happens([&] { return theirs->file() == target_->file(); }));
  EXPECT_EQ(totals_of(*theirs), totals_of(*target_));
  runner_->stop();
  ASSERT_TRUE(standby.wait(add(store_, "s-1", 1), rebuild_patience)) << "and goes on with it";
}

// Every append adds the same to two streams: a reader that saw half of something would see them differ.
TEST_F(RebuildTest, under_traffic_no_question_fails_and_nobody_sees_a_half_built_model) {
  std::atomic<bool> done = false;
  std::vector<std::jthread> others;
  const auto write = [&] {
    AppendRequest both = one("a", "Added", 1);
    both.writes.push_back(one("b", "Added", 1).writes[0]);
    return *store_.append(std::move(both));
  };
  ASSERT_TRUE(runner_->wait(write().last, rebuild_patience));
  others.emplace_back([&] {
    while (!done) {
      const Position written = write().last;
      ASSERT_TRUE(runner_->wait(written, rebuild_patience));
      auto snapshot = target_->snapshot();
      ASSERT_TRUE(snapshot);
      ASSERT_GE(snapshot->position(), written) << "whoever wrote reads it, whichever model serves";
      std::this_thread::sleep_for(200us);
    }
  });
  for (int t = 0; t < 2; ++t)
    others.emplace_back([&] {
      Position seen;
      while (!done) {
        auto snapshot = target_->snapshot();
        ASSERT_TRUE(snapshot) << snapshot.error().to_string();
        Totals totals = totals_in(*snapshot);
        ASSERT_EQ(totals.size(), 5u) << "a model with rows missing";
        ASSERT_EQ(totals["a"], totals["b"]);
        ASSERT_EQ(snapshot->position().value(), 50 + 2 * static_cast<std::uint64_t>(totals["a"].first));
        ASSERT_GE(snapshot->position(), seen) << "no step back";
        seen = snapshot->position();
        std::this_thread::sleep_for(100us);
      }
    });
#ifdef STELE_SANITIZED
  constexpr int rounds = 2;
#else
  constexpr int rounds = 5;
#endif
  for (int round = 0; round < rounds; ++round) {
    EXPECT_TRUE(runner_->rebuild());
    until_served();
    EXPECT_TRUE(runner_->rollback());
  }
  done = true;
}

// ---- Killed while building

[[noreturn]] void rebuild_until_killed(const std::filesystem::path& models, int output) {
  MemoryStore store;
  for (int i = 1; i <= 3000; ++i) {
    AppendRequest request = one("s-" + std::to_string(i % 7), "Added", i);
    request.writes[0].events[0].id = Uuid::from_name(Uuid{}, std::to_string(i));
    (void)store.append(std::move(request)).has_value();
  }
  auto target = SqliteTarget::open(models, tally());
  if (!target) _exit(1);
  Runner runner(store, *target);
  runner.start();
  if (!runner.wait(Position(3000), rebuild_patience)) _exit(2);
  if (runner.status().can_roll_back) _exit(0);  // an earlier build has come to its end
  if (auto begun = runner.rebuild({.batch = 20}); !begun && begun.error().kind() != errc::conflict) _exit(3);
  while (runner.status().rebuild) {
    (void)(write(output, ".", 1) == 1);
    std::this_thread::sleep_for(1ms);
  }
  _exit(0);
}

TEST(RebuildKilled, a_build_goes_on_where_a_killed_process_has_left_it) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const TempDirectory dir;
#ifdef STELE_SANITIZED
  constexpr int rounds = 2;
#else
  constexpr int rounds = 5;
#endif
  for (int round = 0; round < rounds; ++round) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) rebuild_until_killed(dir.path() / "models", ends[1]);
    close(ends[1]);
    char byte = 0;
    for (auto looks = 1 + random() % 12; looks > 0 && read(ends[0], &byte, 1) == 1; --looks) {
    }
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    close(ends[0]);
    const auto target = open_tally(dir);
    EXPECT_EQ(target->note(), "");
    std::int64_t times = 0;
    for (const auto& [stream, entry] : totals_of(*target)) times += entry.second;
    EXPECT_EQ(times, 3000) << "what serves is whole";
  }
  MemoryStore store;
  for (int i = 1; i <= 3000; ++i) {
    AppendRequest request = one("s-" + std::to_string(i % 7), "Added", i);
    request.writes[0].events[0].id = Uuid::from_name(Uuid{}, std::to_string(i));
    ASSERT_TRUE(store.append(std::move(request)));
  }
  const auto target = open_tally(dir);
  Runner runner(store, target);
  runner.start();
  ASSERT_TRUE(happens([&] { return runner.status().can_roll_back && !runner.status().rebuild; }))
      << "it went on by itself";
  EXPECT_EQ(totals_of(*target), fold_by_hand(store, Position(3000)));
}

}  // namespace
}  // namespace stele::test

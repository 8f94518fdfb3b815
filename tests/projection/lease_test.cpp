// lease_test.cpp - one of several works: pausing, standing by, and taking over when the other one ends or is killed.
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "memory_store.hpp"
#include "tally.hpp"

namespace stele::test {
namespace {

using namespace std::chrono_literals;
constexpr std::chrono::microseconds lease_patience = 60s;

template <class Condition>
bool comes_about(const Condition& condition) {
  for (int i = 0; i < 60'000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(1ms);
  }
  return false;
}

class ControlTest : public testing::Test {
 protected:
  TempDirectory dir_;
  MemoryStore store_;
};

TEST_F(ControlTest, a_paused_projection_says_why_and_whoever_waits_goes_on_waiting) {
  const auto target = open_tally(dir_);
  Runner runner(store_, target);
  runner.start();
  ASSERT_TRUE(runner.wait(add(store_, "s-1", 1), lease_patience));
  runner.pause("a migration of the disk");
  ASSERT_TRUE(comes_about([&] { return runner.status().state == ProjectionState::paused; }));
  EXPECT_EQ(runner.status().reason, "a migration of the disk");
  const Position later = add(store_, "s-1", 10);
  EXPECT_EQ(runner.wait(later, 5ms).error().kind(), errc::timeout);
  EXPECT_EQ(totals_of(*target), (Totals{{"s-1", {1, 1}}}));
  EXPECT_EQ(runner.retry().value(), 0u) << "a paused one still does what it is told";
  runner.resume();
  ASSERT_TRUE(runner.wait(later, lease_patience));
  ASSERT_TRUE(comes_about([&] { return runner.status().state == ProjectionState::live; }));
  EXPECT_EQ(totals_of(*target), (Totals{{"s-1", {11, 2}}}));
}

TEST_F(ControlTest, a_paused_projection_can_be_stopped_and_started_and_is_paused_no_more) {
  const auto target = open_tally(dir_);
  Runner runner(store_, target);
  runner.start();
  runner.pause("for a moment");
  ASSERT_TRUE(comes_about([&] { return runner.status().state == ProjectionState::paused; }));
  runner.stop();
  EXPECT_EQ(runner.status().state, ProjectionState::stopped);
  runner.start();
  ASSERT_TRUE(runner.wait(add(store_, "s-1", 1), lease_patience));
}

TEST_F(ControlTest, costs_are_told_by_type_and_the_way_of_an_event_in_its_order) {
  const auto target = open_tally(dir_);
  Runner runner(store_, target);
  runner.start();
  ASSERT_TRUE(comes_about([&] { return runner.status().state == ProjectionState::live; }));
  for (int i = 0; i < 10; ++i) add(store_, "s-1", 1, i % 5 == 0 ? "Poison" : "Added");
  ASSERT_TRUE(runner.wait(Position(10), lease_patience));
  std::map<std::string, std::uint64_t> seen;
  for (const ApplyTime& time : runner.apply_times()) {
    seen[time.type] = time.events;
    EXPECT_GE(time.total, time.longest);
  }
  EXPECT_EQ(seen, (std::map<std::string, std::uint64_t>{{"Added", 8}, {"Poison", 2}}));
  const Timeline way = runner.timeline();
  EXPECT_EQ(way.delivered.count, 10u);
  EXPECT_EQ(way.applied.count, 10u);
  EXPECT_EQ(way.visible.count, 10u);
  EXPECT_LE(way.delivered.sum, way.applied.sum);
  EXPECT_LE(way.applied.sum, way.visible.sum);
}

TEST_F(ControlTest, a_removed_projection_stops_and_its_name_is_free_again) {
  Projections projections(store_);
  Runner* const first = *projections.add(open_tally(dir_));
  ASSERT_TRUE(projections.remove("tally"));
  EXPECT_EQ(projections.find("tally"), nullptr);
  EXPECT_EQ(first->status().state, ProjectionState::stopped);
  EXPECT_EQ(projections.remove("tally").error().kind(), errc::not_found);
  EXPECT_TRUE(projections.add(open_tally(dir_)));
}

// ---- Two of them

TEST_F(ControlTest, the_second_stands_by_and_shows_what_the_first_makes_visible) {
  const auto mine = open_tally(dir_);
  const auto theirs = open_tally(dir_);
  Runner working(store_, mine);
  Runner waiting(store_, theirs);
  working.start();
  ASSERT_TRUE(working.wait(add(store_, "s-1", 1), lease_patience));
  waiting.start();
  ASSERT_TRUE(comes_about([&] { return waiting.status().state == ProjectionState::standby; }));
  EXPECT_NE(waiting.status().reason.find(std::to_string(getpid())), std::string::npos)
      << waiting.status().reason;
  ASSERT_TRUE(waiting.wait(add(store_, "s-1", 10), lease_patience)) << "the other one's work is seen";
  EXPECT_EQ(totals_of(*theirs), (Totals{{"s-1", {11, 2}}}));
  EXPECT_EQ(waiting.status().applied, 0u);
  EXPECT_EQ(waiting.retry().error().kind(), errc::busy) << "only the one that works can be told to";
  EXPECT_EQ(waiting.rebuild().error().kind(), errc::busy);
  working.stop();
  ASSERT_TRUE(waiting.wait(add(store_, "s-1", 100), lease_patience));
  EXPECT_EQ(waiting.status().applied, 1u);
  EXPECT_EQ(totals_of(*theirs), (Totals{{"s-1", {111, 3}}}));
}

TEST_F(ControlTest, one_that_stands_by_can_be_stopped) {
  Runner working(store_, open_tally(dir_));
  Runner waiting(store_, open_tally(dir_));
  working.start();
  ASSERT_TRUE(comes_about([&] { return working.status().state == ProjectionState::live; }));
  waiting.start();
  ASSERT_TRUE(comes_about([&] { return waiting.status().state == ProjectionState::standby; }));
  waiting.stop();
  EXPECT_EQ(waiting.status().state, ProjectionState::stopped);
}

// ---- Two processes

constexpr const char* folder_of_child = "STELE_LEASE_TEST_FOLDER";

// The child: follows the store of the parent and projects, until it is killed. Not a test of its own.
TEST(ProjectionHandOver, DISABLED_child_that_follows) {
  const char* folder = std::getenv(folder_of_child);
  ASSERT_NE(folder, nullptr);
  const std::filesystem::path root(folder);
  auto store = stele::open(root / "store", {.access = Access::read_only});
  ASSERT_TRUE(store) << store.error().to_string();
  auto target = SqliteTarget::open(root / "models", tally());
  ASSERT_TRUE(target) << target.error().to_string();
  Runner runner(**store, *target, {.batch = 5});
  runner.start();
  while (runner.status().state != ProjectionState::failed) std::this_thread::sleep_for(20ms);
  FAIL() << runner.status().reason;
}

pid_t start_projecting(const std::filesystem::path& folder) {
  const pid_t child = fork();
  if (child != 0) return child;
  setenv(folder_of_child, folder.c_str(), 1);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  execl("/proc/self/exe", "projection_tests", "--gtest_also_run_disabled_tests",
        "--gtest_filter=ProjectionHandOver.DISABLED_child_that_follows", "--gtest_brief=1", nullptr);
  _exit(127);
}

pid_t holder_of(const std::filesystem::path& folder) {
  std::ifstream in(folder / "models" / "tally-v1.lock");
  pid_t holder = 0;
  in >> holder;
  return holder;
}

void end(pid_t child) {
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}

TEST(ProjectionHandOver, when_the_one_that_works_is_killed_the_other_goes_on_exactly_there) {
  const TempDirectory dir;
  const auto store = stele::open(dir.path() / "store");
  ASSERT_TRUE(store);
  const auto append_some = [&](int events) {
    for (int i = 0; i < events; ++i) add(**store, "s-" + std::to_string(i % 4), i);
  };
  append_some(40);
  const auto seen = open_tally(dir);  // only to look at the model
#ifdef STELE_SANITIZED
  constexpr int rounds = 2;
#else
  constexpr int rounds = 4;
#endif
  std::array<pid_t, 2> running{start_projecting(dir.path()), start_projecting(dir.path())};
  const auto working = [&] { return std::ranges::find(running, holder_of(dir.path())); };
  for (int round = 0; round < rounds; ++round) {
    ASSERT_TRUE(comes_about([&] { return working() != running.end(); }));
    append_some(30);
    const auto killed = working();
    ASSERT_NE(killed, running.end());
    const pid_t holder = *killed;
    end(holder);
    append_some(30);
    const auto caught_up = [&] {
      auto snapshot = seen->snapshot();
      return snapshot && snapshot->position() == (*store)->head().position;
    };
    EXPECT_TRUE(comes_about(caught_up)) << "the other one took over";
    EXPECT_NE(holder_of(dir.path()), holder);
    *killed = start_projecting(dir.path());
  }
  for (const pid_t child : running) end(child);
  EXPECT_EQ(totals_of(*seen), fold_by_hand(**store, (*store)->head().position))
      << "no event was skipped, none counted twice";
}

}  // namespace
}  // namespace stele::test

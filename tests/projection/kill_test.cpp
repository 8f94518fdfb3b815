// kill_test.cpp - a process that projects is killed at random moments; what it leaves must be a fold of the
// log.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <random>
#include <thread>

#include "memory_store.hpp"
#include "tally.hpp"

namespace stele::test {
namespace {

constexpr const char* folder_variable = "STELE_KILL_TEST_MODELS";
constexpr int log_events = 4000;

// The same log in every process: ids come from the position.
void fill(MemoryStore& store) {
  std::mt19937_64 random(11);
  for (int i = 1; i <= log_events; ++i) {
    AppendRequest request =
        one("s-" + std::to_string(random() % 20), "Added", static_cast<int>(random() % 1000));
    request.writes[0].events[0].id = Uuid::from_name(Uuid{}, std::to_string(i));
    (void)store.append(std::move(request)).has_value();
  }
}

// The child: projects in small batches until it is killed. Not a test of its own.
TEST(ProjectionKill, DISABLED_child_that_projects) {
  const char* models = std::getenv(folder_variable);
  ASSERT_NE(models, nullptr);
  MemoryStore store;
  fill(store);
  auto target = SqliteTarget::open(models, tally());
  ASSERT_TRUE(target) << target.error().to_string();
  Runner runner(store, *target, {.batch = 3});
  auto told = runner.on_change([](const ModelChange&) { (void)(write(STDOUT_FILENO, ".", 1) == 1); });
  runner.start();
  (void)runner.wait(Position(log_events), std::chrono::minutes(2)).has_value();
}

pid_t start_child(const std::filesystem::path& models, int output) {
  const pid_t child = fork();
  if (child != 0) return child;
  setenv(folder_variable, models.c_str(), 1);
  dup2(output, STDOUT_FILENO);
  execl("/proc/self/exe", "projection_tests", "--gtest_also_run_disabled_tests",
        "--gtest_filter=ProjectionKill.DISABLED_child_that_projects", "--gtest_brief=1", nullptr);
  _exit(127);
}

// Kills after so many committed batches and a little, or when it has ended.
void run_and_kill(const std::filesystem::path& models, int batches, std::chrono::microseconds more) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = start_child(models, ends[1]);
  close(ends[1]);
  char byte = 0;
  while (batches > 0 && read(ends[0], &byte, 1) == 1)
    if (byte == '.') --batches;
  std::this_thread::sleep_for(more);  // the moment is random on purpose
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  close(ends[0]);
}

TEST(ProjectionKill, whatever_moment_it_dies_the_model_is_a_fold_of_the_log) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const TempDirectory dir;
  MemoryStore store;
  fill(store);
#ifdef STELE_SANITIZED
  constexpr int rounds = 4;
#else
  constexpr int rounds = 12;
#endif
  Position last;
  for (int round = 0; round < rounds; ++round) {
    run_and_kill(dir.path() / "models", static_cast<int>(random() % 60),
                 std::chrono::microseconds(random() % 3000));
    const auto target = open_tally(dir);
    ASSERT_TRUE(target);
    EXPECT_EQ(target->note(), "") << "a killed process damages nothing";
    auto snapshot = target->snapshot();
    ASSERT_TRUE(snapshot);
    EXPECT_EQ(totals_in(*snapshot), fold_by_hand(store, snapshot->position()));
    EXPECT_GE(snapshot->position(), last) << "and takes nothing back";
    last = snapshot->position();
  }
  EXPECT_GT(last, Position{});
  const auto target = open_tally(dir);
  Runner runner(store, target);
  runner.start();
  ASSERT_TRUE(runner.wait(Position(log_events), std::chrono::minutes(1)));
  EXPECT_EQ(runner.status().note, "");
  EXPECT_EQ(totals_of(*target), fold_by_hand(store, Position(log_events)));
}

}  // namespace
}  // namespace stele::test

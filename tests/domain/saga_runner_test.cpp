// saga_runner_test.cpp - a saga on its own thread over a real store: many instances at once, sleeping and waking, and
// a process that is killed.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <random>
#include <thread>

#include "domain/meddling_store.hpp"
#include "domain/orders.hpp"
#include "engine/store_fixture.hpp"
#include "stele/handler.hpp"

namespace stele::test {
namespace {

using orders::Order;
using std::chrono::minutes;
using std::chrono::seconds;

class SagaRunnerTest : public StoreTest {
 protected:
  void place(const std::string& order, int amount) {
    must(handle<Order>(*store_, orders::Place{order, amount}));
  }
  std::size_t count(std::string_view type) {
    QueryItem item;
    item.types.emplace_back(type);
    return log(Direction::forward, Query::of(std::move(item))).size();
  }
  SagaOptions by_hand() {
    SagaOptions options;
    options.clock = &clock_;
    return options;
  }
  ManualClock clock_{std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now())};
};

TEST_F(SagaRunnerTest, sixty_four_instances_side_by_side_each_come_to_their_end) {
  const auto runner = run_saga<orders::Payment>(*store_, by_hand());
  std::vector<std::thread> shoppers;
  for (int shopper = 0; shopper < 4; ++shopper)
    shoppers.emplace_back([&, shopper] {
      for (int i = 0; i < 16; ++i) place(std::to_string(shopper * 16 + i), i % 2 == 0 ? 50 : 500);
    });
  for (std::thread& each : shoppers) each.join();
  ASSERT_TRUE(runner->settle(minutes(1)));
  EXPECT_EQ(count("Confirmed"), 32u);
  EXPECT_EQ(count("Cancelled"), 32u);
  EXPECT_EQ(count("Charged"), 32u);
  EXPECT_EQ(runner->status().timers, 0u);
}

TEST_F(SagaRunnerTest, an_event_wakes_it_and_so_does_time) {
  const auto runner = run_saga<orders::Payment>(*store_, by_hand());
  ASSERT_TRUE(runner->settle(minutes(1)));
  place("late", 99);
  ASSERT_TRUE(runner->wait(store_->head().position, minutes(1)));
  ASSERT_TRUE(runner->settle(minutes(1)));
  EXPECT_EQ(runner->status().timers, 1u);
  clock_.advance(minutes(16));
  ASSERT_TRUE(runner->settle(minutes(1)));
  EXPECT_EQ(count("Refunded"), 1u);
}

TEST_F(SagaRunnerTest, stopped_and_started_it_goes_on_where_it_was) {
  const auto runner = run_saga<orders::Payment>(*store_, by_hand());
  place("o-1", 50);
  ASSERT_TRUE(runner->settle(minutes(1)));
  runner->stop();
  EXPECT_FALSE(runner->status().running);
  place("o-2", 50);
  EXPECT_EQ(runner->wait(store_->head().position, std::chrono::milliseconds(1)).error().kind(),
            errc::timeout);
  EXPECT_EQ(runner->settle(std::chrono::milliseconds(1)).error().kind(), errc::timeout);
  runner->start();
  ASSERT_TRUE(runner->settle(minutes(1)));
  EXPECT_EQ(count("Confirmed"), 2u);
  EXPECT_TRUE(must(store_->records().get("saga", "Payment")).has_value()) << "a stop writes the checkpoint";
}

TEST_F(SagaRunnerTest, a_stuck_instance_is_skipped_from_another_thread) {
  SagaOptions options = by_hand();
  options.tries = 1;
  const auto runner = run_saga<orders::Payment>(*store_, options);
  place("bad", -1);
  ASSERT_TRUE(runner->settle(minutes(1)));
  ASSERT_EQ(runner->troubles().size(), 1u);
  EXPECT_TRUE(runner->troubles()[0].stuck);
  ASSERT_TRUE(runner->retry("bad"));
  ASSERT_TRUE(runner->settle(minutes(1)));
  EXPECT_TRUE(runner->troubles()[0].stuck);
  ASSERT_TRUE(runner->skip("bad"));
  ASSERT_TRUE(runner->settle(minutes(1)));
  EXPECT_TRUE(runner->troubles().empty());
}

// [running]
// One order, and everything that follows from it.
result<std::string> buy(EventStore& store, SagaRunner& payments, const std::string& order) {
  STELE_TRY(const auto placed, handle<Order>(store, orders::Place{order, 50}, {.idempotency_key = order}));
  STELE_CHECK(payments.settle(seconds(30)));
  for (const SagaTrouble& each : payments.troubles())
    if (each.instance == order) return "waiting since " + to_string(each.since) + ": " + each.error;
  STELE_TRY(const auto now, Repository<Order>(store).load(order));
  return std::string(std::holds_alternative<Order::Done>(now.state) ? "done" : "open");
}
// [/running]

TEST_F(SagaRunnerTest, one_order_from_the_beginning_to_the_end) {
  const auto payments = run_saga<orders::Payment>(*store_);
  EXPECT_EQ(must(buy(*store_, *payments, "o-1")), "done");
}

// Its subscription fails a few times: the runner says why and outlasts it.
class ForgetfulStore final : public MeddlingStore {
 public:
  using MeddlingStore::MeddlingStore;
  std::atomic<int> failures = 3;
  result<std::unique_ptr<Subscription>> subscribe(Query query, Position after) override {
    if (failures.fetch_sub(1) > 0) return Error(errc::unavailable, "not now");
    return MeddlingStore::subscribe(std::move(query), after);
  }
};

TEST_F(SagaRunnerTest, a_store_that_does_not_answer_is_asked_again) {
  ForgetfulStore forgetful(*store_);
  SagaOptions options = by_hand();
  options.first_pause = std::chrono::microseconds(100);
  place("o-1", 50);
  const auto runner = run_saga<orders::Payment>(forgetful, options);
  ASSERT_TRUE(runner->settle(minutes(1)));
  EXPECT_EQ(runner->status().reason, "");
  EXPECT_EQ(count("Confirmed"), 1u);
}

// ---- Killed

constexpr const char* store_variable = "STELE_SAGA_KILL_STORE";
constexpr int killed_orders = 150;

SagaOptions frequent_checkpoints() {
  SagaOptions options;
  options.checkpoint_every = 5;
  return options;
}

// The child: runs the saga until it is killed. Not a test of its own.
TEST(SagaKill, DISABLED_child_that_runs_the_saga) {
  const char* folder = std::getenv(store_variable);
  ASSERT_NE(folder, nullptr);
  const auto store = must(open(folder));
  const auto runner = run_saga<orders::Payment>(*store, frequent_checkpoints());
  (void)runner->settle(minutes(2)).has_value();
}

void run_child_and_kill(const std::filesystem::path& store, std::chrono::microseconds after) {
  const pid_t child = fork();
  if (child == 0) {
    setenv(store_variable, store.c_str(), 1);
    execl("/proc/self/exe", "domain_tests", "--gtest_also_run_disabled_tests",
          "--gtest_filter=SagaKill.DISABLED_child_that_runs_the_saga", "--gtest_brief=1", nullptr);
    _exit(127);
  }
  std::this_thread::sleep_for(after);  // the moment is random on purpose
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}

TEST_F(SagaRunnerTest, killed_at_random_moments_every_order_is_confirmed_or_cancelled_once) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int i = 0; i < killed_orders; ++i) place("o" + std::to_string(i), i % 3 == 0 ? 500 : 50);
  store_.reset();
  for (int round = 0; round < (sanitized ? 2 : 6); ++round)
    run_child_and_kill(directory_ / "store", std::chrono::microseconds(20'000 + random() % 150'000));
  reopen();
  const auto runner = run_saga<orders::Payment>(*store_, by_hand());
  ASSERT_TRUE(runner->settle(minutes(2)));
  EXPECT_EQ(count("Confirmed"), 100u);
  EXPECT_EQ(count("Cancelled"), 50u);
  EXPECT_EQ(count("Charged"), 100u);
  EXPECT_EQ(runner->troubles().size(), 0u);
}

}  // namespace
}  // namespace stele::test

// runner_test.cpp - a projection from start to failure: catching up, waiting, once and only once, giving up.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <mutex>
#include <random>
#include <thread>

#include "memory_store.hpp"
#include "tally.hpp"

namespace stele::test {
namespace {

using namespace std::chrono_literals;
constexpr std::chrono::microseconds patience = 30s;

class RunnerTest : public testing::Test {
 protected:
  TempDirectory dir_;
  MemoryStore store_;
};

// Waits for a condition that another thread brings about; the answer says whether it came.
template <class Condition>
bool comes_true(const Condition& condition) {
  for (int i = 0; i < 30'000; ++i) {
    if (condition()) return true;
    std::this_thread::yield();
    if (i > 1000) std::this_thread::sleep_for(1ms);
  }
  return false;
}

TEST_F(RunnerTest, the_past_is_caught_up_and_then_the_present_followed) {
  for (int i = 1; i <= 100; ++i) add(store_, "s-" + std::to_string(i % 3), i);
  const auto target = open_tally(dir_);
  Runner runner(store_, target, {.batch = 7});
  runner.start();
  ASSERT_TRUE(runner.wait(Position(100), patience));
  EXPECT_EQ(totals_of(*target), fold_by_hand(store_, Position(100)));
  const Position now = add(store_, "s-1", 1000);
  ASSERT_TRUE(runner.wait(now, patience));
  EXPECT_EQ(totals_of(*target), fold_by_hand(store_, now));
  EXPECT_TRUE(comes_true([&] { return runner.status().state == ProjectionState::live; }));
  const ProjectionStatus status = runner.status();
  EXPECT_EQ(status.name, "tally");
  EXPECT_EQ(status.behind_events, 0u);
  EXPECT_EQ(status.behind.count(), 0);
  EXPECT_EQ(status.applied, 101u);
  EXPECT_GT(status.events_per_second, 0.0);
}

TEST_F(RunnerTest, events_that_do_not_concern_it_move_its_position_too) {
  const auto target = open_tally(dir_);
  Runner runner(store_, target);
  runner.start();
  add(store_, "s-1", 1);
  const Position last = add(store_, "s-1", 0, "Noise");
  ASSERT_TRUE(runner.wait(last, patience));
  auto snapshot = target->snapshot();
  ASSERT_TRUE(snapshot);
  EXPECT_EQ(snapshot->position(), last);
}

// A store of the model that cannot be reached for the first few times.
class FarAway final : public ProjectionTarget {
 public:
  FarAway(std::shared_ptr<SqliteTarget> real, int failures) : real_(std::move(real)), left_(failures) {}
  [[nodiscard]] const std::string& name() const override { return real_->name(); }
  [[nodiscard]] int version() const override { return real_->version(); }
  [[nodiscard]] const Query& events() const override { return real_->events(); }
  [[nodiscard]] std::string note() const override { return real_->note(); }
  result<Checkpoint> checkpoint() override {
    if (left_-- > 0) return Error(errc::unavailable, "nobody answers");
    return real_->checkpoint();
  }
  result<void> reset() override { return real_->reset(); }
  result<void> begin() override { return real_->begin(); }
  result<void> apply(const EventView& event) override { return real_->apply(event); }
  result<std::vector<std::string>> commit(const Checkpoint& now) override { return real_->commit(now); }
  void rollback() override { real_->rollback(); }
  void passed(Position position) override { real_->passed(position); }

 private:
  const std::shared_ptr<SqliteTarget> real_;
  int left_;
};

TEST_F(RunnerTest, a_store_of_the_model_that_is_not_there_at_the_start_is_waited_for) {
  const Position last = add(store_, "s-1", 7);
  const auto target = open_tally(dir_);
  Runner runner(store_, std::make_shared<FarAway>(target, 7), {.first_pause = 100us});  // more than tries
  runner.start();
  ASSERT_TRUE(runner.wait(last, patience));
  EXPECT_EQ(totals_of(*target), fold_by_hand(store_, last));
  EXPECT_EQ(runner.status().retries, 7u);
}

TEST_F(RunnerTest, a_restart_resumes_behind_what_was_committed) {
  add(store_, "s-1", 1);
  {
    Runner runner(store_, open_tally(dir_));
    runner.start();
    ASSERT_TRUE(runner.wait(Position(1), patience));
  }
  add(store_, "s-1", 10);
  const auto target = open_tally(dir_);
  Runner runner(store_, target);
  runner.start();
  ASSERT_TRUE(runner.wait(Position(2), patience));
  EXPECT_EQ(runner.status().applied, 1u);
  EXPECT_EQ(totals_of(*target), (Totals{{"s-1", {11, 2}}}));
}

TEST_F(RunnerTest, events_delivered_again_and_again_change_the_model_once) {
  store_.redeliver = 5;
  const auto target = open_tally(dir_);
  Runner runner(store_, target, {.batch = 3});
  runner.start();
  for (int i = 1; i <= 300; ++i) add(store_, "s-" + std::to_string(i % 5), i);
  ASSERT_TRUE(runner.wait(Position(300), patience));
  EXPECT_EQ(totals_of(*target), fold_by_hand(store_, Position(300)));
  EXPECT_EQ(runner.status().applied, 300u);
}

// ---- Waiting

TEST_F(RunnerTest, a_model_that_is_held_back_is_waited_for_and_shows_the_write) {
  const auto target = open_tally(dir_);
  Runner runner(store_, target, {.hold_back = 20ms});
  runner.start();
  const auto before = std::chrono::steady_clock::now();
  const Position written = add(store_, "s-1", 5);
  ASSERT_TRUE(runner.wait(written, patience));
  EXPECT_GE(std::chrono::steady_clock::now() - before, 20ms);
  EXPECT_EQ(totals_of(*target), (Totals{{"s-1", {5, 1}}}));
}

TEST_F(RunnerTest, past_its_patience_a_wait_says_how_far_the_model_is) {
  Runner runner(store_, open_tally(dir_), {.hold_back = 1h});
  runner.start();
  const Position written = add(store_, "s-1", 5);
  const auto late = runner.wait(written, 2ms);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind(), errc::timeout);
  EXPECT_EQ(late.error().fact("wanted"), "1");
  EXPECT_EQ(late.error().fact("current"), "0");
  EXPECT_EQ(late.error().fact("behind_events"), "1");
  EXPECT_GT(runner.status().behind_events, 0u);
  runner.hold_back(0us);
  EXPECT_TRUE(runner.wait(written, patience)) << "shortening the pause ends it";
}

TEST_F(RunnerTest, a_server_is_told_without_holding_a_thread) {
  Runner runner(store_, open_tally(dir_));
  std::promise<Position> told;
  runner.notify_at(Position(1), [&](result<Position> at) { told.set_value(at.value_or(Position{})); });
  runner.start();
  add(store_, "s-1", 5);
  auto future = told.get_future();
  ASSERT_EQ(future.wait_for(patience), std::future_status::ready);
  EXPECT_GE(future.get(), Position(1));
}

TEST_F(RunnerTest, every_writer_reads_its_own_write) {
  const auto target = open_tally(dir_);
  Runner runner(store_, target);
  runner.start();
  std::vector<std::jthread> writers;
  for (int t = 0; t < 4; ++t)
    writers.emplace_back([&, t] {
      const std::string stream = "s-" + std::to_string(t);
      for (int i = 1; i <= 25; ++i) {
        const Position written = add(store_, stream, 1);
        ASSERT_TRUE(runner.wait(written, patience));
        auto snapshot = target->snapshot();
        ASSERT_TRUE(snapshot);
        ASSERT_GE(snapshot->position(), written);
        ASSERT_EQ(totals_in(*snapshot)[stream].first, i);
      }
    });
}

TEST_F(RunnerTest, whoever_waits_for_a_stopped_projection_is_told_so) {
  Runner runner(store_, open_tally(dir_));
  runner.start();
  std::promise<result<Position>> told;
  runner.notify_at(Position(9), [&](result<Position> at) { told.set_value(std::move(at)); });
  runner.stop();
  EXPECT_EQ(told.get_future().get().error().kind(), errc::unavailable);
  EXPECT_EQ(runner.wait(Position(9), patience).error().kind(), errc::unavailable);
  EXPECT_EQ(runner.status().state, ProjectionState::stopped);
}

TEST_F(RunnerTest, stopping_does_not_wait_for_a_pause) {
  Runner runner(store_, open_tally(dir_), {.hold_back = 1h});
  runner.start();
  add(store_, "s-1", 1);
  runner.stop();
  EXPECT_EQ(runner.position(), Position{});
}

// ---- Trouble

class PoisonTest : public RunnerTest {
 protected:
  std::shared_ptr<std::atomic<bool>> poisonous_ = std::make_shared<std::atomic<bool>>(true);
  const RunnerOptions impatient_{.tries = 3, .first_pause = 1ms, .longest_pause = 2ms};
};

TEST_F(PoisonTest, an_event_that_cannot_be_applied_stops_the_projection_exactly_there) {
  for (int i = 1; i <= 5; ++i) add(store_, "s-1", i);
  add(store_, "s-1", 0, "Poison");
  add(store_, "s-1", 100);
  const auto target = open_tally(dir_, tally(1, poisonous_));
  Runner runner(store_, target, impatient_);
  runner.start();
  const auto stuck = runner.wait(Position(7), patience);
  ASSERT_FALSE(stuck);
  EXPECT_EQ(stuck.error().kind(), errc::unavailable);
  EXPECT_NE(stuck.error().message().find("event 6 (Poison)"), std::string::npos) << stuck.error().message();
  ASSERT_TRUE(comes_true([&] { return runner.status().state == ProjectionState::failed; }));
  const ProjectionStatus status = runner.status();
  EXPECT_NE(status.reason.find("this cannot be applied"), std::string::npos) << status.reason;
  EXPECT_EQ(status.retries, 2u);
  EXPECT_EQ(status.position, Position(5)) << "the events before it are visible, none behind it";
  EXPECT_EQ(totals_of(*target), (Totals{{"s-1", {15, 5}}}));
}

TEST_F(PoisonTest, once_the_cause_is_removed_it_goes_on_at_that_event) {
  add(store_, "s-1", 0, "Poison");
  add(store_, "s-1", 100);
  const auto target = open_tally(dir_, tally(1, poisonous_));
  Runner runner(store_, target, impatient_);
  runner.start();
  ASSERT_FALSE(runner.wait(Position(2), patience));
  *poisonous_ = false;
  runner.start();
  ASSERT_TRUE(runner.wait(Position(2), patience));
  EXPECT_EQ(totals_of(*target), (Totals{{"s-1", {100, 2}}}));
}

TEST_F(PoisonTest, trouble_that_passes_is_retried_and_forgotten) {
  add(store_, "s-1", 3);
  add(store_, "s-1", 4, "Poison");
  const auto target = open_tally(dir_, tally(1, poisonous_));
  Runner runner(store_, target, {.tries = 1'000'000, .first_pause = 1ms, .longest_pause = 1ms});
  runner.start();
  ASSERT_TRUE(comes_true([&] { return runner.status().state == ProjectionState::retrying; }));
  EXPECT_NE(runner.status().reason, "");
  *poisonous_ = false;
  ASSERT_TRUE(runner.wait(Position(2), patience));
  ASSERT_TRUE(comes_true([&] { return runner.status().state == ProjectionState::live; }));
  EXPECT_EQ(runner.status().reason, "");
  EXPECT_EQ(totals_of(*target), (Totals{{"s-1", {7, 2}}}));
}

TEST_F(PoisonTest, an_exception_in_a_projection_is_a_reason_and_not_a_crash) {
  SqliteProjection throwing = tally();
  throwing.project = [](SqliteModel&, const EventView&) -> result<void> {
    throw std::overflow_error("too much");
  };
  add(store_, "s-1", 1);
  Runner runner(store_, open_tally(dir_, throwing), impatient_);
  runner.start();
  const auto failed = runner.wait(Position(1), patience);
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().message().find("too much"), std::string::npos);
}

// ---- Another log under the same model

TEST_F(RunnerTest, a_model_that_has_seen_more_than_the_log_holds_is_built_anew) {
  for (int i = 1; i <= 20; ++i) add(store_, "s-1", 1);
  {
    Runner runner(store_, open_tally(dir_));
    runner.start();
    ASSERT_TRUE(runner.wait(Position(20), patience));
  }
  MemoryStore restored;
  for (int i = 1; i <= 4; ++i) add(restored, "s-2", 7);
  const auto target = open_tally(dir_);
  Runner runner(restored, target);
  runner.start();
  ASSERT_TRUE(comes_true([&] { return runner.status().note.find("log ends at 4") != std::string::npos; }));
  ASSERT_TRUE(runner.wait(Position(4), patience));
  EXPECT_EQ(totals_of(*target), (Totals{{"s-2", {28, 4}}}));
}

TEST_F(RunnerTest, a_model_of_another_log_is_recognised_by_its_last_event) {
  add(store_, "s-1", 1);
  {
    Runner runner(store_, open_tally(dir_));
    runner.start();
    ASSERT_TRUE(runner.wait(Position(1), patience));
  }
  MemoryStore other;
  for (int i = 1; i <= 4; ++i) add(other, "s-2", 7);
  const auto target = open_tally(dir_);
  Runner runner(other, target);
  runner.start();
  ASSERT_TRUE(comes_true([&] { return runner.status().note.find("another log") != std::string::npos; }));
  ASSERT_TRUE(runner.wait(Position(4), patience));
  EXPECT_EQ(totals_of(*target), (Totals{{"s-2", {28, 4}}}));
}

// ---- Changes and figures

TEST_F(RunnerTest, changed_keys_are_told_after_they_can_be_read) {
  const auto target = open_tally(dir_);
  Runner runner(store_, target);
  std::mutex mutex;
  std::multiset<std::string> keys;
  bool visible = true;
  auto watch = runner.on_change([&](const ModelChange& change) {
    const std::lock_guard lock(mutex);
    const Totals totals = totals_of(*target);
    for (const std::string& key : change.keys) {
      keys.insert(key);
      visible = visible && totals.contains(key);
    }
  });
  AppendRequest batch = one("s-1", "Added", 1);
  batch.writes[0].events.push_back(batch.writes[0].events[0]);
  batch.writes.push_back(one("s-2", "Added", 1).writes[0]);
  ASSERT_TRUE(store_.append(std::move(batch)));
  runner.start();
  ASSERT_TRUE(runner.wait(Position(3), patience));
  ASSERT_TRUE(comes_true([&] {
    const std::lock_guard lock(mutex);
    return keys.size() == 2;
  }));
  watch.reset();
  add(store_, "s-3", 1);
  ASSERT_TRUE(runner.wait(Position(4), patience));
  runner.stop();
  EXPECT_EQ(keys, (std::multiset<std::string>{"s-1", "s-2"})) << "each once per batch, none after the end";
  EXPECT_TRUE(visible);
}

TEST_F(RunnerTest, a_listener_may_end_itself_and_another_one) {
  Runner runner(store_, open_tally(dir_));
  std::atomic<int> calls = 0;
  std::unique_ptr<Watch> first;
  std::unique_ptr<Watch> second;
  first = runner.on_change([&](const ModelChange&) {
    ++calls;
    second.reset();
    first.reset();
  });
  second = runner.on_change([&](const ModelChange&) { calls += 100; });
  add(store_, "s-1", 1);
  runner.start();
  ASSERT_TRUE(comes_true([&] { return calls > 0; }));
  ASSERT_TRUE(runner.wait(add(store_, "s-1", 1), patience));
  runner.stop();
  EXPECT_EQ(calls, 1);
}

TEST_F(RunnerTest, latency_counts_what_came_while_it_ran_and_not_the_past) {
  for (int i = 0; i < 50; ++i) add(store_, "s-1", 1);
  Runner runner(store_, open_tally(dir_));
  std::this_thread::sleep_for(1ms);  // so that the past is older than the start, whatever the clock's grain
  runner.start();
  ASSERT_TRUE(runner.wait(Position(50), patience));
  EXPECT_EQ(runner.latency().count, 0u);
  const Position now = add(store_, "s-1", 1);
  ASSERT_TRUE(runner.wait(now, patience));
  ASSERT_TRUE(comes_true([&] { return runner.latency().count == 1; }));
  EXPECT_GT(runner.latency().quantile(1), 0us);
}

TEST_F(RunnerTest, many_projections_share_a_log_and_agree) {
  Projections projections(store_);
  auto slow = tally();
  slow.name = "slow";
  const auto first = open_tally(dir_);
  const auto second = open_tally(dir_, slow);
  ASSERT_TRUE(projections.add(first));
  ASSERT_TRUE(projections.add(second, {.batch = 1, .hold_back = 1ms}));
  EXPECT_EQ(projections.add(first).error().kind(), errc::conflict);
  for (int i = 0; i < 20; ++i) add(store_, "s-1", i);
  for (Runner* runner : projections.runners()) ASSERT_TRUE(runner->wait(Position(20), patience));
  EXPECT_EQ(totals_of(*first), totals_of(*second));
  EXPECT_EQ(projections.status().size(), 2u);
  EXPECT_EQ(projections.find("slow")->status().position, Position(20));
  EXPECT_EQ(projections.find("unknown"), nullptr);
  projections.stop();
  EXPECT_EQ(projections.status()[1].state, ProjectionState::stopped);
}

}  // namespace
}  // namespace stele::test

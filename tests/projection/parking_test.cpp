// parking_test.cpp - events that cannot be applied are set aside with what follows them in their sequence; nobody else
// waits, nothing is lost, and they come back in order.
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
using State = ParkedEvent::State;
constexpr std::chrono::microseconds parking_patience = 60s;

RunnerOptions parking_options() {
  RunnerOptions options;
  options.tries = 2;
  options.first_pause = 1ms;
  options.longest_pause = 1ms;
  options.on_failure = OnFailure::park;
  return options;
}

// As the model must be in the end: poison counts like everything else, once it can be applied.
Totals fold_with_poison(EventStore& store) {
  Totals totals;
  const auto cursor = store.read({});
  while (true) {
    const auto events = (*cursor)->next_batch(500);
    if (!events || events->empty()) return totals;
    for (const EventView& event : *events) {
      auto& [total, times] = totals[std::string(event.stream)];
      total += number_in(event);
      ++times;
    }
  }
}

class ParkingTest : public testing::Test {
 protected:
  void open(RunnerOptions options = parking_options()) {
    runner_.reset();
    target_ = open_tally(dir_, tally(1, poisonous_));
    runner_ = std::make_unique<Runner>(store_, target_, std::move(options));
    runner_->start();
  }
  // Until everything has been passed; the last event must be one that can be applied.
  void settle() {
    ASSERT_TRUE(runner_->wait(store_.head().position, parking_patience)) << runner_->status().reason;
  }
  std::vector<std::pair<std::uint64_t, State>> parked() {
    std::vector<std::pair<std::uint64_t, State>> all;
    const auto listed = *runner_->parked();
    for (const ParkedEvent& event : listed) all.emplace_back(event.position.value(), event.state);
    return all;
  }
  using Places = std::vector<std::pair<std::uint64_t, State>>;

  TempDirectory dir_;
  MemoryStore store_;
  std::shared_ptr<std::atomic<bool>> poisonous_ = std::make_shared<std::atomic<bool>>(true);
  std::shared_ptr<SqliteTarget> target_;
  std::unique_ptr<Runner> runner_;
};

TEST_F(ParkingTest, a_bad_event_and_its_sequence_step_aside_and_the_others_go_on) {
  add(store_, "bad-1", 1);
  add(store_, "bad-1", 2, "Poison");
  add(store_, "good-1", 10);
  add(store_, "bad-1", 4);
  add(store_, "good-1", 20);
  open();
  settle();
  EXPECT_EQ(totals_of(*target_), (Totals{{"bad-1", {1, 1}}, {"good-1", {30, 2}}}));
  EXPECT_EQ(parked(), (Places{{2, State::failed}, {4, State::waiting}}));
  EXPECT_EQ(runner_->status().parked, 2u);
  const ParkedEvent first = runner_->parked()->front();
  EXPECT_EQ(first.stream, "bad-1");
  EXPECT_EQ(first.type, "Poison");
  EXPECT_EQ(first.tries, 2u);
  EXPECT_NE(first.why.find("this cannot be applied"), std::string::npos) << first.why;
}

TEST_F(ParkingTest, whoever_wrote_the_parked_event_is_not_told_that_it_is_visible) {
  open();
  const Position poison = add(store_, "bad-1", 2, "Poison");
  const Position good = add(store_, "good-1", 1);
  ASSERT_TRUE(runner_->wait(good, parking_patience));
  const auto waited = runner_->wait(poison, parking_patience);
  ASSERT_FALSE(waited);
  EXPECT_EQ(waited.error().kind(), errc::unavailable);
  EXPECT_NE(waited.error().message().find("parked"), std::string::npos);
}

TEST_F(ParkingTest, retrying_applies_the_sequence_in_order_and_what_comes_later_too) {
  for (int i = 0; i < 20; ++i) {
    add(store_, "bad-" + std::to_string(i % 3), i, i % 7 == 3 ? "Poison" : "Added");
    add(store_, "good-1", i);
  }
  open();
  settle();
  const auto before = runner_->status().parked;
  ASSERT_GT(before, 3u);
  EXPECT_EQ(runner_->retry().value(), 0u) << "still poisonous: nothing can be applied";
  EXPECT_EQ(runner_->status().parked, before);
  *poisonous_ = false;
  EXPECT_EQ(runner_->retry().value(), before);
  EXPECT_EQ(runner_->status().parked, 0u);
  add(store_, "bad-0", 5);
  settle();
  EXPECT_EQ(totals_of(*target_), fold_with_poison(store_));
}

TEST_F(ParkingTest, one_sequence_is_retried_by_any_of_its_events_and_says_why_it_cannot) {
  add(store_, "bad-1", 1, "Poison");
  add(store_, "bad-2", 2, "Poison");
  add(store_, "bad-1", 3);
  add(store_, "good-1", 1);
  open();
  settle();
  const auto refused = runner_->retry(Position(1));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("this cannot be applied"), std::string::npos);
  EXPECT_EQ(runner_->parked()->front().tries, 3u);
  EXPECT_EQ(runner_->retry(Position(4)).error().kind(), errc::not_found);
  *poisonous_ = false;
  EXPECT_EQ(runner_->retry(Position(3)).value(), 2u);
  EXPECT_EQ(parked(), (Places{{2, State::failed}}));
  EXPECT_EQ(totals_of(*target_), (Totals{{"bad-1", {4, 2}}, {"good-1", {1, 1}}}));
}

TEST_F(ParkingTest, skipping_gives_up_one_event_with_a_reason_and_lets_the_rest_follow) {
  add(store_, "bad-1", 1, "Poison");
  add(store_, "bad-1", 2);
  add(store_, "bad-1", 4, "Poison");
  add(store_, "bad-1", 8);
  add(store_, "good-1", 1);
  open();
  settle();
  EXPECT_EQ(runner_->skip(Position(2), "wrong one").error().kind(), errc::invalid) << "it only waits";
  EXPECT_EQ(runner_->skip(Position(1), "typed by hand, never valid").value(), 1u);
  EXPECT_EQ(parked(), (Places{{1, State::skipped}, {3, State::failed}, {4, State::waiting}}));
  EXPECT_EQ(runner_->parked()->front().why, "typed by hand, never valid");
  EXPECT_EQ(runner_->status().skipped, 1u);
  EXPECT_EQ(runner_->status().parked, 2u);
  EXPECT_EQ(totals_of(*target_)["bad-1"].first, 2);
  EXPECT_EQ(runner_->skip(Position(1), "again").error().kind(), errc::not_found);
}

TEST_F(ParkingTest, what_is_parked_is_still_parked_after_a_restart) {
  add(store_, "bad-1", 1, "Poison");
  add(store_, "good-1", 1);
  open();
  settle();
  const auto before = *runner_->parked();
  add(store_, "bad-1", 2);
  add(store_, "good-1", 2);
  open();
  settle();
  ASSERT_EQ(runner_->parked()->size(), 2u);
  EXPECT_EQ(runner_->parked()->front(), before.front());
  EXPECT_EQ(runner_->parked()->back().state, State::waiting);
}

TEST_F(ParkingTest, an_event_without_a_sequence_holds_nobody_up) {
  RunnerOptions options = parking_options();
  options.sequence = [](const EventView&) { return std::string(); };
  add(store_, "bad-1", 1, "Poison");
  add(store_, "bad-1", 2);
  open(options);
  settle();
  EXPECT_EQ(parked(), (Places{{1, State::failed}}));
  EXPECT_EQ(totals_of(*target_), (Totals{{"bad-1", {2, 1}}}));
}

TEST_F(ParkingTest, when_too_many_are_parked_the_projection_is_to_blame_and_stops) {
  RunnerOptions options = parking_options();
  options.park_at_most = 3;
  for (int i = 0; i < 10; ++i) add(store_, "bad-" + std::to_string(i), 1, "Poison");
  open(options);
  ASSERT_FALSE(runner_->wait(Position(10), parking_patience));
  EXPECT_EQ(runner_->parked()->size(), 3u);
  EXPECT_EQ(runner_->status().position, Position(3));
}

TEST_F(ParkingTest, a_projection_that_stops_goes_on_behind_the_event_that_is_skipped) {
  RunnerOptions options = parking_options();
  options.on_failure = OnFailure::stop;
  add(store_, "s-1", 1);
  add(store_, "s-1", 2, "Poison");
  add(store_, "s-1", 4);
  open(options);
  ASSERT_FALSE(runner_->wait(Position(3), parking_patience));
  EXPECT_EQ(runner_->skip(Position(3), "not this one").error().kind(), errc::not_found);
  EXPECT_EQ(runner_->skip(Position(2), "lost for good").value(), 0u);
  runner_->start();
  settle();
  EXPECT_EQ(totals_of(*target_), (Totals{{"s-1", {5, 2}}}));
  EXPECT_EQ(parked(), (Places{{2, State::skipped}}));
}

TEST_F(ParkingTest, emptying_the_model_forgets_what_was_parked) {
  add(store_, "bad-1", 1, "Poison");
  add(store_, "good-1", 1);
  open();
  settle();
  runner_->stop();
  ASSERT_TRUE(target_->reset());
  *poisonous_ = false;
  open();
  settle();
  EXPECT_EQ(runner_->parked()->size(), 0u);
  EXPECT_EQ(totals_of(*target_), fold_with_poison(store_));
}

// Whatever is poisonous when, in the end every event has been applied once and each stream in order: the tally of a
// stream whose order broke would differ, since its running total is checked with each event.
TEST_F(ParkingTest, random_poison_and_random_retries_end_in_the_fold_of_the_log) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  auto ordered = std::make_shared<std::atomic<bool>>(true);
  SqliteProjection projection = tally(1, poisonous_);
  auto last = std::make_shared<std::map<std::string, std::uint64_t>>();
  auto apply = projection.project;
  projection.project = [=](SqliteModel& model, const EventView& event) -> result<void> {
    STELE_CHECK(apply(model, event));
    STELE_TRY([[maybe_unused]] const bool there,
              model.first("SELECT times FROM tally WHERE stream = ?", {event.stream}, [&](const SqlRow& row) {
                if (row.integer(0) != static_cast<std::int64_t>(event.revision.value()) + 1) *ordered = false;
              }));
    return {};
  };
  target_ = open_tally(dir_, projection);
  RunnerOptions options = parking_options();
  options.tries = 1;
  options.batch = 7;
  Runner runner(store_, target_, options);
  runner.start();
  for (int i = 0; i < 300; ++i) {
    *poisonous_ = random() % 2 == 0;
    add(store_, "s-" + std::to_string(random() % 6), static_cast<std::int64_t>(random() % 100),
        random() % 5 == 0 ? "Poison" : "Added");
    if (random() % 20 == 0) {
      ASSERT_TRUE(runner.retry());
    }
  }
  *poisonous_ = false;
  const Position end = add(store_, "end", 1);
  ASSERT_TRUE(runner.wait(end, parking_patience)) << runner.status().reason;
  ASSERT_TRUE(runner.retry());
  EXPECT_EQ(runner.status().parked, 0u);
  EXPECT_TRUE(*ordered) << "no event overtook another one of its stream";
  EXPECT_EQ(totals_of(*target_), fold_with_poison(store_));
}

// ---- Killed

void fill_with_poison(MemoryStore& store, int events) {
  std::mt19937_64 random(5);
  for (int i = 1; i <= events; ++i) {
    AppendRequest request = one("s-" + std::to_string(random() % 9), random() % 11 == 0 ? "Poison" : "Added",
                                static_cast<std::int64_t>(random() % 100));
    request.writes[0].events[0].id = Uuid::from_name(Uuid{}, std::to_string(i));
    (void)store.append(std::move(request)).has_value();
  }
}

[[noreturn]] void park_until_killed(const std::filesystem::path& models, int events, int output) {
  MemoryStore store;
  fill_with_poison(store, events);
  auto target = SqliteTarget::open(models, tally(1, std::make_shared<std::atomic<bool>>(true)));
  if (!target) _exit(1);
  RunnerOptions options = parking_options();
  options.tries = 1;
  options.batch = 3;
  Runner runner(store, *target, options);
  auto told = runner.on_change([output](const ModelChange&) { (void)(write(output, ".", 1) == 1); });
  runner.start();
  (void)runner.wait(Position(static_cast<std::uint64_t>(events)), 120s).has_value();
  _exit(0);
}

TEST(ParkingKilled, whatever_moment_it_dies_no_parked_event_is_lost_or_applied_twice) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const TempDirectory dir;
  constexpr int events = 400;
#ifdef STELE_SANITIZED
  constexpr int rounds = 2;
#else
  constexpr int rounds = 6;
#endif
  for (int round = 0; round < rounds; ++round) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) park_until_killed(dir.path() / "models", events, ends[1]);
    close(ends[1]);
    char byte = 0;
    for (auto batches = random() % 20; batches > 0 && read(ends[0], &byte, 1) == 1; --batches) {
    }
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    close(ends[0]);
  }
  MemoryStore store;
  fill_with_poison(store, events);
  const auto target = open_tally(dir);  // nothing is poisonous to this one
  Runner runner(store, target, parking_options());
  runner.start();
  const Position end = add(store, "end", 1);
  ASSERT_TRUE(runner.wait(end, parking_patience));
  ASSERT_TRUE(runner.retry());
  EXPECT_EQ(runner.status().parked, 0u);
  EXPECT_EQ(totals_of(*target), fold_with_poison(store));
}

}  // namespace
}  // namespace stele::test

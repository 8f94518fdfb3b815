// building_test.cpp - on targets that can hold two models, one is built beside the other and takes its place, whatever
// happens meanwhile.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "targets/cutting_proxy.hpp"
#include "targets/on_target.hpp"

namespace stele::test {
namespace {

using namespace std::chrono_literals;

class Building : public OnTarget {
 protected:
  void SetUp() override {
    for (int i = 1; i <= 40; ++i) tell(log_, "s-" + std::to_string(1 + i % 3), "Added", std::to_string(i));
    open();
    ASSERT_TRUE(runner_->wait(Position(40), upkeep_patience)) << runner_->status().reason;
  }
  Spec corrected(std::uint16_t port = 0) {
    Spec what = spec();
    what.port = port;
    what.factor = factor_;
    return what;
  }
  void open(std::uint16_t port = 0) {
    runner_.reset();
    target_ = opened(corrected(port));
    ASSERT_TRUE(target_);
    RunnerOptions options;
    options.first_pause = 1ms;
    options.longest_pause = 10ms;
    runner_ = std::make_unique<Runner>(log_, target_, options);
    runner_->start();
  }
  void until_served() {
    ASSERT_TRUE(comes_true([&] { return !runner_->status().rebuild; })) << runner_->status().rebuild->reason;
  }
  void until(RebuildState state) {
    ASSERT_TRUE(comes_true([&] {
      const auto status = runner_->status().rebuild;
      return status && status->state == state;
    })) << runner_->status().rebuild->reason;
  }
  std::int64_t sum(ProjectionTarget& of) {
    std::int64_t all = 0;
    for (const auto& [stream, kept] : rows(of)) all += kept.total;
    return all;
  }
  std::int64_t sum() { return sum(*target_); }
  std::shared_ptr<std::atomic<std::int64_t>> factor_ = std::make_shared<std::atomic<std::int64_t>>(1);
  std::shared_ptr<ProjectionTarget> target_;
  std::unique_ptr<Runner> runner_;
};

TEST_P(Building, the_corrected_model_takes_the_place_of_the_old_one_and_back) {
  ASSERT_EQ(sum(), 820);
  EXPECT_FALSE(runner_->status().can_roll_back);
  EXPECT_EQ(runner_->rollback().error().kind(), errc::not_found);
  *factor_ = 2;
  const auto begun = runner_->rebuild();
  ASSERT_TRUE(begun) << begun.error().to_string();
  until_served();
  EXPECT_EQ(sum(), 1640);
  ASSERT_TRUE(runner_->wait(tell(log_, "s-1", "Added", "10"), upkeep_patience));
  EXPECT_EQ(sum(), 1660);
  *factor_ = 1;
  const auto back = runner_->rollback();
  ASSERT_TRUE(back) << back.error().to_string();
  EXPECT_EQ(sum(), 830) << "the old model, brought up to date";
  open();
  ASSERT_TRUE(runner_->wait(Position(41), upkeep_patience));
  EXPECT_EQ(runner_->status().applied, 0u) << "which one serves is remembered";
  EXPECT_EQ(sum(), 830);
  ASSERT_TRUE(runner_->rollback());
  EXPECT_EQ(sum(), 1660) << "and the other way round";
  for (int again = 0; again < 3; ++again) {
    const auto more = runner_->rebuild();
    ASSERT_TRUE(more) << more.error().to_string();
    until_served();
    EXPECT_EQ(sum(), 830);
  }
  if (auto* const server = dynamic_cast<ServerTarget*>(target_.get())) {
    std::int64_t spaces = 0;
    auto asked = server->snapshot();
    ASSERT_TRUE(asked);
    EXPECT_TRUE(asked->first(
        "SELECT count(*) FROM information_schema.schemata WHERE schema_name LIKE '" + spec().name + "-v1%'",
        {}, [&](const ServerRow& row) { spaces = row.integer(0); }));
    EXPECT_EQ(spaces, 2) << "one step back is kept, not a history";
  }
  const auto estimate = runner_->estimate_rebuild();
  ASSERT_TRUE(estimate) << estimate.error().to_string();
  EXPECT_EQ(estimate->sampled, 41u);
}

TEST_P(Building, equal_models_are_switched_and_different_ones_shown) {
  ASSERT_TRUE(runner_->rebuild({.compare = true}));
  until_served();
  EXPECT_TRUE(runner_->status().can_roll_back);
  *factor_ = 3;
  ASSERT_TRUE(runner_->rebuild({.compare = true}));
  until(RebuildState::different);
  EXPECT_EQ(sum(), 820) << "the old one serves";
  const auto tables = runner_->status().rebuild->comparison;
  ASSERT_EQ(tables.size(), 1u);
  EXPECT_EQ(tables[0].table, "tally");
  EXPECT_EQ(tables[0].rows_before, 3u);
  EXPECT_EQ(tables[0].rows_after, 3u);
  EXPECT_FALSE(tables[0].same);
  ASSERT_EQ(tables[0].examples.size(), 6u);
  EXPECT_TRUE(tables[0].examples.front().starts_with("- ")) << tables[0].examples.front();
  EXPECT_TRUE(tables[0].examples.back().starts_with("+ ")) << tables[0].examples.back();
  EXPECT_NE(tables[0].examples.back().find("s-3"), std::string::npos) << tables[0].examples.back();
  ASSERT_TRUE(runner_->swap()) << "whatever differs";
  EXPECT_EQ(sum(), 2460);
}

TEST_P(Building, a_model_that_is_ready_waits_and_one_that_is_given_up_leaves_nothing) {
  ASSERT_TRUE(runner_->rebuild({.swap = false}));
  until(RebuildState::ready);
  for (int i = 0; i < 20; ++i) tell(log_, "s-1", "Added");
  ASSERT_TRUE(runner_->wait(Position(60), upkeep_patience));
  ASSERT_TRUE(runner_->discard_rebuild());
  EXPECT_FALSE(runner_->status().rebuild);
  EXPECT_EQ(runner_->swap().error().kind(), errc::not_found);
  *factor_ = 2;
  ASSERT_TRUE(runner_->rebuild({.swap = false}));
  until(RebuildState::ready);
  EXPECT_EQ(sum(), 840);
  const auto swapped = runner_->swap();
  ASSERT_TRUE(swapped) << swapped.error().to_string();
  EXPECT_EQ(sum(), 1680);
}

TEST_P(Building, what_was_parked_gets_its_chance_in_the_new_model) {
  runner_.reset();
  Spec what = corrected();
  what.poisonous = poisonous_;
  target_ = opened(what);
  runner_ = std::make_unique<Runner>(log_, target_, parking_runner());
  runner_->start();
  tell(log_, "s-1", "Poison");
  ASSERT_TRUE(runner_->wait(tell(log_, "s-2", "Added", "2"), upkeep_patience));
  EXPECT_EQ(runner_->status().parked, 1u);
  *poisonous_ = false;
  ASSERT_TRUE(runner_->rebuild());
  until_served();
  EXPECT_EQ(runner_->status().parked, 0u);
  EXPECT_EQ(rows(*target_)["s-1"].journal, "41,");
  ASSERT_TRUE(runner_->rollback());
  EXPECT_EQ(runner_->status().parked, 1u) << "it is still aside in the old one";
  EXPECT_EQ(runner_->retry().value(), 1u);
  EXPECT_EQ(rows(*target_)["s-1"].journal, "41,");
}

TEST_P(Building, one_that_stands_by_is_led_to_the_new_model_too) {
  const auto theirs = opened(corrected());
  Runner standby(log_, theirs);
  standby.start();
  ASSERT_TRUE(comes_true([&] { return standby.status().state == ProjectionState::standby; }));
  *factor_ = 2;
  ASSERT_TRUE(runner_->rebuild());
  until_served();
  EXPECT_TRUE(comes_true([&] { return sum(*theirs) == 1640; }));
  runner_->stop();
  runner_.reset();
  target_.reset();
  ASSERT_TRUE(standby.wait(tell(log_, "s-1", "Added", "5"), upkeep_patience)) << "and goes on with it";
  EXPECT_EQ(sum(*theirs), 1650);
  ASSERT_TRUE(standby.rollback());
  EXPECT_EQ(sum(*theirs), 830);
}

// Nobody else has the lease when the connection is made again, but somebody has had it.
TEST_P(Building, a_lease_that_is_back_after_another_has_switched_writes_nothing_to_the_old_model) {
  if (!store().server()) GTEST_SKIP() << "there is no connection to lose";
  const Model before = rows(*target_);
  *factor_ = 2;
  {
    const auto theirs = opened(corrected());
    Runner other(log_, theirs);
    store().lose_lease(spec());
    other.start();
    ASSERT_TRUE(other.wait(Position(40), upkeep_patience)) << other.status().reason;
    ASSERT_TRUE(other.rebuild());
    ASSERT_TRUE(comes_true([&] { return !other.status().rebuild; })) << other.status().rebuild->reason;
    EXPECT_EQ(sum(*theirs), 1640);
  }
  const Position written = tell(log_, "s-1", "Added", "10");
  const auto refused = runner_->wait(written, upkeep_patience);
  ASSERT_FALSE(refused);
  EXPECT_NE(runner_->status().reason.find("another model serves"), std::string::npos)
      << runner_->status().reason;
  EXPECT_EQ(rows(*target_), before) << "the model before is as it was left";
  runner_->stop();
  runner_->start();
  ASSERT_TRUE(runner_->wait(written, upkeep_patience)) << runner_->status().reason;
  EXPECT_EQ(sum(), 1660);
}

TEST_P(Building, a_projection_that_does_not_run_finds_out_what_serves_before_it_changes_it) {
  runner_ = nullptr;
  Runner idle(log_, target_);
  *factor_ = 2;
  {
    Runner other(log_, opened(corrected()));
    other.start();
    ASSERT_TRUE(other.wait(Position(40), upkeep_patience)) << other.status().reason;
    ASSERT_TRUE(other.rebuild());
    ASSERT_TRUE(comes_true([&] { return !other.status().rebuild; })) << other.status().rebuild->reason;
  }
  EXPECT_EQ(sum(), 820) << "it has not heard of the switch";
  const auto back = idle.rollback();
  ASSERT_TRUE(back) << back.error().to_string();
  EXPECT_EQ(sum(), 820);
  ASSERT_TRUE(idle.rollback());
  EXPECT_EQ(sum(), 1640) << "there were two models, and it knows both";
}

// A process that lost its connection, and does not know, may have written to the other model: it is not served blindly.
TEST_P(Building, a_model_that_somebody_else_has_written_is_not_switched_to) {
  if (!store().server()) GTEST_SKIP() << "nobody else can write there";
  runner_->stop();
  ASSERT_TRUE(target_->lease()->take());
  SideBySide* const beside = target_->side_by_side();
  const auto one = beside->build({});
  ASSERT_TRUE(one) << one.error().to_string();
  const auto another = beside->build({});
  ASSERT_TRUE(another) << another.error().to_string();
  ASSERT_TRUE((*another)->begin());
  ASSERT_TRUE((*another)->commit({Position(40), Position(40), Uuid::from_name(Uuid{}, "40")}));
  const auto swapped = beside->swap(**one);
  ASSERT_FALSE(swapped);
  EXPECT_EQ(swapped.error().kind(), errc::conflict) << swapped.error().to_string();
  ASSERT_TRUE(beside->discard());
  target_->lease()->release();
}

// Every append adds the same to two streams: a reader that saw half of something would see them differ.
TEST_P(Building, under_traffic_no_question_fails_and_nobody_sees_a_half_built_model) {
  const auto write = [&] {
    AppendRequest both;
    for (const char* stream : {"a", "b"}) {
      NewEvent event;
      event.type = "Added";
      event.data = "1";
      both.writes.push_back({stream, {}, {std::move(event)}});
    }
    return log_.append(std::move(both))->last;
  };
  ASSERT_TRUE(runner_->wait(write(), upkeep_patience));
  std::atomic<bool> done = false;
  std::thread writer([&] {
    while (!done) {
      const Position written = write();
      ASSERT_TRUE(runner_->wait(written, upkeep_patience));
      const auto looked = store().show(*target_, {});
      ASSERT_TRUE(looked) << looked.error().to_string();
      ASSERT_GE(looked->position, written) << "whoever wrote reads it, whichever model serves";
    }
  });
  std::thread reader([&] {
    Position seen;
    while (!done) {
      auto looked = store().show(*target_, {});
      ASSERT_TRUE(looked) << looked.error().to_string();
      ASSERT_EQ(looked->rows.size(), 5u) << "a model with rows missing";
      ASSERT_EQ(looked->rows["a"], looked->rows["b"]);
      ASSERT_EQ(looked->position.value(), 40 + 2 * static_cast<std::uint64_t>(looked->rows["a"].total));
      ASSERT_GE(looked->position, seen) << "no step back";
      seen = looked->position;
      std::this_thread::sleep_for(200us);
    }
  });
#ifdef STELE_SANITIZED
  constexpr int rounds = 1;
#else
  constexpr int rounds = 3;
#endif
  for (int round = 0; round < rounds; ++round) {
    EXPECT_TRUE(runner_->rebuild());
    until_served();
    EXPECT_TRUE(runner_->rollback());
  }
  done = true;
  writer.join();
  reader.join();
}

// The projection ends the child in the sixth batch of the build.
[[noreturn]] void build_and_die(Store& store, const Spec& spec) {
  MemoryStore log;
  for (int i = 1; i <= 40; ++i) tell(log, "s-" + std::to_string(1 + i % 3), "Added", std::to_string(i));
  auto target = store.open(spec);
  if (!target) ::_exit(3);
  Runner runner(log, *target);
  runner.start();
  if (!runner.wait(Position(40), upkeep_patience)) ::_exit(4);
  const auto begun = runner.rebuild({.batch = 2});
  if (!begun && begun.error().kind() != errc::conflict) ::_exit(5);
  (void)comes_true([&] { return !runner.status().rebuild; });
  ::_exit(6);
}

TEST_P(Building, a_build_goes_on_where_a_killed_process_has_left_it) {
  runner_.reset();
  target_.reset();
  const pid_t child = ::fork();
  if (child == 0) {
    Spec what = corrected();
    what.applied = std::make_shared<std::atomic<std::int64_t>>(0);
    what.dies_at = 12;
    build_and_die(store(), what);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status)) << WEXITSTATUS(status);
  Spec what = corrected();
  what.applied = std::make_shared<std::atomic<std::int64_t>>(0);
  const auto target = opened(what);
  ASSERT_TRUE(target);
  EXPECT_EQ(sum(*target), 820) << "what serves is whole";
  Runner runner(log_, target);
  runner.start();
  ASSERT_TRUE(comes_true([&] { return runner.status().can_roll_back && !runner.status().rebuild; }))
      << "it went on by itself: " << runner.status().reason;
  EXPECT_EQ(sum(*target), 820);
  EXPECT_LE(*what.applied, 30) << "what was built before is not built again";
  EXPECT_GT(*what.applied, 0);
}

// At any message of a build, or of a switch to one that is ready. What this process shows is then what the record says
// for all others.
TEST_P(Building, over_connections_that_end_at_any_message_everybody_is_shown_the_same_model) {
  if (!store().server()) GTEST_SKIP() << "there is no connection to lose";
#ifdef STELE_SANITIZED
  constexpr std::int64_t stride = 97;
  constexpr std::int64_t switch_stride = 9;
#else
  constexpr std::int64_t stride = 41;
  constexpr std::int64_t switch_stride = 1;
#endif
  constexpr std::int64_t opening = 20;
  constexpr std::int64_t clean_up = 34;
  CuttingProxy proxy(store().server()->port());
  runner_.reset();
  target_.reset();
  const auto ended = [&] {
    const auto status = runner_->status().rebuild;
    return !status || status->state == RebuildState::failed;
  };
  // False: it took fewer messages than that.
  const auto lose = [&](std::int64_t message, Cut what, bool when_ready) {
    SCOPED_TRACE("cut at message " + std::to_string(message) + (when_ready ? " of the switch" : ""));
    open(proxy.port());
    EXPECT_TRUE(runner_->wait(log_.head().position, upkeep_patience)) << runner_->status().reason;
    if (when_ready) {
      EXPECT_TRUE(runner_->rebuild({.swap = false}));
      until(RebuildState::ready);
    }
    proxy.cut_at(message, what);
    if (when_ready) {
      (void)runner_->swap().has_value();
    } else if (runner_->rebuild({.batch = 10})) {
      EXPECT_TRUE(comes_true(ended));
    }
    const bool has_cut = proxy.has_cut();
    proxy.let_be();
    const Position written = tell(log_, "s-1", "Added", "1");
    if (!runner_->wait(written, upkeep_patience)) {
      runner_->stop();
      runner_->start();
      EXPECT_TRUE(runner_->wait(written, upkeep_patience)) << runner_->status().reason;
    }
    const auto theirs = opened(corrected());
    EXPECT_EQ(theirs->checkpoint()->position, written) << "the one that is kept up to date";
    EXPECT_EQ(rows(*theirs), rows(*target_));
    if (runner_->status().rebuild) (void)runner_->discard_rebuild().has_value();
    runner_.reset();
    target_.reset();
    return has_cut;
  };
  std::int64_t message = 1;
  for (Cut what = Cut::request; lose(message, what, false); message += stride)
    what = what == Cut::request ? Cut::answer : Cut::request;
  EXPECT_GE(message, stride);
  // The beginning of it only opens the model, its end only cleans up.
  message = opening;
  while (message < clean_up && lose(message, Cut::answer, true)) message += switch_stride;
  EXPECT_GT(message, opening);
}

TEST(Comparisons, see_all_columns_also_where_one_has_the_name_of_an_alias_postgres) {
  std::int64_t value = 1;
  const ServerProjection odd{
      .name = "odd",
      .version = 1,
      .schema = "CREATE TABLE odd(t BIGINT PRIMARY KEY, line BIGINT)",
      .events = Query::all(),
      .project = [&value](ServerModel& model, const EventView& event) -> result<void> {
        STELE_CHECK(model.run("INSERT INTO odd VALUES($1, $2)", {event.position, value}));
        return {};
      }};
  const auto target = ServerTarget::open(postgres_at(store_named("postgres").server()->port()), odd);
  ASSERT_TRUE(target) << target.error().to_string();
  ASSERT_TRUE((*target)->reset());
  SideBySide* const beside = (*target)->side_by_side();
  MemoryStore log;
  tell(log, "s-1", "Added");
  for (int round = 1; round <= 2; ++round) {
    value = 1;
    Runner before(log, *target);
    before.start();
    ASSERT_TRUE(before.wait(Position(1), upkeep_patience)) << before.status().reason;
    before.stop();
    value = round;
    const auto built = beside->build({});
    ASSERT_TRUE(built) << built.error().to_string();
    const auto cursor = log.read({});
    const auto events = (*cursor)->next_batch(1);
    ASSERT_TRUE((*built)->begin());
    ASSERT_TRUE((*built)->apply(events->front()));
    ASSERT_TRUE((*built)->commit({Position(1), Position(1), events->front().id}));
    const auto tables = beside->compare(**built, 5);
    ASSERT_TRUE(tables) << tables.error().to_string();
    ASSERT_EQ(tables->size(), 1u);
    EXPECT_EQ(tables->front().same, round == 1);
    ASSERT_TRUE(beside->discard());
  }
}

INSTANTIATE_TEST_SUITE_P(On, Building, testing::Values("sqlite", "postgres", "mariadb"),
                         [](const auto& one) { return std::string(one.param); });

}  // namespace
}  // namespace stele::test

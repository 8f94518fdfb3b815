// contract_test.cpp - what every target has to keep, on all of them: order, once, deaths at any step, emptying, another
// log, the past, values of every kind. What happens when connections and servers go is in connection_test.cpp.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <limits>
#include <thread>

#include "projection/apply.hpp"
#include "projection/memory_store.hpp"
#include "targets/log_of.hpp"
#include "targets/stores.hpp"

namespace stele::test {
namespace {

class Contract : public testing::TestWithParam<const char*> {
 protected:
  Store& store() { return store_named(GetParam()); }
  // A model of its own for each test.
  static Spec spec(int version = 1) {
    std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    name = name.substr(0, std::min<std::size_t>(name.find('/'), 30));
    return {.name = name, .version = version};
  }
  std::shared_ptr<ProjectionTarget> opened(const Spec& what) {
    auto target = store().open(what);
    if (!target) ADD_FAILURE() << target.error().to_string();
    return target.value_or(nullptr);
  }
  Shown shown(ProjectionTarget& target) {
    auto looked = store().show(target, Log::streams());
    if (!looked) ADD_FAILURE() << looked.error().to_string();
    return looked.value_or(Shown{});
  }
};

result<Checkpoint> deliver(ProjectionTarget& target, const Log& log, std::size_t first, std::size_t count) {
  STELE_TRY(const Checkpoint at, target.checkpoint());
  const auto events = log.views(first, count);
  auto applied = projection::apply_batch(target, at, events, events.back().position);
  if (!applied) return applied.error().why;
  return applied->now;
}

TEST_P(Contract, events_are_applied_in_order_and_the_checkpoint_says_how_far) {
  const Log log(60);
  const auto target = opened(spec());
  ASSERT_TRUE(target);
  EXPECT_EQ(target->checkpoint().value(), Checkpoint{});
  for (std::size_t i = 0; i < log.size(); i += 7) {
    const auto now = deliver(*target, log, i, 7);
    ASSERT_TRUE(now) << now.error().to_string();
    EXPECT_EQ(now->position, log.last(i + 7));
    EXPECT_EQ(target->checkpoint().value(), *now);
  }
  const Shown all = shown(*target);
  EXPECT_EQ(all.rows, log.by_hand(log.size()));
  EXPECT_EQ(all.position, log.last(log.size()));
}

TEST_P(Contract, changed_keys_come_back_once_each_and_those_of_a_lost_batch_are_forgotten) {
  const Log log(40);
  const auto target = opened(spec());
  ASSERT_TRUE(target);
  ASSERT_TRUE(target->begin());
  ASSERT_TRUE(target->apply(log.views(0, 1).front()));
  target->rollback();
  const auto events = log.views(1, 30);
  const auto applied = projection::apply_batch(*target, {}, events, events.back().position);
  ASSERT_TRUE(applied);
  std::vector<std::string> expected;
  for (const EventView& event : events) expected.emplace_back(event.stream);
  std::ranges::sort(expected);
  expected.erase(std::ranges::unique(expected).begin(), expected.end());
  EXPECT_EQ(applied->changed, expected);
}

// The environment's number is for the long run; each batch is delivered one to five times, sometimes by a target that
// was opened anew, sometimes after half of it had been applied and rolled back.
TEST_P(Contract, an_event_that_is_delivered_one_to_five_times_counts_once) {
  const char* wanted = std::getenv("STELE_TARGET_EVENTS");
  const std::size_t events = wanted ? std::strtoull(wanted, nullptr, 10) : 3'000;
  const Log log(events, Log::Kind::numbers);
  std::mt19937_64 random(events);
  auto target = opened(spec());
  ASSERT_TRUE(target);
  for (std::size_t first = 0; first < events;) {
    const std::size_t count = std::min<std::size_t>(1 + random() % 1000, events - first);
    const std::size_t again =
        std::min<std::size_t>(first, random() % 300);  // what came before comes again, too
    const auto batch = log.views(first - again, count + again);
    for (std::uint64_t times = 1 + random() % 5; times > 0; --times) {
      const auto at = target->checkpoint();
      ASSERT_TRUE(at) << at.error().to_string();
      if (random() % 4 == 0) {
        ASSERT_TRUE(target->begin());
        for (std::size_t i = 0; i < batch.size() / 2; ++i) {
          if (batch[i].position > at->position) {
            ASSERT_TRUE(target->apply(batch[i]));
          }
        }
        target->rollback();
      }
      const auto done = projection::apply_batch(*target, *at, batch, batch.back().position);
      ASSERT_TRUE(done) << done.error().why.to_string();
    }
    if (random() % 8 == 0) {
      target.reset();
      target = opened(spec());
      ASSERT_TRUE(target);
    }
    first += count;
  }
  EXPECT_EQ(shown(*target).rows, log.by_hand(events));
}

// ---- Deaths

// Dies at the n-th call, before it is passed on or after it has returned.
class DyingTarget final : public ProjectionTarget {
  template <class Call>
  auto step(const Call& call) {
    --left_;
    if (left_ == 0 && !after_) ::raise(SIGKILL);
    auto done = call();
    if (left_ == 0) ::raise(SIGKILL);
    return done;
  }

 public:
  DyingTarget(ProjectionTarget& real, int call, bool after) : real_(real), left_(call), after_(after) {}
  [[nodiscard]] const std::string& name() const override { return real_.name(); }
  [[nodiscard]] int version() const override { return real_.version(); }
  [[nodiscard]] const Query& events() const override { return real_.events(); }
  [[nodiscard]] std::string note() const override { return real_.note(); }
  result<Checkpoint> checkpoint() override { return real_.checkpoint(); }
  result<void> reset() override {
    return step([&] { return real_.reset(); });
  }
  result<void> begin() override {
    return step([&] { return real_.begin(); });
  }
  result<void> apply(const EventView& event) override {
    return step([&] { return real_.apply(event); });
  }
  result<std::vector<std::string>> commit(const Checkpoint& now) override {
    return step([&] { return real_.commit(now); });
  }
  void rollback() override { real_.rollback(); }
  void passed(Position position) override { real_.passed(position); }

 private:
  ProjectionTarget& real_;
  int left_;
  const bool after_;
};

// What the child does until it dies: batches of three. True: it lived to the end.
bool child_lives_through(Store& store, const Spec& spec, const Log& log, int call, bool after) {
  const pid_t child = ::fork();
  if (child == 0) {
    auto real = store.open(spec);
    if (!real) ::_exit(3);
    DyingTarget target(**real, call, after);
    for (std::size_t i = 0; i < log.size(); i += 3)
      if (!deliver(target, log, i, 3)) ::_exit(4);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0)
      << "the child could not: " << WEXITSTATUS(status);
  return WIFEXITED(status);
}

TEST_P(Contract, whatever_step_it_dies_at_the_next_process_goes_on_exactly) {
  const Log log(9, Log::Kind::mixed);
  bool lived = false;
  int deaths = 0;
  for (int call = 1; !lived; ++call) {
    for (const bool after : {false, true}) {
      SCOPED_TRACE("killed at call " + std::to_string(call) + (after ? ", after it" : ", before it"));
      {
        const auto before = opened(spec());
        ASSERT_TRUE(before && before->reset());
      }
      lived = child_lives_through(store(), spec(), log, call, after);
      if (!lived) ++deaths;
      const auto target = opened(spec());
      ASSERT_TRUE(target);
      const auto left = target->checkpoint();
      ASSERT_TRUE(left);
      if (store().whole_batches()) {
        EXPECT_EQ(shown(*target).rows, log.by_hand(log.count_to(left->position)));
      }
      for (std::size_t i = 0; i < log.size(); i += 3) ASSERT_TRUE(deliver(*target, log, i, 3));
      EXPECT_EQ(shown(*target).rows, log.by_hand(log.size()));
    }
    ASSERT_LT(call, 100);
  }
  EXPECT_GE(deaths, 30) << "every step of three batches was one to die at";
}

TEST_P(Contract, what_passed_is_shown_at_once_and_kept_when_it_is_closed) {
  const Log log(3);
  {
    const auto target = opened(spec());
    ASSERT_TRUE(deliver(*target, log, 0, 3));
    target->passed(Position(900));
    EXPECT_EQ(shown(*target).position, Position(900));
    EXPECT_EQ(target->checkpoint()->position, Position(900));
    EXPECT_EQ(target->checkpoint()->last_event, log.last(3));
  }
  const auto again = opened(spec());
  EXPECT_EQ(again->checkpoint()->position, Position(900));
  EXPECT_EQ(again->checkpoint()->last_event, log.last(3));
}

// ---- Building anew

TEST_P(Contract, emptying_takes_everything_and_other_versions_stay) {
  const Log log(30);
  const auto older = opened(spec(1));
  const auto newer = opened(spec(2));
  ASSERT_TRUE(deliver(*older, log, 0, 30));
  ASSERT_TRUE(deliver(*newer, log, 0, 20));
  newer->passed(Position(500));
  const auto emptied = newer->reset();
  ASSERT_TRUE(emptied) << emptied.error().to_string();
  EXPECT_EQ(newer->checkpoint().value(), Checkpoint{});
  EXPECT_EQ(shown(*newer).rows, Model{});
  EXPECT_EQ(shown(*newer).position, Position{});
  EXPECT_EQ(shown(*older).rows, log.by_hand(30));
  ASSERT_TRUE(deliver(*newer, log, 0, 30));
  EXPECT_EQ(shown(*newer).rows, log.by_hand(30));
  EXPECT_EQ(opened(spec(2))->checkpoint()->position, log.last(30));
}

Position fill(MemoryStore& into, const Log& log) {
  Position last;
  for (const EventView& event : log.views(0, log.size())) {
    NewEvent made;
    made.type = event.type;
    made.data = event.data;
    AppendRequest request;
    request.writes.push_back({std::string(event.stream), {}, {std::move(made)}});
    last = into.append(std::move(request))->last;
  }
  return last;
}

Model by_hand(MemoryStore& from, Position up_to) {
  Model model;
  const auto cursor = from.read({});
  const auto events = (*cursor)->next_batch(100'000);
  for (const EventView& event : *events)
    if (event.position <= up_to) keep(model, event);
  return model;
}

TEST_P(Contract, a_model_of_another_log_is_built_anew_and_the_runner_says_so) {
  MemoryStore one;
  MemoryStore other;
  fill(one, Log(50));
  const Position end = fill(other, Log(80));
  const auto target = opened(spec());
  {
    Runner runner(one, target);
    runner.start();
    ASSERT_TRUE(runner.wait(Position(50), std::chrono::minutes(1)));
  }
  Runner runner(other, target);
  runner.start();
  ASSERT_TRUE(runner.wait(end, std::chrono::minutes(1))) << runner.status().reason;
  EXPECT_NE(runner.status().note.find("another log"), std::string::npos);
  EXPECT_EQ(shown(*target).rows, by_hand(other, end));
}

TEST_P(Contract, a_runner_that_gets_events_again_and_again_comes_to_the_same) {
  MemoryStore events;
  events.redeliver = 20;
  const Position end = fill(events, Log(400, Log::Kind::mixed));
  const auto target = opened(spec());
  Runner runner(events, target, {.batch = 16});
  runner.start();
  ASSERT_TRUE(runner.wait(end, std::chrono::minutes(1))) << runner.status().reason;
  EXPECT_EQ(shown(*target).rows, by_hand(events, end));
}

TEST_P(Contract, folded_to_any_moment_a_scratch_model_is_what_it_was_then) {
  MemoryStore events;
  fill(events, Log(90));
  const auto serving = opened(spec());
  ASSERT_TRUE(fold(*serving, events, Position(90)));
  for (const std::uint64_t moment : {0U, 1U, 44U, 90U}) {
    auto past = store().scratch(spec());
    ASSERT_TRUE(past) << past.error().to_string();
    const auto reached = fold(**past, events, Position(moment));
    ASSERT_TRUE(reached) << reached.error().to_string();
    EXPECT_EQ(shown(**past).rows, by_hand(events, Position(moment)));
  }
  EXPECT_EQ(shown(*serving).rows, by_hand(events, Position(90))) << "and the one that serves is as it was";
}

// ---- Events in the way

TEST_P(Contract, an_event_that_cannot_be_applied_stops_the_projection_there_until_it_can) {
  MemoryStore events;
  fill(events, Log(20));
  NewEvent poison;
  poison.type = "Poison";
  AppendRequest request;
  request.writes.push_back({"s-1", {}, {std::move(poison)}});
  const Position stuck = events.append(std::move(request))->last;
  const Position end = fill(events, Log(10));
  Spec poisoned = spec();
  poisoned.poisonous = std::make_shared<std::atomic<bool>>(true);
  const auto target = opened(poisoned);
  Runner runner(events, target, {.batch = 8, .tries = 2, .first_pause = std::chrono::microseconds(100)});
  runner.start();
  const auto waited = runner.wait(end, std::chrono::minutes(1));
  ASSERT_FALSE(waited);
  EXPECT_EQ(waited.error().kind(), errc::unavailable);
  EXPECT_EQ(runner.position(), Position(stuck.value() - 1)) << "what came before it is in the model";
  EXPECT_EQ(shown(*target).rows, by_hand(events, Position(stuck.value() - 1)));
  *poisoned.poisonous = false;
  runner.start();
  ASSERT_TRUE(runner.wait(end, std::chrono::minutes(1))) << runner.status().reason;
  EXPECT_EQ(shown(*target).rows, by_hand(events, end));
}

// Each batch adds the same to two streams: a reader that saw half of one would see them differ.
TEST_P(Contract, readers_see_whole_batches_and_the_position_that_belongs_to_them) {
  if (!store().whole_batches()) GTEST_SKIP() << "values change one by one here, and its header says so";
  const auto target = opened(spec());
  std::atomic<bool> done = false;
  std::thread reader([&] {
    while (!done) {
      const auto looked = store().show(*target, {});
      ASSERT_TRUE(looked) << looked.error().to_string();
      Model rows = looked->rows;
      ASSERT_EQ(rows["a"].total, rows["b"].total);
      ASSERT_EQ(looked->position.value(), static_cast<std::uint64_t>(rows["a"].total) * 2);
    }
  });
  Log log;
  for (std::size_t i = 0; i < 40; ++i) {
    log.add("a", "Added", "1");
    log.add("b", "Added", "1");
    EXPECT_TRUE(deliver(*target, log, 2 * i, 2));
  }
  done = true;
  reader.join();
}

// ---- Values

TEST_P(Contract, values_of_every_kind_come_back_as_they_went_in) {
  const std::vector<std::string> texts{"",
                                       "it's \"quoted\", \\ and `ticked`",
                                       "tab\tline\nreturn\r end ",
                                       "{a,b} $1 ? %s ; DROP TABLE tally --",
                                       "Żółć, 東京, \xF0\x9F\x90\x98",
                                       "\\N",
                                       "NULL",
                                       std::string(100'000, 'x')};
  Log log;
  for (std::size_t i = 0; i < texts.size(); ++i) log.add("s-" + std::to_string(i), "Noted", texts[i]);
  log.add("s-0", "Cleared", "");
  log.add("s-10", "Added", std::to_string(std::numeric_limits<std::int64_t>::max()));
  log.add("s-11", "Added", std::to_string(std::numeric_limits<std::int64_t>::min()));
  log.add("s-12", "Added", "9007199254740993");  // no double is this
  log.add("s-13", "Noted", "");                  // empty, which is something
  const auto target = opened(spec());
  ASSERT_TRUE(deliver(*target, log, 0, log.size()));
  EXPECT_EQ(shown(*target).rows, log.by_hand(log.size()));
  EXPECT_FALSE(shown(*target).rows["s-0"].note.has_value());
  EXPECT_EQ(shown(*target).rows["s-13"].note, "");
}

TEST_P(Contract, a_megabyte_of_text_is_kept_or_refused_with_the_limit) {
  Log log;
  log.add("s-1", "Added", "5");
  log.add("s-1", "Noted", std::string((1 << 20) + 5, 'y'));
  const auto target = opened(spec());
  ASSERT_TRUE(deliver(*target, log, 0, 1));
  const auto done = deliver(*target, log, 1, 1);
  if (std::string_view(GetParam()) == "memcached") {
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().kind(), errc::too_large);
    EXPECT_EQ(done.error().fact("limit"), "1048576");
    EXPECT_EQ(done.error().fact("position"), "2") << "the event is named";
  } else {
    ASSERT_TRUE(done) << done.error().to_string();
    EXPECT_EQ(shown(*target).rows["s-1"].note->size(), std::size_t{1 << 20} + 5);
  }
}

TEST_P(Contract, what_cannot_be_a_name_is_refused) {
  for (const char* name : {"", "Upper", "dot.dot", "a b", "x'; DROP"}) {
    const auto target = store().open({.name = name});
    ASSERT_FALSE(target) << name;
    EXPECT_EQ(target.error().kind(), errc::invalid) << name;
  }
  EXPECT_EQ(store().open({.name = std::string(300, 'a')}).error().kind(), errc::invalid);
  EXPECT_EQ(store().open({.name = "fine", .version = 0}).error().kind(), errc::invalid);
}

// ---- Who may write

TEST_P(Contract, a_second_process_that_commits_is_told_that_the_model_has_moved) {
  const Log log(20);
  const auto first = opened(spec());
  const auto second = opened(spec());
  ASSERT_TRUE(deliver(*first, log, 0, 10));
  const auto events = log.views(0, 5);
  const auto late = projection::apply_batch(*second, {}, events, events.back().position);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().why.kind(), errc::conflict) << late.error().why.to_string();
  ASSERT_TRUE(deliver(*second, log, 0, 20)) << "from the checkpoint as it is now it goes on";
  EXPECT_EQ(shown(*second).rows, log.by_hand(20));
}

TEST_P(Contract, of_two_processes_one_has_the_lease_until_it_lets_go_and_a_lost_one_is_a_fence) {
  const Log log(30);
  const auto first = opened(spec());
  const auto second = opened(spec());
  ProjectionLease* const mine = first->lease();
  ProjectionLease* const theirs = second->lease();
  if (std::string_view(GetParam()) == "sqlite") GTEST_SKIP() << "tests/projection has its own";
  ASSERT_TRUE(mine && theirs);
  ASSERT_TRUE(mine->take());
  ASSERT_TRUE(mine->take()) << "taking again keeps it";
  const auto refused = theirs->take();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), errc::busy);
  EXPECT_FALSE(refused.error().fact("holder").value_or("").empty());
  ASSERT_TRUE(deliver(*first, log, 0, 10));
  mine->release();
  ASSERT_TRUE(theirs->take());
  EXPECT_EQ(mine->take().error().kind(), errc::busy);
  ASSERT_TRUE(deliver(*second, log, 0, 20));

  store().lose_lease(spec());
  auto taken = mine->take();
  for (int i = 0; !taken && i < 1000; ++i) taken = mine->take();
  ASSERT_TRUE(taken) << taken.error().to_string();
  const auto at = Checkpoint{log.last(20), log.last(20), log.views(19, 1).front().id};
  const auto late = log.views(20, 5);
  auto fenced = projection::apply_batch(*second, at, late, late.back().position);
  if (!fenced &&
      fenced.error().why.kind() == errc::unavailable)  // the first it hears is that the connection is gone
    fenced = projection::apply_batch(*second, at, late, late.back().position);
  ASSERT_FALSE(fenced);
  EXPECT_EQ(fenced.error().why.kind(), errc::conflict) << fenced.error().why.to_string();
  ASSERT_TRUE(deliver(*first, log, 0, 30));
  EXPECT_EQ(shown(*first).rows, log.by_hand(30));
}

INSTANTIATE_TEST_SUITE_P(On, Contract, testing::Values("sqlite", "postgres", "mariadb", "redis", "memcached"),
                         [](const auto& one) { return std::string(one.param); });

}  // namespace
}  // namespace stele::test

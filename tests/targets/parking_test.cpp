// parking_test.cpp - on all targets bad events are set aside and come back, whatever step the process or the connection
// dies at. Building a second model is building_test.cpp.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "targets/cutting_proxy.hpp"
#include "targets/on_target.hpp"
#include "targets/shared/parked_text.hpp"
#include "targets/shared/standing.hpp"

namespace stele::test {
namespace {

using namespace std::chrono_literals;

// ---- Bad events

class Parking : public OnTarget {
 protected:
  Spec bad() {
    Spec what = spec();
    what.poisonous = poisonous_;
    return what;
  }
  void open(RunnerOptions options = parking_runner()) {
    runner_.reset();
    target_ = opened(bad());
    ASSERT_TRUE(target_);
    runner_ = std::make_unique<Runner>(log_, target_, std::move(options));
    runner_->start();
  }
  // The last event has to be one that can be applied.
  void settle() {
    const auto reached = runner_->wait(log_.head().position, upkeep_patience);
    ASSERT_TRUE(reached) << reached.error().to_string() << runner_->status().reason;
  }
  std::shared_ptr<ProjectionTarget> target_;
  std::unique_ptr<Runner> runner_;
};

TEST_P(Parking, a_bad_event_and_its_sequence_step_aside_and_come_back_in_order) {
  tell(log_, "s-1", "Ordered");
  tell(log_, "s-1", "Poison");
  tell(log_, "s-2", "Added", "10");
  tell(log_, "s-1", "Ordered");
  tell(log_, "s-2", "Ordered");
  open();
  settle();
  const Places aside{{2, State::failed}, {4, State::waiting}};
  EXPECT_EQ(places_in(*runner_->parked()), aside);
  EXPECT_EQ(rows(*target_)["s-1"].journal, "1,");
  EXPECT_EQ(rows(*target_)["s-2"], (Kept{.total = 10, .times = 1, .note = {}, .journal = "5,"}));
  EXPECT_EQ(runner_->wait(Position(2), upkeep_patience).error().kind(), errc::unavailable);
  EXPECT_EQ(runner_->retry().value(), 0u) << "it still cannot be applied";
  EXPECT_EQ(runner_->parked()->front().tries, 2u);

  const auto before = *runner_->parked();
  open();
  tell(log_, "s-1", "Ordered");
  tell(log_, "s-3", "Ordered");
  settle();
  const auto after = *runner_->parked();
  ASSERT_EQ(after.size(), 3u) << "parked over a restart, and what follows with them";
  EXPECT_EQ(after.front(), before.front());
  EXPECT_NE(after.front().why.find("this cannot be applied"), std::string::npos) << after.front().why;

  *poisonous_ = false;
  EXPECT_EQ(runner_->retry(Position(4)).value(), 3u) << "one of a sequence means all of it";
  EXPECT_EQ(rows(*target_)["s-1"].journal, "1,2,4,6,");
  EXPECT_TRUE(runner_->parked()->empty());
  open();
  settle();
  EXPECT_TRUE(runner_->parked()->empty());
  EXPECT_EQ(rows(*target_)["s-1"].journal, "1,2,4,6,") << "once";
}

TEST_P(Parking, skipping_gives_up_one_event_for_good_with_a_reason_of_any_letters) {
  const std::string reason = "typed by hand: 'żółć' \xff \\ , 7:x \n";
  tell(log_, "s-1", "Poison");
  tell(log_, "s-1", "Ordered");
  tell(log_, "s-1", "Poison");
  tell(log_, "s-2", "Ordered");
  open();
  settle();
  EXPECT_EQ(runner_->skip(Position(2), "it only waits").error().kind(), errc::invalid);
  EXPECT_EQ(runner_->skip(Position(1), reason).value(), 1u);
  open();
  settle();
  EXPECT_EQ(places_in(*runner_->parked()), (Places{{1, State::skipped}, {3, State::failed}}));
  EXPECT_EQ(runner_->status().skipped, 1u);
  EXPECT_NE(runner_->parked()->front().why.find("typed by hand: '"), std::string::npos);
  *poisonous_ = false;
  EXPECT_EQ(runner_->retry().value(), 1u);
  EXPECT_EQ(rows(*target_)["s-1"].journal, "2,3,");
}

// Without a sequence later events change the same values first: what comes late must still count, and once.
TEST_P(Parking, an_event_that_comes_late_counts_although_later_ones_have_changed_the_same_row) {
  RunnerOptions options = parking_runner();
  options.sequence = [](const EventView&) { return std::string(); };
  tell(log_, "s-1", "Poison");
  tell(log_, "s-1", "Ordered");
  tell(log_, "s-2", "Poison");
  tell(log_, "s-1", "Ordered");
  open(options);
  settle();
  EXPECT_EQ(rows(*target_)["s-1"].journal, "2,4,");
  *poisonous_ = false;
  EXPECT_EQ(runner_->retry(Position(1)).value(), 1u);
  EXPECT_EQ(rows(*target_)["s-1"].journal, "2,4,1,");
  EXPECT_EQ(runner_->retry(Position(1)).error().kind(), errc::not_found);
  tell(log_, "s-1", "Ordered");
  settle();
  EXPECT_EQ(rows(*target_)["s-1"].journal, "2,4,1,5,");
  EXPECT_EQ(runner_->retry().value(), 1u);
  EXPECT_EQ(rows(*target_)["s-2"].journal, "3,");
}

TEST_P(Parking, emptying_the_model_forgets_what_was_parked) {
  tell(log_, "s-1", "Poison");
  tell(log_, "s-2", "Ordered");
  open();
  settle();
  runner_->stop();
  ASSERT_TRUE(target_->reset());
  *poisonous_ = false;
  open();
  settle();
  EXPECT_TRUE(runner_->parked()->empty());
  EXPECT_EQ(rows(*target_)["s-1"].journal, "1,");
}

// One process has the answer to its retry lost, or two of them try: the second is refused by the store itself.
TEST_P(Parking, what_is_not_parked_any_more_cannot_be_taken_out_again) {
  tell(log_, "s-1", "Poison");
  tell(log_, "s-2", "Ordered");
  open();
  settle();
  runner_->stop();
  ASSERT_TRUE(target_->checkpoint());
  const auto take_out = [&]() -> result<void> {
    STELE_TRY(const Checkpoint at, target_->checkpoint());
    STELE_CHECK(target_->begin());
    auto removed = target_->parking()->remove(Position(1));
    if (!removed) target_->rollback();
    STELE_CHECK(removed);
    STELE_CHECK(target_->commit(at));
    return {};
  };
  EXPECT_TRUE(take_out());
  const auto again = take_out();
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind(), errc::conflict) << again.error().to_string();
  EXPECT_TRUE(target_->parking()->list()->empty());
}

// It moves no checkpoint: what is parked has to say by itself that it was changed meanwhile.
TEST_P(Parking, a_batch_that_only_parks_is_refused_when_another_has_come_before_it) {
  const std::string_view which = GetParam();
  if (which != "redis" && which != "memcached")
    GTEST_SKIP() << "there the batch is a transaction, and ends with its connection";
  const auto one = opened(spec());
  ASSERT_TRUE(one && one->reset());
  const auto other = opened(spec());
  ASSERT_TRUE(other);
  ParkedEvent entry;
  entry.position = Position(1);
  entry.state = State::failed;
  const auto put = [&](ProjectionTarget& target) -> result<void> {
    STELE_CHECK(target.begin());
    STELE_CHECK(target.parking()->put(entry));
    STELE_CHECK(target.commit(Checkpoint{}));
    return {};
  };
  ASSERT_TRUE(put(*one));
  ASSERT_TRUE(put(*one));
  const auto late = put(*other);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind(), errc::conflict) << late.error().to_string();
  ASSERT_TRUE(other->checkpoint());
  EXPECT_TRUE(put(*other)) << "what it says when it knows";
}

// ---- Deaths

// Dies at the n-th call, before it is passed on or after it has returned.
class DyingParker final : public ProjectionTarget, ProjectionParking {
  template <class Call>
  auto step(const Call& call) {
    --left_;
    if (left_ == 0 && !after_) ::raise(SIGKILL);
    auto done = call();
    if (left_ == 0) ::raise(SIGKILL);
    return done;
  }

 public:
  DyingParker(std::shared_ptr<ProjectionTarget> real, int call, bool after)
      : real_(std::move(real)), left_(call), after_(after) {}
  [[nodiscard]] const std::string& name() const override { return real_->name(); }
  [[nodiscard]] int version() const override { return real_->version(); }
  [[nodiscard]] const Query& events() const override { return real_->events(); }
  [[nodiscard]] std::string note() const override { return real_->note(); }
  result<Checkpoint> checkpoint() override { return real_->checkpoint(); }
  result<void> reset() override { return real_->reset(); }
  result<void> begin() override {
    return step([&] { return real_->begin(); });
  }
  result<void> apply(const EventView& event) override {
    return step([&] { return real_->apply(event); });
  }
  result<std::vector<std::string>> commit(const Checkpoint& now) override {
    return step([&] { return real_->commit(now); });
  }
  void rollback() override { real_->rollback(); }
  void passed(Position position) override { real_->passed(position); }
  ProjectionParking* parking() override { return this; }
  result<std::vector<ParkedEvent>> list() override { return real_->parking()->list(); }
  result<void> put(const ParkedEvent& event) override {
    return step([&] { return real_->parking()->put(event); });
  }
  result<void> remove(Position position) override {
    return step([&] { return real_->parking()->remove(position); });
  }

 private:
  const std::shared_ptr<ProjectionTarget> real_;
  int left_;
  const bool after_;
};

// s-1 stays in order; the events of s-2 wait for nobody, so the bad one comes late.
RunnerOptions mixed_runner() {
  RunnerOptions options = parking_runner();
  options.batch = 2;
  options.sequence = [](const EventView& event) {
    return event.stream == "s-2" ? std::string() : std::string(event.stream);
  };
  return options;
}
void fill_mixed(MemoryStore& log) {
  tell(log, "s-1", "Ordered");
  tell(log, "s-1", "Poison");
  tell(log, "s-2", "Poison");
  tell(log, "s-1", "Ordered");
  tell(log, "s-2", "Ordered");
}
void expect_mixed(Model rows) {
  EXPECT_EQ(rows["s-1"].journal, "1,2,4,");
  const std::string late = rows["s-2"].journal;
  EXPECT_TRUE(late == "3,5," || late == "5,3,") << late;
}

[[noreturn]] void park_and_retry(Store& store, const Spec& spec, int call, bool after) {
  MemoryStore log;
  fill_mixed(log);
  auto real = store.open(spec);
  if (!real) ::_exit(3);
  Runner runner(log, std::make_shared<DyingParker>(*real, call, after), mixed_runner());
  runner.start();
  if (!runner.wait(Position(5), upkeep_patience)) ::_exit(4);
  *spec.poisonous = false;
  if (!runner.retry()) ::_exit(5);
  ::_exit(0);
}

TEST_P(Parking, whatever_step_it_dies_at_no_event_is_lost_or_counted_twice) {
  fill_mixed(log_);
  bool lived = false;
  int deaths = 0;
#ifdef STELE_SANITIZED
  constexpr int stride = 5;
#else
  constexpr int stride = 2;
#endif
  for (int call = 1; !lived; call += stride) {
    for (const bool after : {false, true}) {
      SCOPED_TRACE("killed at call " + std::to_string(call) + (after ? ", after it" : ", before it"));
      {
        const auto before = opened(spec());
        ASSERT_TRUE(before && before->reset());
      }
      const pid_t child = ::fork();
      if (child == 0) park_and_retry(store(), bad(), call, after);
      int status = 0;
      ::waitpid(child, &status, 0);
      ASSERT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0) << WEXITSTATUS(status);
      lived = WIFEXITED(status);
      if (!lived) ++deaths;
      const auto target = opened(spec());
      ASSERT_TRUE(target);
      Runner runner(log_, target, mixed_runner());
      runner.start();
      ASSERT_TRUE(comes_true([&] { return runner.position() == Position(5); })) << runner.status().reason;
      const auto retried = runner.retry();
      ASSERT_TRUE(retried) << retried.error().to_string();
      EXPECT_TRUE(runner.parked()->empty());
      expect_mixed(rows(*target));
    }
    ASSERT_LT(call, 100);
  }
  EXPECT_GE(deaths, 30 / stride) << "every step was one to die at";
}

// At any message, also of a retry: then nobody knows whether it was done, and asking again must not do it twice.
TEST_P(Parking, over_connections_that_end_at_any_message_nothing_is_lost_or_counted_twice) {
  if (!store().server()) GTEST_SKIP() << "there is no connection to lose";
  fill_mixed(log_);
  CuttingProxy proxy(store().server()->port());
  int cuts = 0;
  bool reached = true;
#ifdef STELE_SANITIZED
  constexpr std::int64_t stride = 11;
#else
  constexpr std::int64_t stride = 5;
#endif
  for (std::int64_t message = 1; reached; message += stride) {
    reached = false;
    for (const Cut what : {Cut::request, Cut::answer}) {
      SCOPED_TRACE("cut at message " + std::to_string(message) + (what == Cut::answer ? ", its answer" : ""));
      *poisonous_ = true;
      Spec through = bad();
      through.port = proxy.port();
      const auto target = opened(through);
      ASSERT_TRUE(target && target->reset());
      Runner runner(log_, target, mixed_runner());
      proxy.cut_at(message, what);
      runner.start();
      ASSERT_TRUE(comes_true([&] { return runner.position() == Position(5); })) << runner.status().reason;
      *poisonous_ = false;
      ASSERT_TRUE(comes_true([&] { return runner.retry() && runner.status().parked == 0; }))
          << runner.status().reason;
      if (proxy.has_cut()) {
        reached = true;
        ++cuts;
      }
      proxy.let_be();
      expect_mixed(rows(*target));
    }
    ASSERT_LT(message, 400);
  }
  EXPECT_GE(cuts, 3);
}

INSTANTIATE_TEST_SUITE_P(On, Parking, testing::Values("sqlite", "postgres", "mariadb", "redis", "memcached"),
                         [](const auto& one) { return std::string(one.param); });

TEST(ParkedTexts, come_back_as_they_were_and_nothing_else_is_taken_for_one_sqlite) {
  ParkedEvent event;
  event.position = Position(7);
  event.sequence = std::string("a\0b", 3);
  event.stream = "s-1";
  event.type = "5:x,";
  event.state = State::waiting;
  event.why = "because";
  event.tries = 3;
  event.since = Timestamp(std::chrono::microseconds(-5));
  const std::string text = targets::text_of(event);
  ASSERT_TRUE(targets::parked_in(text + text));
  EXPECT_EQ(*targets::parked_in(text + text), (std::vector{event, event}));
  for (std::size_t cut = 1; cut < text.size(); ++cut)
    EXPECT_FALSE(targets::parked_in(text.substr(0, cut))) << cut;
  EXPECT_FALSE(targets::parked_in("99999999999999999999:x,"));
  EXPECT_EQ(targets::reason_to_keep("a\xff\xc5\xbc"), "a???");
  std::string long_reason;
  while (long_reason.size() < 5'000) long_reason += "ż";
  EXPECT_EQ(targets::reason_to_keep("x" + long_reason).back(), '\xbc') << "no half letter";
}

TEST(Standings, know_the_keys_of_a_batch_whose_answer_was_lost_sqlite) {
  using Keys = std::vector<std::string>;
  const Checkpoint one{Position(1), Position(1), Uuid::from_name(Uuid{}, "1")};
  const Checkpoint two{Position(2), Position(2), Uuid::from_name(Uuid{}, "2")};
  targets::Standing standing("m");
  standing.adopt(one);
  standing.sending(two, {"b", "a", "b"});
  ASSERT_TRUE(standing.rejoin(one));
  EXPECT_EQ(standing.arrived_keys(), Keys{}) << "it has not arrived";
  standing.sending(two, {"b", "a", "b"});
  ASSERT_TRUE(standing.rejoin(two));
  EXPECT_EQ(standing.arrived_keys(), (Keys{"a", "b"}));
  EXPECT_EQ(standing.stored(), two);
  standing.sending(two, {"late"});  // of a parked event
  ASSERT_TRUE(standing.rejoin(two));
  EXPECT_EQ(standing.arrived_keys(), Keys{"late"}) << "arrived or not: nobody can tell, so they are told";
  ASSERT_TRUE(standing.rejoin(two));
  EXPECT_EQ(standing.arrived_keys(), Keys{});
  EXPECT_EQ(standing.rejoin(one).error().kind(), errc::conflict);
}

}  // namespace
}  // namespace stele::test

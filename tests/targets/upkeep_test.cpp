// upkeep_test.cpp - keeping models in order, on all targets: bad events are set aside and come back, whatever step the
// process or the connection dies at; and, where a target can hold two models, one is built beside the other.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "projection/memory_store.hpp"
#include "stele/targets.hpp"
#include "targets/cutting_proxy.hpp"
#include "targets/shared/parked_text.hpp"
#include "targets/shared/standing.hpp"
#include "targets/stores.hpp"

namespace stele::test {
namespace {

using namespace std::chrono_literals;
using State = ParkedEvent::State;
constexpr std::chrono::microseconds upkeep_patience = 60s;

template <class Condition>
bool comes_true(const Condition& condition) {
  const auto until = std::chrono::steady_clock::now() + 60s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

// Ids follow from positions, so that a child and its parent have the same log.
Position tell(MemoryStore& log, const std::string& stream, std::string type, std::string data = "1") {
  NewEvent event;
  event.id = Uuid::from_name(Uuid{}, std::to_string(log.head().position.value() + 1));
  event.type = std::move(type);
  event.data = std::move(data);
  AppendRequest request;
  request.writes.push_back({stream, {}, {std::move(event)}});
  return log.append(std::move(request))->last;
}

RunnerOptions parking_runner() {
  RunnerOptions options;
  options.tries = 1;
  options.first_pause = 1ms;
  options.longest_pause = 1ms;
  options.on_failure = OnFailure::park;
  return options;
}

using Places = std::vector<std::pair<std::uint64_t, State>>;
Places places_in(const std::vector<ParkedEvent>& events) {
  Places places;
  for (const ParkedEvent& event : events) places.emplace_back(event.position.value(), event.state);
  return places;
}

class OnTarget : public testing::TestWithParam<const char*> {
 protected:
  Store& store() { return store_named(GetParam()); }
  static Spec spec() {
    std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    return {.name = name.substr(0, std::min<std::size_t>(name.find('/'), 30))};
  }
  std::shared_ptr<ProjectionTarget> opened(const Spec& what) {
    auto target = store().open(what);
    if (!target) ADD_FAILURE() << target.error().to_string();
    return target.value_or(nullptr);
  }
  Model rows(ProjectionTarget& target, std::vector<std::string> streams = {"s-1", "s-2", "s-3"}) {
    auto looked = store().show(target, streams);
    if (!looked) ADD_FAILURE() << looked.error().to_string();
    return looked.value_or(Shown{}).rows;
  }
  std::shared_ptr<std::atomic<bool>> poisonous_ = std::make_shared<std::atomic<bool>>(true);
  MemoryStore log_;
};

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

// ---- A second model

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

// The child ends itself at some step of the build, after the commit that many batches in.
[[noreturn]] void build_and_die(Store& store, const Spec& spec, const std::atomic<std::int64_t>& applied) {
  MemoryStore log;
  for (int i = 1; i <= 40; ++i) tell(log, "s-" + std::to_string(1 + i % 3), "Added", std::to_string(i));
  auto target = store.open(spec);
  if (!target) ::_exit(3);
  Runner runner(log, *target);
  runner.start();
  if (!runner.wait(Position(40), upkeep_patience)) ::_exit(4);
  const auto begun = runner.rebuild({.batch = 2});
  if (!begun && begun.error().kind() != errc::conflict) ::_exit(5);
  while (runner.status().rebuild && applied < 12) std::this_thread::yield();
  ::raise(SIGKILL);
  ::_exit(6);
}

TEST_P(Building, a_build_goes_on_where_a_killed_process_has_left_it) {
  runner_.reset();
  target_.reset();
  const pid_t child = ::fork();
  if (child == 0) {
    Spec what = corrected();
    what.applied = std::make_shared<std::atomic<std::int64_t>>(0);
    build_and_die(store(), what, *what.applied);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status)) << WEXITSTATUS(status);
  const auto target = opened(corrected());
  ASSERT_TRUE(target);
  EXPECT_EQ(sum(*target), 820) << "what serves is whole";
  Runner runner(log_, target);
  runner.start();
  ASSERT_TRUE(comes_true([&] { return runner.status().can_roll_back && !runner.status().rebuild; }))
      << "it went on by itself: " << runner.status().reason;
  EXPECT_EQ(sum(*target), 820);
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

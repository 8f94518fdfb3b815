// saga_mishap_test.cpp - what others do to a saga: steps written by hand, rules that throw, events that are read too
// late or not at all any more, records that cannot be written or belong to another log. Nothing of it is silent.
#include <gtest/gtest.h>

#include <new>
#include <stdexcept>
#include <tuple>

#include "domain/meddling_store.hpp"
#include "domain/saga_fixture.hpp"

namespace visits {

using std::chrono::minutes;

struct Came {
  std::string who;
};
STELE_EVENT(Came, 1, who);
struct Went {
  std::string who;
};
STELE_EVENT(Went, 1, who);
// One took the other's place, until that was two events.
struct Replaced {
  std::string who;
  std::string by;
};
STELE_EVENT(Replaced, 1, who, by);
inline std::tuple<Went, Came> upcast(const Replaced& old) { return {Went{old.who}, Came{old.by}}; }
STELE_WAS(Came, Replaced);
STELE_WAS(Went, Replaced);

// Remembers by a timer what it has heard. Blind, it cannot tell who came; deaf, it cannot bear that anybody went.
struct Visit {
  static constexpr std::string_view name = "Visit";
  using Reacts = stele::events<Came, Went>;
  using Reaction = stele::reaction<orders::Order>;
  static inline bool blind = false;
  static inline bool deaf = false;

  static std::string route(const Came& e) {
    if (blind) throw std::runtime_error("too dark to see who came");
    return e.who == "nobody" ? "" : e.who;
  }
  static std::string route(const Went& e) { return e.who == "nobody" ? "" : e.who; }

  struct State {};
  static Reaction on(const Came& e, const State&) {
    if (e.who == "dull") return {};
    return Reaction().schedule("came", minutes(1));
  }
  static Reaction on(const Went&, const State&) {
    if (deaf) throw std::runtime_error("did not hear it");
    return Reaction().schedule("went", minutes(1));
  }
};
static_assert(stele::saga<Visit>);

}  // namespace visits

namespace stele::test {
namespace {

using orders::Order;
using visits::Visit;

SagaOptions one_try() {
  SagaOptions options;
  options.tries = 1;
  return options;
}

// "o-1 stuck at Placed;": who is in trouble.
std::string in_trouble(const domain::SagaWorker& worker) {
  std::string all;
  for (const SagaTrouble& each : worker.troubles())
    all += each.instance + (each.stuck ? " stuck at " : " held at ") + each.what + ";";
  return all;
}

class SagaMishap : public testing::Test {
 protected:
  SagaMishap() { Visit::blind = Visit::deaf = false; }
  void record(const std::string& stream, const std::string& type, const std::string& data) {
    must(world.store().append(write(stream, {event(type, data)})));
  }
  std::unique_ptr<domain::SagaWorker> visits() {
    SagaOptions options = one_try();
    options.clock = &world.clock;
    return std::make_unique<domain::SagaWorker>(world.store(), std::make_unique<detail::SagaKindOf<Visit>>(),
                                                options);
  }
  // The n-th step of a visitor.
  std::string step(const std::string& who, std::size_t number) {
    const auto steps = world.events("Saga_Visit-" + who);
    return number < steps.size() ? steps[number].data : "(none)";
  }
  SagaWorld world;
};

// ---- Exceptions and foreign steps

TEST_F(SagaMishap, a_step_in_a_stream_of_no_instance_stops_nobody) {
  world.place("o-1", 50);
  record("Saga_Payment", "SagaStep", "{}");
  world.place("o-2", 50);
  const auto worker = world.worker(one_try());
  run(*worker);
  EXPECT_EQ(world.types("Order-o-1"), "Placed Confirmed");
  EXPECT_EQ(world.types("Order-o-2"), "Placed Confirmed");
  EXPECT_EQ(in_trouble(*worker), "");
}

TEST_F(SagaMishap, what_throws_while_one_event_is_handled_is_trouble_of_its_instance_only) {
  MeddlingStore meddling(world.store());
  meddling.before_append = [](const AppendRequest& request) {
    if (request.writes[0].stream == "Saga_Payment-o-1") throw std::out_of_range("somebody's bug");
  };
  world.place("o-1", 50);
  world.place("o-2", 50);
  const auto worker = world.worker(meddling, one_try());
  run(*worker);
  EXPECT_EQ(in_trouble(*worker), "o-1 stuck at Placed;");
  EXPECT_NE(worker->troubles().at(0).error.find("somebody's bug"), std::string::npos);
  EXPECT_EQ(world.types("Order-o-2"), "Placed Confirmed");
}

TEST_F(SagaMishap, a_turn_that_was_thrown_out_of_a_batch_loses_nothing_of_it) {
  MeddlingStore meddling(world.store());
  bool broken = true;
  meddling.before_append = [&](const AppendRequest& request) {
    if (std::exchange(broken, false) && !request.writes.empty()) throw std::bad_alloc();
  };
  world.place("o-1", 50);
  world.place("o-2", 50);
  const auto worker = world.worker(meddling);
  EXPECT_THROW((void)worker->turn().has_value(), std::bad_alloc);
  run(*worker);
  EXPECT_EQ(world.types("Order-o-1"), "Placed Confirmed");
  EXPECT_EQ(world.types("Order-o-2"), "Placed Confirmed");
}

TEST_F(SagaMishap, a_refusal_of_what_was_never_sent_makes_the_instance_stuck_and_says_where) {
  for (const std::string place :
       {R"("position":1,"index":0)", R"("position":2,"index":7)", R"("position":2)"}) {
    SagaWorld one;
    one.place("o-1", 99);
    const auto worker = one.worker(one_try());
    run(*worker);
    must(one.store().append(write(
        "Saga_Payment-o-1", {event("SagaStep", R"({"because":"refused",)" + place +
                                                   R"(,"name":"Charge","rule":"TooPoor","seen":2,"sends":[],)"
                                                   R"("timers":[],"completed":false})")})));
    must(handle<Order>(one.store(), orders::Cancel{"o-1", "enough"}));
    run(*worker);
    EXPECT_EQ(in_trouble(*worker), "o-1 stuck at Cancelled;") << place;
    const std::string error = worker->troubles().at(0).error;
    EXPECT_NE(error.find("corrupt: a refusal in stream Saga_Payment-o-1"), std::string::npos) << error;
  }
}

// ---- Events that are read late

TEST_F(SagaMishap, an_event_its_instance_has_gone_past_is_not_dropped_in_silence) {
  Visit::blind = true;
  record("House", "Came", R"({"who":"ada"})");
  record("House", "Went", R"({"who":"ada"})");
  const auto worker = visits();
  run(*worker);
  ASSERT_EQ(in_trouble(*worker), "#1 stuck at Came;");
  Visit::blind = false;
  ASSERT_TRUE(worker->retry("#1"));
  run(*worker);
  ASSERT_EQ(in_trouble(*worker), "#1 stuck at Came;");
  EXPECT_NE(worker->troubles().at(0).error.find("came too late for ada"), std::string::npos);
  ASSERT_TRUE(worker->skip("#1"));
  EXPECT_EQ(in_trouble(*worker), "");
  EXPECT_NE(step("ada", 1).find(R"("because":"skipped","position":1,"name":"Came")"), std::string::npos);
}

TEST_F(SagaMishap, what_was_skipped_unread_stays_skipped_when_everything_is_read_again) {
  Visit::blind = true;
  record("House", "Came", R"({"who":"ada"})");
  auto worker = visits();
  run(*worker);
  Visit::blind = false;
  ASSERT_TRUE(worker->skip("#1"));
  ASSERT_TRUE(world.store().records().erase("saga", "Visit"));
  worker = visits();
  run(*worker);
  EXPECT_EQ(in_trouble(*worker), "");
  EXPECT_EQ(world.types("Saga_Visit-ada"), "SagaStep");
}

TEST_F(SagaMishap, an_event_read_late_takes_its_place_before_what_its_instance_is_stuck_at) {
  Visit::blind = Visit::deaf = true;
  record("House", "Came", R"({"who":"ada"})");
  record("House", "Went", R"({"who":"ada"})");
  const auto worker = visits();
  run(*worker);
  ASSERT_EQ(in_trouble(*worker), "#1 stuck at Came;ada stuck at Went;");
  Visit::blind = Visit::deaf = false;
  ASSERT_TRUE(worker->retry("#1"));
  run(*worker);
  EXPECT_EQ(in_trouble(*worker), "");
  EXPECT_NE(step("ada", 0).find(R"("name":"Came")"), std::string::npos) << step("ada", 0);
  EXPECT_NE(step("ada", 1).find(R"("name":"Went")"), std::string::npos) << step("ada", 1);
}

TEST_F(SagaMishap, what_was_read_late_and_led_to_nothing_is_not_late_again_after_a_crash) {
  record("House", "Went", R"({"who":"nobody"})");
  record("House", "Came", R"({"who":"dull"})");
  Visit::blind = true;
  const auto first = visits();
  run(*first);
  ASSERT_EQ(in_trouble(*first), "#2 stuck at Came;");
  ASSERT_TRUE(first->save());
  const auto checkpoint = must(world.store().records().get("saga", "Visit"));
  Visit::blind = false;
  ASSERT_TRUE(first->retry("#2"));
  run(*first);
  record("House", "Went", R"({"who":"dull"})");
  run(*first);
  ASSERT_EQ(in_trouble(*first), "");
  EXPECT_NE(step("dull", 0).find(R"("name":"Came")"), std::string::npos) << step("dull", 0);
  // The process dies, and what it wrote last is the checkpoint before that.
  must(world.store().records().put("saga", "Visit", *checkpoint));
  const auto second = visits();
  run(*second);
  ASSERT_EQ(in_trouble(*second), "#2 stuck at Came;");
  ASSERT_TRUE(second->retry("#2"));
  run(*second);
  EXPECT_EQ(in_trouble(*second), "");
  EXPECT_NE(step("dull", 1).find(R"("name":"Went")"), std::string::npos) << step("dull", 1);
  EXPECT_EQ(step("dull", 2), "(none)");
}

TEST_F(SagaMishap, a_timer_whose_step_was_truncated_away_is_stuck_and_not_forgotten) {
  record("House", "Came", R"({"who":"ada"})");
  record("House", "Went", R"({"who":"ada"})");
  const auto worker = visits();
  run(*worker);
  ASSERT_EQ(worker->status().timers, 2u);
  EXPECT_EQ(worker->timers(1).at(0).timer, "came") << "the next one first";
  must(set_retention(world.store(), "Saga_Visit-ada",
                     {.truncate_before = Revision(1), .max_count = {}, .max_age = {}}));
  world.clock.advance(std::chrono::minutes(2));
  run(*worker);
  ASSERT_EQ(in_trouble(*worker), "ada stuck at timer came;");
  const auto why = worker->troubles().at(0).error;
  EXPECT_NE(why.find("the step that scheduled it"), std::string::npos) << why;
  must(set_retention(world.store(), "Saga_Visit-ada", {}));
  ASSERT_TRUE(worker->retry("ada"));
  run(*worker);
  const auto then = worker->troubles().at(0).error;
  EXPECT_NE(then.find("has no on_timer()"), std::string::npos) << "it fires: " << then;
}

// ---- Events that became several

TEST_F(SagaMishap, an_event_that_became_two_of_two_instances_reaches_neither_by_halves) {
  record("House", "Replaced", R"({"who":"ada","by":"bob"})");
  const auto worker = visits();
  run(*worker);
  ASSERT_EQ(in_trouble(*worker), "#1 stuck at Replaced;");
  EXPECT_NE(worker->troubles().at(0).error.find("two instances, ada and bob"), std::string::npos);
  EXPECT_EQ(world.types("Saga_Visit-ada"), "");
}

TEST_F(SagaMishap, of_an_event_that_became_two_an_instance_hears_what_concerns_it) {
  record("House", "Replaced", R"({"who":"nobody","by":"bob"})");
  record("House", "Replaced", R"({"who":"eve","by":"eve"})");
  const auto worker = visits();
  run(*worker);
  EXPECT_EQ(in_trouble(*worker), "");
  EXPECT_EQ(step("bob", 0).find(R"("timer":"went")"), std::string::npos) << step("bob", 0);
  EXPECT_NE(step("bob", 0).find(R"("timer":"came")"), std::string::npos) << step("bob", 0);
  EXPECT_NE(step("eve", 0).find(R"("timer":"went")"), std::string::npos) << step("eve", 0);
}

// ---- Events that are gone, records of another log, records that cannot be written

// What stood at one position was compacted away.
class ForgetfulStore final : public MeddlingStore {
 public:
  using MeddlingStore::MeddlingStore;
  Position forgotten;
  result<std::unique_ptr<Cursor>> read(LogRead read) override {
    if (forgotten > Position{} && read.from == forgotten) read.from = Position(forgotten.value() + 1);
    return MeddlingStore::read(std::move(read));
  }
};

TEST_F(SagaMishap, what_is_stuck_at_an_event_that_is_gone_can_be_skipped) {
  world.place("bad", -1);
  world.place("good", 50);
  ForgetfulStore store(world.store());
  const auto worker = world.worker(store, one_try());
  run(*worker);
  ASSERT_EQ(in_trouble(*worker), "bad stuck at SagaStep;");
  store.forgotten = worker->troubles().at(0).position;
  ASSERT_TRUE(worker->retry("bad"));
  run(*worker);
  ASSERT_NE(worker->troubles().at(0).error.find("there is no event at position"), std::string::npos);
  ASSERT_TRUE(worker->skip("bad"));
  EXPECT_EQ(in_trouble(*worker), "");
  const auto steps = world.events("Saga_Payment-bad");
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_NE(steps[1].data.find(R"("because":"skipped","position":)"), std::string::npos) << steps[1].data;
  EXPECT_NE(steps[1].data.find(R"("name":"SagaStep")"), std::string::npos) << steps[1].data;
}

TEST_F(SagaMishap, the_checkpoint_of_another_log_is_known_by_its_last_event) {
  world.place("o-1", 50);
  const auto here = world.worker();
  run(*here);
  ASSERT_TRUE(here->save());
  const auto text = must(world.store().records().get("saga", "Payment"));
  ASSERT_TRUE(text);
  SagaWorld other(2);
  for (int i = 0; i < 10; ++i) other.place("other-" + std::to_string(i), 50);
  ASSERT_GT(other.store().head().position, world.store().head().position);
  ASSERT_TRUE(other.store().records().put("saga", "Payment", *text));
  const auto there = other.worker();
  run(*there);
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(other.types("Order-other-" + std::to_string(i)), "Placed Confirmed") << i;
  const auto again = world.worker();
  run(*again);
  EXPECT_EQ(again->status().repeated, 0u) << "in its own log it is trusted";
}

TEST_F(SagaMishap, an_error_that_is_not_text_can_be_remembered) {
  MeddlingStore meddling(world.store());
  meddling.refuse = [](const AppendRequest& request) -> std::optional<Error> {
    if (request.writes[0].stream != "Purse-o-1") return std::nullopt;
    return Error(errc::corrupt, "a purse called \xff\xfe");
  };
  world.place("o-1", 50);
  {
    const auto first = world.worker(meddling, one_try());
    run(*first);
    const auto saved = first->save();
    ASSERT_TRUE(saved) << saved.error().to_string();
    EXPECT_EQ(first->status().reason, "");
  }
  const auto second = world.worker(meddling, one_try());
  run(*second);
  EXPECT_EQ(in_trouble(*second), "o-1 stuck at SagaStep;");
  EXPECT_EQ(second->status().sent, 0u) << "stuck stays stuck";
}

class StoreWithFullRecords final : public MeddlingStore, private Records {
 public:
  using MeddlingStore::MeddlingStore;
  bool full = true;
  Records& records() override { return *this; }

 private:
  result<std::optional<std::string>> get(std::string_view, std::string_view) override {
    return std::optional<std::string>();
  }
  result<void> put(std::string_view, std::string_view, std::string_view) override {
    if (full) return Error(errc::disk_full, "no room for records");
    return {};
  }
  result<bool> insert(std::string_view, std::string_view, std::string_view) override { return false; }
  result<void> erase(std::string_view, std::string_view) override { return {}; }
  result<std::uint64_t> erase_older(std::string_view, Timestamp) override { return std::uint64_t{0}; }
};

TEST_F(SagaMishap, a_checkpoint_that_cannot_be_written_is_shown_and_holds_nothing_up) {
  StoreWithFullRecords store(world.store());
  SagaOptions options;
  options.checkpoint_every = 1;
  world.place("o-1", 50);
  const auto worker = world.worker(store, options);
  const auto first = worker->turn();
  ASSERT_TRUE(first) << first.error().to_string();
  EXPECT_NE(worker->status().reason.find("no room for records"), std::string::npos);
  run(*worker);
  EXPECT_EQ(world.types("Order-o-1"), "Placed Confirmed");
  store.full = false;
  ASSERT_TRUE(worker->save());
  EXPECT_EQ(worker->status().reason, "");
}

}  // namespace
}  // namespace stele::test

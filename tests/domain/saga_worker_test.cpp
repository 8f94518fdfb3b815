// saga_worker_test.cpp - sagas over a store, turned by hand: what they record, what becomes of it after a restart, and
// what waits when something goes wrong.
#include <gtest/gtest.h>

#include "domain/meddling_store.hpp"
#include "domain/saga_fixture.hpp"

namespace stele::test {
namespace {

using orders::Order;
using orders::Purse;
using std::chrono::minutes;

class SagaWorkerTest : public testing::Test {
 protected:
  std::string trouble(domain::SagaWorker& worker) {
    std::string all;
    for (const SagaTrouble& each : worker.troubles())
      all += each.instance + (each.stuck ? " stuck at " : " held at ") + each.what + " behind it " +
             std::to_string(each.waiting) + ";";
    return all;
  }
  SagaWorld world;
};

TEST_F(SagaWorkerTest, an_order_is_paid_confirmed_and_done) {
  world.place("o-1", 50);
  const auto worker = world.worker();
  run(*worker);
  EXPECT_EQ(world.types("Order-o-1"), "Placed Confirmed");
  EXPECT_EQ(world.types("Purse-o-1"), "Charged");
  EXPECT_EQ(world.types("Saga_Payment-o-1"), "SagaStep SagaStep SagaStep");
  const auto status = worker->status();
  EXPECT_EQ(status.sent, 2u);
  EXPECT_EQ(status.reacted, 3u);
  EXPECT_EQ(status.timers, 0u);
  EXPECT_EQ(status.position, status.head);
  EXPECT_TRUE(worker->is_idle());
}

TEST_F(SagaWorkerTest, a_refused_command_comes_back_and_is_compensated) {
  world.place("o-1", 500);
  const auto worker = world.worker();
  run(*worker);
  EXPECT_EQ(world.types("Order-o-1"), "Placed Cancelled");
  EXPECT_EQ(world.types("Purse-o-1"), "");
  EXPECT_EQ(world.events("Order-o-1")[1].data, R"({"order":"o-1","reason":"cannot pay 500"})");
  EXPECT_EQ(worker->status().refused, 1u);
}

TEST_F(SagaWorkerTest, correlation_and_causation_are_carried_along) {
  world.place("o-1", 50, {.user = "ada", .correlation_id = "corr-7", .traceparent = "00-trace-01"});
  run(*world.worker());
  const auto placed = world.events("Order-o-1")[0];
  const auto charged = world.events("Purse-o-1")[0];
  const auto confirmed = world.events("Order-o-1")[1];
  for (const auto* event : {&charged, &confirmed}) {
    EXPECT_NE(event->metadata.find(R"("correlationId":"corr-7")"), std::string::npos) << event->metadata;
    EXPECT_NE(event->metadata.find(R"("traceparent":"00-trace-01")"), std::string::npos);
    EXPECT_NE(event->metadata.find(R"("userId":"saga:Payment")"), std::string::npos);
  }
  EXPECT_NE(charged.metadata.find(R"("causationId":")" + to_string(placed.id)), std::string::npos);
  EXPECT_NE(confirmed.metadata.find(R"("causationId":")" + to_string(charged.id)), std::string::npos);
}

TEST_F(SagaWorkerTest, a_step_says_what_it_saw_and_what_it_decided) {
  world.place("o-1", 50);
  run(*world.worker());
  const auto first = world.events("Saga_Payment-o-1")[0];
  EXPECT_EQ(
      first.data,
      R"({"because":"event","position":1,"name":"Placed","seen":1,"sends":[{"to":"Purse","command":"Charge",)"
      R"("data":{"order":"o-1","amount":50}}],"timers":[{"timer":"unpaid","due":"2026-01-01T00:15:00.000000Z"}],)"
      R"("completed":false})");
}

TEST_F(SagaWorkerTest, events_of_no_instance_and_of_done_ones_leave_nothing) {
  world.place("test-1", 50);
  world.place("o-1", 500);
  const auto worker = world.worker();
  run(*worker);
  const auto before = world.log().size();
  must(handle<Purse>(world.store(), orders::Charge{"o-1", 10}));
  run(*worker);
  EXPECT_EQ(world.log().size(), before + 1);
  EXPECT_EQ(worker->status().ignored, 1u);
  EXPECT_EQ(world.types("Saga_Payment-test-1"), "");
}

TEST_F(SagaWorkerTest, a_new_saga_can_leave_the_past_alone) {
  world.place("o-1", 50);
  SagaOptions options;
  options.begin_after = world.store().head().position;
  const auto worker = world.worker(options);
  world.place("o-2", 50);
  run(*worker);
  EXPECT_EQ(world.types("Saga_Payment-o-1"), "");
  EXPECT_EQ(world.types("Order-o-2"), "Placed Confirmed");
}

// ---- Timers

TEST_F(SagaWorkerTest, a_timer_fires_when_it_is_due_and_once) {
  world.place("o-1", 99);
  const auto worker = world.worker();
  run(*worker);
  EXPECT_EQ(worker->status().timers, 1u);
  EXPECT_EQ(worker->next_due(), world.clock.now() + minutes(15));
  world.clock.advance(minutes(15) - std::chrono::microseconds(1));
  run(*worker);
  EXPECT_EQ(world.types("Order-o-1"), "Placed");
  world.clock.advance(std::chrono::microseconds(1));
  EXPECT_FALSE(worker->is_idle());
  run(*worker);
  EXPECT_EQ(world.types("Order-o-1"), "Placed Cancelled");
  EXPECT_EQ(world.types("Purse-o-1"), "Charged Refunded");
  world.clock.advance(minutes(60));
  run(*worker);
  EXPECT_EQ(worker->status().fired, 1u);
}

TEST_F(SagaWorkerTest, timers_survive_restarts_with_and_without_their_checkpoint) {
  world.place("o-1", 99);
  world.place("o-2", 99);
  {
    const auto first = world.worker();
    run(*first);
    ASSERT_TRUE(first->save());
  }
  const auto second = world.worker();
  run(*second);
  EXPECT_EQ(second->status().timers, 2u);
  EXPECT_EQ(second->status().sent, 0u) << "everything before the checkpoint is done";
  ASSERT_TRUE(world.store().records().erase("saga", "Payment"));
  const auto third = world.worker();
  run(*third);
  EXPECT_EQ(third->status().timers, 2u);
  EXPECT_EQ(third->status().repeated, 2u) << "and is recognised when it is forgotten that it was";
  world.clock.advance(minutes(20));
  run(*third);
  run(*second);
  EXPECT_EQ(world.types("Order-o-1"), "Placed Cancelled");
  EXPECT_EQ(third->status().fired, 2u);
  EXPECT_EQ(second->status().fired, 0u) << "whoever comes second finds it fired";
}

TEST_F(SagaWorkerTest, what_happened_while_nobody_ran_comes_before_the_timers_that_ran_out) {
  world.place("o-1", 99);
  run(*world.worker());
  must(handle<Order>(world.store(), orders::Cancel{"o-1", "changed my mind"}));
  world.clock.advance(minutes(60));
  const auto worker = world.worker();
  run(*worker);
  EXPECT_EQ(worker->status().fired, 0u);
  EXPECT_EQ(world.types("Order-o-1"), "Placed Cancelled");
}

TEST_F(SagaWorkerTest, a_checkpoint_of_another_log_or_no_checkpoint_at_all_is_as_good_as_lost) {
  world.place("o-1", 50);
  for (const std::string_view text : {R"({"position":900000,"timers":[],"held":[]})", "{", "null"}) {
    ASSERT_TRUE(world.store().records().put("saga", "Payment", text));
    const auto worker = world.worker();
    run(*worker);
    EXPECT_TRUE(worker->is_idle());
    EXPECT_EQ(world.types("Order-o-1"), "Placed Confirmed");
  }
}

// ---- Trouble

// Charging less than nothing throws: the command can be sent as often as one likes.
TEST_F(SagaWorkerTest, trouble_is_retried_with_pauses_and_then_the_instance_is_stuck) {
  world.place("bad", -1);
  world.place("good", 50);
  const auto worker = world.worker();
  run(*worker);
  EXPECT_EQ(world.types("Order-good"), "Placed Confirmed") << "others go on";
  EXPECT_EQ(trouble(*worker), "bad held at SagaStep behind it 0;");
  for (int tries = 1; tries < 5; ++tries) {
    ASSERT_EQ(worker->troubles().at(0).tries, static_cast<std::uint64_t>(tries));
    const auto next = worker->next_due();
    ASSERT_TRUE(next);
    const auto pause = *next - world.clock.now();
    EXPECT_GE(pause, std::chrono::milliseconds(10 << (tries - 1)));
    EXPECT_LE(pause, std::chrono::milliseconds(20 << (tries - 1)));
    world.clock.advance(pause);
    run(*worker);
  }
  EXPECT_EQ(trouble(*worker), "bad stuck at SagaStep behind it 0;");
  EXPECT_NE(worker->troubles().at(0).error.find("less than nothing"), std::string::npos);
  EXPECT_EQ(worker->status().stuck, 1u);
  EXPECT_TRUE(worker->is_idle());
}

// Stuck, with two events of its own behind it.
class StuckSagaTest : public SagaWorkerTest {
 protected:
  StuckSagaTest() {
    options_.tries = 1;
    world.place("bad", -1);
    run(*worker());
    must(handle<Purse>(world.store(), orders::Charge{"bad", 99}));
    must(handle<Order>(world.store(), orders::Cancel{"bad", "enough"}));
    run(*worker());
  }
  domain::SagaWorker* worker() {
    if (!worker_) worker_ = world.worker(options_);
    return worker_.get();
  }
  void restart() {
    ASSERT_TRUE(worker_->save());
    worker_.reset();
    run(*worker());
  }
  SagaOptions options_;
  std::unique_ptr<domain::SagaWorker> worker_;
};

TEST_F(StuckSagaTest, the_rest_of_its_sequence_waits_also_over_restarts) {
  EXPECT_EQ(trouble(*worker()), "bad stuck at SagaStep behind it 2;");
  EXPECT_EQ(world.types("Saga_Payment-bad"), "SagaStep");
  const auto since = worker()->troubles().at(0).since;
  restart();
  EXPECT_EQ(trouble(*worker()), "bad stuck at SagaStep behind it 2;");
  EXPECT_EQ(worker()->troubles().at(0).since, since);
  world.clock.advance(minutes(60));
  run(*worker());
  EXPECT_EQ(worker()->status().fired, 0u) << "its timers wait too";
}

TEST_F(StuckSagaTest, a_retry_that_fails_again_is_stuck_again) {
  ASSERT_TRUE(worker()->retry("bad"));
  run(*worker());
  EXPECT_EQ(trouble(*worker()), "bad stuck at SagaStep behind it 2;");
  EXPECT_EQ(worker()->retry("nobody").error().kind(), errc::not_found);
}

TEST_F(StuckSagaTest, skipping_is_recorded_and_the_rest_follows_in_order) {
  ASSERT_TRUE(worker()->skip("bad"));
  run(*worker());
  EXPECT_EQ(trouble(*worker()), "");
  const auto steps = world.events("Saga_Payment-bad");
  ASSERT_EQ(steps.size(), 4u);
  EXPECT_NE(steps[1].data.find(R"("because":"skipped")"), std::string::npos);
  EXPECT_NE(steps[2].data.find(R"("name":"Charged")"), std::string::npos) << steps[2].data;
  EXPECT_NE(steps[3].data.find(R"("name":"Cancelled")"), std::string::npos) << steps[3].data;
  EXPECT_EQ(world.types("Purse-bad"), "Charged Refunded");
  EXPECT_EQ(worker()->skip("bad").error().kind(), errc::not_found);
}

TEST_F(SagaWorkerTest, a_retry_goes_on_where_it_was_when_the_cause_is_gone) {
  MeddlingStore meddling(world.store());
  bool broken = true;
  meddling.refuse = [&](const AppendRequest& request) -> std::optional<Error> {
    if (broken && request.writes[0].stream == "Purse-o-1") return Error(errc::corrupt, "a broken purse");
    return std::nullopt;
  };
  world.place("o-1", 50);
  SagaOptions options;
  options.tries = 1;
  const auto worker = world.worker(meddling, options);
  run(*worker);
  EXPECT_EQ(trouble(*worker), "o-1 stuck at SagaStep behind it 0;");
  broken = false;
  ASSERT_TRUE(worker->retry("o-1"));
  run(*worker);
  EXPECT_EQ(trouble(*worker), "");
  EXPECT_EQ(world.types("Order-o-1"), "Placed Confirmed");
}

TEST_F(SagaWorkerTest, a_store_that_is_busy_makes_nobody_stuck) {
  MeddlingStore meddling(world.store());
  int times = 20;
  meddling.refuse = [&](const AppendRequest&) -> std::optional<Error> {
    if (times-- > 0) return Error(errc::busy, "too much at once");
    return std::nullopt;
  };
  world.place("o-1", 50);
  const auto worker = world.worker(meddling);
  for (int i = 0; i < 30; ++i) {
    run(*worker);
    EXPECT_EQ(worker->status().stuck, 0u);
    world.clock.advance(std::chrono::seconds(5));
  }
  EXPECT_EQ(world.types("Order-o-1"), "Placed Confirmed");
}

TEST_F(SagaWorkerTest, what_the_store_was_to_blame_for_does_not_count_against_an_instance) {
  MeddlingStore meddling(world.store());
  int times = 6;
  meddling.refuse = [&](const AppendRequest& request) -> std::optional<Error> {
    if (request.writes[0].stream != "Purse-o-1" || times-- <= 0) return std::nullopt;
    return times == 0 ? Error(errc::corrupt, "once") : Error(errc::busy, "too much at once");
  };
  world.place("o-1", 50);
  const auto worker = world.worker(meddling);
  for (int i = 0; i < 7; ++i) {
    run(*worker);
    EXPECT_EQ(worker->status().stuck, 0u);
    world.clock.advance(std::chrono::seconds(5));
  }
  run(*worker);
  EXPECT_EQ(world.types("Order-o-1"), "Placed Confirmed");
}

TEST_F(SagaWorkerTest, an_event_that_cannot_be_read_waits_alone) {
  must(world.store().append(write("Order-odd", {event("Placed", "{\"order\":7}")})));
  world.place("o-1", 50);
  SagaOptions options;
  options.tries = 1;
  const auto worker = world.worker(options);
  run(*worker);
  EXPECT_EQ(trouble(*worker), "#1 stuck at Placed behind it 0;");
  EXPECT_EQ(world.types("Order-o-1"), "Placed Confirmed");
  ASSERT_TRUE(worker->skip("#1"));
  run(*worker);
  EXPECT_EQ(trouble(*worker), "");
}

TEST_F(SagaWorkerTest, a_turn_that_is_interrupted_goes_on_later_where_it_was) {
  for (int i = 0; i < 10; ++i) world.place("o-" + std::to_string(i), 50);
  const auto worker = world.worker();
  worker->interrupt();
  run(*worker);
  EXPECT_EQ(worker->status().reacted, 0u);
  worker->resume();
  run(*worker);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(world.types("Order-o-" + std::to_string(i)), "Placed Confirmed");
}

}  // namespace
}  // namespace stele::test

// saga_spec_test.cpp - sagas specified without a store: what they do about events, refusals and time, and what a
// specification says when that is something else.
#include <gtest/gtest.h>

#include "domain/orders.hpp"
#include "stele/spec.hpp"

// Inside, and not by a using directive: other tests have an Order, too.
namespace orders {
namespace {

using stele::given_saga;

std::vector<std::string> said;

// Listens instead of GoogleTest for as long as it lives.
class Overhearing {
 public:
  Overhearing() {
    said.clear();
    stele::spec::report_to(
        [](const std::source_location&, const std::string& text) { said.push_back(text); });
  }
  ~Overhearing() {
    stele::spec::report_to([](const std::source_location& where, const std::string& text) {
      ADD_FAILURE_AT(where.file_name(), static_cast<int>(where.line())) << text;
    });
  }
  Overhearing(const Overhearing&) = delete;
  Overhearing& operator=(const Overhearing&) = delete;
};

void expect_said(std::string_view part) {
  ASSERT_EQ(said.size(), 1u);
  EXPECT_NE(said.front().find(part), std::string::npos) << "no '" << part << "' in\n" << said.front();
}

const Placed placed{"o-1", 50};

TEST(SagaSpec, an_event_is_answered_with_commands_and_timers) {
  given_saga<Payment>().when(placed).sends(Charge{"o-1", 50}).schedules("unpaid", minutes(15));
  given_saga<Payment>(placed).when(Charged{"o-1", 50}).sends(Confirm{"o-1"}).cancels("unpaid");
}

TEST(SagaSpec, a_refusal_is_compensated) {
  given_saga<Payment>(Placed{"o-1", 500})
      .when_refused(Charge{"o-1", 500}, TooPoor{500})
      .sends(Cancel{"o-1", "cannot pay 500"});
}

// clang-format off
// [specification]
TEST(SagaSpec, time_goes_by_and_the_timer_that_is_due_fires_once) {
  given_saga<Payment>(placed)
      .after(minutes(14)).does_nothing()
      .after(minutes(1)).sends(Cancel{"o-1", "not paid"})
      .after(minutes(60)).does_nothing()
      .when(Cancelled{"o-1", "not paid"}).sends(Refund{"o-1"}).completes();
}
// [/specification]
// clang-format on

TEST(SagaSpec, a_cancelled_timer_does_not_fire) {
  given_saga<Payment>(placed, Charged{"o-1", 50}).after(minutes(60)).does_nothing();
}

TEST(SagaSpec, a_complete_instance_hears_no_events) {
  given_saga<Payment>(placed, Cancelled{"o-1", "why"}).when(Charged{"o-1", 50}).does_nothing();
}

TEST(SagaSpec, an_event_of_no_instance_is_nothing) {
  given_saga<Payment>().when(Placed{"test-1", 5}).does_nothing();
}

TEST(SagaSpec, what_was_not_said_is_a_difference) {
  const Overhearing overhearing;
  given_saga<Payment>().when(placed).sends(Charge{"o-1", 50});
  expect_said(
      "differs at effect 2:\n    expected (none)\n    happened schedule unpaid at 1970-01-01T00:15:00");
}

TEST(SagaSpec, a_failure_tells_the_whole_story) {
  const Overhearing overhearing;
  given_saga<Payment>(placed).after(minutes(15)).sends(Cancel{"o-1", "too late"});
  expect_said(R"(given     Placed {"order":"o-1","amount":50})");
  expect_said("when      (15 min later)");
  expect_said(R"(expected send Cancel {"order":"o-1","reason":"too late"})");
  expect_said(R"(happened send Cancel {"order":"o-1","reason":"not paid"})");
}

TEST(SagaSpec, forgetting_the_when_or_what_follows_is_a_failure) {
  {
    const Overhearing overhearing;
    (void)given_saga<Payment>(placed);
    expect_said("no when");
  }
  const Overhearing overhearing;
  (void)given_saga<Payment>().when(placed);
  expect_said("says nothing about what the saga does");
}

TEST(SagaSpec, only_what_was_sent_can_be_refused) {
  const Overhearing overhearing;
  given_saga<Payment>(placed).when_refused(Charge{"o-1", 51}, TooPoor{51}).does_nothing();
  expect_said("the saga has not sent this command");
}

TEST(SagaSpec, a_refusal_without_an_answer_is_a_failure) {
  const Overhearing overhearing;
  given_saga<Payment>(placed, Charged{"o-1", 50}).when_refused(Confirm{"o-1"}, NotOpen{"o-1"}).does_nothing();
  expect_said("Payment has no on_refused() for it in this state");
}

TEST(SagaSpec, events_of_two_instances_are_a_mistake) {
  const Overhearing overhearing;
  given_saga<Payment>(placed).when(Placed{"o-2", 5}).sends(Charge{"o-2", 5}).schedules("unpaid", minutes(15));
  expect_said("two instances: o-1 and o-2");
}

}  // namespace
}  // namespace orders

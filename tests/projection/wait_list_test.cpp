// wait_list_test.cpp - waiting for a position, from before, during and after the moment it is reached.
#include "projection/wait_list.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>
#include <vector>

namespace stele::projection {
namespace {

using std::chrono::microseconds;
constexpr microseconds long_time = std::chrono::seconds(30);

TEST(WaitList, what_is_reached_already_is_answered_at_once) {
  WaitList list;
  list.advance(Position(5));
  EXPECT_TRUE(list.wait(Position(5), microseconds{0}).value());
  Position told;
  EXPECT_EQ(list.notify_at(Position(3), [&](result<Position> at) { told = at.value(); }), 0u);
  EXPECT_EQ(told, Position(5));
}

TEST(WaitList, patience_that_runs_out_is_false_and_not_an_error) {
  WaitList list;
  EXPECT_FALSE(list.wait(Position(1), microseconds{0}).value());
  EXPECT_FALSE(list.wait(Position(1), microseconds{1000}).value());
}

TEST(WaitList, only_those_whose_position_is_reached_are_woken_each_once) {
  WaitList list;
  std::vector<int> woken;
  for (const int wanted : {3, 1, 2, 3})
    list.notify_at(Position(static_cast<std::uint64_t>(wanted)),
                   [&woken, wanted](const auto&) { woken.push_back(wanted); });
  list.advance(Position(1));
  EXPECT_EQ(woken, (std::vector{1}));
  list.advance(Position(3));
  list.advance(Position(9));
  EXPECT_EQ(woken, (std::vector{1, 2, 3, 3}));
  EXPECT_EQ(list.waiting(), 0u);
}

TEST(WaitList, a_cancelled_wait_is_never_called) {
  WaitList list;
  bool called = false;
  const auto ticket = list.notify_at(Position(1), [&](const auto&) { called = true; });
  EXPECT_NE(ticket, 0u);
  list.cancel(ticket);
  list.cancel(ticket);
  list.cancel(0);
  list.advance(Position(1));
  EXPECT_FALSE(called);
}

TEST(WaitList, closing_ends_every_wait_with_the_reason_and_reopening_lets_them_wait_again) {
  WaitList list;
  std::optional<Error> told;
  list.notify_at(Position(7), [&](result<Position> at) { told = at.error(); });
  list.close(Error(errc::unavailable, "it broke"));
  ASSERT_TRUE(told);
  EXPECT_EQ(told->message(), "it broke");
  EXPECT_EQ(list.wait(Position(7), long_time).error().kind(), errc::unavailable);
  told.reset();
  EXPECT_EQ(list.notify_at(Position(7), [&](result<Position> at) { told = at.error(); }), 0u);
  EXPECT_TRUE(told);
  EXPECT_TRUE(list.wait(Position{}, microseconds{0}).value()) << "what is reached stays reached";
  list.reopen();
  EXPECT_NE(list.notify_at(Position(7), [](const auto&) {}), 0u);
}

TEST(WaitList, a_callback_may_register_and_cancel_waits) {
  WaitList list;
  std::vector<std::string> order;
  std::uint64_t own = 0;
  std::uint64_t other = 0;
  own = list.notify_at(Position(1), [&](const auto&) {
    order.push_back("first");
    list.cancel(own);
    list.cancel(other);
    list.notify_at(Position(2), [&](const auto&) { order.push_back("next"); });
  });
  other = list.notify_at(Position(2), [&](const auto&) { order.push_back("other"); });
  list.advance(Position(1));
  list.advance(Position(2));
  EXPECT_EQ(order, (std::vector<std::string>{"first", "next"}));
}

TEST(WaitList, cancelling_waits_until_a_running_callback_has_returned) {
  WaitList list;
  std::promise<void> entered;
  std::promise<void> leave;
  std::atomic<bool> returned = false;
  const auto ticket = list.notify_at(Position(1), [&](const auto&) {
    entered.set_value();
    leave.get_future().wait();
    returned = true;
  });
  std::jthread mover([&] { list.advance(Position(1)); });
  entered.get_future().wait();
  std::jthread canceller([&] {
    list.cancel(ticket);
    EXPECT_TRUE(returned);
  });
  leave.set_value();
}

// The race this class exists for: a wait is registered while the position passes it.
TEST(WaitList, no_wait_is_lost_while_the_position_moves) {
  WaitList list;
  constexpr std::uint64_t last = 2000;
  std::atomic<std::uint64_t> called = 0;
  {
    std::jthread mover([&] {
      for (std::uint64_t at = 1; at <= last; ++at) list.advance(Position(at));
    });
    std::vector<std::jthread> waiters;
    for (int t = 0; t < 3; ++t)
      waiters.emplace_back([&] {
        for (std::uint64_t at = 1; at <= last; ++at)
          list.notify_at(Position(at), [&](const auto&) { ++called; });
      });
    waiters.emplace_back([&] {
      for (std::uint64_t at = 1; at <= last; at += 7) EXPECT_TRUE(list.wait(Position(at), long_time).value());
    });
  }
  EXPECT_EQ(called, 3 * last);
  EXPECT_EQ(list.waiting(), 0u);
}

}  // namespace
}  // namespace stele::projection

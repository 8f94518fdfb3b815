// read_ahead_test.cpp - reading on a thread of its own changes nothing of what is read, nor of who ends when.
#include "projection/read_ahead.hpp"

#include <gmock/gmock.h>

#include <stdexcept>

#include "memory_store.hpp"

namespace stele::test {
namespace {

using projection::ReadAhead;

void fill(MemoryStore& store, int events) {
  for (int i = 0; i < events; ++i) {
    AppendRequest request;
    request.writes.push_back({"s-" + std::to_string(i % 5), {}, {}});
    NewEvent event;
    event.type = i % 3 == 0 ? "Third" : "Other";
    event.id = Uuid::random();
    event.data = std::to_string(i);
    request.writes.front().events.push_back(std::move(event));
    ASSERT_TRUE(store.append(std::move(request)));
  }
}

std::vector<std::string> all_of(ReadAhead& events) {
  std::vector<std::string> all;
  for (;;) {
    const auto some = events.next();
    EXPECT_TRUE(some);
    if (!some || some->empty()) return all;
    for (const auto& event : *some) all.emplace_back(event.data);
  }
}

TEST(ReadAhead, gives_each_event_once_and_in_order_and_then_nothing_for_ever) {
  MemoryStore store;
  fill(store, 500);
  ReadAhead events(store, Query::all(), Position(101), Position(500), 7);
  std::vector<std::string> wanted;
  for (int i = 100; i < 500; ++i) wanted.push_back(std::to_string(i));
  EXPECT_EQ(all_of(events), wanted);
  EXPECT_TRUE(events.next()->empty());
  EXPECT_TRUE(events.next()->empty());
}

TEST(ReadAhead, leaves_out_what_the_query_does) {
  MemoryStore store;
  fill(store, 90);
  QueryItem item;
  item.types = {"Third"};
  ReadAhead events(store, Query::of(std::move(item)), Position(1), Position(90), 4);
  EXPECT_EQ(all_of(events).size(), 30u);
}

TEST(ReadAhead, events_in_hand_stay_while_later_ones_are_read) {
  MemoryStore store;
  fill(store, 100);
  ReadAhead events(store, Query::all(), Position(1), Position(1000), 10);
  const auto first = events.next();
  ASSERT_TRUE(first);
  ASSERT_EQ(first->size(), 10u);
  fill(store, 100);
  for (std::size_t i = 0; i < 10; ++i) EXPECT_EQ((*first)[i].data, std::to_string(i));
}

TEST(ReadAhead, that_is_not_wanted_any_more_ends_whatever_is_still_to_come) {
  MemoryStore store;
  fill(store, 1000);
  {
    const ReadAhead untouched(store, Query::all(), Position(1), Position(1000), 1);
  }
  ReadAhead events(store, Query::all(), Position(1), Position(1000), 1);
  ASSERT_TRUE(events.next());
}

TEST(ReadAhead, ends_where_it_was_told_to_though_the_log_goes_on) {
  MemoryStore store;
  fill(store, 300);
  ReadAhead events(store, Query::all(), Position(1), Position(123), 10);
  EXPECT_EQ(all_of(events).size(), 123u);
}

// A store whose reads break at a position.
class BreakingStore final : public MemoryStore {
 public:
  result<std::unique_ptr<Cursor>> read(LogRead read) override {
    if (read.from >= Position(41)) throw std::runtime_error("no memory");
    if (read.from >= Position(21)) return Error(errc::corrupt, "the segment is damaged");
    return MemoryStore::read(std::move(read));
  }
};

TEST(ReadAhead, an_error_comes_behind_the_events_in_front_of_it_and_is_the_end) {
  BreakingStore store;
  fill(store, 50);
  ReadAhead events(store, Query::all(), Position(1), Position(1000), 10);
  EXPECT_EQ(events.next()->size(), 10u);
  EXPECT_EQ(events.next()->size(), 10u);
  const auto broken = events.next();
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().kind(), errc::corrupt);
  EXPECT_TRUE(events.next()->empty());
  ReadAhead thrown(store, Query::all(), Position(41), Position(1000), 10);
  EXPECT_EQ(thrown.next().error().kind(), errc::unavailable);
}

}  // namespace
}  // namespace stele::test

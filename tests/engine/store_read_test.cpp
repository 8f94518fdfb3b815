// Reading and subscribing: every path gives the same events in the same order.
#include <algorithm>
#include <random>
#include <thread>

#include "store_fixture.hpp"

namespace stele::test {
namespace {

class StoreRead : public StoreTest {
 protected:
  // One append of `events` events; returns the head.
  std::uint64_t append_many(const std::string& name, std::size_t events, const std::string& data) {
    return must(store_->append(write(name, std::vector<NewEvent>(events, event("X", data))))).last.value();
  }
  // Appends of 1 to 5 events over a few streams, over several segments; returns what was written, in order.
  std::vector<RecordedEvent> fill(std::uint64_t seed, int appends) {
    std::mt19937_64 random(seed);
    const auto pick = [&](std::uint64_t n) { return random() % n; };
    for (int i = 0; i < appends; ++i) {
      AppendRequest request;
      const auto first = pick(8);
      for (std::uint64_t w = 0; w <= pick(3); ++w) {
        StreamWrite part{"Cat" + std::to_string((first + w) % 3) + "-" + std::to_string(first + w), {}, {}};
        for (std::uint64_t e = 0; e <= pick(3); ++e) {
          auto made = event("T" + std::to_string(pick(4)), std::string(pick(2000), 'x'));
          if (pick(3) == 0) made.tags = {"tag:" + std::to_string(pick(3))};
          part.events.push_back(std::move(made));
        }
        request.writes.push_back(std::move(part));
      }
      must(store_->append(std::move(request)));
    }
    return log();
  }
};

TEST_F(StoreRead, one_huge_append_is_read_like_any_other) {
  append("A-1", "X", std::string(15u << 20, 'h'));
  for (int i = 0; i < 10; ++i) append("A-1", "X", std::to_string(i));
  const auto events = log();
  ASSERT_EQ(events.size(), 11u);
  EXPECT_EQ(events.at(10).data, "9");
}

TEST_F(StoreRead, forward_backward_stream_and_id_paths_agree) {
  const auto all = fill(1, sanitized ? 300 : 1500);
  ASSERT_GT(all.size(), sanitized ? 600u : 3000u);
  for (std::size_t i = 0; i < all.size(); ++i) ASSERT_EQ(all[i].position.value(), i + 1);
  auto backward = log(Direction::backward);
  std::ranges::reverse(backward);
  EXPECT_TRUE(backward == all);
  std::vector<RecordedEvent> joined;
  for (const auto& info : must(store_->list_streams("", "", 100))) {
    const auto events = stream(info.stream);
    EXPECT_EQ(events.size(), info.events);
    EXPECT_EQ(events.back().revision, info.last_revision);
    for (std::size_t i = 0; i < events.size(); ++i) ASSERT_EQ(events[i].revision.value(), i);
    auto reversed = stream(info.stream, Direction::backward);
    std::ranges::reverse(reversed);
    EXPECT_TRUE(reversed == events);
    joined.insert(joined.end(), events.begin(), events.end());
  }
  std::ranges::sort(joined, {}, &RecordedEvent::position);
  EXPECT_TRUE(joined == all);
  for (std::size_t i = 0; i < all.size(); i += 97) EXPECT_EQ(must(store_->find_event(all[i].id)), all[i]);
  reopen();
  EXPECT_TRUE(log() == all);
}

TEST_F(StoreRead, queries_give_what_a_filter_over_everything_gives) {
  const auto all = fill(2, 400);
  const std::vector<Query> queries = {
      Query::of({.types = {"T1"}, .tags = {}, .streams = {}, .categories = {}}),
      Query::of({.types = {}, .tags = {"tag:1"}, .streams = {}, .categories = {}}),
      Query::of({.types = {}, .tags = {}, .streams = {}, .categories = {"Cat2"}}),
      Query{std::vector<QueryItem>{{.types = {"T2"}, .tags = {"tag:0"}, .streams = {}, .categories = {}},
                                   {.types = {}, .tags = {}, .streams = {"Cat0-0"}, .categories = {}}}}};
  for (const auto& query : queries) {
    std::vector<Position> expected;
    for (const auto& event : all) {
      EventView view;
      view.stream = event.stream;
      view.type = event.type;
      std::string encoded;
      for (const auto& tag : event.tags) {
        encoded += static_cast<char>(tag.size());
        encoded += '\0';
        encoded += tag;
      }
      view.tags = TagsView(encoded);
      if (query.matches(view)) expected.push_back(event.position);
    }
    std::vector<Position> got;
    for (const auto& event : log(Direction::forward, query)) got.push_back(event.position);
    EXPECT_EQ(got, expected);
    std::ranges::reverse(expected);
    got.clear();
    for (const auto& event : log(Direction::backward, query)) got.push_back(event.position);
    EXPECT_EQ(got, expected);
  }
}

TEST_F(StoreRead, from_and_limit_bound_every_kind_of_read) {
  for (int i = 0; i < 10; ++i) append("A-1", "X", std::to_string(i));
  const auto part = [&](std::optional<Revision> from, Direction direction, std::uint64_t limit) {
    std::string data;
    for (const auto& e : drain(*must(store_->read_stream({"A-1", from, direction, limit})), 3))
      data += e.data;
    return data;
  };
  EXPECT_EQ(part(Revision(7), Direction::forward, no_limit), "789");
  EXPECT_EQ(part(Revision(2), Direction::backward, no_limit), "210");
  EXPECT_EQ(part({}, Direction::forward, 4), "0123");
  EXPECT_EQ(part({}, Direction::backward, 4), "9876");
  EXPECT_EQ(part(Revision(10), Direction::forward, no_limit), "");
  EXPECT_EQ(part(Revision(99), Direction::backward, 2), "98");
  EXPECT_EQ(part({}, Direction::forward, 0), "");
  const auto log_part = [&](std::optional<Position> from, Direction direction, std::uint64_t limit) {
    std::string data;
    for (const auto& e : drain(*must(store_->read({Query::all(), from, direction, limit})), 3))
      data += e.data;
    return data;
  };
  EXPECT_EQ(log_part(Position(8), Direction::forward, no_limit), "789");
  EXPECT_EQ(log_part(Position(0), Direction::forward, 2), "01");
  EXPECT_EQ(log_part(Position(3), Direction::backward, no_limit), "210");
  EXPECT_EQ(log_part(Position(99), Direction::backward, 1), "9");
  EXPECT_EQ(log_part(Position(11), Direction::forward, no_limit), "");
}

TEST_F(StoreRead, a_missing_stream_is_not_found) {
  EXPECT_EQ(store_->read_stream({"nobody", {}, Direction::forward, no_limit}).error().kind(),
            errc::not_found);
  EXPECT_EQ(store_->stream_info("nobody").error().kind(), errc::not_found);
  EXPECT_EQ(store_->find_event(Uuid::random()).error().kind(), errc::not_found);
}

TEST_F(StoreRead, streams_are_listed_by_name_with_prefix_and_paging) {
  for (const char* name : {"B-2", "A-1", "B-1", "C"}) append(name, "X");
  const auto names = [&](std::string_view prefix, std::string_view after, std::size_t limit) {
    std::string all;
    for (const auto& info : must(store_->list_streams(prefix, after, limit))) all += info.stream + " ";
    return all;
  };
  EXPECT_EQ(names("", "", 10), "A-1 B-1 B-2 C ");
  EXPECT_EQ(names("B-", "", 10), "B-1 B-2 ");
  EXPECT_EQ(names("", "B-1", 1), "B-2 ");
}

TEST_F(StoreRead, a_cursor_is_bounded_by_the_head_at_its_opening) {
  append("A-1", "X");
  const auto cursor = must(store_->read({}));
  append("A-1", "Y");
  EXPECT_EQ(drain(*cursor).size(), 1u);
}

TEST_F(StoreRead, catch_up_goes_over_into_live_without_gap_or_repeat) {
  for (int i = 0; i < 100; ++i) append("A-1", "X");
  std::thread writer([&] {
    for (int i = 0; i < 400; ++i) append("A-" + std::to_string(i % 3), "X");
  });
  const auto subscription = must(store_->subscribe(Query::all(), Position(40)));
  std::uint64_t next = 41;
  while (next <= 500) {
    const auto batch = must(subscription->next_batch(64, std::chrono::seconds(20)));
    for (const auto& view : batch.events) ASSERT_EQ(view.position.value(), next++);
  }
  writer.join();
  const auto idle = must(subscription->next_batch(64, std::chrono::milliseconds(1)));
  EXPECT_TRUE(idle.events.empty());
  EXPECT_TRUE(idle.caught_up);
  EXPECT_EQ(idle.position, Position(500));
}

TEST_F(StoreRead, a_filtered_subscription_tells_how_far_it_has_looked) {
  for (int i = 0; i < 10; ++i) append("A-1", i == 4 ? "Rare" : "Common");
  const auto query = Query::of({.types = {"Rare"}, .tags = {}, .streams = {}, .categories = {}});
  const auto subscription = must(store_->subscribe(query, Position(0)));
  std::uint64_t seen = 0;
  SubscriptionBatch batch;
  do {
    batch = must(subscription->next_batch(10, std::chrono::seconds(5)));
    seen += batch.events.size();
  } while (!batch.caught_up);
  EXPECT_EQ(seen, 1u);
  EXPECT_EQ(batch.position, Position(10));
}

TEST_F(StoreRead, a_cancelled_subscription_returns_at_once) {
  const auto subscription = must(store_->subscribe(Query::all(), Position(0)));
  std::thread canceller([&] { subscription->cancel(); });
  const auto batch = subscription->next_batch(10, std::chrono::hours(1));
  EXPECT_EQ(batch.error().kind(), errc::unavailable);
  canceller.join();
}

TEST_F(StoreRead, a_long_look_without_a_match_tells_its_progress_and_can_be_cancelled) {
  std::uint64_t count = 0;
  while (count < 20'000) count = append_many("A-1", 1000, std::string(1000, 'x'));
  const auto query = Query::of({.types = {"Never"}, .tags = {}, .streams = {}, .categories = {}});
  const auto subscription = must(store_->subscribe(query, Position(0)));
  const auto first = must(subscription->next_batch(10, std::chrono::seconds(20)));
  EXPECT_TRUE(first.events.empty());
  EXPECT_GT(first.position, Position(0));
  subscription->cancel();
  EXPECT_EQ(subscription->next_batch(10, std::chrono::seconds(20)).error().kind(), errc::unavailable);
}

TEST_F(StoreRead, subscribing_beyond_the_head_is_refused) {
  append("A-1", "X");
  EXPECT_EQ(store_->subscribe(Query::all(), Position(2)).error().kind(), errc::invalid);
  EXPECT_TRUE(store_->subscribe(Query::all(), Position(1)).has_value());
}

TEST_F(StoreRead, waiting_for_a_position_ends_with_it_or_with_a_timeout) {
  EXPECT_EQ(store_->wait_for(Position(1), std::chrono::milliseconds(1)).error().kind(), errc::timeout);
  std::thread waiter(
      [&] { EXPECT_TRUE(store_->wait_for(Position(2), std::chrono::seconds(20)).has_value()); });
  append("A-1", "X");
  append("A-1", "X");
  waiter.join();
  EXPECT_TRUE(store_->wait_for(Position(2), std::chrono::microseconds(0)).has_value());
}

TEST_F(StoreRead, watchers_hear_of_every_move_until_they_are_gone) {
  std::vector<Position> heard;
  auto watch = store_->watch([&](Position head) { heard.push_back(head); });
  append("A-1", "X");
  must(store_->append(write("A-1", {event("X"), event("X")})));
  watch.reset();
  append("A-1", "X");
  EXPECT_EQ(heard, (std::vector<Position>{Position(1), Position(3)}));
}

}  // namespace
}  // namespace stele::test

// Reading by query: by index, by scanning and by choice give the same events, those that looking at every event
// gives, forward and backward, from anywhere, live too.
#include <algorithm>
#include <limits>
#include <thread>

#include "bare_log.hpp"
#include "engine/reader/cursors.hpp"
#include "machine.hpp"
#include "random_queries.hpp"
#include "store_fixture.hpp"

namespace stele::test {
namespace {

using engine::Plan;

constexpr std::array<Plan, 3> plans{Plan::forced_index, Plan::forced_scan, Plan::by_choice};

// The positions that a cursor gives, each event's fields compared with what was written.
std::vector<std::uint64_t> read_positions(const BareLog& log, Cursor& cursor, std::size_t batch) {
  std::vector<std::uint64_t> found;
  for (;;) {
    const auto events = must(cursor.next_batch(batch));
    if (events.empty()) return found;
    for (const auto& event : events) {
      const auto& written = log.events.at(event.position.value() - 1);
      EXPECT_EQ(event.stream, written.stream);
      EXPECT_EQ(event.type, written.type);
      EXPECT_TRUE(std::ranges::equal(event.tags, written.tags));
      found.push_back(event.position.value());
    }
  }
}

std::vector<std::uint64_t> matching(const BareLog& log, const LogRead& read) {
  std::vector<std::uint64_t> found;
  for (std::uint64_t at = 1; at <= log.events.size(); ++at) {
    const bool inside = !read.from || (read.direction == Direction::forward ? at >= read.from->value()
                                                                            : at <= read.from->value());
    if (inside && log.events[at - 1].matches(read.query)) found.push_back(at);
  }
  if (read.direction == Direction::backward) std::ranges::reverse(found);
  if (found.size() > read.limit) found.resize(read.limit);
  return found;
}

TEST(QueryRead, by_index_by_scan_and_by_choice_every_query_gives_what_looking_at_every_event_gives) {
  constexpr std::uint64_t rounds = sanitized ? 300 : 10'000;
  std::uint64_t matches = 0;
  for (std::uint64_t seed = 0; seed < rounds; ++seed) {
    Dice dice(seed);
    BareLog log(dice);
    for (auto i = dice.below(5) + 1; i > 0; --i) log.add_segment();
    engine::ReadState state{log.index, log.segments};
    LogRead read{.query = dice.one_in(20) ? Query::all() : random_query(dice), .from = {}};
    if (dice.one_in(2)) read.from = Position(dice.below(log.events.size() + 3));
    if (dice.one_in(4)) read.limit = dice.below(10);
    for (const auto direction : {Direction::forward, Direction::backward}) {
      read.direction = direction;
      const auto expected = matching(log, read);
      matches += expected.size();
      for (const auto plan : plans) {
        state.plan = plan;
        const auto cursor = open_log_cursor(state, read, log.visibility.head());
        ASSERT_EQ(read_positions(log, *cursor, 1 + dice.below(20)), expected)
            << "seed " << seed << ", plan " << static_cast<int>(plan);
      }
    }
  }
  EXPECT_GT(matches, rounds) << "the queries hardly ever match";
}

TEST(QueryRead, subscriptions_catch_up_by_any_plan_and_go_on_where_they_were_as_the_log_grows) {
  constexpr std::uint64_t rounds = sanitized ? 50 : 500;
  for (std::uint64_t seed = 0; seed < rounds; ++seed) {
    Dice dice(seed + 1'000'000);
    BareLog log(dice);
    log.add_segment();
    const auto query = random_query(dice);
    for (const auto plan : plans) {
      engine::ReadState state{log.index, log.segments};
      state.plan = plan;
      const auto subscription = open_subscription(state, log.visibility, query, Position(0));
      std::vector<std::uint64_t> seen;
      for (int step = 0; step < 3; ++step) {
        for (bool caught_up = false; !caught_up;) {
          const auto batch = must(subscription->next_batch(1 + dice.below(5), std::chrono::microseconds(0)));
          for (const auto& view : batch.events) seen.push_back(view.position.value());
          ASSERT_TRUE(seen.empty() || seen.back() <= batch.position.value());
          caught_up = batch.caught_up;
        }
        ASSERT_EQ(seen, matching(log, {.query = query, .from = {}})) << "seed " << seed << ", step " << step;
        if (step < 2) log.add_segment();
      }
    }
  }
}

TEST(QueryRead, a_rare_match_in_a_large_log_is_found_without_reading_the_rest) {
  Machine machine(1);
  auto store = must(machine.open());
  for (int i = 0; i < 20; ++i)
    must(store->append(write("A-1", std::vector<NewEvent>(1000, event("Common")))));
  auto rare = event("Rare");
  rare.tags = {"needle"};
  must(store->append(write("B-1", {rare})));
  for (int i = 0; i < 20; ++i)
    must(store->append(write("A-1", std::vector<NewEvent>(1000, event("Common")))));
  QueryItem by_tag;
  by_tag.tags = {"needle"};
  QueryItem by_type;
  by_type.types = {"Rare"};
  for (const auto& item : {by_tag, by_type}) {
    for (const auto direction : {Direction::forward, Direction::backward}) {
      // The thread that seals reads as well, for as long as it has something to do: the fewest of many tries counts.
      auto fewest = std::numeric_limits<std::uint64_t>::max();
      for (int tries = 0; tries < 1000 && fewest > 3; ++tries) {
        const auto before = machine.disk.counts().reads;
        const auto cursor = must(store->read({.query = Query::of(item), .from = {}, .direction = direction}));
        EXPECT_EQ(drain(*cursor).size(), 1u);
        fewest = std::min<std::uint64_t>(fewest, machine.disk.counts().reads - before);
      }
      EXPECT_LE(fewest, 3u);
    }
  }
}

TEST(QueryRead, a_filtered_subscriber_of_a_busy_log_misses_nothing_and_repeats_nothing) {
  Machine machine(2);
  auto store = must(machine.open());
  constexpr int appends = sanitized ? 500 : 4000;
  std::thread writer([&] {
    Dice dice(3);
    for (int i = 0; i < appends; ++i) {
      auto made = event(dice.name("T", 6));
      if (dice.one_in(50)) made.tags = {"wanted"};
      must(store->append(write(dice.name("S-", 20), {made})));
    }
  });
  QueryItem item;
  item.tags = {"wanted"};
  const auto query = Query::of(item);
  const auto subscription = must(store->subscribe(query, Position(0)));
  std::vector<Position> seen;
  Position position;
  while (position.value() < appends) {
    const auto batch = must(subscription->next_batch(7, std::chrono::seconds(20)));
    for (const auto& view : batch.events) seen.push_back(view.position);
    position = batch.position;
  }
  writer.join();
  std::vector<Position> expected;
  for (const auto& read : drain(*must(store->read({.query = query, .from = {}}))))
    expected.push_back(read.position);
  EXPECT_EQ(seen, expected);
  EXPECT_GT(seen.size(), 1u);
}

}  // namespace
}  // namespace stele::test

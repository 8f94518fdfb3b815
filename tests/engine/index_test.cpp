// The in-memory index: columns, tables, what a reader at a head may see, what was lost with a damaged frame.
#include "engine/index/index.hpp"

#include <gtest/gtest.h>

#include <random>
#include <thread>
#include <unordered_map>

#include "engine/reader/arena.hpp"
#include "engine/visibility.hpp"

namespace stele::engine {
namespace {

std::vector<std::uint64_t> numbers(const std::vector<Position>& positions) {
  std::vector<std::uint64_t> all;
  for (const auto position : positions) all.push_back(position.value());
  return all;
}

TEST(LocationColumn, keeps_every_location_across_blocks) {
  LocationColumn column;
  constexpr std::uint32_t count = 200'000;
  for (std::uint32_t i = 1; i <= count; ++i) column.append({i / 1000, i * 8});
  for (std::uint32_t i = 1; i <= count; i += 777)
    EXPECT_EQ(column.at(Position(i)), (Location{i / 1000, i * 8}));
  EXPECT_EQ(column.at(Position(count)), (Location{count / 1000, count * 8}));
}

TEST(StreamTable, a_reader_never_sees_beyond_its_head_and_the_writer_always_does) {
  StreamTable table;
  table.add("A", Revision(0), Position(1), 2);
  table.add("B", Revision(0), Position(3), 1);
  table.add("A", Revision(2), Position(4), 3);
  EXPECT_EQ(table.next_revision("A"), Revision(5));
  EXPECT_EQ(table.next_revision("nobody"), Revision(0));
  EXPECT_EQ(numbers(table.positions("A", Revision(0), 10, Position(4))),
            (std::vector<std::uint64_t>{1, 2, 4}));
  EXPECT_EQ(numbers(table.positions("A", Revision(1), 2, Position(100))), (std::vector<std::uint64_t>{2, 4}));
  EXPECT_TRUE(table.positions("A", Revision(5), 1, Position(100)).empty());
  EXPECT_TRUE(table.positions("B", Revision(0), 1, Position(2)).empty());
  EXPECT_FALSE(table.info("B", Position(2)));
  const auto info = table.info("A", Position(5));
  ASSERT_TRUE(info);
  EXPECT_EQ(info->last_revision, Revision(3));
  EXPECT_EQ(info->events, 4u);
  EXPECT_EQ(info->first_position, Position(1));
  EXPECT_EQ(info->last_position, Position(5));
}

TEST(StreamTable, revisions_lost_with_a_damaged_frame_read_as_position_0) {
  StreamTable table;
  table.add("A", Revision(0), Position(1), 1);
  table.add("A", Revision(3), Position(9), 1);
  EXPECT_EQ(numbers(table.positions("A", Revision(0), 10, Position(9))),
            (std::vector<std::uint64_t>{1, 0, 0, 9}));
}

TEST(StreamTable, listing_is_by_name_with_prefix_page_and_head) {
  StreamTable table;
  std::uint64_t position = 1;
  for (const char* name : {"b-2", "a-1", "b-1", "c", "b-10"})
    table.add(name, Revision(0), Position(position++), 1);
  const auto names = [&](std::string_view prefix, std::string_view after, std::size_t limit,
                         std::uint64_t head) {
    std::string all;
    for (const auto& info : table.list(prefix, after, limit, Position(head))) all += info.stream + " ";
    return all;
  };
  EXPECT_EQ(names("", "", 100, 5), "a-1 b-1 b-10 b-2 c ");
  EXPECT_EQ(names("b-", "b-1", 100, 5), "b-10 b-2 ");
  EXPECT_EQ(names("", "", 2, 5), "a-1 b-1 ");
  EXPECT_EQ(names("", "", 100, 2), "a-1 b-2 ");
  EXPECT_EQ(names("z", "", 100, 5), "");
}

TEST(IdTable, finds_what_was_inserted_through_growth_and_keeps_the_first) {
  IdTable table;
  std::mt19937_64 random(3);
  std::unordered_map<Uuid, Position> model;
  for (std::uint64_t i = 1; i <= 50'000; ++i) {
    std::array<std::uint8_t, 16> bytes{};
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random() % 7);  // close together on purpose
    const Uuid id(bytes);
    EXPECT_EQ(table.insert(id, Position(i)), model.emplace(id, Position(i)).second);
  }
  for (const auto& [id, position] : model) ASSERT_EQ(table.find(id), position);
  EXPECT_FALSE(table.find(*parse_uuid("ffffffff-ffff-ffff-ffff-ffffffffffff")));
}

// A frame on its way into an index, from what a writer would append.
struct Staged {
  std::vector<StreamWrite> writes;
  std::vector<Revision> revisions;
  log::EncodedFrame frame;
};

Staged staged(std::vector<StreamWrite> writes, std::vector<Revision> revisions, Position first) {
  for (auto& write : writes) {
    for (auto& event : write.events) event.id = Uuid::random();
  }
  auto frame = log::encode(writes);
  log::seal(frame, {.first = first,
                    .recorded_at = {},
                    .durable = {},
                    .first_revisions = revisions,
                    .salt = 1,
                    .offset = 4096});
  return {std::move(writes), std::move(revisions), std::move(frame)};
}

StreamWrite write_of(std::string stream, std::size_t events) {
  return {std::move(stream),
          {},
          std::vector<NewEvent>(events,
                                NewEvent{.id = {}, .type = "X", .data = "1", .metadata = "", .tags = {}})};
}

TEST(Index, staging_a_frame_and_recovering_it_give_the_same_answers) {
  const auto made = staged({write_of("A", 2), write_of("B", 1)}, {Revision(0), Revision(0)}, Position(1));
  Index one;
  one.add(0, 4096, Position(1), made.writes, made.revisions, made.frame);
  Index two;
  const auto parsed = log::parse_frame(made.frame.bytes, 1, 4096);
  ASSERT_EQ(parsed.status, log::FrameStatus::ok) << parsed.reason;
  two.add(0, 4096, parsed.frame);
  for (std::uint64_t p = 1; p <= 3; ++p)
    EXPECT_EQ(one.locations().at(Position(p)), two.locations().at(Position(p)));
  EXPECT_EQ(one.last(), Position(3));
  EXPECT_EQ(two.last(), Position(3));
  for (const auto& write : made.writes) {
    EXPECT_EQ(one.streams().next_revision(write.stream), two.streams().next_revision(write.stream));
    for (const auto& event : write.events) EXPECT_EQ(one.ids().find(event.id), two.ids().find(event.id));
  }
}

TEST(Index, positions_skipped_by_a_damaged_log_are_lost_not_wrong) {
  const auto later = staged({write_of("A", 1)}, {Revision(4)}, Position(5));
  Index index;
  index.add(0, 4096, log::parse_frame(later.frame.bytes, 1, 4096).frame);
  EXPECT_EQ(index.last(), Position(5));
  for (std::uint64_t p = 1; p <= 4; ++p) EXPECT_TRUE(Index::is_lost(index.locations().at(Position(p))));
  EXPECT_FALSE(Index::is_lost(index.locations().at(Position(5))));
}

TEST(Visibility, waiting_ends_when_the_head_moves_beyond_what_was_seen) {
  Visibility visibility;
  const std::atomic<bool> never{false};
  EXPECT_EQ(visibility.wait_beyond(Position(0), std::chrono::microseconds(1), never), Position(0));
  std::thread waiter(
      [&] { EXPECT_GE(visibility.wait_beyond(Position(2), std::chrono::hours(1), never), Position(3)); });
  for (std::uint64_t p = 1; p <= 3; ++p) visibility.publish(Position(p));
  waiter.join();
}

TEST(Visibility, closing_and_stop_flags_end_every_wait) {
  Visibility visibility;
  std::atomic<bool> stop{false};
  std::thread stopped([&] { visibility.wait_beyond(Position(0), std::chrono::hours(1), stop); });
  stop.store(true);
  visibility.wake();
  stopped.join();
  const std::atomic<bool> never{false};
  std::thread closed([&] { visibility.wait_beyond(Position(0), std::chrono::hours(1), never); });
  visibility.close();
  closed.join();
  EXPECT_TRUE(visibility.closed());
}

TEST(Visibility, a_watch_may_outlive_what_it_watched) {
  auto visibility = std::make_unique<Visibility>();
  int calls = 0;
  auto watch = visibility->watch([&](Position) { ++calls; });
  visibility->publish(Position(1));
  visibility->publish(Position(1));  // no move, no call
  visibility.reset();
  watch.reset();
  EXPECT_EQ(calls, 1);
}

TEST(Arena, pieces_stay_where_they_are_until_all_are_given_back) {
  Arena arena;
  std::vector<std::string_view> pieces;
  for (int i = 0; i < 1000; ++i)
    pieces.push_back(arena.copy(std::string(static_cast<std::size_t>(i), static_cast<char>('a' + i % 26))));
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    ASSERT_EQ(pieces[i], std::string(i, static_cast<char>('a' + static_cast<int>(i) % 26)));
  }
  auto huge = arena.take(10 << 20);
  EXPECT_EQ(huge.size(), 10u << 20);
  arena.clear();
  auto last = arena.take(100);
  arena.shrink_last(last, 10);
  EXPECT_EQ(arena.take(5).data(), last.data() + 10);
}

}  // namespace
}  // namespace stele::engine

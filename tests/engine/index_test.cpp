// The index in memory: columns, tables, parts, what a reader at a head may see, what was lost with a damaged frame.
#include "engine/index/index.hpp"

#include <gtest/gtest.h>

#include <map>
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

TEST(GrowingColumn, keeps_every_entry_across_blocks) {
  GrowingColumn<std::uint32_t> column;
  constexpr std::uint32_t count = 200'000;
  for (std::uint32_t i = 0; i < count; ++i) column.append(i * 8);
  for (std::uint32_t i = 0; i < count; i += 777) EXPECT_EQ(column.at(i), i * 8);
  EXPECT_EQ(column.at(count - 1), (count - 1) * 8);
  std::vector<std::uint32_t> some(5000);
  column.copy(900, some);
  for (std::uint32_t i = 0; i < some.size(); ++i) ASSERT_EQ(some[i], (900 + i) * 8);
}

TEST(IdTable, finds_what_was_inserted_through_growth_and_keeps_the_first) {
  IdTable table;
  std::mt19937_64 random(3);
  std::unordered_map<Uuid, std::uint32_t> model;
  for (std::uint32_t row = 0; row < 50'000;) {
    std::vector<Uuid> ids(1 + random() % 150);
    const auto first = row;
    for (auto& id : ids) {
      std::array<std::uint8_t, 16> bytes{};
      for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random() % 7);  // close together on purpose
      id = Uuid(bytes);
      model.emplace(id, row++);
    }
    table.insert(ids, first);
  }
  for (const auto& [id, row] : model) ASSERT_EQ(table.find(id), row);
  EXPECT_FALSE(table.find(*parse_uuid("ffffffff-ffff-ffff-ffff-ffffffffffff")));
  EXPECT_EQ(table.entries().size(), model.size());
}

TEST(TermTable, every_term_keeps_its_rows_and_types_through_growth_and_names_stay_in_order) {
  TermTable table;
  std::mt19937_64 random(5);
  struct Known {
    std::vector<std::uint32_t> rows;
    std::vector<TypeMask> types;
  };
  std::map<std::string, Known> model;
  std::uint32_t row = 0;
  for (int i = 0; i < 6'000; ++i) {
    const auto name = "s-" + std::to_string(random() % (random() % 3 == 0 ? 4 : 2'000));
    std::vector<TypeMask> types(1 + random() % (i % 50 == 0 ? 700 : 3));
    for (auto& type : types) type = TypeMask{1} << random() % 64;
    auto& known = model[name];
    table.add(name, row, types, Revision(known.rows.size()), i % 7 == 0);
    for (const auto type : types) {
      known.rows.push_back(row++);
      known.types.push_back(type);
    }
    if (i % 1'000 == 0) {
      ASSERT_EQ(table.names("", "", 10'000).size(), model.size());
    }
  }
  const auto sorted = table.sorted();
  ASSERT_EQ(sorted.size(), model.size());
  auto expected = model.begin();
  for (const auto* const term : sorted) {
    const auto& [name, known] = *expected++;
    ASSERT_EQ(term->name(), name);
    ASSERT_TRUE(std::ranges::equal(term->rows(), known.rows)) << name;
    for (std::size_t i = 0; i < known.types.size(); ++i) {
      ASSERT_NE(term->block_types()[i / Postings::block_positions] & known.types[i], 0U) << name << ' ' << i;
    }
    const auto middle = known.rows[known.rows.size() / 2];
    ASSERT_EQ(table.find(name, middle)->visible, known.rows.size() / 2 + 1);
  }
  EXPECT_FALSE(table.find("nobody", ~std::uint64_t{0}).has_value());
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
                                NewEvent{.id = {}, .type = "X", .data = "1", .metadata = "", .tags = {"t"}})};
}

// An index and what a writer would add to it, one frame after another.
struct Growing {
  Index index;
  std::uint64_t offset = 4096;

  void add(const std::string& stream, std::size_t events, std::uint32_t segment = 0) {
    const auto first = index.last().next();
    const auto made = staged({write_of(stream, events)}, {*index.next_revision(stream)}, first);
    index.add(segment, offset, first, made.writes, made.revisions, made.frame);
    offset += made.frame.bytes.size();
  }
  std::vector<std::uint64_t> positions(std::string_view stream, std::uint64_t from, std::size_t count,
                                       std::uint64_t head) const {
    return numbers(*index.positions(stream, Revision(from), count, Position(head)));
  }
  std::string names(std::string_view prefix, std::string_view after, std::size_t limit,
                    std::uint64_t head) const {
    std::string all;
    const auto listed = index.list(prefix, after, limit, Position(head));
    for (const auto& info : *listed) all += info.stream + " ";
    return all;
  }
};

TEST(Index, a_reader_never_sees_beyond_its_head_and_the_writer_always_does) {
  Growing made;
  made.add("A", 2);
  made.add("B", 1);
  made.add("A", 3);
  EXPECT_EQ(*made.index.next_revision("A"), Revision(5));
  EXPECT_EQ(*made.index.next_revision("A", Position(4)), Revision(3));
  EXPECT_EQ(*made.index.next_revision("nobody"), Revision(0));
  using Numbers = std::vector<std::uint64_t>;
  EXPECT_EQ(made.positions("A", 0, 10, 4), (Numbers{1, 2, 4}));
  EXPECT_EQ(made.positions("A", 1, 2, 100), (Numbers{2, 4}));
  EXPECT_EQ(made.positions("A", 5, 1, 100), (Numbers{}));
  EXPECT_EQ(made.positions("B", 0, 1, 2), (Numbers{}));
  EXPECT_FALSE(*made.index.info("B", Position(2)));
  const auto info = *made.index.info("A", Position(5));
  ASSERT_TRUE(info);
  EXPECT_EQ(info->last_revision, Revision(3));
  EXPECT_EQ(info->events, 4u);
  EXPECT_EQ(info->first_position, Position(1));
  EXPECT_EQ(info->last_position, Position(5));
}

TEST(Index, a_stream_goes_on_from_part_to_part) {
  Growing made;
  for (std::uint32_t segment = 0; segment < 4; ++segment) {
    made.add("A", 2, segment);
    made.add("B-" + std::to_string(segment), 1, segment);
  }
  EXPECT_EQ(made.index.parts()->size(), 4u);
  EXPECT_EQ(*made.index.next_revision("A"), Revision(8));
  using Numbers = std::vector<std::uint64_t>;
  EXPECT_EQ(made.positions("A", 0, 100, 100), (Numbers{1, 2, 4, 5, 7, 8, 10, 11}));
  EXPECT_EQ(made.positions("A", 3, 3, 100), (Numbers{5, 7, 8}));
  EXPECT_EQ(made.positions("A", 5, 100, 8), (Numbers{8}));
  const auto info = *made.index.info("A", Position(9));
  ASSERT_TRUE(info);
  EXPECT_EQ(info->first_position, Position(1));
  EXPECT_EQ(info->last_position, Position(8));
  EXPECT_EQ(info->last_revision, Revision(5));
  EXPECT_EQ((*made.index.location(Position(6))).segment, 1u);
  EXPECT_EQ(made.names("B-", "B-0", 2, 100), "B-1 B-2 ");
}

TEST(Index, listing_is_by_name_with_prefix_page_and_head) {
  Growing made;
  std::uint32_t segment = 0;
  for (const char* name : {"b-2", "a-1", "b-1", "c", "b-10"}) made.add(name, 1, segment++ / 2);
  EXPECT_EQ(made.names("", "", 100, 5), "a-1 b-1 b-10 b-2 c ");
  EXPECT_EQ(made.names("b-", "b-1", 100, 5), "b-10 b-2 ");
  EXPECT_EQ(made.names("", "", 2, 5), "a-1 b-1 ");
  EXPECT_EQ(made.names("", "", 2, 2), "a-1 b-2 ");
  EXPECT_EQ(made.names("", "", 100, 2), "a-1 b-2 ");
  EXPECT_EQ(made.names("z", "", 100, 5), "");
  made.add("a-0", 1, 9);
  EXPECT_EQ(made.names("", "", 2, 6), "a-0 a-1 ");
}

TEST(Index, an_id_is_found_in_whatever_part_it_stands) {
  Index index;
  const auto one = staged({write_of("A", 2)}, {Revision(0)}, Position(1));
  index.add(0, 4096, Position(1), one.writes, one.revisions, one.frame);
  const auto two = staged({write_of("A", 1)}, {Revision(2)}, Position(3));
  index.add(1, 4096, Position(3), two.writes, two.revisions, two.frame);
  EXPECT_EQ(*index.find_id(one.writes[0].events[1].id), Position(2));
  EXPECT_EQ(*index.find_id(two.writes[0].events[0].id), Position(3));
  EXPECT_EQ(*index.find_id(Uuid::random()), std::nullopt);
}

TEST(Index, staging_a_frame_and_recovering_it_give_the_same_answers) {
  const auto made = staged({write_of("A", 2), write_of("B", 1)}, {Revision(0), Revision(0)}, Position(1));
  Index one;
  one.add(0, 4096, Position(1), made.writes, made.revisions, made.frame);
  Index two;
  const auto parsed = log::parse_frame(made.frame.bytes, 1, 4096);
  ASSERT_EQ(parsed.status, log::FrameStatus::ok) << parsed.reason;
  two.add(0, 4096, parsed.frame);
  for (std::uint64_t p = 1; p <= 3; ++p) EXPECT_EQ(*one.location(Position(p)), *two.location(Position(p)));
  EXPECT_EQ(one.last(), Position(3));
  EXPECT_EQ(two.last(), Position(3));
  for (const auto& write : made.writes) {
    EXPECT_EQ(*one.next_revision(write.stream), *two.next_revision(write.stream));
    for (const auto& event : write.events) EXPECT_EQ(*one.find_id(event.id), *two.find_id(event.id));
  }
}

TEST(Index, positions_and_revisions_lost_in_a_damaged_log_are_lost_not_wrong) {
  const auto later = staged({write_of("A", 1)}, {Revision(4)}, Position(5));
  Index index;
  index.add(0, 4096, log::parse_frame(later.frame.bytes, 1, 4096).frame);
  EXPECT_EQ(index.last(), Position(5));
  for (std::uint64_t p = 1; p <= 4; ++p) EXPECT_TRUE(Index::is_lost(*index.location(Position(p))));
  EXPECT_FALSE(Index::is_lost(*index.location(Position(5))));
  // The stream lost two more of its events in the middle of a segment.
  const auto last = staged({write_of("A", 1)}, {Revision(7)}, Position(8));
  index.add(0, 4096, log::parse_frame(last.frame.bytes, 1, 4096).frame);
  EXPECT_EQ(numbers(*index.positions("A", Revision(0), 10, Position(9))),
            (std::vector<std::uint64_t>{0, 0, 0, 0, 5, 0, 0, 8}));
  EXPECT_TRUE(Index::is_lost(*index.location(Position(6))));
}

TEST(ActivePart, columns_and_postings_hold_what_was_added) {
  ActivePart part(Position(11));
  part.begin_frame(3, Timestamp(std::chrono::seconds(5)));
  part.begin_write(Revision(7));
  for (std::uint64_t i = 0; i < 300; ++i) {
    part.add_event(Uuid::from_name({}, std::to_string(i)), i % 100 == 50 ? "Rare" : "Common", 4096 + i * 8);
    if (i % 2 == 0) part.add_tag("even");
  }
  part.end_write("Box-1");
  part.end_frame(8192);
  EXPECT_EQ(part.last(), Position(310));
  EXPECT_EQ(*part.location(Position(12)), (Location{3, 4104}));
  const auto rare = **part.find_name(ColumnKind::type, "Rare");
  EXPECT_EQ(rare.count, 3u);
  EXPECT_EQ(rare.first, Position(61));
  EXPECT_EQ(rare.last, Position(261));
  EXPECT_FALSE(*part.find_name(ColumnKind::type, "None"));
  EXPECT_TRUE(*part.find_name(ColumnKind::category, "Box"));
  std::vector<std::uint32_t> codes(101);
  ASSERT_TRUE(part.codes(ColumnKind::type, Position(11), codes));
  EXPECT_EQ(codes[50], rare.code);
  EXPECT_NE(codes[51], rare.code);

  const auto stream = *part.postings(TermKind::stream, "Box-1", Position(310));
  ASSERT_TRUE(stream);
  EXPECT_EQ(stream->count(), 300u);
  EXPECT_EQ(stream->first_revision(), Revision(7));
  ASSERT_EQ(stream->blocks(), 3u);
  EXPECT_EQ((*stream->block(2)).count, 44u);
  EXPECT_EQ((*stream->block(2)).last, Position(310));
  EXPECT_EQ((*stream->block(0)).types, mask_of_type("Rare") | mask_of_type("Common"));
  const auto tag = *part.postings(TermKind::tag, "even", Position(20));
  ASSERT_TRUE(tag);
  EXPECT_EQ(tag->count(), 5u);
  EXPECT_EQ(tag->last(), Position(19));
  std::array<Position, Postings::block_positions> decoded{};
  EXPECT_EQ(*tag->decode(0, decoded), 5u);
  EXPECT_EQ(decoded[1], Position(13));
  EXPECT_EQ(*part.postings(TermKind::tag, "odd", Position(310)), nullptr);
  EXPECT_EQ(*part.postings(TermKind::stream, "Box-1", Position(10)), nullptr);
}

TEST(ActivePart, a_stream_is_tombstoned_while_that_is_its_newest_event) {
  Index index;
  auto made = staged({write_of("A", 2)}, {Revision(0)}, Position(1));
  made.writes[0].events[1].type = "$tombstone";
  index.add(0, 4096, Position(1), made.writes, made.revisions, made.frame);
  EXPECT_TRUE(*index.ended("A", Position(2)));
  EXPECT_FALSE(*index.ended("A", Position(1)));
  EXPECT_FALSE(*index.ended("B", Position(2)));
}

TEST(ActivePart, times_bracket_the_events_between_two_of_them) {
  ActivePart part(Position(1));
  for (std::uint64_t i = 0; i < 5000; ++i) {
    part.begin_frame(0, Timestamp(std::chrono::microseconds(i)));
    part.begin_write(Revision(i));
    part.add_event(Uuid::from_name({}, std::to_string(i)), "X", 4096 + i);
    part.end_write("A");
    part.end_frame(5000 + i);
  }
  const auto at = [&](std::int64_t time) { return *part.around(Timestamp(std::chrono::microseconds(time))); };
  EXPECT_EQ(at(-1).after, Position(0));
  EXPECT_EQ(at(-1).before, Position(1));
  EXPECT_EQ(at(0).after, Position(1));
  EXPECT_EQ(at(2000).after, Position(1025));
  EXPECT_EQ(at(2000).before, Position(2049));
  EXPECT_EQ(at(9000).before, Position(0));
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

// Frames out of the ordinary: many streams, many events, large events, damage in one place of them. Whatever
// way an event is read, it is the same event; whatever is damaged, the rest stays readable.
#include <algorithm>
#include <set>

#include "machine.hpp"

namespace stele::test {
namespace {

constexpr std::uint64_t many_events = sanitized ? 2'000 : Limits::events_per_append;

// Positions that a walk gave, and those it called damaged.
struct Walked {
  std::vector<std::uint64_t> good;
  std::vector<std::uint64_t> bad;
};

Walked walk(Cursor& cursor, std::size_t batch) {
  Walked walked;
  for (;;) {
    const auto events = cursor.next_batch(batch);
    if (!events) {
      EXPECT_EQ(events.error().kind(), errc::corrupt) << events.error().to_string();
      walked.bad.push_back(std::stoull(std::string(events.error().fact("position").value_or("0"))));
      continue;
    }
    if (events->empty()) return walked;
    EXPECT_LE(events->size(), batch);
    for (const auto& view : *events) walked.good.push_back(view.position.value());
  }
}

std::vector<std::uint64_t> numbers(std::uint64_t from, std::uint64_t to) {
  std::vector<std::uint64_t> all;
  for (auto n = from; n <= to; ++n) all.push_back(n);
  return all;
}

std::vector<std::uint64_t> reversed(std::vector<std::uint64_t> list) {
  std::ranges::reverse(list);
  return list;
}

std::vector<RecordedEvent> read_all(EventStore& store, Direction direction, std::size_t batch) {
  auto all = drain(*must(store.read({{}, {}, direction, no_limit})), batch);
  if (direction == Direction::backward) std::ranges::reverse(all);
  return all;
}

std::string long_name(std::size_t number) {
  auto name = "Stream-" + std::to_string(number) + "-";
  return name + std::string(Limits::stream_name_bytes - name.size(), 'n');
}

TEST(StoreFrames, a_thousand_streams_with_the_longest_names_are_written_and_read_as_one) {
  Machine machine(1);
  auto store = must(machine.open());
  AppendRequest request;
  for (std::size_t i = 0; i < Limits::streams_per_append; ++i) {
    request.writes.push_back({long_name(i),
                              ExpectedVersion::no_stream(),
                              {event("First", std::to_string(i)), event("Second", std::to_string(i))}});
  }
  const auto answer = must(store->append(request));
  EXPECT_EQ(answer.last.value(), 2 * Limits::streams_per_append);
  for (int life = 0; life < 2; ++life) {
    const auto all = read_all(*store, Direction::forward, 300);
    ASSERT_EQ(all.size(), 2 * Limits::streams_per_append);
    for (std::size_t i = 0; i < all.size(); ++i) {
      ASSERT_EQ(all[i].stream, long_name(i / 2)) << i;
      ASSERT_EQ(all[i].revision.value(), i % 2) << i;
      ASSERT_EQ(all[i].data, std::to_string(i / 2)) << i;
    }
    EXPECT_TRUE(read_all(*store, Direction::backward, 300) == all);
    for (const std::size_t i : {std::size_t{0}, std::size_t{499}, Limits::streams_per_append - 1}) {
      const auto of_stream =
          drain(*must(store->read_stream({long_name(i), {}, Direction::forward, no_limit})));
      ASSERT_EQ(of_stream.size(), 2u) << i;
      EXPECT_EQ(of_stream[0], all[2 * i]);
      EXPECT_EQ(of_stream[1], all[2 * i + 1]);
      EXPECT_EQ(must(store->find_event(all[2 * i].id)), all[2 * i]);
    }
    store.reset();
    store = must(machine.open());
  }
}

class StoreFramesBatch : public testing::TestWithParam<std::size_t> {};

TEST_P(StoreFramesBatch, of_any_size_give_all_events_of_one_large_frame_in_order) {
  Machine machine(2);
  const auto store = must(machine.open());
  std::vector<NewEvent> events;
  for (std::uint64_t i = 0; i < many_events; ++i) events.push_back(event("X", std::to_string(i)));
  must(store->append(write("Before-1", {event("X", "before")})));
  must(store->append(write("A-1", std::move(events))));
  must(store->append(write("Behind-1", {event("X", "behind")})));
  const auto forward = must(store->read({}));
  EXPECT_EQ(walk(*forward, GetParam()).good, numbers(1, many_events + 2));
  const auto backward = must(store->read({{}, {}, Direction::backward, no_limit}));
  EXPECT_EQ(walk(*backward, GetParam()).good, reversed(numbers(1, many_events + 2)));
  for (const auto direction : {Direction::forward, Direction::backward}) {
    auto of_stream = drain(*must(store->read_stream({"A-1", {}, direction, no_limit})), GetParam());
    if (direction == Direction::backward) std::ranges::reverse(of_stream);
    ASSERT_EQ(of_stream.size(), many_events);
    for (std::uint64_t i = 0; i < many_events; ++i) {
      ASSERT_EQ(of_stream[i].data, std::to_string(i));
      ASSERT_EQ(of_stream[i].revision.value(), i);
      ASSERT_EQ(of_stream[i].position.value(), i + 2);
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Sizes, StoreFramesBatch, testing::Values(1, 7, 4096),
                         [](const auto& param) { return std::to_string(param.param); });

TEST(StoreFrames, events_of_every_size_around_the_read_windows_come_back_whole) {
  Machine machine(3);
  const auto store = must(machine.open());
  std::vector<std::size_t> sizes{0, 1, 3'000'000};
  for (const std::size_t edge : {256u, 4096u, 32u << 10, 64u << 10, 256u << 10}) {
    for (const std::size_t below : {400u, 320u, 100u, 48u, 1u, 0u}) {
      if (edge > below) sizes.push_back(edge - below);
    }
    sizes.push_back(edge + 1);
  }
  std::vector<NewEvent> together;
  std::vector<std::string> data;
  for (const auto size : sizes) {
    data.emplace_back(size, static_cast<char>('a' + size % 26));
    must(store->append(write("Alone-1", {event("X", data.back())})));
    together.push_back(event("X", data.back()));
  }
  must(store->append(write("Together-1", std::move(together))));
  for (const auto direction : {Direction::forward, Direction::backward}) {
    const auto all = read_all(*store, direction, 5);
    ASSERT_EQ(all.size(), 2 * sizes.size());
    for (std::size_t i = 0; i < all.size(); ++i) ASSERT_TRUE(all[i].data == data[i % sizes.size()]) << i;
    for (const auto& one : all) ASSERT_TRUE(must(store->find_event(one.id)) == one) << one.position.value();
  }
}

TEST(StoreFrames, a_read_may_begin_and_end_at_any_event_of_a_frame) {
  Machine machine(4);
  const auto store = must(machine.open());
  for (int frame = 0; frame < 3; ++frame) {
    must(store->append(write("A-1", {event("X", "1"), event("X", "2"), event("X", "3"), event("X", "4")})));
  }
  for (std::uint64_t from = 1; from <= 12; ++from) {
    for (std::uint64_t limit = 1; limit <= 12; ++limit) {
      const auto forward = must(store->read({{}, Position(from), Direction::forward, limit}));
      ASSERT_EQ(walk(*forward, 100).good, numbers(from, std::min<std::uint64_t>(12, from + limit - 1)));
      const auto backward = must(store->read({{}, Position(from), Direction::backward, limit}));
      ASSERT_EQ(walk(*backward, 100).good, reversed(numbers(from > limit ? from - limit + 1 : 1, from)));
    }
  }
}

// Three frames; the second has ten events over two streams, data "<position>d...".
struct Damageable : testing::Test {
  Damageable() {
    const auto data = [](std::size_t position) { return std::to_string(position) + std::string(300, 'd'); };
    must(store->append(write("A-1", {event("X", data(1))})));
    AppendRequest both;
    both.writes.push_back({"A-1", {}, {}});
    both.writes.push_back({"B-1", {}, {}});
    for (std::size_t i = 2; i <= 11; ++i) both.writes[i % 2].events.push_back(event("X", data(i)));
    must(store->append(both));
    must(store->append(write("B-1", {event("X", data(12))})));
    all = read_all(*store, Direction::forward, 100);
  }
  // Where the event's data stands in the segment.
  [[nodiscard]] std::size_t place(std::uint64_t position) const {
    return machine.disk.bytes(first_segment).find(all.at(position - 1).data, 4096);
  }
  void expect_only_damaged(const std::vector<std::uint64_t>& bad) {
    std::vector<std::uint64_t> good;
    std::ranges::set_difference(numbers(1, 12), bad, std::back_inserter(good));
    for (const std::size_t batch : {1u, 3u, 100u}) {
      const auto forward = walk(*must(store->read({})), batch);
      EXPECT_EQ(forward.good, good) << batch;
      EXPECT_EQ(forward.bad, bad) << batch;
      const auto backward = walk(*must(store->read({{}, {}, Direction::backward, no_limit})), batch);
      EXPECT_EQ(backward.good, reversed(good)) << batch;
      EXPECT_EQ(backward.bad, reversed(bad)) << batch;
      for (const auto direction : {Direction::forward, Direction::backward}) {
        std::set<std::uint64_t> of_streams;
        std::set<std::uint64_t> lost;
        for (const auto* name : {"A-1", "B-1"}) {
          const auto walked = walk(*must(store->read_stream({name, {}, direction, no_limit})), batch);
          of_streams.insert(walked.good.begin(), walked.good.end());
          lost.insert(walked.bad.begin(), walked.bad.end());
        }
        EXPECT_TRUE(std::ranges::equal(of_streams, good)) << batch;
        EXPECT_TRUE(std::ranges::equal(lost, bad)) << batch;
      }
    }
    for (const auto& one : all) {
      const auto found = store->find_event(one.id);
      EXPECT_EQ(found.has_value(), std::ranges::find(bad, one.position.value()) == bad.end())
          << one.position.value();
      if (found) {
        EXPECT_EQ(*found, one);
      } else {
        EXPECT_EQ(found.error().fact("file"), first_segment.filename().string());
        EXPECT_TRUE(found.error().fact("offset").has_value());
      }
    }
  }

  Machine machine{5};
  std::unique_ptr<engine::EmbeddedStore> store = must(machine.open());
  std::vector<RecordedEvent> all;
};

TEST_F(Damageable, record_in_a_frame_of_many_takes_no_other_event_with_it) {
  machine.disk.flip(first_segment, place(6) + 100, 0x04);
  expect_only_damaged({6});
}

TEST_F(Damageable, first_and_last_records_of_a_frame_take_no_other_event_with_them) {
  machine.disk.flip(first_segment, place(2) + 1, 0x80);
  machine.disk.flip(first_segment, place(11) + 1, 0x80);
  expect_only_damaged({2, 11});
}

TEST_F(Damageable, frame_header_takes_its_own_events_and_no_others) {
  const auto header = machine.disk.bytes(first_segment).rfind("STLF", place(2));
  ASSERT_NE(header, std::string::npos);
  machine.disk.flip(first_segment, header + 32, 0x01);
  expect_only_damaged(numbers(2, 11));
}

TEST_F(Damageable, size_of_a_record_is_not_believed) {
  const auto type = machine.disk.bytes(first_segment).rfind('X', place(7));
  machine.disk.flip(first_segment, type - 48 + 7, 0x7F);  // the highest byte of the size
  expect_only_damaged({7});
}

}  // namespace
}  // namespace stele::test

// A follower, moved by hand: what it finds when the writer has gone on, without a thread or a wake-up.
#include "engine/follower.hpp"

#include "engine/reader/forward_reader.hpp"
#include "log_builder.hpp"
#include "machine.hpp"

namespace stele::test {
namespace {

// What a read-only store is made of.
struct Following {
  Following(Machine& machine, const Uuid& store)
      : follower({machine.world, "/store/log", store, index, segments, visibility, cold}, 0) {}
  engine::log::ColdPlaces cold;
  engine::Index index;
  engine::Segments segments;
  engine::Visibility visibility;
  engine::ReadState state{index, segments};
  engine::Follower follower;

  std::vector<RecordedEvent> read() {
    engine::ForwardReader reader(state, Position(1));
    std::vector<RecordedEvent> all;
    while (reader.position() <= visibility.head()) {
      for (const auto& view : must(reader.next_batch({}, visibility.head(), 64)))
        all.push_back(view.to_owned());
    }
    return all;
  }
};

Uuid store_of(Machine& machine) { return must(engine::log::read_manifest(machine.disk, "/store")).store; }

TEST(Follower, sees_what_was_written_over_zeros_that_it_had_read_ahead) {
  Machine machine(1);
  const auto writer = must(machine.open());
  Following following(machine, store_of(machine));
  std::uint64_t count = 0;
  for (int round = 0; round < 20; ++round) {
    must(writer->append(write("A-1", {event("X", std::to_string(round)), event("Y")})));
    count += 2;
    // The scanner's window is larger than the segment: it ends in zeros that are frames by the next round.
    must(following.follower.catch_up(Position(count)));
    ASSERT_EQ(following.visibility.head(), Position(count));
    ASSERT_EQ(following.segments.size(), 1u) << "a next segment was looked for";
  }
  EXPECT_TRUE(following.read() == drain(*must(writer->read({}))));
}

TEST(Follower, sees_a_frame_of_which_it_had_read_ahead_only_the_beginning) {
  Machine machine(2);
  engine::log::testing::SegmentBuilder segment(1);
  segment.frame(2, 0).frame(3, 2, 400);
  const auto whole = segment.image();
  const auto& second = segment.last();
  auto half = whole;
  std::fill(half.begin() + static_cast<std::ptrdiff_t>(second.offset + second.size / 2), half.end(), '\0');
  const auto path = std::filesystem::path("/store/log") / segment.name();
  machine.disk.put(path, half);
  Following following(machine, engine::log::testing::store_id);
  must(following.follower.catch_up(Position(2)));
  const auto file = must(machine.disk.open(path, io::Mode::write));
  must(file->write_at(0, whole));
  must(following.follower.catch_up(Position(5)));
  EXPECT_EQ(following.visibility.head(), Position(5));
  EXPECT_EQ(following.segments.size(), 1u);
}

TEST(Follower, goes_over_several_segments_in_one_step_and_in_many) {
  for (const std::uint64_t step : {1u, 7u, 100'000u}) {
    Machine machine(3);
    const auto writer = must(machine.open());
    Following following(machine, store_of(machine));
    constexpr std::uint64_t appends = 300;
    for (std::uint64_t i = 1; i <= appends; ++i) {
      must(writer->append(write("A-" + std::to_string(i % 5), {event("X", std::string(1'000, 'x'))})));
      if (i % step == 0 || i == appends) must(following.follower.catch_up(Position(i)));
    }
    EXPECT_EQ(following.segments.size(), must(machine.disk.list("/store/log")).size()) << step;
    EXPECT_GE(following.segments.size(), 4u);
    EXPECT_TRUE(following.read() == drain(*must(writer->read({})))) << step;
  }
}

TEST(Follower, never_shows_events_behind_the_mark_and_finds_them_when_it_moves) {
  Machine machine(4);
  const auto writer = must(machine.open());
  Following following(machine, store_of(machine));
  for (int i = 0; i < 10; ++i) must(writer->append(write("A-1", {event("X", std::to_string(i))})));
  for (std::uint64_t mark = 0; mark <= 10; ++mark) {
    must(following.follower.catch_up(Position(mark)));
    ASSERT_EQ(following.visibility.head(), Position(mark));
    ASSERT_EQ(following.read().size(), mark);
  }
}

TEST(Follower, that_does_not_find_a_durable_event_says_so_and_goes_on_when_it_is_there) {
  Machine machine(5);
  const auto writer = must(machine.open());
  Following following(machine, store_of(machine));
  must(writer->append(write("A-1", {event("X")})));
  EXPECT_EQ(following.follower.catch_up(Position(2)).error().kind(), errc::not_found);
  EXPECT_EQ(following.read().size(), 1u) << "what comes before is served all the same";
  must(writer->append(write("A-1", {event("Y")})));
  must(following.follower.catch_up(Position(2)));
  EXPECT_EQ(following.read().size(), 2u);
}

TEST(Follower, says_that_a_segment_has_lost_its_frames_and_opens_it_once) {
  Machine machine(7);
  {
    const auto writer = must(machine.open());
    must(writer->append(write("A-1", {event("X")})));
  }
  const auto path = std::filesystem::path("/store/log") / must(machine.disk.list("/store/log")).front();
  auto bytes = machine.disk.bytes(path);
  bytes.resize(engine::log::segment_header_bytes);
  machine.disk.put(path, bytes);
  Following following(machine, store_of(machine));
  for (int tries = 0; tries < 3; ++tries) {
    const auto caught_up = following.follower.catch_up(Position(1));
    ASSERT_FALSE(caught_up);
    EXPECT_EQ(caught_up.error().kind(), errc::corrupt);
    EXPECT_EQ(caught_up.error().fact("position"), "1");
  }
  EXPECT_EQ(following.segments.size(), 1u);
}

TEST(Follower, refuses_a_segment_of_another_store) {
  Machine machine(6);
  engine::log::testing::SegmentBuilder segment(1);
  segment.frame(1, 0);
  machine.disk.put(std::filesystem::path("/store/log") / segment.name(), segment.image());
  Following following(machine, Uuid::random());
  EXPECT_EQ(following.follower.catch_up(Position(1)).error().kind(), errc::corrupt);
  EXPECT_EQ(following.segments.size(), 0u);
}

}  // namespace
}  // namespace stele::test

// Batches larger than what is prepared of a segment: room is reserved for them, and what they wrote there survives
// whatever ends the process.
#include <cerrno>

#include "engine/log/segment.hpp"
#include "machine.hpp"

namespace stele::test {
namespace {

constexpr std::uint64_t mebi = 1u << 20;

class SegmentRoom : public testing::Test {
 protected:
  SegmentRoom() { must(machine_.disk.make_directory("/log")); }
  std::unique_ptr<engine::log::SegmentFile> make(std::uint64_t bytes) {
    return must(
        engine::log::SegmentFile::create(machine_.world, "/log", {Uuid::random(), Position(1), bytes, 0}));
  }
  Machine machine_{21};
};

TEST_F(SegmentRoom, is_reserved_ahead_in_one_step_and_reads_as_zeros) {
  const auto segment = make(64 * mebi);
  ASSERT_EQ(segment->filled(), mebi);
  must(segment->make_room(mebi));
  EXPECT_EQ(segment->filled(), mebi) << "there was room already";
  must(segment->make_room(2 * mebi));
  EXPECT_EQ(segment->filled(), 17 * mebi);
  EXPECT_EQ(must(segment->file()->size()), 17 * mebi);
  std::string bytes(64, 'x');
  EXPECT_EQ(must(segment->file()->read_at(17 * mebi - 64, bytes)), 64u);
  EXPECT_EQ(bytes, std::string(64, '\0'));
  must(segment->make_room(40 * mebi));
  EXPECT_EQ(segment->filled(), 40 * mebi);
  must(segment->make_room(63 * mebi));
  EXPECT_EQ(segment->filled(), 63 * mebi);
  must(segment->make_room(64 * mebi));
  EXPECT_EQ(segment->filled(), segment->header().capacity);
}

TEST_F(SegmentRoom, never_goes_beyond_the_capacity) {
  const auto segment = make(3 * mebi);
  must(segment->make_room(2 * mebi));
  EXPECT_EQ(segment->filled(), 3 * mebi);
  EXPECT_FALSE(segment->wants_fill(3 * mebi));
}

TEST_F(SegmentRoom, on_a_nearly_full_disk_is_as_much_as_is_needed) {
  const auto segment = make(64 * mebi);
  machine_.disk.set_free_bytes(mebi);
  must(segment->make_room(2 * mebi));
  EXPECT_EQ(segment->filled(), 2 * mebi);
  const auto full = segment->make_room(2 * mebi + 1);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().kind(), errc::disk_full);
  EXPECT_EQ(segment->filled(), 2 * mebi) << "a refusal leaves what there was";
  machine_.disk.set_free_bytes(~std::uint64_t{0});
  must(segment->make_room(2 * mebi + 1));
  EXPECT_EQ(segment->filled(), 18 * mebi);
}

TEST_F(SegmentRoom, is_not_made_any_more_once_a_sync_of_the_helper_failed) {
  const auto segment = make(64 * mebi);
  machine_.disk.fail_sync(1, EIO);
  ASSERT_FALSE(segment->fill_ahead());
  const auto refused = segment->make_room(2 * mebi);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), errc::unavailable);
  EXPECT_EQ(segment->filled(), mebi);
}

// ---- Through a store

struct RoomyMachine : Machine {
  explicit RoomyMachine(std::uint64_t seed) : Machine(seed) { segment_bytes = 32 * mebi; }
};

AppendRequest large_batch(char letter) {
  std::vector<NewEvent> events;
  for (int i = 0; i < 6; ++i) events.push_back(event("Large", std::string(400'000, letter)));
  return write("Large-1", std::move(events), ExpectedVersion::no_stream());
}

TEST(RoomyStore, a_large_batch_in_reserved_room_is_whole_after_a_power_cut) {
  for (std::uint64_t seed = 1; seed <= (sanitized ? 2 : 4); ++seed) {
    RoomyMachine machine(seed);
    auto store = must(machine.open());
    must(store->append(write("A-1", {event("Small")})));
    must(store->append(large_batch('l')));
    ASSERT_GT(machine.disk.bytes(first_segment).size(), 3 * mebi);
    const auto before = drain(*must(store->read({})));
    machine.disk.crash(seed);
    store.reset();
    store = must(machine.open());
    ASSERT_TRUE(store->recovery().damages.empty()) << seed;
    ASSERT_TRUE(drain(*must(store->read({}))) == before) << "seed " << seed;
    ASSERT_EQ(must(store->append(write("A-1", {event("Small")}))).first, Position(8));
    ASSERT_EQ(must(machine.disk.list("/store/log")).size(), 1u) << "the segment is gone on with";
  }
}

TEST(RoomyStore, power_cuts_at_every_change_leave_all_of_a_large_batch_or_nothing) {
  std::uint64_t changes = 1;  // until one life has told how many there are
  for (std::uint64_t at = 0; at <= changes; ++at) {
    RoomyMachine machine(at);
    auto store = must(machine.open());
    must(store->append(write("A-1", {event("Small")})));
    const auto before = machine.disk.counts().changes;
    if (at > 0) machine.disk.stop_at_change(at);
    const bool told = store->append(large_batch('l')).has_value();
    if (at == 0) changes = machine.disk.counts().changes - before;
    store.reset();
    machine.disk.crash(at);
    ASSERT_GE(changes, 3u) << "room, bytes and a sync";
    store = must(machine.open());
    ASSERT_TRUE(store->recovery().damages.empty()) << at;
    const auto head = store->head().position.value();
    ASSERT_TRUE(head == 7 || (head == 1 && !told)) << "cut at change " << at << ", the head is " << head;
    const auto again = store->append(large_batch('m'));
    ASSERT_EQ(again.has_value(), head == 1) << at;
    const auto all = drain(*must(store->read({})));
    ASSERT_EQ(all.size(), 7u);
    const std::string expected(400'000, head == 1 ? 'm' : 'l');
    for (std::size_t i = 1; i < 7; ++i) ASSERT_TRUE(all[i].data == expected) << at;
  }
}

TEST(RoomyStore, a_batch_that_finds_the_disk_full_is_refused_and_what_fits_goes_on) {
  RoomyMachine machine(3);
  auto store = must(machine.open());
  must(store->append(write("A-1", {event("Small")})));
  machine.disk.set_free_bytes(100);
  for (int i = 0; i < 2; ++i) {
    const auto full = store->append(large_batch('l'));
    ASSERT_FALSE(full);
    EXPECT_EQ(full.error().kind(), errc::disk_full) << full.error().to_string();
  }
  EXPECT_EQ(must(store->append(write("A-1", {event("Small")}))).first, Position(2))
      << "it was prepared before";
  machine.disk.set_free_bytes(~std::uint64_t{0});
  EXPECT_EQ(must(store->append(large_batch('m'))).first, Position(3));
  store.reset();
  store = must(machine.open());
  EXPECT_EQ(drain(*must(store->read_stream({"Large-1", {}, {}, no_limit}))).size(), 6u);
  EXPECT_EQ(store->head().position, Position(8));
}

}  // namespace
}  // namespace stele::test

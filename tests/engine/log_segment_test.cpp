// log_segment_test.cpp - creating, growing and writing one segment; scanning it while it grows.
#include <gtest/gtest.h>

#include <cerrno>

#include "engine/log/scanner.hpp"
#include "engine/log/segment.hpp"
#include "io/simulated/manual_clock.hpp"
#include "io/simulated/memory_disk.hpp"
#include "io/simulated/seeded_random.hpp"
#include "log_builder.hpp"

namespace stele::engine::log {
namespace {

constexpr std::uint64_t mib = 1u << 20;

class LogSegment : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(disk_.make_directory("log").has_value());
    ASSERT_TRUE(disk_.sync_directory("").has_value());
  }

  std::unique_ptr<SegmentFile> make(std::uint64_t segment_bytes, std::uint64_t frame_bytes = 0) {
    auto made =
        SegmentFile::create(world_, "log", {testing::store_id, Position(1), segment_bytes, frame_bytes});
    EXPECT_TRUE(made.has_value()) << (made ? "" : made.error().to_string());
    return made ? *std::move(made) : nullptr;
  }

  EncodedFrame frame_at(const SegmentFile& segment, std::uint64_t offset, std::uint64_t position,
                        std::size_t bytes) {
    const StreamWrite write{"Account-1", {}, testing::events_of({std::string(bytes, 'd')})};
    auto frame = encode({&write, 1});
    const Revision revision(position - 1);
    seal(frame, {Position(position),
                 testing::day_one,
                 Position(position - 1),
                 {&revision, 1},
                 segment.header().salt,
                 offset});
    return frame;
  }

  io::simulated::MemoryDisk disk_;
  io::simulated::ManualClock clock_;
  io::simulated::SeededRandom random_{1};
  io::World world_{disk_, clock_, random_};
  const std::filesystem::path path_ = "log/" + segment_name(Position(1));
};

TEST_F(LogSegment, names_are_twenty_digits_and_come_back) {
  EXPECT_EQ(segment_name(Position(42)), "00000000000000000042.seg");
  EXPECT_EQ(parse_segment_name("00000000000000000042.seg"), Position(42));
  EXPECT_EQ(parse_segment_name(segment_name(Position(~std::uint64_t{0}))), Position(~std::uint64_t{0}));
  for (const auto* name :
       {"", "42.seg", "00000000000000000000.seg", "0000000000000000004x.seg", "00000000000000000042.tmp",
        "-0000000000000000042.seg", "99999999999999999999.seg"}) {
    EXPECT_FALSE(parse_segment_name(name).has_value()) << name;
  }
}

TEST_F(LogSegment, it_survives_a_crash_right_after_it_was_created) {
  const auto header = make(4 * mib)->header();
  disk_.crash(3);
  auto again = SegmentFile::open(disk_, path_);
  ASSERT_TRUE(again.has_value()) << again.error().to_string();
  EXPECT_EQ((*again)->header(), header);
  EXPECT_EQ((*again)->filled(), mib);
}

TEST_F(LogSegment, it_grows_in_doubling_steps_up_to_its_capacity) {
  const auto segment = make(40 * mib);
  std::vector<std::uint64_t> sizes{segment->filled() / mib};
  while (segment->filled() < segment->header().capacity) {
    ASSERT_TRUE(segment->fill_ahead().has_value());
    sizes.push_back(segment->filled() / mib);
  }
  EXPECT_EQ(sizes, (std::vector<std::uint64_t>{1, 2, 4, 8, 16, 32, 40}));
  ASSERT_TRUE(segment->fill_ahead().has_value());
  EXPECT_EQ(*segment->file()->size(), 40 * mib);
}

TEST_F(LogSegment, it_asks_for_more_when_half_a_step_is_left) {
  const auto segment = make(4 * mib);
  EXPECT_FALSE(segment->wants_fill(segment_header_bytes));
  EXPECT_TRUE(segment->wants_fill(mib / 2 + 1));
  ASSERT_TRUE(segment->fill_ahead().has_value());
  EXPECT_FALSE(segment->wants_fill(mib / 2 + 1));
  EXPECT_TRUE(segment->has_room(4 * mib - 8, 8));
  EXPECT_FALSE(segment->has_room(4 * mib - 8, 16));
}

TEST_F(LogSegment, a_frame_larger_than_a_segment_gets_one_that_fits) {
  const auto segment = make(64 << 10, 3 * mib);
  EXPECT_EQ(segment->header().capacity, segment_header_bytes + 3 * mib);
  EXPECT_GE(segment->filled(), segment_header_bytes + 3 * mib);
}

TEST_F(LogSegment, a_full_disk_shows_while_filling_and_passes) {
  const auto segment = make(8 * mib);
  disk_.set_free_bytes(100);
  const auto filled = segment->fill_ahead();
  ASSERT_FALSE(filled.has_value());
  EXPECT_EQ(filled.error().kind(), errc::disk_full);
  EXPECT_EQ(segment->filled(), mib);
  const auto frame = frame_at(*segment, segment_header_bytes, 1, 100);
  EXPECT_TRUE(
      segment->append_at(segment_header_bytes, frame.bytes).has_value());  // room made before is still room
  EXPECT_TRUE(segment->sync().has_value());
  EXPECT_EQ(segment->make_room(2 * mib).error().kind(), errc::disk_full);
  disk_.set_free_bytes(64 * mib);
  EXPECT_TRUE(segment->make_room(3 * mib).has_value());
  EXPECT_GE(segment->filled(), 3 * mib);
}

TEST_F(LogSegment, a_full_disk_while_creating_leaves_nothing_behind) {
  disk_.set_free_bytes(mib / 2);
  auto made = SegmentFile::create(world_, "log", {testing::store_id, Position(1), 4 * mib, 0});
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().kind(), errc::disk_full);
  EXPECT_TRUE(disk_.list("log")->empty());
}

// The kernel tells an error of the device once per open file: the helper's sync must not use up the writer's.
TEST_F(LogSegment, a_failed_sync_of_the_helper_is_told_to_the_writer_too_and_is_final) {
  const auto segment = make(8 * mib);
  const auto frame = frame_at(*segment, segment_header_bytes, 1, 100);
  ASSERT_TRUE(segment->append_at(segment_header_bytes, frame.bytes).has_value());
  disk_.fail_sync(1, EIO);
  EXPECT_FALSE(segment->fill_ahead().has_value());
  EXPECT_FALSE(segment->sync().has_value());
  EXPECT_FALSE(segment->fill_ahead().has_value()) << "it is not tried again";
}

TEST_F(LogSegment, one_that_was_never_written_to_makes_way_for_a_larger_one) {
  ASSERT_NE(make(mib), nullptr);
  const auto larger = SegmentFile::create(world_, "log", {testing::store_id, Position(1), mib, 2 * mib});
  ASSERT_TRUE(larger.has_value());
  EXPECT_TRUE((*larger)->has_room(segment_header_bytes, 2 * mib));
}

TEST_F(LogSegment, one_that_holds_a_frame_is_never_replaced) {
  const auto segment = make(mib);
  const auto frame = frame_at(*segment, segment_header_bytes, 1, 100);
  ASSERT_TRUE(segment->append_at(segment_header_bytes, frame.bytes).has_value());
  const auto second = SegmentFile::create(world_, "log", {testing::store_id, Position(1), mib, 0});
  EXPECT_EQ(second.error().kind(), errc::corrupt);
}

TEST_F(LogSegment, opening_a_damaged_one_says_what_is_wrong) {
  disk_.put(path_, std::string(5000, 'x'));
  EXPECT_EQ(SegmentFile::open(disk_, path_).error().kind(), errc::corrupt);
  disk_.put(path_, "short");
  const auto opened = SegmentFile::open(disk_, path_);
  ASSERT_FALSE(opened.has_value());
  EXPECT_NE(opened.error().message().find("cut short"), std::string::npos);
}

TEST_F(LogSegment, a_scanner_sees_frames_that_are_written_after_it_reached_the_end) {
  const auto segment = make(2 * mib);
  SegmentScanner scanner(*segment->file(), segment->header().salt, segment_header_bytes, segment->filled());
  std::uint64_t offset = segment_header_bytes;
  for (std::uint64_t position = 1; position <= 5; ++position) {
    EXPECT_EQ(scanner.next()->status, FrameStatus::blank);
    const auto frame = frame_at(*segment, offset, position, 300);
    ASSERT_TRUE(segment->append_at(offset, frame.bytes).has_value());
    const auto seen = scanner.next();
    ASSERT_TRUE(seen.has_value());
    ASSERT_EQ(seen->status, FrameStatus::ok) << seen->reason;
    EXPECT_EQ(seen->frame.first(), Position(position));
    EXPECT_EQ(scanner.frame_offset(), offset);
    offset += frame.bytes.size();
    EXPECT_EQ(scanner.offset(), offset);
  }
}

// Frames around the size of the scanner's window, and some far larger.
TEST_F(LogSegment, a_scanner_reads_frames_of_every_size) {
  const auto segment = make(16 * mib);
  ASSERT_TRUE(segment->make_room(16 * mib).has_value());
  std::uint64_t offset = segment_header_bytes, position = 0;
  const std::vector<std::size_t> sizes{0, 1, 300, mib / 4 - 200, mib / 4, mib, 3 * mib + 5, 7, 5 * mib, 100};
  for (const auto size : sizes) {
    const auto frame = frame_at(*segment, offset, ++position, size);
    ASSERT_TRUE(segment->append_at(offset, frame.bytes).has_value());
    offset += frame.bytes.size();
  }
  SegmentScanner scanner(*segment->file(), segment->header().salt, segment_header_bytes, offset);
  for (const auto size : sizes) {
    const auto seen = scanner.next();
    ASSERT_TRUE(seen.has_value());
    ASSERT_EQ(seen->status, FrameStatus::ok) << seen->reason;
    FrameEvents events(seen->frame);
    ASSERT_TRUE(events.next());
    EXPECT_EQ(events.event().data.size(), size);
  }
  EXPECT_EQ(scanner.next()->status, FrameStatus::blank);
}

TEST_F(LogSegment, a_read_error_is_an_error_and_the_next_read_goes_on) {
  const auto segment = make(mib);
  const auto frame = frame_at(*segment, segment_header_bytes, 1, 10);
  ASSERT_TRUE(segment->append_at(segment_header_bytes, frame.bytes).has_value());
  SegmentScanner scanner(*segment->file(), segment->header().salt, segment_header_bytes, mib);
  disk_.fail_read(1, EIO);
  const auto failed = scanner.next();
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().kind(), errc::corrupt);
  EXPECT_EQ(scanner.next()->status, FrameStatus::ok);
}

}  // namespace
}  // namespace stele::engine::log

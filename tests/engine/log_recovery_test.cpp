// log_recovery_test.cpp - the table of what can be on the disk and what recovery says about it.
#include <gtest/gtest.h>

#include <algorithm>

#include "engine/log/recovery.hpp"
#include "io/simulated/memory_disk.hpp"
#include "log_builder.hpp"

namespace stele::engine::log {
namespace {

using testing::File;
using testing::recover_files;
using testing::recover_one;
using testing::SegmentBuilder;
using testing::store_id;

RecoveryReport recovered(const std::vector<File>& files, std::uint64_t known = 0) {
  auto report = recover_files(files, known);
  EXPECT_TRUE(report.has_value()) << (report ? "" : report.error().to_string());
  return report ? *std::move(report) : RecoveryReport{};
}

File file(const SegmentBuilder& segment) { return {segment.name(), segment.image()}; }

// Damage to exactly these positions and bytes.
void expect_damage(const Damage& damage, std::uint64_t begin, std::uint64_t end, std::uint64_t first,
                   std::uint64_t last) {
  EXPECT_EQ(damage.begin, begin) << to_string(damage);
  EXPECT_EQ(damage.end, end) << to_string(damage);
  EXPECT_EQ(damage.first, Position(first)) << to_string(damage);
  EXPECT_EQ(damage.last, Position(last)) << to_string(damage);
}

TEST(LogRecovery, an_empty_log_begins_at_nothing) {
  const auto report = recovered({});
  EXPECT_EQ(report.last, Position(0));
  EXPECT_TRUE(report.damages.empty());
  const auto fresh = recover_one(SegmentBuilder(1).zeros(4096));
  EXPECT_EQ(fresh.last, Position(0));
  EXPECT_EQ(fresh.end_offset, segment_header_bytes);
}

TEST(LogRecovery, a_whole_log_is_read_to_its_end) {
  SegmentBuilder segment(1);
  segment.frame(1, 0).frame(3, 1).frame(2, 4);
  std::vector<std::uint64_t> visited;
  auto report = recover_files({file(segment.zeros(5000))}, 6,
                              [&](std::size_t in, std::uint64_t at, const FrameView& frame) {
                                EXPECT_EQ(in, 0u);
                                EXPECT_EQ(at, segment.frames()[visited.size()].offset);
                                visited.push_back(frame.last().value());
                              });
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(visited, (std::vector<std::uint64_t>{1, 4, 6}));
  EXPECT_EQ(report->last, Position(6));
  EXPECT_EQ(report->end_offset, segment.last().end());
  EXPECT_EQ(report->frames, 3u);
  EXPECT_EQ(report->events, 6u);
  EXPECT_EQ(report->last_recorded_at, testing::day_one + std::chrono::seconds(5));
  EXPECT_FALSE(report->torn.has_value());
  EXPECT_TRUE(report->damages.empty());
}

TEST(LogRecovery, a_torn_tail_is_cut_at_the_durable_mark) {
  SegmentBuilder segment(1);
  segment.frame(2, 0).frame(1, 2).with_damaged_body().zeros(100);
  const auto report = recover_one(segment, 2);
  EXPECT_EQ(report.last, Position(2));
  EXPECT_EQ(report.end_offset, segment.frames()[0].end());
  ASSERT_TRUE(report.torn.has_value());
  EXPECT_EQ(report.torn->begin, segment.frames()[0].end());
  EXPECT_EQ(report.torn->end, segment.last().end());
  EXPECT_TRUE(report.damages.empty());
}

// One group commit of three frames, all with the same mark: the first is torn, the others arrived.
TEST(LogRecovery, good_frames_behind_a_torn_one_of_the_same_commit_go_with_it) {
  SegmentBuilder segment(1);
  segment.frame(2, 0).frame(1, 2).with_damaged_header().frame(1, 2).frame(4, 2).zeros(64);
  const auto report = recover_one(segment);
  EXPECT_EQ(report.last, Position(2));
  ASSERT_TRUE(report.torn.has_value());
  EXPECT_EQ(report.torn->end, segment.last().end());
}

TEST(LogRecovery, a_first_sector_that_never_arrived_is_torn_too) {
  SegmentBuilder segment(1);
  segment.frame(1, 0).frame(1, 1, 3000);
  auto& image = segment.image();
  std::fill_n(image.begin() + static_cast<std::ptrdiff_t>(segment.last().offset), 512, '\0');
  const auto report = recover_one(segment);
  EXPECT_EQ(report.last, Position(1));
  ASSERT_TRUE(report.torn.has_value());
  EXPECT_EQ(report.torn->begin, segment.last().offset);
}

TEST(LogRecovery, a_bad_frame_below_a_later_mark_is_damage_and_reading_goes_on_behind_it) {
  SegmentBuilder segment(1);
  segment.frame(2, 0).frame(3, 2).with_damaged_body().frame(1, 5);
  const auto report = recover_one(segment);
  EXPECT_EQ(report.last, Position(6));
  EXPECT_EQ(report.events, 3u);
  EXPECT_FALSE(report.torn.has_value());
  ASSERT_EQ(report.damages.size(), 1u);
  expect_damage(report.damages[0], segment.frames()[1].offset, segment.frames()[1].end(), 3, 5);
}

TEST(LogRecovery, a_bad_header_below_a_later_mark_is_bounded_by_the_next_frame) {
  SegmentBuilder segment(1);
  segment.frame(2, 0).frame(3, 2).with_damaged_header().frame(1, 5).frame(1, 6);
  const auto report = recover_one(segment);
  EXPECT_EQ(report.last, Position(7));
  ASSERT_EQ(report.damages.size(), 1u);
  expect_damage(report.damages[0], segment.frames()[1].offset, segment.frames()[1].end(), 3, 5);
}

TEST(LogRecovery, the_watermark_page_alone_makes_a_bad_last_frame_damage) {
  SegmentBuilder segment(1);
  segment.frame(2, 0).frame(3, 2).with_damaged_header().zeros(64);
  const auto report = recover_one(segment, 5);
  EXPECT_EQ(report.last, Position(5));
  EXPECT_FALSE(report.torn.has_value());
  ASSERT_EQ(report.damages.size(), 1u);
  expect_damage(report.damages[0], segment.last().offset, segment.last().end() + 64, 3, 5);
}

TEST(LogRecovery, zeros_where_acknowledged_events_were_are_damage) {
  SegmentBuilder segment(1);
  const auto end = segment.frame(2, 0).last().end();
  const auto report = recover_one(segment.zeros(800), 4);
  ASSERT_EQ(report.damages.size(), 1u);
  expect_damage(report.damages[0], end, end + 800, 3, 4);
}

TEST(LogRecovery, damage_and_a_torn_tail_in_one_segment_are_told_apart) {
  SegmentBuilder segment(1);
  segment.frame(1, 0).frame(1, 1).with_damaged_body().frame(1, 2).frame(1, 3).with_damaged_body();
  const auto report = recover_one(segment);
  EXPECT_EQ(report.last, Position(3));
  ASSERT_EQ(report.damages.size(), 1u);
  expect_damage(report.damages[0], segment.frames()[1].offset, segment.frames()[1].end(), 2, 2);
  ASSERT_TRUE(report.torn.has_value());
  EXPECT_EQ(report.torn->begin, segment.last().offset);
}

TEST(LogRecovery, two_segments_join_without_a_gap) {
  SegmentBuilder one(1), two(4);
  one.frame(3, 0).zeros(999);
  two.frame(2, 3);
  const auto report = recovered({file(two), file(one)});
  EXPECT_EQ(report.last, Position(5));
  EXPECT_TRUE(report.damages.empty());
  ASSERT_EQ(report.segments.size(), 2u);
  EXPECT_EQ(report.segments[0].last, Position(3));
  EXPECT_EQ(report.segments[0].end, one.last().end());
  EXPECT_EQ(report.segments[1].input, 0u);
}

// Only the last segment can have a tail that was never acknowledged.
TEST(LogRecovery, a_bad_end_of_an_earlier_segment_is_damage) {
  SegmentBuilder one(1), two(4);
  one.frame(2, 0).frame(1, 2).with_damaged_body();
  two.frame(1, 3);
  const auto report = recovered({file(one), file(two)});
  EXPECT_EQ(report.last, Position(4));
  ASSERT_EQ(report.damages.size(), 1u);
  expect_damage(report.damages[0], one.last().offset, one.last().end(), 3, 3);
}

TEST(LogRecovery, a_missing_segment_is_named_by_its_positions) {
  SegmentBuilder one(1), three(7);
  one.frame(3, 0);
  three.frame(1, 6);
  const auto report = recovered({file(one), file(three)});
  EXPECT_EQ(report.last, Position(7));
  ASSERT_EQ(report.damages.size(), 1u);
  EXPECT_EQ(report.damages[0].segment, one.name());
  expect_damage(report.damages[0], one.last().end(), one.last().end(), 4, 6);
}

TEST(LogRecovery, a_missing_first_segment_is_told) {
  SegmentBuilder two(4);
  two.frame(1, 3);
  const auto report = recovered({file(two)});
  EXPECT_EQ(report.last, Position(4));
  ASSERT_EQ(report.damages.size(), 1u);
  expect_damage(report.damages[0], 0, 0, 1, 3);
}

TEST(LogRecovery, no_segments_at_all_while_something_was_durable_is_damage) {
  const auto report = recovered({}, 9);
  ASSERT_EQ(report.damages.size(), 1u);
  expect_damage(report.damages[0], 0, 0, 1, 9);
}

TEST(LogRecovery, a_truncated_segment_loses_what_it_held_and_no_more) {
  SegmentBuilder one(1), two(4);
  one.frame(1, 0).frame(2, 1);
  two.frame(1, 3);
  auto cut = file(one);
  cut.bytes.resize(one.last().offset + 70);
  const auto report = recovered({cut, file(two)});
  EXPECT_EQ(report.last, Position(4));
  ASSERT_EQ(report.damages.size(), 1u);
  expect_damage(report.damages[0], one.last().offset, one.last().offset + 70, 2, 3);
}

TEST(LogRecovery, a_foreign_segment_is_left_alone) {
  SegmentBuilder mine(1), foreign(3, testing::id_of(99));
  mine.frame(2, 0);
  foreign.frame(5, 2);
  const auto report = recovered({file(mine), file(foreign)});
  EXPECT_EQ(report.last, Position(2));
  ASSERT_EQ(report.damages.size(), 1u);
  EXPECT_EQ(report.damages[0].segment, foreign.name());
  EXPECT_NE(report.damages[0].reason.find("another store"), std::string::npos);
}

TEST(LogRecovery, a_renamed_segment_is_read_by_its_header_and_told) {
  SegmentBuilder one(1), two(3);
  one.frame(2, 0);
  two.frame(2, 2);
  const auto report = recovered({file(one), {segment_name(Position(77)), two.image()}});
  EXPECT_EQ(report.last, Position(4));
  ASSERT_EQ(report.damages.size(), 1u);
  EXPECT_EQ(report.damages[0].segment, segment_name(Position(77)));
}

TEST(LogRecovery, of_a_segment_and_its_copy_the_well_named_one_counts) {
  SegmentBuilder one(1);
  one.frame(2, 0);
  const auto report = recovered({{segment_name(Position(50)), one.image()}, file(one)});
  EXPECT_EQ(report.last, Position(2));
  ASSERT_EQ(report.segments.size(), 1u);
  EXPECT_EQ(report.segments[0].name, one.name());
  EXPECT_EQ(report.damages.size(), 2u);  // renamed, and a second one
}

// What the overlap holds was read already; it must not be cut away as if it had never been acknowledged.
TEST(LogRecovery, a_segment_that_begins_inside_another_is_told_and_never_cut) {
  SegmentBuilder one(1), two(2);
  one.frame(3, 0);
  two.frame(2, 1);
  const auto report = recovered({file(one), file(two)});
  EXPECT_EQ(report.last, Position(3));
  EXPECT_FALSE(report.damages.empty());
  EXPECT_FALSE(report.torn.has_value());
}

TEST(LogRecovery, one_damaged_copy_of_the_header_costs_no_event) {
  for (const std::size_t at : {100u, 2100u}) {
    SegmentBuilder one(1);
    one.frame(2, 0);
    one.image()[at] = 'x';
    const auto report = recover_one(one);
    EXPECT_EQ(report.last, Position(2));
    ASSERT_EQ(report.damages.size(), 1u);
    expect_damage(report.damages[0], 0, segment_header_bytes, 0, 0);
  }
}

TEST(LogRecovery, a_segment_without_a_readable_header_costs_exactly_its_positions) {
  SegmentBuilder one(1), two(3), three(6);
  one.frame(2, 0);
  two.frame(3, 2);
  three.frame(1, 5);
  two.image()[100] = two.image()[2100] = 'x';
  const auto report = recovered({file(one), file(two), file(three)});
  EXPECT_EQ(report.last, Position(6));
  ASSERT_EQ(report.damages.size(), 1u);
  EXPECT_EQ(report.damages[0].segment, two.name());
  expect_damage(report.damages[0], 0, two.image().size(), 3, 5);
}

TEST(LogRecovery, a_segment_of_a_newer_format_is_refused) {
  SegmentBuilder one(1);
  auto header = one.header();
  header.major = format_major + 1;
  const auto newer = recover_files({{one.name(), encode_header(header)}});
  ASSERT_FALSE(newer.has_value());
  EXPECT_EQ(newer.error().kind(), errc::invalid);
  header.major = format_major;
  header.read_only_compatible = 1;
  EXPECT_TRUE(recover_files({{one.name(), encode_header(header)}}).has_value());
  EXPECT_EQ(refuse(header, true)->kind(), errc::read_only);
}

// Every byte of a small log, changed: either the place is told, or it can be shown not to matter.
TEST(LogRecovery, every_changed_byte_is_told_or_irrelevant) {
#ifdef STELE_SANITIZED
  constexpr std::size_t step = 5;
#else
  constexpr std::size_t step = 1;
#endif
  SegmentBuilder one(1), two(5);
  one.frame(2, 0).frame(1, 2).frame(1, 3).zeros(40);
  two.frame(1, 4).frame(2, 5).frame(1, 7).zeros(40);
  const auto check = [&](const std::vector<File>& files, std::size_t which, std::size_t at) {
    const auto& segment = which == 0 ? one : two;
    const auto report = recovered(files, 8);
    const bool padding = at >= segment.last().end();
    const auto told = std::find_if(report.damages.begin(), report.damages.end(), [&](const Damage& damage) {
      return damage.segment == segment.name() && damage.begin <= at && at < damage.end;
    });
    EXPECT_EQ(told == report.damages.end(), padding) << segment.name() << " byte " << at;
    EXPECT_EQ(report.last, Position(8)) << segment.name() << " byte " << at;
    EXPECT_EQ(report.events == 8u, told == report.damages.end() || told->first == Position()) << at;
  };
  for (std::size_t which = 0; which < 2; ++which) {
    std::vector<File> files{file(one), file(two)};
    for (std::size_t at = 0; at < files[which].bytes.size(); at += step) {
      const auto original = files[which].bytes[at];
      files[which].bytes[at] = static_cast<char>(original ^ 0x21);
      check(files, which, at);
      files[which].bytes[at] = original;
    }
  }
}

TEST(LogRecovery, cutting_the_tail_leaves_zeros_and_can_be_repeated) {
  SegmentBuilder segment(1);
  segment.frame(2, 0).frame(5, 2).with_damaged_body().zeros(1000);
  io::simulated::MemoryDisk disk;
  disk.put("log/" + segment.name(), segment.image());
  const auto report = recover_one(segment);
  ASSERT_TRUE(apply_recovery(disk, "log", report).has_value());
  ASSERT_TRUE(apply_recovery(disk, "log", report).has_value());
  const auto cut = disk.bytes("log/" + segment.name());
  EXPECT_EQ(cut.size(), segment.image().size());
  EXPECT_EQ(cut.substr(0, segment.last().offset), segment.image().substr(0, segment.last().offset));
  EXPECT_EQ(cut.find_last_not_of('\0') + 1, cut.substr(0, segment.last().offset).find_last_not_of('\0') + 1);
  disk.crash(1);  // it was synced
  EXPECT_EQ(disk.bytes("log/" + segment.name()), cut);
}

TEST(LogRecovery, a_damaged_log_is_never_cut) {
  SegmentBuilder segment(1);
  segment.frame(1, 0).frame(1, 1).with_damaged_body().frame(1, 2).frame(1, 3).with_damaged_body();
  io::simulated::MemoryDisk disk;
  disk.put("log/" + segment.name(), segment.image());
  const auto applied = apply_recovery(disk, "log", recover_one(segment));
  ASSERT_FALSE(applied.has_value());
  EXPECT_EQ(applied.error().kind(), errc::corrupt);
  EXPECT_EQ(disk.bytes("log/" + segment.name()), segment.image());
}

// A segment that its writer goes on filling: the first reading that reaches `begin` finds nothing there yet.
class FilledMeanwhile final : public io::ByteSource {
 public:
  FilledMeanwhile(std::string image, std::uint64_t begin) : image_(std::move(image)), begin_(begin) {}

  result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) const override {
    const auto got = offset < image_.size() ? image_.copy(into.data(), into.size(), offset) : 0;
    if (offset + got <= begin_ || ++looks_ > 1) return got;
    const auto kept = static_cast<std::size_t>(begin_ - std::min(begin_, offset));
    std::ranges::fill(into.subspan(kept, got - kept), '\0');
    return got;
  }
  result<std::uint64_t> size() const override { return image_.size(); }

 private:
  std::string image_;
  std::uint64_t begin_;
  mutable int looks_ = 0;
};

TEST(LogRecovery, what_a_writer_fills_while_it_is_read_is_no_damage) {
  SegmentBuilder segment(1);
  segment.frame(2, 0).frame(1, 2).frame(1, 3).frame(1, 4).zeros(600 << 10);
  for (const auto& frame : segment.frames()) {
    SCOPED_TRACE(frame.first.value());
    const FilledMeanwhile source(segment.image(), frame.offset);
    const auto report = recover({store_id, {{segment.name(), &source}}, {}});
    ASSERT_TRUE(report);
    EXPECT_TRUE(report->damages.empty()) << to_string(report->damages.front());
    // Nothing says of the last one, when it is read, that it was durable.
    const auto last = frame.first == Position(5) ? 4u : 5u;
    EXPECT_EQ(report->last, Position(last));
  }
}

}  // namespace
}  // namespace stele::engine::log

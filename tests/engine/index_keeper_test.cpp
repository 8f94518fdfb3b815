// index_keeper_test.cpp - sealing, merging, making anew and taking over, step by step and without a thread: what a full
// disk, a damaged file or another process does to each step.
#include "engine/index/keeper.hpp"

#include <sstream>

#include "bare_log.hpp"
#include "index_random_log.hpp"

namespace stele::test {
namespace {

using engine::IndexKeeper;

const std::filesystem::path kept_directory{"/store/index"};
const Uuid kept_store = *parse_uuid("0192f0c1-2d3e-7a5b-8c9d-0e1f2a3b4c5d");

// A log of some segments and the keeper of its index. Two with the same seed are two processes on one store.
struct KeptLog {
  KeptLog(std::uint64_t seed, io::simulated::MemoryDisk& disk, int count)
      : dice(seed), keeper({disk, kept_directory, kept_store}, log.index, log.segments) {
    for (int i = 0; i < count; ++i) log.add_segment();
  }

  // Everything that streams and places say, as one text.
  [[nodiscard]] std::string answers() const {
    std::ostringstream out;
    const auto head = log.index.last();
    for (const auto& info : must(log.index.list("", "", 1000, head))) {
      out << info.stream << ' ' << info.events << " from " << info.first_position.value() << ':';
      for (const auto at : must(log.index.positions(info.stream, {}, 10'000, head))) out << ' ' << at.value();
      out << '\n';
    }
    for (Position at(1); at <= head; at = at.next()) {
      const auto place = must(log.index.location(at));
      out << place.segment << '/' << place.offset << ' ';
    }
    return std::move(out).str();
  }
  [[nodiscard]] std::size_t parts_in_files() const {
    std::size_t count = 0;
    for (const auto& part : *log.index.parts())
      count += static_cast<const engine::IndexPart&>(*part).sealed() ? 1 : 0;
    return count;
  }
  void seal_all() {
    while (must(keeper.seal_one())) {
    }
  }
  void rebuild_on_damage(bool write) {
    log.index.set_rebuild(
        [this, write](const engine::Part& damaged) { return keeper.rebuild(damaged, write); });
  }

  Dice dice;
  BareLog log{dice};
  IndexKeeper keeper;
};

std::vector<std::string> files_of(const KeptLog& kept) { return must(kept.keeper.files().list()); }

TEST(IndexKeeper, seals_what_is_complete_oldest_first_and_never_the_part_that_grows) {
  io::simulated::MemoryDisk disk;
  KeptLog kept(1, disk, 4);
  const auto answers = kept.answers();
  const auto parts = kept.log.index.parts();
  ASSERT_EQ(kept.keeper.waiting(), 3u);
  for (std::size_t sealed = 1; sealed <= 3; ++sealed) {
    EXPECT_TRUE(must(kept.keeper.seal_one()));
    EXPECT_EQ(kept.keeper.waiting(), 3 - sealed);
    EXPECT_EQ(files_of(kept).back(),
              engine::layout::file_name((*parts)[sealed - 1]->first(), (*parts)[sealed - 1]->last()));
    EXPECT_EQ(kept.answers(), answers);
  }
  EXPECT_FALSE(must(kept.keeper.seal_one()));
  EXPECT_EQ(kept.log.index.parts()->back(), parts->back());
  EXPECT_EQ(files_of(kept).size(), 3u);
  kept.log.add_segment();
  EXPECT_EQ(kept.keeper.waiting(), 1u) << "a next segment makes it complete";
  EXPECT_TRUE(must(kept.keeper.seal_one()));
}

TEST(IndexKeeper, on_a_full_disk_the_part_in_memory_serves_on_and_is_sealed_when_there_is_room) {
  io::simulated::MemoryDisk disk;
  KeptLog kept(2, disk, 3);
  const auto answers = kept.answers();
  for (const std::uint64_t room : {0u, 100u, 4096u, 5000u}) {
    disk.set_free_bytes(room);
    const auto refused = kept.keeper.seal_one();
    ASSERT_FALSE(refused) << room;
    EXPECT_EQ(refused.error().kind(), errc::disk_full);
    EXPECT_EQ(kept.keeper.waiting(), 2u);
    EXPECT_TRUE(files_of(kept).empty()) << "nothing stays behind";
    EXPECT_EQ(kept.answers(), answers);
  }
  disk.set_free_bytes(~std::uint64_t{0});
  kept.seal_all();
  EXPECT_EQ(kept.keeper.waiting(), 0u);
  EXPECT_EQ(kept.answers(), answers);
}

TEST(IndexKeeper, a_write_or_sync_that_fails_anywhere_leaves_no_half_file_under_a_real_name) {
  io::simulated::MemoryDisk disk;
  KeptLog kept(3, disk, 3);
  const auto answers = kept.answers();
  ASSERT_TRUE(kept.keeper.files().make_directory());
  std::uint64_t failures = 0;
  for (std::uint64_t nth = 1; nth < 40; ++nth) {
    nth % 2 == 0 ? disk.fail_write((nth + 1) / 2, 5) : disk.fail_sync((nth + 1) / 2, 5);
    const auto sealed = kept.keeper.seal_one();
    disk.clear_plans();
    failures += sealed ? 0 : 1;
    ASSERT_EQ(kept.answers(), answers);
    for (const auto& name : files_of(kept)) {
      const auto part =
          must(engine::SealedPart::open(*must(disk.open(kept_directory / name, io::Mode::read))));
      ASSERT_TRUE(part->file().verify()) << name;
    }
  }
  EXPECT_GE(failures, 3u) << "the bytes, the file, its name";
  EXPECT_EQ(kept.keeper.waiting(), 0u) << "a failure is no reason not to try again";
}

TEST(IndexKeeper, merging_on_a_full_disk_changes_nothing_and_takes_the_inputs_away_only_when_done) {
  io::simulated::MemoryDisk disk;
  KeptLog kept(4, disk, 5);
  kept.seal_all();
  const auto answers = kept.answers();
  const auto inputs = files_of(kept);
  ASSERT_EQ(inputs.size(), 4u);
  disk.set_free_bytes(4096);
  const auto refused = kept.keeper.merge_one();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), errc::disk_full);
  EXPECT_EQ(files_of(kept), inputs);
  EXPECT_EQ(kept.parts_in_files(), 4u);
  disk.set_free_bytes(~std::uint64_t{0});
  const auto before = kept.log.index.parts();
  EXPECT_TRUE(must(kept.keeper.merge_one()));
  EXPECT_FALSE(must(kept.keeper.merge_one())) << "one file has no neighbours";
  EXPECT_EQ(files_of(kept), std::vector{engine::layout::file_name(before->front()->first(),
                                                                  (*before)[before->size() - 2]->last())});
  EXPECT_EQ(kept.parts_in_files(), 1u);
  EXPECT_EQ(kept.answers(), answers);
  EXPECT_EQ(must((*before)[0]->location(Position(1))).segment, 0u) << "its file is gone, its pages are not";
}

TEST(IndexKeeper, a_merge_of_more_than_a_slice_lets_what_waits_be_sealed_first) {
  io::simulated::MemoryDisk disk;
  KeptLog kept(6, disk, 0);
  for (int i = 0; i < 5; ++i) kept.log.add_segment(2000);
  kept.seal_all();
  ASSERT_EQ(files_of(kept).size(), 4u);
  kept.log.add_segment(1);
  ASSERT_EQ(kept.keeper.waiting(), 1u);
  const auto answers = kept.answers();
  EXPECT_TRUE(must(kept.keeper.merge_one()));
  EXPECT_EQ(kept.keeper.waiting(), 0u);
  EXPECT_EQ(files_of(kept).size(), 2u) << "the merged file and the one that was waiting";
  EXPECT_EQ(kept.answers(), answers);
}

TEST(IndexKeeper, that_was_stopped_begins_nothing_and_leaves_nothing) {
  io::simulated::MemoryDisk disk;
  KeptLog kept(5, disk, 3);
  kept.keeper.stop();
  const auto stopped = kept.keeper.seal_one();
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().kind(), errc::unavailable);
  EXPECT_TRUE(files_of(kept).empty());
  EXPECT_EQ(kept.keeper.waiting(), 2u);
}

TEST(IndexKeeper, takes_over_what_another_process_sealed_and_goes_on_when_that_one_merges) {
  io::simulated::MemoryDisk disk;
  KeptLog writer(6, disk, 6);
  KeptLog follower(6, disk, 6);
  const auto answers = writer.answers();
  ASSERT_EQ(follower.answers(), answers);
  ASSERT_TRUE(must(writer.keeper.seal_one()));
  must(follower.keeper.adopt_sealed());
  EXPECT_EQ(follower.keeper.waiting(), 4u) << "of five one stands in a file by now";
  writer.seal_all();
  disk.put(kept_directory / engine::layout::file_name(Position(1), Position(2)),
           "no part begins and ends so");
  must(follower.keeper.adopt_sealed());
  EXPECT_EQ(follower.keeper.waiting(), 0u);
  EXPECT_EQ(follower.parts_in_files(), 5u);
  EXPECT_EQ(follower.answers(), answers);
  ASSERT_TRUE(must(writer.keeper.merge_one()));
  must(follower.keeper.adopt_sealed());
  EXPECT_EQ(follower.parts_in_files(), 2u) << "the merged file stands for those that the writer deleted";
  EXPECT_EQ(follower.answers(), answers);
  // One that comes late finds the merged file only.
  KeptLog late(6, disk, 6);
  must(late.keeper.adopt_sealed());
  EXPECT_EQ(late.parts_in_files(), 2u);
  EXPECT_EQ(late.keeper.waiting(), 0u);
  EXPECT_EQ(late.answers(), answers);
}

TEST(IndexKeeper, does_not_take_over_files_of_other_segments_or_damaged_ones) {
  io::simulated::MemoryDisk disk;
  KeptLog writer(7, disk, 4);
  writer.seal_all();
  const auto names = files_of(writer);
  disk.put(kept_directory / names[0], disk.bytes(kept_directory / names[0]).substr(0, 5000));
  disk.put(kept_directory / names[1], disk.bytes(kept_directory / names[2]));
  KeptLog follower(7, disk, 4);
  must(follower.keeper.adopt_sealed());
  EXPECT_EQ(follower.parts_in_files(), 1u);
  EXPECT_EQ(follower.answers(), writer.answers());
}

TEST(IndexKeeper, does_not_take_over_a_file_of_the_same_range_in_another_log) {
  io::simulated::MemoryDisk disk;
  KeptLog kept(10, disk, 3);
  must(kept.keeper.files().make_directory());
  const auto parts = kept.log.index.parts();
  const auto& part = static_cast<const engine::ActivePart&>(*parts->front());
  engine::CoveredSegment covered{part.first(), part.end(), kept.log.segments.at(0).salt ^ 1, part.frames(),
                                 part.last().value()};
  for (const std::size_t believed : {0u, 1u}) {
    must(engine::seal(part, covered, {disk, kept_directory, kept_store}));
    must(kept.keeper.adopt_sealed());
    EXPECT_EQ(kept.parts_in_files(), believed);
    covered.salt ^= 1;
  }
}

TEST(IndexKeeper, makes_a_damaged_file_anew_while_it_is_asked_and_writes_only_when_it_may) {
  for (const bool may_write : {false, true}) {
    SCOPED_TRACE(may_write);
    io::simulated::MemoryDisk disk;
    KeptLog writer(8, disk, 6);
    const auto answers = writer.answers();
    writer.seal_all();
    ASSERT_TRUE(must(writer.keeper.merge_one()));
    const auto names = files_of(writer);
    // The file of four segments: made anew it is four again.
    const auto wide = names[0].substr(0, 20) == names[1].substr(0, 20) ? names[1] : names[0];
    for (const auto& name : names) engine::testing::make_nonsense(disk, kept_directory / name);
    const auto bytes = disk.bytes(kept_directory / wide);
    KeptLog other(8, disk, 6);
    other.rebuild_on_damage(may_write);
    must(other.keeper.adopt_sealed());
    ASSERT_EQ(other.parts_in_files(), 2u);
    const auto changes = disk.counts().changes;
    EXPECT_EQ(other.answers(), answers);
    EXPECT_EQ(other.parts_in_files(), may_write ? 5u : 0u);
    EXPECT_EQ(files_of(other).size(), may_write ? 5u : 2u);
    if (may_write) {
      for (const auto& name : files_of(other)) {
        const auto file = must(disk.open(kept_directory / name, io::Mode::read));
        EXPECT_TRUE(must(engine::SealedPart::open(*file))->term(0)) << name;
      }
    } else {
      EXPECT_EQ(disk.counts().changes, changes);
      EXPECT_EQ(disk.bytes(kept_directory / wide), bytes);
    }
  }
}

TEST(IndexKeeper, merging_meets_a_damaged_file_makes_it_anew_and_merges_after_that) {
  io::simulated::MemoryDisk disk;
  KeptLog writer(9, disk, 5);
  const auto answers = writer.answers();
  writer.seal_all();
  engine::testing::make_nonsense(disk, kept_directory / files_of(writer)[2]);
  KeptLog next(9, disk, 5);
  next.rebuild_on_damage(true);
  must(next.keeper.adopt_sealed());
  const auto damaged = (*next.log.index.parts())[2];
  EXPECT_TRUE(must(next.keeper.merge_one())) << "made anew";
  EXPECT_EQ(files_of(next).size(), 4u);
  EXPECT_NE((*next.log.index.parts())[2], damaged);
  EXPECT_TRUE(must(next.keeper.merge_one())) << "merged";
  EXPECT_EQ(files_of(next).size(), 1u);
  EXPECT_EQ(next.answers(), answers);
}

}  // namespace
}  // namespace stele::test

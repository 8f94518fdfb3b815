// index_merge_test.cpp - merged files answer like one part that was given everything; what must stay apart does; which
// neighbours are merged when.
#include "engine/index/merge.hpp"

#include <gtest/gtest.h>

#include "index_random_log.hpp"
#include "store_fixture.hpp"

namespace stele::engine::testing {
namespace {

using stele::test::sanitized;

std::uint32_t one_hash(TermKind, std::string_view) { return 7; }

using SealedParts = std::vector<std::shared_ptr<const SealedPart>>;

std::shared_ptr<SealedPart> merged(const SealedParts& parts, io::Disk& disk, TermHash hash = hash_term) {
  const SealedPart* damaged = nullptr;
  const auto path = merge(parts, {disk, index_directory, index_store, nullptr, hash}, damaged);
  EXPECT_TRUE(path) << path.error().to_string();
  EXPECT_TRUE(*path);
  return open_sealed(disk, **path, hash);
}

TEST(Merge, answers_like_one_part_of_everything_whatever_the_history) {
  for (std::uint64_t seed = 1; seed <= (sanitized ? 60 : 2000); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomLog log(seed);
    io::simulated::MemoryDisk disk;
    if (log.draw(2) == 0) (void)log.segment(1, 20);
    log.keep_whole();
    const auto hash = seed % 10 == 0 ? one_hash : hash_term;
    SealedParts parts;
    for (std::uint64_t i = 0, n = 2 + log.draw(4); i < n; ++i) {
      parts.push_back(sealed(*log.segment(1, seed % 40 == 0 ? 1500 : 40), log, disk, hash));
    }
    const auto all = merged(parts, disk, hash);
    const auto& whole = log.whole();
    ASSERT_EQ(answers_of(whole, log, whole.last()), answers_of(*all, log, whole.last()));
    const auto middle =
        Position(whole.first().value() + log.draw(whole.last().value() - whole.first().value()));
    ASSERT_EQ(answers_of(whole, log, middle), answers_of(*all, log, middle));
    ASSERT_TRUE(all->file().verify());
    ASSERT_EQ(all->segments().size(), parts.size());
    ASSERT_EQ(all->last_recorded_at(), whole.last_recorded_at());
  }
}

TEST(Merge, of_merged_files_is_as_good_and_long_lists_keep_their_blocks) {
  RandomLog log(3);
  io::simulated::MemoryDisk disk;
  log.keep_whole();
  SealedParts merged_parts;
  for (int group = 0; group < 3; ++group) {
    SealedParts parts;
    for (int i = 0; i < 2; ++i) parts.push_back(sealed(*log.segment(4000, 5000), log, disk));
    merged_parts.push_back(merged(parts, disk));
  }
  const auto all = merged(merged_parts, disk);
  EXPECT_EQ(answers_of(log.whole(), log, log.whole().last()), answers_of(*all, log, log.whole().last()));
  // Times are merged one behind the other: a bracket holds the right place and is not wider than one step or two.
  for (std::int64_t time = 0; time < 3000; time += 13) {
    const auto at = Timestamp(std::chrono::microseconds(time));
    const auto one = *log.whole().around(at);
    const auto other = *all->around(at);
    if (one.before > Position{} && other.before > Position{}) {
      EXPECT_LT(other.after, one.before);
      EXPECT_LT(one.after, other.before);
    }
  }
}

TEST(Merge, refuses_neighbours_between_which_a_stream_lost_events) {
  io::simulated::MemoryDisk disk;
  RandomLog log(1);
  SealedParts parts;
  for (const std::uint64_t revision : {0ull, 5ull}) {
    ActivePart part(Position(1 + parts.size()));
    part.begin_frame(0, {});
    part.begin_write(Revision(revision));
    part.add_event(Uuid::random(), "T", 4096);
    part.end_write("A");
    part.end_frame(5000);
    parts.push_back(sealed(part, log, disk));
  }
  const SealedPart* damaged = nullptr;
  const auto path = merge(parts, {disk, index_directory, index_store, nullptr, hash_term}, damaged);
  ASSERT_TRUE(path);
  EXPECT_FALSE(*path);
  EXPECT_EQ((*disk.list(index_directory)).size(), 2u) << "nothing is left behind";
}

TEST(Merge, says_which_input_is_damaged_and_leaves_nothing_behind) {
  io::simulated::MemoryDisk disk;
  RandomLog log(21);
  SealedParts parts;
  for (int i = 0; i < 3; ++i) parts.push_back(sealed(*log.segment(400, 500), log, disk));
  const auto path = parts[1]->file().path();
  auto bytes = disk.bytes(path);
  const auto ids = parts[1]->file().place(layout::Section::ids);
  bytes[ids.offset + ids.size / 2] ^= 8;
  disk.put(path, bytes);
  parts[1] = open_sealed(disk, path);
  const SealedPart* damaged = nullptr;
  const auto made = merge(parts, {disk, index_directory, index_store, nullptr, hash_term}, damaged);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().kind(), errc::corrupt);
  EXPECT_EQ(damaged, parts[1].get());
  EXPECT_EQ((*disk.list(index_directory)).size(), 3u);
}

TEST(Merge, is_stopped_between_slices) {
  io::simulated::MemoryDisk disk;
  RandomLog log(2);
  SealedParts parts;
  for (int i = 0; i < 2; ++i) parts.push_back(sealed(*log.segment(40, 50), log, disk));
  const std::atomic<bool> stop{true};
  const SealedPart* damaged = nullptr;
  const auto path = merge(parts, {disk, index_directory, index_store, &stop, hash_term}, damaged);
  ASSERT_FALSE(path);
  EXPECT_EQ(path.error().kind(), errc::unavailable);
  EXPECT_EQ((*disk.list(index_directory)).size(), 2u);
}

TEST(Merge, four_neighbours_of_a_level_are_merged_and_the_number_of_parts_stays_small) {
  std::vector<std::size_t> parts;
  std::size_t most = 0;
  std::size_t rewritten = 0;
  for (std::size_t segment = 0; segment < 1000; ++segment) {
    parts.push_back(1);
    for (auto choice = choose_merge(parts); choice.count > 0; choice = choose_merge(parts)) {
      std::size_t sum = 0;
      for (std::size_t i = 0; i < choice.count; ++i) sum += parts[choice.begin + i];
      const auto at = parts.begin() + static_cast<std::ptrdiff_t>(choice.begin);
      parts.erase(at + 1, at + static_cast<std::ptrdiff_t>(choice.count));
      parts[choice.begin] = sum;
      rewritten += sum;
    }
    most = std::max(most, parts.size());
  }
  EXPECT_LE(most, 16u);
  EXPECT_LE(rewritten, 5u * 1000) << "every event is written again a few times only";
  EXPECT_EQ(choose_merge(std::vector<std::size_t>{1, 1, 1}).count, 0u);
  EXPECT_EQ(choose_merge(std::vector<std::size_t>{16, 1, 1, 1, 1, 1, 1}).begin, 1u);
  const std::vector<std::size_t> odd{64, 1, 64, 1, 64, 1, 64, 1, 64, 1, 64, 1, 64, 1, 64, 1, 64};
  EXPECT_EQ(choose_merge(odd).count, 4u);
}

TEST(Merge, while_large_ones_take_their_time_no_small_file_is_left_behind_between_large_ones) {
  std::vector<std::size_t> parts;
  for (int round = 0; round < 300; ++round) {
    const auto choice = choose_merge(parts);
    std::size_t sum = 0;
    for (std::size_t i = 0; i < choice.count; ++i) sum += parts[choice.begin + i];
    if (choice.count > 0) {
      const auto at = parts.begin() + static_cast<std::ptrdiff_t>(choice.begin);
      parts.erase(at + 1, at + static_cast<std::ptrdiff_t>(choice.count));
      parts[choice.begin] = sum;
    }
    EXPECT_TRUE(std::ranges::is_sorted(parts, std::ranges::greater{})) << ::testing::PrintToString(parts);
    EXPECT_LE(parts.size(), 64u);
    parts.insert(parts.end(), sum / 4 + 1, 1);  // sealed meanwhile
  }
}

}  // namespace
}  // namespace stele::engine::testing

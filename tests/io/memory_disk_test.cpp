// memory_disk_test.cpp - the simulated disk loses exactly what a disk may lose, and the same for the same seed.
#include "io/simulated/memory_disk.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>

#include "io/simulated/manual_clock.hpp"
#include "io/simulated/seeded_random.hpp"

namespace stele::io::simulated {
namespace {

class MemoryDiskTest : public ::testing::Test {
 protected:
  std::unique_ptr<File> file_with(MemoryDisk& disk, const std::string& bytes) {
    disk.put("d/f", bytes);
    return *disk.open("d/f", Mode::write);
  }
  MemoryDisk disk_;
};

TEST_F(MemoryDiskTest, what_was_synced_survives_every_crash) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    MemoryDisk disk;
    const auto file = file_with(disk, "");
    ASSERT_TRUE(file->write_at(0, std::string(3000, 'a')).has_value());
    ASSERT_TRUE(file->sync_data().has_value());
    ASSERT_TRUE(file->write_at(5000, std::string(3000, 'b')).has_value());
    disk.crash(seed);
    ASSERT_EQ(disk.bytes("d/f").substr(0, 3000), std::string(3000, 'a')) << "seed " << seed;
  }
}

// Kept, lost, in part, and with garbage: every fate of a sector turns up.
TEST_F(MemoryDiskTest, unsynced_sectors_meet_every_fate) {
  std::set<std::string> fates;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    MemoryDisk disk;
    const auto file = file_with(disk, std::string(512, 'o'));
    ASSERT_TRUE(file->write_at(0, std::string(512, 'n')).has_value());
    disk.crash(seed);
    const auto left = disk.bytes("d/f");
    const auto fresh = std::count(left.begin(), left.end(), 'n');
    const auto old = std::count(left.begin(), left.end(), 'o');
    fates.insert(fresh == 512 ? "kept" : old == 512 ? "lost" : fresh + old == 512 ? "torn" : "garbage");
  }
  EXPECT_EQ(fates, (std::set<std::string>{"kept", "lost", "torn", "garbage"}));
}

TEST_F(MemoryDiskTest, the_same_seed_gives_the_same_ruins) {
  const auto ruins = [](std::uint64_t seed) {
    MemoryDisk disk;
    disk.put("d/f", std::string(9000, 'o'));
    const auto file = *disk.open("d/f", Mode::write);
    EXPECT_TRUE(file->write_at(100, std::string(8000, 'n')).has_value());
    EXPECT_TRUE(disk.open("d/g", Mode::create).has_value());
    disk.crash(seed);
    return disk.bytes("d/f") + (*disk.exists("d/g") ? "+" : "-");
  };
  std::set<std::string> different;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    EXPECT_EQ(ruins(seed), ruins(seed));
    different.insert(ruins(seed));
  }
  EXPECT_GT(different.size(), 5u);
}

TEST_F(MemoryDiskTest, a_name_survives_only_after_the_directory_was_synced) {
  int kept = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    MemoryDisk disk;
    disk.put("d/old", "x");
    auto file = *disk.open("d/new", Mode::create);
    ASSERT_TRUE(file->sync_all().has_value());
    ASSERT_TRUE(disk.remove("d/old").has_value());
    disk.crash(seed);
    kept += *disk.exists("d/new") ? 1 : 0;

    file = *disk.open("d/sure", Mode::create);
    ASSERT_TRUE(disk.sync_directory("d").has_value());
    disk.crash(seed);
    ASSERT_TRUE(*disk.exists("d/sure"));
  }
  EXPECT_GT(kept, 10);
  EXPECT_LT(kept, 90);
}

TEST_F(MemoryDiskTest, a_rename_may_survive_without_the_bytes_that_were_not_synced) {
  bool seen = false;
  for (std::uint64_t seed = 1; seed <= 200 && !seen; ++seed) {
    MemoryDisk disk;
    disk.put("d/m", "old");
    const auto file = *disk.open("d/m.tmp", Mode::create);
    ASSERT_TRUE(file->write_at(0, "new").has_value());
    ASSERT_TRUE(disk.rename("d/m.tmp", "d/m").has_value());
    disk.crash(seed);
    seen = *disk.exists("d/m") && disk.bytes("d/m") != "old" && disk.bytes("d/m") != "new";
  }
  EXPECT_TRUE(seen);
}

TEST_F(MemoryDiskTest, a_process_that_is_killed_loses_nothing_but_its_handles) {
  const auto file = file_with(disk_, "abc");
  ASSERT_TRUE(file->write_at(0, "xyz").has_value());
  const auto lock = disk_.lock("d/LOCK");
  disk_.kill();
  EXPECT_EQ(disk_.bytes("d/f"), "xyz");
  EXPECT_EQ(file->write_at(0, "q").error().kind(), errc::unavailable);
  std::array<char, 3> into{};
  EXPECT_EQ(file->read_at(0, into).error().kind(), errc::unavailable);
  EXPECT_TRUE(disk_.lock("d/LOCK").has_value());
}

// As measured on ext4 and XFS: one error, then success over pages that never reached the device.
TEST_F(MemoryDiskTest, a_failed_sync_is_told_once_and_the_bytes_are_gone_when_the_cache_is) {
  const auto file = file_with(disk_, "old");
  const auto other = *disk_.open("d/f", Mode::write);
  ASSERT_TRUE(file->write_at(0, "new").has_value());
  disk_.fail_sync(1, EIO);
  EXPECT_EQ(file->sync_data().error().kind(), errc::unavailable);
  EXPECT_TRUE(file->sync_data().has_value());
  EXPECT_FALSE(other->sync_data().has_value()) << "each open file is told";
  EXPECT_EQ(*read_whole(*file, 10), "new");
  file->drop_cache();
  EXPECT_EQ(*read_whole(*file, 10), "old");
}

TEST_F(MemoryDiskTest, plans_strike_at_their_turn) {
  const auto file = file_with(disk_, "");
  disk_.fail_write(2, EIO);
  EXPECT_TRUE(file->write_at(0, "1111").has_value());
  EXPECT_EQ(file->write_at(4, "2222").error().kind(), errc::unavailable);
  EXPECT_EQ(disk_.bytes("d/f"), "111122") << "half has arrived";
  EXPECT_TRUE(file->write_at(4, "2222").has_value());
  disk_.fail_read(1, EIO);
  EXPECT_EQ(read_whole(*file, 10).error().kind(), errc::corrupt);
  EXPECT_EQ(*read_whole(*file, 10), "11112222");
}

TEST_F(MemoryDiskTest, space_ends_and_comes_back) {
  const auto file = file_with(disk_, "");
  disk_.set_free_bytes(10);
  EXPECT_TRUE(file->write_at(0, "12345678").has_value());
  EXPECT_EQ(file->write_at(8, "12345678").error().kind(), errc::disk_full);
  EXPECT_TRUE(file->write_at(0, "abcdefgh").has_value()) << "what is there can be overwritten";
  disk_.set_free_bytes(100);
  EXPECT_TRUE(file->write_at(8, "12345678").has_value());
}

TEST_F(MemoryDiskTest, a_machine_that_stopped_does_nothing_more_until_its_next_life) {
  const auto file = file_with(disk_, "");
  disk_.stop_at_change(2);
  EXPECT_TRUE(file->write_at(0, "a").has_value());
  EXPECT_FALSE(file->write_at(1, "b").has_value());
  EXPECT_FALSE(file->sync_data().has_value());
  EXPECT_FALSE(disk_.open("d/f", Mode::read).has_value());
  disk_.kill();
  EXPECT_EQ(disk_.bytes("d/f"), "a");
  EXPECT_TRUE(disk_.open("d/f", Mode::read).has_value());
}

TEST_F(MemoryDiskTest, a_fork_loses_power_and_the_machine_it_comes_from_goes_on) {
  const auto file = file_with(disk_, "old");
  ASSERT_TRUE(file->write_at(0, "new").has_value());
  ASSERT_TRUE(disk_.rename("d/f", "d/g").has_value());
  std::set<std::string> ruins;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const auto copy = disk_.fork();
    EXPECT_EQ(copy->bytes("d/g"), "new");
    copy->crash(seed);
    ruins.insert(copy->bytes("d/f") + "/" + copy->bytes("d/g"));
  }
  for (const char* wanted : {"old/", "/old", "new/", "/new"}) EXPECT_TRUE(ruins.contains(wanted)) << wanted;
  EXPECT_EQ(disk_.bytes("d/g"), "new");
  ASSERT_TRUE(file->sync_data().has_value());
  ASSERT_TRUE(disk_.sync_directory("d").has_value());
  const auto late = disk_.fork();
  late->crash(1);
  EXPECT_EQ(late->bytes("d/g"), "new");
}

TEST_F(MemoryDiskTest, a_fork_has_none_of_the_plans_and_its_writes_are_its_own) {
  const auto file = file_with(disk_, "bytes");
  disk_.stop_at_change(1);
  const auto copy = disk_.fork();
  auto other = *copy->open("d/f", Mode::write);
  ASSERT_TRUE(other->write_at(0, "BYTES").has_value());
  EXPECT_EQ(copy->bytes("d/f"), "BYTES");
  EXPECT_EQ(disk_.bytes("d/f"), "bytes");
  EXPECT_FALSE(file->write_at(0, "x").has_value());
  EXPECT_TRUE(disk_.stopped());
  EXPECT_FALSE(copy->stopped());
}

TEST_F(MemoryDiskTest, a_flipped_bit_is_on_the_device) {
  const auto file = file_with(disk_, "abc");
  disk_.flip("d/f", 1, 0x01);
  EXPECT_EQ(*read_whole(*file, 10), "acc");
  disk_.crash(1);
  EXPECT_EQ(disk_.bytes("d/f"), "acc");
}

TEST(ManualClockTest, time_moves_only_when_told) {
  ManualClock clock;
  const auto start = clock.now();
  EXPECT_EQ(clock.now(), start);
  clock.advance(std::chrono::seconds(5));
  EXPECT_EQ(clock.now() - start, std::chrono::seconds(5));
  const auto monotonic = clock.monotonic();
  clock.set(start);
  EXPECT_EQ(clock.now(), start);
  EXPECT_EQ(clock.monotonic(), monotonic);
}

TEST(SeededRandomTest, a_seed_is_a_sequence) {
  SeededRandom one(7), same(7), other(8);
  const auto first = one.next();
  EXPECT_EQ(first, same.next());
  EXPECT_NE(first, other.next());
  EXPECT_EQ(one.below(0), 0u);
  for (int i = 0; i < 100; ++i) EXPECT_LT(one.below(3), 3u);
}

}  // namespace
}  // namespace stele::io::simulated

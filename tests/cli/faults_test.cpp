// Faults of real file systems: one that fills up again and again, one that is read-only. On small tmpfs mounts, where
// this process may mount; skipped otherwise.
#include <sys/mount.h>
#include <sys/stat.h>

#include <algorithm>

#include "shell.hpp"

namespace stele::cli::test {
namespace {

using testing::HasSubstr;

#if defined(STELE_SANITIZED)
constexpr int cycles = 5;
#else
constexpr int cycles = 25;
#endif

class SmallDisk : public testing::Test {
 protected:
  void SetUp() override {
    mkdir(disk.c_str(), 0700);
    if (mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=4m") != 0)
      GTEST_SKIP() << "mounting is not allowed here";
    mounted = true;
  }
  void TearDown() override {
    if (mounted) {
      EXPECT_EQ(umount2(disk.c_str(), MNT_DETACH), 0);
    }
  }
  result<std::unique_ptr<EventStore>> open_store() {
    return open(root, {.access = Access::read_write, .create = true, .segment_bytes = 256 << 10});
  }
  result<AppendResult> append(EventStore& store) {
    AppendRequest request;
    auto event = event_numbered(0, "Happened", '"' + std::string(5000, 'x') + '"');
    event.id = {};
    request.writes.push_back(
        {.stream = "s-" + std::to_string(acknowledged % 9), .expected = {}, .events = {event}});
    auto done = store.append(std::move(request));
    if (done) ++acknowledged;
    return done;
  }
  std::uint64_t events_read(EventStore& store) {
    const auto cursor = store.read({.query = {}, .from = {}, .limit = no_limit});
    if (!cursor) return 0;
    std::uint64_t count = 0;
    for (;;) {
      const auto events = (*cursor)->next_batch(100);
      if (!events || events->empty()) return count;
      count += events->size();
    }
  }
  // Takes all the room there is, and gives it back.
  void take_room() { write_file(ballast, std::string(8 << 20, 'b')); }
  void give_room_back() { std::filesystem::remove(ballast); }

  TempDirectory directory;
  std::string disk = directory.path("disk");
  std::string root = disk + "/store";
  std::string ballast = disk + "/ballast";
  std::uint64_t acknowledged = 0;
  bool mounted = false;
  Shell shell;
};

// Full, closed and opened while full, room again: nothing acknowledged is lost, nothing needs a hand.
TEST_F(SmallDisk, that_fills_up_again_and_again_bricks_nothing_and_loses_nothing) {
  std::uint64_t refused = 0;
  for (int cycle = 0; cycle < cycles; ++cycle) {
    SCOPED_TRACE(cycle);
    auto store = open_store();
    ASSERT_TRUE(store) << store.error().to_string();
    ASSERT_TRUE(append(**store));
    take_room();
    for (int tries = 0; tries < 300; ++tries) {
      const auto done = append(**store);
      if (done) continue;
      EXPECT_EQ(done.error().kind(), errc::disk_full) << done.error().to_string();
      ++refused;
      break;
    }
    EXPECT_EQ(events_read(**store), acknowledged) << "reading goes on";
    if (cycle % 3 == 0) {
      store->reset();
      store = open_store();
      ASSERT_TRUE(store) << "a full disk does not keep a store from opening: " << store.error().to_string();
      EXPECT_EQ(events_read(**store), acknowledged);
    }
    give_room_back();
    EXPECT_TRUE(append(**store)) << "appends go on by themselves";
    EXPECT_EQ(events_read(**store), acknowledged);
    if (acknowledged > 400) break;  // the disk is as full of events as it can be
  }
  EXPECT_GT(refused, 2u);
  const auto healthy = shell({"verify", "--dir", root});
  EXPECT_EQ(healthy.code, 0) << healthy.out << healthy.err;
}

TEST_F(SmallDisk, without_room_for_records_says_so_and_takes_them_later) {
  auto store = open_store();
  ASSERT_TRUE(store);
  ASSERT_TRUE(append(**store));
  ASSERT_TRUE((*store)->records().put("s", "k", "first"));
  take_room();
  const std::string large(1 << 20, 'r');
  const auto refused = (*store)->records().put("s", "k", large);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), errc::disk_full) << refused.error().to_string();
  EXPECT_EQ((*store)->records().get("s", "k").value().value_or("none"), "first");
  give_room_back();
  EXPECT_TRUE((*store)->records().put("s", "k", large));
  EXPECT_EQ((*store)->records().get("s", "k").value().value_or("none"), large);
}

TEST_F(SmallDisk, without_room_for_a_backup_leaves_what_was_backed_up) {
  const auto large = directory.path("store");
  const auto copy = disk + "/copy";
  {
    auto store = open(large, {.access = Access::read_write, .create = true, .segment_bytes = 256 << 10});
    ASSERT_TRUE(store);
    for (int i = 0; i < 1000; ++i) {
      ASSERT_TRUE(append(**store));
    }
  }
  const auto refused = shell({"backup", copy, "--dir", large});
  EXPECT_NE(refused.code, 0);
  EXPECT_THAT(refused.err, HasSubstr("[disk_full]"));
  const auto healthy = shell({"verify", "--dir", copy});
  EXPECT_EQ(healthy.code, 0) << healthy.out << healthy.err;
}

TEST_F(SmallDisk, that_is_read_only_is_read_and_verified_and_backed_up_and_not_written) {
  {
    auto store = open_store();
    ASSERT_TRUE(store);
    for (int i = 0; i < 60; ++i) {
      ASSERT_TRUE(append(**store));
    }
    ASSERT_TRUE((*store)->records().put("s", "k", "v"));
  }
  ASSERT_EQ(mount(nullptr, disk.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr), 0);
  const auto writer = open_store();
  ASSERT_FALSE(writer);
  EXPECT_EQ(writer.error().kind(), errc::read_only) << writer.error().to_string();
  const auto reader = open(root, {.access = Access::read_only});
  ASSERT_TRUE(reader) << reader.error().to_string();
  EXPECT_EQ(events_read(**reader), acknowledged);
  const auto healthy = shell({"verify", "--dir", root});
  EXPECT_EQ(healthy.code, 0) << healthy.out << healthy.err;
  const auto copied = shell({"backup", directory.path("copy"), "--dir", root});
  EXPECT_EQ(copied.code, 0) << copied.out << copied.err;
  ASSERT_EQ(mount(nullptr, disk.c_str(), nullptr, MS_REMOUNT, nullptr), 0);
  EXPECT_TRUE(open_store());
}

}  // namespace
}  // namespace stele::cli::test

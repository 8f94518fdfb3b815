// Backups on a simulated machine: what they hold, when they are cut off, and what is made of them again.
#include <algorithm>
#include <filesystem>
#include <random>

#include "engine/backup/backup.hpp"
#include "engine/log/segment.hpp"
#include "machine.hpp"

namespace stele::test {
namespace {

namespace fs = std::filesystem;
using engine::back_up;
using engine::check_backup;
using engine::restore;

const fs::path backup_dir{"/backup"};
const fs::path restored_dir{"/restored"};

std::vector<RecordedEvent> everything_in(EventStore& store) {
  return drain(*must(store.read({.query = {}, .from = {}, .limit = no_limit})), 1000);
}

ArchiveOptions cold(fs::path to, bool compress, Position before, std::uint64_t keep_segments) {
  ArchiveOptions options;
  options.to = std::move(to);
  options.compress = compress;
  if (before != Position{}) options.before = before;
  options.keep_segments = keep_segments;
  return options;
}

class BackupTest : public testing::Test {
 protected:
  BackupTest() { store = must(machine.open()); }

  // About ten appends fill a segment.
  void append_some(int count) {
    for (int i = 0; i < count; ++i) {
      const auto stream = "s-" + std::to_string(random() % 7);
      std::vector<NewEvent> events;
      for (std::uint64_t k = 0, of = 1 + random() % 3; k < of; ++k)
        events.push_back(event("Happened", std::string(1000 + random() % 4000, 'x')));
      must(store->append(write(stream, std::move(events))));
      machine.clock.advance(std::chrono::seconds(1));
    }
  }
  engine::BackupReport backed_up() { return must(back_up(machine.world, "/store", backup_dir)); }
  std::vector<RecordedEvent> restored(const engine::RestoreOptions& options = {}) {
    last_restore = must(restore(machine.world, backup_dir, restored_dir, options));
    const auto opened = must(engine::EmbeddedStore::open(
        machine.world, restored_dir,
        {.access = Access::read_write, .create = false, .segment_bytes = 64 << 10}));
    EXPECT_TRUE(opened->recovery().damages.empty());
    EXPECT_FALSE(opened->recovery().torn);
    auto events = everything_in(*opened);
    // It is a store like any other: it goes on.
    const auto appended = must(opened->append(write("after", {event("Happened")})));
    EXPECT_EQ(appended.first, last_restore.last.next());
    return events;
  }
  void expect_prefix(const std::vector<RecordedEvent>& got, std::uint64_t last) {
    auto all = everything_in(*store);
    std::erase_if(all, [last](const RecordedEvent& one) { return one.position.value() > last; });
    EXPECT_EQ(got.size(), all.size());
    EXPECT_TRUE(got == all);
  }

  std::mt19937_64 random{4};
  Machine machine{4};
  std::unique_ptr<engine::EmbeddedStore> store;
  engine::RestoreReport last_restore;
};

TEST_F(BackupTest, of_a_store_that_is_open_holds_everything_acknowledged) {
  append_some(60);
  const auto report = backed_up();
  EXPECT_EQ(report.last, store->head().position);
  EXPECT_GT(report.segments, 3u);
  append_some(5);
  const auto checked = must(check_backup(machine.disk, backup_dir));
  EXPECT_TRUE(checked.findings.empty());
  EXPECT_EQ(checked.events, report.last.value());
  expect_prefix(restored(), report.last.value());
}

TEST_F(BackupTest, a_second_run_copies_only_what_is_new) {
  append_some(60);
  const auto first = backed_up();
  const auto again = backed_up();
  EXPECT_EQ(again.kept, again.segments);
  EXPECT_EQ(again.bytes, 0u);
  append_some(1);
  const auto more = backed_up();
  EXPECT_EQ(more.kept + 1, more.segments) << "the segment that grew is added to";
  EXPECT_LT(more.bytes, 16u << 10);
  append_some(40);
  EXPECT_GT(backed_up().segments, first.segments);
  expect_prefix(restored(), store->head().position.value());
}

TEST_F(BackupTest, of_an_empty_store_restores_to_an_empty_store) {
  EXPECT_EQ(backed_up().last, Position{});
  EXPECT_TRUE(restored().empty());
}

TEST_F(BackupTest, of_a_closed_store_needs_no_watermark) {
  append_some(30);
  store.reset();
  (void)machine.disk.remove("/store/watermark");
  const auto report = backed_up();
  store = must(machine.open());
  EXPECT_EQ(report.last, store->head().position);
  expect_prefix(restored(), report.last.value());
}

TEST_F(BackupTest, after_compaction_takes_the_rewritten_segments_and_forgets_the_old_ones) {
  append_some(80);
  backed_up();
  must(set_retention(*store, "s-1", {.truncate_before = {}, .max_count = 1, .max_age = {}}));
  must(delete_stream(*store, "s-2"));
  append_some(30);
  must(store->compact({.dry_run = false, .min_gain = 1, .progress = {}}));
  const auto report = backed_up();
  EXPECT_EQ(must(machine.disk.list("/backup/log")).size(), report.segments);
  EXPECT_TRUE(must(check_backup(machine.disk, backup_dir)).findings.empty());
  expect_prefix(restored(), report.last.value());
}

TEST_F(BackupTest, of_compressed_and_archived_segments_is_plain_and_whole) {
  append_some(60);
  must(archive(*store, cold({}, true, Position(40), 0)));
  const auto first = backed_up();
  must(archive(*store, cold("/mnt/cold", false, {}, 1)));
  append_some(10);
  const auto report = backed_up();
  EXPECT_GE(report.kept + 2, first.segments) << "where a segment lies makes no difference to what is in it";
  EXPECT_TRUE(must(check_backup(machine.disk, backup_dir)).findings.empty());
  expect_prefix(restored(), report.last.value());
}

TEST_F(BackupTest, without_the_archive_says_what_is_missing_and_keeps_what_was_there) {
  append_some(60);
  must(archive(*store, cold("/mnt/cold", false, {}, 0)));
  for (const auto& name : must(machine.disk.list("/mnt/cold")))
    if (name.ends_with(".seg")) must(machine.disk.rename("/mnt/cold/" + name, "/mnt/cold/" + name + ".away"));
  const auto refused = back_up(machine.world, "/store", backup_dir);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), errc::unavailable) << refused.error().to_string();
}

TEST_F(BackupTest, restores_to_any_position_between_two_appends) {
  append_some(40);
  must(delete_stream(*store, "s-3"));
  must(store->append(write("s-9", {event("Happened")})));
  append_some(20);
  must(store->compact({.dry_run = false, .min_gain = 1, .progress = {}}));
  const auto last = backed_up().last.value();
  const auto all = everything_in(*store);
  for (std::uint64_t until = 1; until <= last; until += 1 + random() % 9) {
    SCOPED_TRACE(until);
    const auto to = fs::path("/restored-" + std::to_string(until));
    const auto report = must(restore(machine.world, backup_dir, to, {.until = Position(until)}));
    const auto opened = must(engine::EmbeddedStore::open(
        machine.world, to, {.access = Access::read_write, .create = false, .segment_bytes = 64 << 10}));
    auto expected = all;
    // An append that goes beyond is left out whole, so a few events fewer may be there.
    EXPECT_LE(report.last.value(), until);
    std::erase_if(expected, [&](const auto& one) { return one.position > report.last; });
    EXPECT_TRUE(everything_in(*opened) == expected);
    const auto left_out = std::ranges::count_if(
        all, [&](const auto& one) { return one.position > report.last && one.position.value() <= until; });
    EXPECT_LE(left_out, 2);
    must(opened->append(write("after", {event("Happened")})));
  }
}

TEST_F(BackupTest, restores_to_a_time) {
  append_some(20);
  const auto then = machine.clock.now();
  const auto head = store->head().position;
  machine.clock.advance(std::chrono::seconds(10));
  append_some(30);
  backed_up();
  expect_prefix(restored({.until_time = then}), head.value());
  EXPECT_EQ(last_restore.last, head);
}

TEST_F(BackupTest, a_restored_store_is_another_store_with_backups_of_its_own) {
  append_some(10);
  backed_up();
  restored();
  EXPECT_NE(must(engine::log::read_manifest(machine.disk, "/store")).store, last_restore.store);
  const auto refused = back_up(machine.world, restored_dir, backup_dir);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), errc::invalid);
  EXPECT_EQ(must(back_up(machine.world, restored_dir, "/second")).last, last_restore.last.next());
}

TEST_F(BackupTest, refuses_directories_that_hold_something_else) {
  append_some(3);
  machine.disk.put("/backup/notes.txt", "mine");
  EXPECT_EQ(back_up(machine.world, "/store", backup_dir).error().kind(), errc::invalid);
  EXPECT_EQ(back_up(machine.world, "/store", "/store").error().kind(), errc::invalid);
  must(back_up(machine.world, "/store", "/second"));
  EXPECT_EQ(restore(machine.world, "/second", backup_dir).error().kind(), errc::invalid);
  EXPECT_EQ(restore(machine.world, "/nowhere", restored_dir).error().kind(), errc::not_found);
  EXPECT_EQ(restore(machine.world, "/second", restored_dir, {.until = Position(1000)}).error().kind(),
            errc::invalid);
  EXPECT_EQ(back_up(machine.world, "/nowhere", "/third").error().kind(), errc::not_found);
}

TEST_F(BackupTest, a_damaged_store_is_told_and_what_was_backed_up_stays) {
  append_some(60);
  const auto before = backed_up();
  append_some(20);
  store.reset();
  // A byte of the last event that is not in the backup yet.
  const auto names = must(machine.disk.list("/store/log"));
  const auto& name = names.back();
  const auto bytes = machine.disk.bytes("/store/log/" + name);
  machine.disk.flip("/store/log/" + name, engine::log::segment_header_bytes + 300, 4);
  const auto refused = back_up(machine.world, "/store", backup_dir);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), errc::corrupt);
  const auto checked = must(check_backup(machine.disk, backup_dir));
  EXPECT_TRUE(checked.findings.empty());
  EXPECT_GE(checked.list.last(), before.last);
}

TEST_F(BackupTest, every_flipped_byte_of_a_backup_is_found_and_not_restored) {
  append_some(12);
  backed_up();
  const auto list = must(engine::read_backup_list(machine.disk, backup_dir));
  std::vector<fs::path> files{engine::backup_list_path(backup_dir)};
  for (const auto& segment : list.segments) files.push_back(backup_dir / "log" / segment.file_name());
  std::uint64_t flips = 0;
  for (const auto& file : files) {
    const auto size = machine.disk.bytes(file).size();
    for (std::uint64_t at = 0; at < size; at += size < 1000 ? 1 : 211) {
      machine.disk.flip(file, at, static_cast<std::uint8_t>(1 << at % 8));
      const auto checked = check_backup(machine.disk, backup_dir);
      EXPECT_TRUE(!checked || !checked->findings.empty()) << file << " byte " << at;
      if (flips++ % 16 == 0) {
        const auto tried = restore(machine.world, backup_dir, "/try-" + std::to_string(flips), {});
        EXPECT_FALSE(tried) << file << " byte " << at;
      }
      machine.disk.flip(file, at, static_cast<std::uint8_t>(1 << at % 8));
    }
  }
  EXPECT_GT(flips, 300u);
}

// The machine loses power at every change that a run makes: the directory is always a backup, and the next run
// completes it.
TEST_F(BackupTest, cut_off_anywhere_is_the_backup_of_an_earlier_moment) {
  append_some(25);
  const auto first = backed_up().last;
  append_some(30);
  store.reset();
  const auto changes = [&] {
    const auto before = machine.disk.counts().changes;
    must(back_up(machine.world, "/store", "/reference"));
    return machine.disk.counts().changes - before;
  }();
  for (std::uint64_t cut = 1; cut <= changes; ++cut) {
    SCOPED_TRACE(cut);
    const auto to = fs::path("/cut-" + std::to_string(cut));
    machine.disk.stop_at_change(cut);
    EXPECT_FALSE(back_up(machine.world, "/store", to));
    machine.disk.crash(cut);
    if (const auto found = check_backup(machine.disk, to)) {
      EXPECT_TRUE(found->findings.empty());
      EXPECT_EQ(found->events, found->list.last().value());
    } else {
      EXPECT_EQ(found.error().kind(), errc::not_found);
    }
    EXPECT_GE(must(back_up(machine.world, "/store", to)).last, first);
    EXPECT_TRUE(must(check_backup(machine.disk, to)).findings.empty());
  }
  store = must(machine.open());
}

TEST_F(BackupTest, cut_off_while_it_adds_keeps_what_was_there) {
  append_some(25);
  const auto first = backed_up().last;
  for (std::uint64_t cut = 1; cut < 40; ++cut) {
    SCOPED_TRACE(cut);
    append_some(1 + static_cast<int>(cut % 5));
    store.reset();
    machine.disk.stop_at_change(cut);
    const auto done = back_up(machine.world, "/store", backup_dir);
    machine.disk.crash(cut);
    const auto found = must(check_backup(machine.disk, backup_dir));
    EXPECT_TRUE(found.findings.empty()) << found.findings.front().what;
    EXPECT_GE(found.list.last(), done ? done->last : first);
    store = must(machine.open());
  }
  const auto last = backed_up().last;
  expect_prefix(restored(), last.value());
}

TEST_F(BackupTest, an_interrupted_restore_is_no_store_and_is_begun_anew) {
  append_some(40);
  backed_up();
  const auto last = store->head().position.value();
  int completed = 0;
  for (std::uint64_t cut = 2; completed == 0; cut += 3) {
    SCOPED_TRACE(cut);
    ASSERT_LT(cut, 1000u);
    machine.disk.stop_at_change(cut);
    const auto done = restore(machine.world, backup_dir, restored_dir);
    completed += done ? 1 : 0;
    machine.disk.clear_plans();
    machine.disk.crash(cut);
    if (done) break;
    const auto opened =
        engine::EmbeddedStore::open(machine.world, restored_dir, {.access = Access::read_only});
    if (opened) break;  // the manifest is the last thing, and it may be there already
    const auto names = machine.disk.list(restored_dir);
    if (names && std::ranges::find(*names, "RESTORING") == names->end() && !names->empty()) {
      ADD_FAILURE() << "neither a store nor one that is being restored";
      return;
    }
  }
  store = must(machine.open());
  // For writing: after a power cut the watermark page may be gone, and readers believe only what it or a mark says.
  const auto opened = must(engine::EmbeddedStore::open(machine.world, restored_dir,
                                                       {.access = Access::read_write, .create = false}));
  EXPECT_EQ(everything_in(*opened).size(), last);
}

TEST_F(BackupTest, a_full_disk_says_so_and_leaves_a_backup) {
  append_some(60);
  const auto last = store->head().position;
  store.reset();  // an open one prepares segments beside, and might take the room that the backup begins with
  machine.disk.set_free_bytes(150 << 10);
  const auto refused = back_up(machine.world, "/store", backup_dir);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), errc::disk_full);
  machine.disk.set_free_bytes(1 << 30);
  const auto found = must(check_backup(machine.disk, backup_dir));
  EXPECT_TRUE(found.findings.empty());
  EXPECT_GT(found.events, 0u);
  EXPECT_EQ(backed_up().last, last);
}

TEST(BackupList, reads_back_and_refuses_what_cannot_be) {
  engine::BackupList list;
  list.store = {.store = Uuid::from_name({}, "x"), .major = 1, .minor = 0, .created_at = {}};
  engine::SegmentCopy one;
  one.first = Position(1);
  one.last = Position(9);
  one.bytes = 5000;
  one.closed = true;
  list.put(one);
  engine::SegmentCopy two;
  two.first = Position(10);
  two.last = Position(12);
  two.salt = 78;
  two.bytes = 4200;
  list.put(two);
  list.records = engine::RecordsCopy{.file = "records-1.db", .bytes = 10, .crc = 1};
  const auto text = engine::encode_backup_list(list);
  const auto back = must(engine::parse_backup_list(text));
  EXPECT_EQ(back.segments, list.segments);
  EXPECT_EQ(back.records, list.records);
  for (std::size_t at = 0; at < text.size(); ++at) {
    auto other = text;
    other[at] = static_cast<char>(other[at] ^ 1);
    EXPECT_FALSE(engine::parse_backup_list(other)) << at;
    EXPECT_FALSE(engine::parse_backup_list(text.substr(0, at))) << at;
  }
}

}  // namespace
}  // namespace stele::test

// compact_findings_test.cpp - compaction against what happens beside it: cursors that were opened before, a segment
// that was only just begun, a disk that refuses, damage. What compaction drops is compact_store_test.cpp.
#include <algorithm>
#include <functional>
#include <utility>

#include "engine/index/index_part.hpp"
#include "event/retention.hpp"
#include "machine.hpp"
#include "passing_disk.hpp"

namespace stele::test {
namespace {

const CompactOptions drop_all{.dry_run = false, .min_gain = 1, .progress = {}};

void append_events(EventStore& store, const std::string& stream, int count, std::size_t bytes) {
  for (int i = 0; i < count; ++i)
    must(store.append(write(stream, {event("Noted", std::string(bytes, 'x'))})));
}

std::vector<std::uint64_t> revisions_of(const std::vector<RecordedEvent>& events) {
  std::vector<std::uint64_t> revisions;
  for (const auto& event : events) revisions.push_back(event.revision.value());
  return revisions;
}

bool all_in_files(const engine::EmbeddedStore& store) {
  const auto parts = store.index().parts();
  return std::all_of(parts->begin(), parts->end() - 1,
                     [](const auto& part) { return static_cast<const engine::IndexPart&>(*part).sealed(); });
}

TEST(CompactFindings, a_stream_cursor_ends_when_everything_up_to_its_head_was_dropped) {
  for (const auto way : {Direction::forward, Direction::backward}) {
    Machine machine(1);
    const auto store = must(machine.open());
    append_events(*store, "S", 10, 100);
    const auto cursor = must(store->read_stream({.stream = "S", .from = {}, .direction = way}));
    ASSERT_EQ(must(cursor->next_batch(3)).size(), 3u);
    append_events(*store, "S", 1, 100);
    must(set_retention(*store, "S", {.truncate_before = {}, .max_count = 1, .max_age = {}}));
    append_events(*store, "fill", 60, 2000);
    must(compact(*store, drop_all));
    EXPECT_TRUE(drain(*cursor).empty());
    EXPECT_TRUE(must(cursor->next_batch(3)).empty()) << "the end stays the end";
    EXPECT_EQ(revisions_of(drain(*must(store->read_stream({.stream = "S", .from = {}})))),
              std::vector<std::uint64_t>{10});
  }
}

TEST(CompactFindings, a_stream_cursor_goes_on_behind_what_was_dropped_in_front_of_it) {
  for (const auto way : {Direction::forward, Direction::backward}) {
    Machine machine(2);
    const auto store = must(machine.open());
    append_events(*store, "S", 10, 100);
    const auto cursor = must(store->read_stream({.stream = "S", .from = {}, .direction = way}));
    ASSERT_EQ(must(cursor->next_batch(2)).size(), 2u);
    must(set_retention(*store, "S", {.truncate_before = Revision(6), .max_count = {}, .max_age = {}}));
    append_events(*store, "fill", 60, 2000);
    must(compact(*store, drop_all));
    const auto rest =
        way == Direction::forward ? std::vector<std::uint64_t>{6, 7, 8, 9} : std::vector<std::uint64_t>{7, 6};
    EXPECT_EQ(revisions_of(drain(*cursor)), rest);
  }
}

TEST(CompactFindings, a_segment_file_that_the_index_has_not_come_to_closes_nothing) {
  Machine machine(3);
  const auto store = must(machine.open());
  append_events(*store, "S", 50, 2000);
  must(set_retention(*store, "S", {.truncate_before = Revision(49), .max_count = {}, .max_age = {}}));
  append_events(*store, "S", 5, 100);
  const auto head = store->head().position;
  const auto begun = std::filesystem::path("/store/log") / engine::log::segment_name(head.next());
  const auto closed = must(machine.disk.list("/store/log")).size() - 1;
  ASSERT_GT(closed, 0u);
  machine.disk.put(begun, "");
  EXPECT_EQ(must(compact(*store, drop_all)).size(), closed);
  EXPECT_EQ(store->head().position, head);
  EXPECT_EQ(drain(*must(store->read_stream({.stream = "S", .from = {}}))).size(), 6u);
}

// Whoever lists the log finds that the store went on just before.
class BusyDisk final : public PassingDisk {
 public:
  using PassingDisk::PassingDisk;
  std::function<void()> before_list;

  result<std::vector<std::string>> list(const std::filesystem::path& directory) override {
    if (const auto act = std::exchange(before_list, {})) act();
    return inner().list(directory);
  }
};

TEST(CompactFindings, a_segment_that_was_closed_while_a_run_began_is_a_closed_one) {
  Machine machine(6);
  BusyDisk disk(machine.disk);
  const io::World world{disk, machine.clock, machine.random};
  const auto store = must(engine::EmbeddedStore::open(
      world, "/store", {.access = Access::read_write, .create = true, .segment_bytes = 64 << 10}));
  append_events(*store, "S", 2, 100);
  must(set_retention(*store, "S", {.truncate_before = {}, .max_count = 1, .max_age = {}}));
  disk.before_list = [&store] { append_events(*store, "S", 50, 2000); };
  EXPECT_GE(must(compact(*store, drop_all)).size(), 1u);
  EXPECT_EQ(revisions_of(drain(*must(store->read_stream({.stream = "S", .from = {}})))),
            std::vector<std::uint64_t>{51});
}

// A stream that keeps everything stands in every segment beside one that goes.
struct TwoStreams {
  explicit TwoStreams(Machine& machine) : store(must(machine.open())) {
    for (int i = 0; i < 180; ++i) {
      append_events(*store, "gone", 1, 2000);
      append_events(*store, "kept", 1, 10);
    }
    store->wait_until_sealed();
    must(set_retention(*store, "gone", {.truncate_before = Revision(179), .max_count = {}, .max_age = {}}));
    store->wait_until_sealed();
  }
  void check() const {
    EXPECT_EQ(drain(*must(store->read_stream({.stream = "kept", .from = {}}))).size(), 180u);
    EXPECT_EQ(drain(*must(store->read_stream({.stream = "gone", .from = {}}))).size(), 1u);
    EXPECT_TRUE(store->read({.query = {}, .from = {}}));
  }
  std::unique_ptr<engine::EmbeddedStore> store;
};

TEST(CompactFindings, a_sync_that_fails_in_the_middle_keeps_the_old_index_file_and_the_next_run_goes_on) {
  std::uint64_t refused = 0;
  for (std::uint64_t nth = 1; nth <= (sanitized ? 8 : 24); ++nth) {
    SCOPED_TRACE(nth);
    Machine machine(4);
    TwoStreams made(machine);
    ASSERT_TRUE(all_in_files(*made.store));
    machine.disk.fail_sync(nth, ENOSPC);
    const auto first = compact(*made.store, drop_all);
    machine.disk.clear_plans();
    refused += first ? 0 : 1;
    EXPECT_TRUE(first || refused == nth) << "no failure is passed over";
    EXPECT_TRUE(all_in_files(*made.store)) << "nothing was moved into memory";
    made.check();
    must(compact(*made.store, drop_all));
    made.store->wait_until_sealed();
    made.check();
    made.store.reset();
    made.store = must(machine.open());
    EXPECT_TRUE(made.store->recovery().damages.empty());
    made.check();
    EXPECT_EQ(drain(*must(made.store->read({.query = {}, .from = {}}))).size(), made.store->head().events);
  }
  EXPECT_GT(refused, 4u);
}

// Damages the places of some events in the index, and the log of the same segment so that nothing can be healed.
std::filesystem::path hurt_first_segment(Machine& machine) {
  for (const auto& name : must(machine.disk.list("/store/index"))) {
    const auto range = engine::layout::parse_file_name(name);
    if (!range || range->first != Position(1)) continue;
    const auto path = std::filesystem::path("/store/index") / name;
    const auto part = must(engine::SealedPart::open(*must(machine.disk.open(path, io::Mode::read))));
    machine.disk.flip(path, part->file().place(engine::layout::Section::offsets).offset + 2 * 4096, 1);
    machine.disk.flip(first_segment, part->segments().front().end - 20, 1);
    return path;
  }
  return {};
}

TEST(CompactFindings, a_damage_that_cannot_be_healed_is_told_in_a_compacted_store_and_not_passed_as_dropped) {
  Machine machine(5);
  machine.segment_bytes = 1 << 20;
  auto store = must(machine.open());
  const std::vector<NewEvent> many(500, event("Noted", "1"));
  for (int i = 0; i < 10; ++i) {
    must(store->append(write("gone", std::vector<NewEvent>(20, event("Noted", std::string(500, 'x'))))));
    must(store->append(write("kept", many)));
  }
  must(set_retention(*store, "gone", {.truncate_before = Revision(199), .max_count = {}, .max_age = {}}));
  append_events(*store, "fill", 12, 100'000);
  must(compact(*store, drop_all));
  store->wait_until_sealed();
  store.reset();
  ASSERT_FALSE(hurt_first_segment(machine).empty());
  store = must(machine.open());
  ASSERT_TRUE(store->recovery().damages.empty()) << "the segment is believed, and not read";
  const auto cursor = must(store->read_stream({.stream = "kept", .from = {}}));
  std::uint64_t read = 0;
  for (;;) {
    const auto events = cursor->next_batch(100);
    if (!events) {
      EXPECT_EQ(events.error().kind(), errc::corrupt);
      break;
    }
    ASSERT_FALSE(events->empty()) << "the damage was passed over, after " << read;
    read += events->size();
  }
  EXPECT_GT(read, 1000u);
  EXPECT_EQ(must(store->read_stream({.stream = "kept", .from = Revision(4900)}))->next_batch(10)->size(),
            10u);
}

}  // namespace
}  // namespace stele::test

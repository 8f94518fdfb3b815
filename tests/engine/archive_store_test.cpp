// Segments that are compressed or moved to an archive, through the life of a whole store: the same answers, nothing
// lost at any moment, and a store that works on while an archive is away.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <map>
#include <thread>

#include "engine/log/directory.hpp"
#include "engine/log/open_segment.hpp"
#include "machine.hpp"

namespace stele::test {
namespace {

using std::chrono::seconds;

const std::filesystem::path cold_place{"/mnt/cold"};
const std::filesystem::path log_place{"/store/log"};

ArchiveOptions moving(std::filesystem::path to = cold_place, bool compress = false) {
  return {.to = std::move(to),
          .compress = compress,
          .before = {},
          .keep_segments = 0,
          .dry_run = false,
          .progress = {}};
}
ArchiveOptions compressing() { return moving({}, true); }

// A store of several segments, and what it answers.
class Archiving : public testing::Test {
 protected:
  Archiving() {
    open_store();
    for (int i = 0; i < 240; ++i) {
      auto one = event("Noted", std::string(900, static_cast<char>('a' + i % 26)));
      one.tags = {"n:" + std::to_string(i % 10)};
      must(store_->append(write("s-" + std::to_string(i % 7), {one})));
      machine_.clock.advance(seconds(1));
    }
    store_->wait_until_sealed();
    before_ = answers();
  }
  void open_store(const std::filesystem::path& archive = {}) {
    store_.reset();
    store_ = must(engine::EmbeddedStore::open(
        machine_.world, "/store",
        {.access = Access::read_write, .create = true, .segment_bytes = 64 << 10, .archive = archive}));
  }
  static Query tagged(const std::string& tag) {
    Query query;
    query.items.emplace();
    query.items->push_back({.types = {}, .tags = {tag}, .streams = {}, .categories = {}});
    return query;
  }
  // The log both ways, every stream, a query, an id, a time.
  std::vector<RecordedEvent> answers() { return answers_of(*store_); }
  static std::vector<RecordedEvent> answers_of(EventStore& store) {
    auto all = drain(*must(store.read({.query = Query::all(), .from = {}})), 17);
    auto add = [&all](const std::vector<RecordedEvent>& more) {
      all.insert(all.end(), more.begin(), more.end());
    };
    add(drain(*must(store.read({.query = Query::all(), .from = {}, .direction = Direction::backward})), 13));
    for (int i = 0; i < 7; ++i)
      add(drain(*must(store.read_stream({.stream = "s-" + std::to_string(i), .from = {}})), 5));
    add(drain(*must(store.read({.query = tagged("n:3"), .from = {}}))));
    add({must(store.find_event(all[5].id))});
    EXPECT_EQ(must(store.position_at(all[7].recorded_at)), Position(8));
    return all;
  }
  void expect_same() {
    const auto now = answers();
    ASSERT_EQ(now.size(), before_.size());
    for (std::size_t i = 0; i < now.size(); ++i) ASSERT_EQ(now[i], before_[i]) << i;
  }
  std::uint64_t log_bytes() {
    std::uint64_t bytes = 0;
    for (const auto& name : must(machine_.disk.list(log_place)))
      bytes += machine_.disk.bytes(log_place / name).size();
    return bytes;
  }
  // The archive is gone; put_back() brings it again.
  void take_away() {
    for (const auto& name : must(machine_.disk.list(cold_place))) {
      away_[name] = machine_.disk.bytes(cold_place / name);
      must(machine_.disk.remove(cold_place / name));
    }
  }
  void put_back(const std::filesystem::path& place = cold_place) {
    must(machine_.disk.make_directory(place));
    for (const auto& [name, bytes] : away_) machine_.disk.put(place / name, bytes);
  }

  Machine machine_{5};
  std::unique_ptr<engine::EmbeddedStore> store_;
  std::vector<RecordedEvent> before_;
  std::map<std::string, std::string> away_;
};

TEST_F(Archiving, compressed_segments_answer_the_same_from_fewer_bytes) {
  const auto bytes = log_bytes();
  const auto told = must(archive(*store_, compressing()));
  ASSERT_GE(told.size(), 3u);
  for (const auto& segment : told) {
    EXPECT_TRUE(segment.changed && segment.compressed && segment.place.empty());
    EXPECT_LT(segment.bytes_after, segment.bytes_before / 2);
  }
  EXPECT_LT(log_bytes(), bytes - told.size() * (48u << 10));
  expect_same();  // who has the store open reads on
  open_store();
  EXPECT_TRUE(store_->recovery().damages.empty());
  expect_same();
  for (const auto& segment : must(archive(*store_, compressing()))) EXPECT_FALSE(segment.changed);
}

TEST_F(Archiving, moved_segments_are_read_from_there) {
  const auto told = must(archive(*store_, moving()));
  ASSERT_GE(told.size(), 3u);
  EXPECT_EQ(must(machine_.disk.list(cold_place)).size(), told.size());
  for (const auto& segment : told) {
    EXPECT_EQ(segment.place, cold_place);
    EXPECT_EQ(machine_.disk.bytes(log_place / engine::log::segment_name(segment.first)).size(),
              engine::log::segment_header_bytes);
  }
  expect_same();
  open_store();
  expect_same();
  must(store_->append(write("s-1", {event("Later")}, ExpectedVersion::exact(Revision(34)))));
  for (const auto& segment : must(archive(*store_, moving()))) EXPECT_FALSE(segment.changed);
}

TEST_F(Archiving, what_is_moved_can_be_compressed_before_or_on_the_way) {
  must(archive(*store_, compressing()));
  const auto packed = machine_.disk.bytes(first_segment);
  const auto moved = must(archive(*store_, moving()));
  EXPECT_TRUE(moved.front().compressed);
  EXPECT_EQ(machine_.disk.bytes(cold_place / first_segment.filename()), packed);
  open_store();
  expect_same();
}

TEST_F(Archiving, compressing_on_the_way_leaves_a_header_and_a_small_file) {
  const auto told = must(archive(*store_, moving(cold_place, true)));
  for (const auto& segment : told) {
    EXPECT_TRUE(segment.compressed);
    EXPECT_EQ(segment.bytes_after,
              machine_.disk.bytes(cold_place / engine::log::segment_name(segment.first)).size());
  }
  open_store();
  expect_same();
}

TEST_F(Archiving, bounds_leave_the_newer_ones_alone) {
  const auto closed = must(archive(*store_, {.to = cold_place,
                                             .compress = false,
                                             .before = {},
                                             .keep_segments = 0,
                                             .dry_run = true,
                                             .progress = {}}));
  EXPECT_TRUE(std::ranges::all_of(closed, &ArchivedSegment::changed));
  EXPECT_FALSE(must(machine_.disk.exists(cold_place)));
  auto options = moving();
  options.keep_segments = closed.size() - 1;
  EXPECT_EQ(must(archive(*store_, options)).size(), 1u);
  options = moving();
  options.before = closed[1].last;  // which it has itself
  for (const auto& segment : must(archive(*store_, options))) EXPECT_FALSE(segment.changed);
  options.before = closed[1].last.next();
  const auto told = must(archive(*store_, options));
  EXPECT_TRUE(told[1].changed);
  EXPECT_FALSE(told[2].changed);
  expect_same();
}

TEST_F(Archiving, a_store_works_on_while_its_archive_is_away) {
  must(archive(*store_, moving()));
  take_away();
  open_store();
  ASSERT_TRUE(store_->recovery().damages.empty());
  // Appending, conditions, expected versions and ids need the index, and that is here.
  must(store_->append(write("s-1", {event("Later")}, ExpectedVersion::exact(Revision(34)))));
  EXPECT_EQ(
      store_->append(write("s-1", {event("Later")}, ExpectedVersion::exact(Revision(3)))).error().kind(),
      errc::conflict);
  auto guarded = write("s-2", {event("Guarded")});
  guarded.condition = AppendCondition{tagged("n:3"), Position{}};
  EXPECT_EQ(store_->append(guarded).error().kind(), errc::conflict);
  EXPECT_EQ(must(store_->stream_info("s-3")).events, 34u);
  // What is here is read; what is there is refused with words.
  EXPECT_EQ(drain(*must(store_->read_stream({.stream = "s-1", .from = Revision(33)}))).size(), 3u);
  const auto refused = must(store_->read({.query = Query::all(), .from = {}}))->next_batch(10);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), errc::unavailable);
  EXPECT_EQ(refused.error().fact("segment"), "00000000000000000001.seg");
  EXPECT_EQ(refused.error().fact("archive"), cold_place.string());
  EXPECT_FALSE(refused.error().help().empty());
  EXPECT_EQ(store_->find_event(before_[0].id).error().kind(), errc::unavailable);
}

TEST_F(Archiving, nobody_misses_an_event_because_the_archive_was_away) {
  must(archive(*store_, moving()));
  take_away();
  open_store();
  const auto subscription = must(store_->subscribe(Query::all(), Position{}));
  const auto forward = must(store_->read({.query = Query::all(), .from = {}}));
  const auto backward =
      must(store_->read({.query = Query::all(), .from = Position(9), .direction = Direction::backward}));
  const auto by_tag = must(store_->read({.query = tagged("n:3"), .from = {}}));
  const auto stream = must(store_->read_stream({.stream = "s-1", .from = {}}));
  for (int again = 0; again < 3; ++again) {
    EXPECT_EQ(subscription->next_batch(10, seconds(0)).error().kind(), errc::unavailable);
    for (auto* cursor : {forward.get(), backward.get(), by_tag.get(), stream.get()})
      EXPECT_EQ(cursor->next_batch(10).error().kind(), errc::unavailable);
  }
  put_back();
  EXPECT_EQ(must(subscription->next_batch(1, seconds(0))).events.front().position, Position(1));
  EXPECT_EQ(must(forward->next_batch(1)).front().position, Position(1));
  EXPECT_EQ(must(backward->next_batch(1)).front().position, Position(9));
  EXPECT_EQ(must(by_tag->next_batch(1)).front().position, Position(4));
  EXPECT_EQ(must(stream->next_batch(1)).front().revision, Revision(0));
}

TEST_F(Archiving, an_archive_that_was_moved_is_named_when_opening_or_for_good) {
  must(archive(*store_, moving()));
  take_away();
  put_back("/elsewhere");
  open_store("/elsewhere");
  expect_same();
  const auto told = must(archive(*store_, moving("/elsewhere")));
  EXPECT_TRUE(
      std::ranges::all_of(told, [](const auto& one) { return one.changed && one.place == "/elsewhere"; }));
  open_store();
  expect_same();
}

TEST_F(Archiving, another_stores_archive_is_neither_read_nor_written) {
  must(archive(*store_, moving()));
  auto foreign = engine::log::parse_header(machine_.disk.bytes(first_segment).substr(0, 4096)).header.value();
  foreign.store = Uuid(std::array<std::uint8_t, 16>{1});
  foreign.incompatible = 0;
  foreign.minor = 0;
  const auto name = first_segment.filename();
  must(machine_.disk.make_directory("/foreign"));
  machine_.disk.put("/foreign" / name, engine::log::encode_header(foreign) + std::string(70000, 'x'));
  EXPECT_EQ(archive(*store_, moving("/foreign")).error().kind(), errc::invalid);
  machine_.disk.put(cold_place / name, machine_.disk.bytes("/foreign" / name));
  open_store();
  const auto refused = must(store_->read({.query = Query::all(), .from = {}}))->next_batch(10);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), errc::unavailable);
}

TEST_F(Archiving, a_lost_index_is_made_again_from_the_archive_and_without_it_nothing_is_guessed) {
  must(archive(*store_, moving(cold_place, true)));
  store_.reset();
  for (const auto& name : must(machine_.disk.list("/store/index")))
    must(machine_.disk.remove(std::filesystem::path("/store/index") / name));
  take_away();
  open_store();
  ASSERT_FALSE(store_->recovery().damages.empty());
  EXPECT_NE(to_string(store_->recovery().damages.front()).find(cold_place.string()), std::string::npos);
  EXPECT_EQ(store_->append(write("s-1", {event("Later")})).error().kind(), errc::read_only);
  EXPECT_TRUE(store_->find_event(before_[239].id));
  put_back();
  open_store();
  EXPECT_TRUE(store_->recovery().damages.empty());
  expect_same();
}

TEST_F(Archiving, a_damaged_segment_stays_where_it_is) {
  machine_.disk.flip(first_segment, 9000, 0x40);
  const auto bytes = machine_.disk.bytes(first_segment);
  EXPECT_EQ(archive(*store_, moving()).error().kind(), errc::corrupt);
  EXPECT_EQ(archive(*store_, compressing()).error().kind(), errc::corrupt);
  EXPECT_EQ(machine_.disk.bytes(first_segment), bytes);
}

TEST_F(Archiving, a_full_disk_or_a_failed_sync_leaves_the_segment_and_no_rest) {
  machine_.disk.set_free_bytes(1000);
  EXPECT_EQ(archive(*store_, moving()).error().kind(), errc::disk_full);
  EXPECT_TRUE(must(machine_.disk.list(cold_place)).empty());
  EXPECT_EQ(archive(*store_, compressing()).error().kind(), errc::disk_full);
  machine_.disk.set_free_bytes(~std::uint64_t{0});
  for (std::uint64_t sync = 1; sync < 8; ++sync) {
    machine_.disk.fail_sync(sync, EIO);
    EXPECT_FALSE(archive(*store_, moving())) << sync;
    machine_.disk.clear_plans();
    open_store();
    expect_same();
  }
  must(archive(*store_, moving()));
  expect_same();
}

TEST_F(Archiving, an_error_of_the_archives_disk_is_told_with_the_event) {
  must(archive(*store_, moving(cold_place, true)));
  open_store();
  machine_.disk.flip(cold_place / first_segment.filename(), 5000, 0x01);
  const auto refused = must(store_->read_stream({.stream = "s-0", .from = {}}))->next_batch(1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), errc::corrupt);
}

TEST_F(Archiving, followers_read_both_before_and_after) {
  const auto early = must(machine_.open(Access::read_only));
  must(archive(*store_, moving(cold_place, true)));
  must(store_->append(write("s-9", {event("Later")})));
  must(early->wait_for(store_->head().position, seconds(30)));
  const auto late = must(machine_.open(Access::read_only));
  for (auto* follower : {early.get(), late.get()}) {
    EXPECT_EQ(drain(*must(follower->read({.query = Query::all(), .from = {}}))).size(), 241u);
    EXPECT_EQ(archive(*follower, moving()).error().kind(), errc::read_only);
  }
}

TEST_F(Archiving, compaction_rewrites_what_is_compressed_and_leaves_what_is_away) {
  must(archive(*store_, compressing()));
  must(set_retention(*store_, "s-1", {.truncate_before = Revision(30), .max_count = {}, .max_age = {}}));
  const CompactOptions all{.dry_run = false, .min_gain = 1, .progress = {}};
  const auto done = must(compact(*store_, all));
  EXPECT_TRUE(done.front().rewritten);
  EXPECT_LT(done.front().bytes_after, done.front().bytes_before);
  open_store();
  const auto header = engine::log::parse_header(machine_.disk.bytes(first_segment).substr(0, 4096)).header;
  EXPECT_TRUE(header->is_packed() && header->has_gaps());
  const auto after_one = drain(*must(store_->read_stream({.stream = "s-1", .from = {}})));
  EXPECT_EQ(after_one.front().revision, Revision(30));
  // A rewritten one can be moved, too.
  must(archive(*store_, moving()));
  open_store();
  EXPECT_EQ(drain(*must(store_->read_stream({.stream = "s-1", .from = {}}))), after_one);
  must(set_retention(*store_, "s-2", {.truncate_before = Revision(30), .max_count = {}, .max_age = {}}));
  const auto bytes = machine_.disk.bytes(cold_place / first_segment.filename());
  for (const auto& segment : must(compact(*store_, all))) EXPECT_FALSE(segment.rewritten);
  EXPECT_EQ(machine_.disk.bytes(cold_place / first_segment.filename()), bytes);
  take_away();
  open_store();
  EXPECT_EQ(compact(*store_, all).error().kind(), errc::unavailable);
}

TEST_F(Archiving, nothing_to_do_is_refused_and_so_is_the_log_itself) {
  EXPECT_EQ(archive(*store_, moving({})).error().kind(), errc::invalid);
  EXPECT_EQ(archive(*store_, moving(log_place)).error().kind(), errc::invalid);
  EXPECT_EQ(archive(*store_, moving("/" + std::string(2000, 'x'))).error().kind(), errc::invalid);
}

TEST_F(Archiving, one_run_at_a_time) {
  auto options = moving();
  int asked = 0;
  options.progress = [&](const ArchivedSegment&, std::uint64_t number, std::uint64_t of) {
    EXPECT_LE(number, of);
    std::thread([&] {
      ++asked;
      EXPECT_EQ(archive(*store_, moving()).error().kind(), errc::busy);
      EXPECT_EQ(compact(*store_, {}).error().kind(), errc::busy);
    }).join();
  };
  must(archive(*store_, options));
  EXPECT_GT(asked, 0);
}

TEST_F(Archiving, appends_and_reads_go_on_meanwhile) {
  std::atomic<bool> stop{false};
  std::thread appender([&] {
    for (int i = 0; i < 200 && !stop.load(); ++i)
      must(store_->append(write("live", {event("Counted", "{}")})));
  });
  std::thread reader([&] {
    while (!stop.load())
      EXPECT_EQ(drain(*must(store_->read({.query = tagged("n:3"), .from = {}}))).size(), 24u);
  });
  must(archive(*store_, compressing()));
  must(archive(*store_, moving()));
  stop.store(true);
  appender.join();
  reader.join();
  open_store();
  for (std::size_t i = 0; i < 240; ++i) ASSERT_EQ(must(store_->find_event(before_[i].id)), before_[i]);
}

// Power cuts at every change of a run that compresses and one that moves, also of the one that repeats it.
TEST(ArchiveCrash, power_cuts_at_any_change_lose_nothing) {
  const std::uint64_t stride = sanitized ? 9 : 1;
  bool ended = false;
  for (std::uint64_t cut = 1; !ended && !testing::Test::HasFailure(); cut += stride) {
    SCOPED_TRACE("cut " + std::to_string(cut));
    Machine machine(cut);
    auto store = must(machine.open());
    for (int i = 0; i < 150; ++i)
      must(store->append(write("s-" + std::to_string(i % 3), {event("Noted", std::string(900, 'a'))})));
    store->wait_until_sealed();
    const auto before = drain(*must(store->read({.query = Query::all(), .from = {}})));
    const auto run = [](EventStore& on) -> result<void> {
      STELE_CHECK(archive(
          on,
          {.to = {}, .compress = true, .before = {}, .keep_segments = 1, .dry_run = false, .progress = {}}));
      STELE_CHECK(archive(on, moving()));
      return {};
    };
    machine.disk.stop_at_change(cut);
    ended = run(*store).has_value();
    if (cut % 3 == 0)
      machine.disk.kill();
    else
      machine.disk.crash(cut);
    machine.disk.clear_plans();
    store.reset();
    store = must(machine.open());
    ASSERT_TRUE(store->recovery().damages.empty()) << to_string(store->recovery().damages.front());
    ASSERT_EQ(drain(*must(store->read({.query = Query::all(), .from = {}}))), before);
    ASSERT_TRUE(run(*store));
    store.reset();
    store = must(machine.open());
    ASSERT_EQ(drain(*must(store->read({.query = Query::all(), .from = {}}))), before);
    store.reset();
    for (const auto& name : must(machine.disk.list(log_place))) EXPECT_TRUE(name.ends_with(".seg")) << name;
  }
  EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace stele::test

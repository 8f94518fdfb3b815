// Compaction of a whole store: what it must keep, what it must give back, at any moment of its life.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <random>
#include <thread>

#include "engine/log/directory.hpp"
#include "event/retention.hpp"
#include "machine.hpp"

namespace stele::test {
namespace {

using std::chrono::seconds;

const CompactOptions everything{.dry_run = false, .min_gain = 1, .progress = {}};

// What a store should hold, by the rules alone.
class Model {
 public:
  struct Entry {
    std::uint64_t position;
    std::string data;
    Timestamp at;
  };
  struct Stream {
    std::vector<Entry> events;
    Retention keep;
    bool tombstoned = false;
  };

  // The first revision that readers may see; beyond the last one: none.
  [[nodiscard]] static std::uint64_t first_kept(const Stream& stream, Timestamp now) {
    const auto count = stream.events.size();
    std::uint64_t first = stream.keep.truncate_before.value_or(Revision{}).value();
    const auto most = stream.keep.max_count.value_or(count);
    if (most < count) first = std::max<std::uint64_t>(first, count - most);
    if (stream.keep.max_age) {
      while (first < count && stream.events[first].at < now - *stream.keep.max_age) ++first;
    }
    return std::min<std::uint64_t>(first, count);
  }
  std::map<std::string, Stream> streams;
};

// A store, what it should hold, and a seed that leads both through a life.
class Life {
 public:
  explicit Life(std::uint64_t seed) : machine(seed), random_(seed) { store = must(machine.open()); }

  std::uint64_t pick(std::uint64_t below) { return random_() % below; }
  std::string some_stream() { return "s-" + std::to_string(pick(12)); }

  void append_some() {
    AppendRequest request;
    std::vector<std::string> names;
    for (std::uint64_t i = 0, writes = 1 + pick(4); i < writes; ++i) {
      auto name = some_stream();
      if (std::ranges::find(names, name) != names.end() || model.streams[name].tombstoned) continue;
      names.push_back(name);
      std::vector<NewEvent> events;
      for (std::uint64_t k = 0, count = 1 + pick(4); k < count; ++k)
        events.push_back(event("Happened", std::string(pick(3000), static_cast<char>('a' + pick(26)))));
      request.writes.push_back({name, {}, events});
    }
    if (request.writes.empty()) return;
    const auto answer = must(store->append(request));
    auto position = answer.first.value();
    for (const auto& written : request.writes) {
      for (const auto& one : written.events)
        model.streams[written.stream].events.push_back({position++, one.data, answer.recorded_at});
    }
    for (std::size_t i = 0; i < request.writes.size(); ++i) {
      EXPECT_EQ(answer.revisions[i].revision.value() + 1,
                model.streams[request.writes[i].stream].events.size());
    }
    machine.clock.advance(seconds(1));
  }
  void change_retention() {
    const auto name = some_stream();
    auto& stream = model.streams[name];
    if (stream.tombstoned) return;
    const auto count = stream.events.size();
    const auto how = pick(12);
    if (how == 0 && count > 0) {
      must(tombstone_stream(*store, name));
      stream.tombstoned = true;
    } else if (how < 4) {
      if (delete_stream(*store, name)) stream.keep.truncate_before = Revision(count);
    } else {
      Retention keep = stream.keep;  // never less strict than before: what was dropped does not come back
      keep.truncate_before = std::max(keep.truncate_before.value_or(Revision{}), Revision(pick(count + 1)));
      if (how < 7) keep.max_count = std::min(keep.max_count.value_or(40), 1 + pick(40));
      if (how > 9) keep.max_age = std::min(keep.max_age.value_or(seconds(900)), seconds(1 + pick(900)));
      must(set_retention(*store, name, keep));
      stream.keep = keep;
    }
  }
  void reopen() {
    store.reset();
    store = must(machine.open());
  }

  void check_stream(const std::string& name, const Model::Stream& stream) {
    const auto first = Model::first_kept(stream, machine.clock.now());
    if (stream.tombstoned || first == stream.events.size()) {
      const auto refused = store->read_stream({.stream = name, .from = {}});
      ASSERT_FALSE(refused) << name;
      EXPECT_EQ(refused.error().kind(), stream.tombstoned ? errc::gone : errc::not_found) << name;
      return;
    }
    const auto events = drain(*must(store->read_stream({.stream = name, .from = {}})), 7);
    ASSERT_EQ(events.size(), stream.events.size() - first) << name;
    for (std::size_t i = 0; i < events.size(); ++i) {
      EXPECT_EQ(events[i].revision.value(), first + i) << name;
      EXPECT_EQ(events[i].position.value(), stream.events[first + i].position) << name;
      EXPECT_EQ(events[i].data, stream.events[first + i].data) << name;
      EXPECT_EQ(events[i].recorded_at, stream.events[first + i].at) << name;
    }
    auto backward =
        drain(*must(store->read_stream({.stream = name, .from = {}, .direction = Direction::backward})), 5);
    std::ranges::reverse(backward);
    EXPECT_EQ(backward, events) << name;
    const auto info = must(store->stream_info(name));
    EXPECT_EQ(info.events, events.size());
    EXPECT_EQ(info.first_position, events.front().position);
    EXPECT_EQ(info.last_revision, events.back().revision);
  }
  // Everything that must be readable is, in both directions of the log, and nothing is what it was not.
  void check() {
    for (const auto& [name, stream] : model.streams) {
      if (!stream.events.empty()) check_stream(name, stream);
    }
    const auto log = drain(*must(store->read({.query = Query::all(), .from = {}})), 50);
    auto backward =
        drain(*must(store->read({.query = Query::all(), .from = {}, .direction = Direction::backward})), 50);
    std::ranges::reverse(backward);
    EXPECT_EQ(backward, log);
    std::map<std::string, std::uint64_t> present;
    for (const auto& event : log) {
      EXPECT_EQ(must(store->find_event(event.id)), event);
      if (is_metadata_stream(event.stream) || event.type == tombstone_type) continue;
      const auto& entry = model.streams.at(event.stream).events.at(event.revision.value());
      EXPECT_EQ(entry.position, event.position.value());
      EXPECT_EQ(entry.data, event.data);
      ++present[event.stream];
    }
    for (const auto& [name, stream] : model.streams) {
      const auto kept = stream.events.size() - Model::first_kept(stream, machine.clock.now());
      EXPECT_GE(present[name], stream.tombstoned ? 0 : kept) << name;
    }
  }

  Machine machine;
  Model model;
  std::unique_ptr<EventStore> store;

 private:
  std::mt19937_64 random_;
};

TEST(CompactLife, random_lives_hold_what_the_rules_keep_and_give_the_rest_back) {
  const std::uint64_t lives = sanitized ? 4 : 25;
  std::uint64_t rewritten = 0;
  for (std::uint64_t seed = 1; seed <= lives && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Life life(seed);
    for (int step = 0; step < 250; ++step) {
      life.append_some();
      if (life.pick(6) == 0) life.change_retention();
      if (life.pick(40) == 0) {
        for (const auto& segment : must(compact(*life.store, everything)))
          rewritten += segment.rewritten ? 1 : 0;
      }
      if (life.pick(60) == 0) life.reopen();
      if (life.pick(50) == 0) life.check();
    }
    must(compact(*life.store, everything));
    life.check();
    life.reopen();
    life.check();
    // Nothing more is to be had from what was compacted just now.
    for (const auto& segment : must(compact(*life.store, everything))) {
      EXPECT_EQ(segment.all_gone().events, 0u) << segment.first.value();
    }
  }
  EXPECT_GT(rewritten, lives);
}

// A store with one long stream that has a truncation, beside one that keeps everything.
class Compacting : public testing::Test {
 protected:
  Compacting() : store_(must(machine_.open())) {
    for (int i = 0; i < 100; ++i) {
      must(store_->append(write("long", {event("Counted", std::string(2000, 'x'))})));
      must(store_->append(write("kept-" + std::to_string(i % 7), {event("Kept", std::to_string(i))})));
    }
  }
  void reopen() {
    store_.reset();
    store_ = must(machine_.open());
  }
  std::uint64_t log_bytes() {
    std::uint64_t bytes = 0;
    for (const auto& name : must(machine_.disk.list("/store/log")))
      bytes += machine_.disk.bytes(std::filesystem::path("/store/log") / name).size();
    return bytes;
  }
  // By name, without the one that is written to.
  std::map<std::string, std::string> closed_files() {
    std::map<std::string, std::string> files;
    for (const auto& name : must(machine_.disk.list("/store/log")))
      if (name.ends_with(".seg"))
        files[name] = machine_.disk.bytes(std::filesystem::path("/store/log") / name);
    if (!files.empty()) files.erase(std::prev(files.end()));
    return files;
  }
  std::vector<std::string> kept() {
    std::vector<std::string> data;
    Query query;
    query.items.emplace();
    query.items->push_back({.types = {"Kept"}, .tags = {}, .streams = {}, .categories = {}});
    for (const auto& event : drain(*must(store_->read({.query = query, .from = {}}))))
      data.push_back(event.data);
    return data;
  }

  Machine machine_{3};
  std::unique_ptr<EventStore> store_;
};

TEST_F(Compacting, gives_back_what_is_gone_and_moves_nothing) {
  const auto before = drain(*must(store_->read({.query = Query::all(), .from = {}})));
  const auto bytes = log_bytes();
  must(set_retention(*store_, "long", {.truncate_before = Revision(90), .max_count = {}, .max_age = {}}));
  const auto head = store_->head();
  const auto told = must(compact(*store_, everything));
  EXPECT_GT(told.size(), 2u);
  reopen();
  EXPECT_LT(log_bytes(), bytes / 2);
  EXPECT_EQ(store_->head().position, head.position);
  EXPECT_LT(store_->head().events, head.events);
  for (const auto& event : drain(*must(store_->read({.query = Query::all(), .from = {}})))) {
    if (event.stream == "$$long") continue;
    EXPECT_EQ(event, before.at(event.position.value() - 1));
    const bool closed = event.position <= told.back().last;
    EXPECT_TRUE(event.stream != "long" || !closed || event.revision >= Revision(90));
  }
  EXPECT_EQ(kept().size(), 100u);
  EXPECT_EQ(store_->head().events, drain(*must(store_->read({.query = Query::all(), .from = {}}))).size());
}

TEST_F(Compacting, a_dry_run_tells_what_would_go_and_changes_nothing) {
  must(set_retention(*store_, "long", {.truncate_before = Revision(30), .max_count = 60, .max_age = {}}));
  const auto bytes = log_bytes();
  const auto closed = closed_files();
  EXPECT_GT(closed.size(), 2u);
  const auto told = must(compact(*store_, {.dry_run = true, .min_gain = 1, .progress = {}}));
  EXPECT_TRUE(closed_files() == closed);
  EXPECT_EQ(log_bytes(), bytes);
  GoneEvents truncated;
  GoneEvents over_count;
  for (const auto& segment : told) {
    EXPECT_FALSE(segment.rewritten);
    truncated.events += segment.gone[static_cast<std::size_t>(Gone::truncated)].events;
    over_count.events += segment.gone[static_cast<std::size_t>(Gone::over_count)].events;
    over_count.bytes += segment.gone[static_cast<std::size_t>(Gone::over_count)].bytes;
  }
  EXPECT_EQ(truncated.events, 30u);
  EXPECT_EQ(over_count.events, 10u);
  EXPECT_GT(over_count.bytes, 10u * 2000);
  const auto done = must(compact(*store_, everything));
  ASSERT_EQ(done.size(), told.size());
  for (std::size_t i = 0; i < done.size(); ++i)
    EXPECT_EQ(done[i].all_gone().events, told[i].all_gone().events);
}

TEST_F(Compacting, every_reason_is_told) {
  for (const auto* name : {"deleted", "ended", "old"}) {
    for (int i = 0; i < 3; ++i) must(store_->append(write(name, {event("Noted")})));
  }
  must(delete_stream(*store_, "deleted"));
  must(tombstone_stream(*store_, "ended"));
  must(set_retention(*store_, "old", {.truncate_before = {}, .max_count = {}, .max_age = seconds(10)}));
  must(set_retention(*store_, "old", {.truncate_before = {}, .max_count = {}, .max_age = seconds(9)}));
  for (int i = 0; i < 60; ++i) must(store_->append(write("fill", {event("Filled", std::string(2000, 'x'))})));
  machine_.clock.advance(seconds(11));
  std::array<std::uint64_t, gone_kinds> events{};
  for (const auto& segment : must(compact(*store_, everything))) {
    for (std::size_t i = 0; i < gone_kinds; ++i) events[i] += segment.gone[i].events;
  }
  // The last event of each stream stays; of the tombstoned one that is the tombstone.
  EXPECT_EQ(events[static_cast<std::size_t>(Gone::deleted)], 2u);
  EXPECT_EQ(events[static_cast<std::size_t>(Gone::tombstoned)], 3u);
  EXPECT_EQ(events[static_cast<std::size_t>(Gone::too_old)], 2u);
  EXPECT_EQ(events[static_cast<std::size_t>(Gone::old_metadata)], 1u);
}

TEST_F(Compacting, a_deleted_stream_keeps_its_numbering_through_compaction_and_reopening) {
  must(delete_stream(*store_, "long"));
  for (int i = 0; i < 40; ++i) must(store_->append(write("fill", {event("Filled", std::string(2000, 'x'))})));
  must(compact(*store_, everything));
  reopen();
  EXPECT_EQ(store_->read_stream({.stream = "long", .from = {}}).error().kind(), errc::not_found);
  const auto again = must(store_->append(write("long", {event("Again")}, ExpectedVersion::no_stream())));
  EXPECT_EQ(again.revisions.front().revision, Revision(100));
  reopen();
  const auto events = drain(*must(store_->read_stream({.stream = "long", .from = {}})));
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events.front().revision, Revision(100));
}

TEST_F(Compacting, a_segment_that_gives_too_little_is_left_and_its_streams_lose_nothing_behind_it) {
  must(set_retention(*store_, "long", {.truncate_before = Revision(95), .max_count = {}, .max_age = {}}));
  const auto bytes = log_bytes();
  for (const auto& segment :
       must(compact(*store_, {.dry_run = false, .min_gain = 1 << 20, .progress = {}}))) {
    EXPECT_FALSE(segment.rewritten);
    EXPECT_EQ(segment.bytes_after, segment.bytes_before);
  }
  EXPECT_EQ(log_bytes(), bytes);
}

TEST_F(Compacting, cursors_and_subscriptions_opened_before_go_on) {
  auto forward = must(store_->read({.query = Query::all(), .from = {}}));
  auto stream = must(store_->read_stream({.stream = "long", .from = {}}));
  auto live = must(store_->subscribe(Query::all(), Position{}));
  ASSERT_EQ(must(forward->next_batch(10)).size(), 10u);
  ASSERT_EQ(must(stream->next_batch(10)).size(), 10u);
  ASSERT_EQ(must(live->next_batch(10, seconds(0))).events.size(), 10u);
  must(set_retention(*store_, "long", {.truncate_before = Revision(90), .max_count = {}, .max_age = {}}));
  must(compact(*store_, everything));
  std::uint64_t kept = 0;
  for (const auto& event : drain(*forward)) kept += event.type == "Kept" ? 1 : 0;
  EXPECT_EQ(kept, 95u);
  const auto rest = drain(*stream);
  ASSERT_GE(rest.size(), 10u);
  EXPECT_EQ(rest.back().revision, Revision(99));
  kept = 0;
  for (Position at; at < store_->head().position;) {
    const auto batch = must(live->next_batch(100, seconds(0)));
    for (const auto& event : batch.events) kept += event.type == "Kept" ? 1 : 0;
    at = batch.position;
  }
  EXPECT_EQ(kept, 95u);
}

TEST_F(Compacting, a_follower_sees_the_same_before_during_and_after) {
  const auto follower = must(machine_.open(Access::read_only));
  must(set_retention(*store_, "long", {.truncate_before = Revision(90), .max_count = {}, .max_age = {}}));
  must(compact(*store_, everything));
  must(store_->append(write("long", {event("Last")})));
  must(follower->wait_for(store_->head().position, seconds(30)));
  const auto late = must(machine_.open(Access::read_only));
  for (auto* reader : {static_cast<EventStore*>(follower.get()), static_cast<EventStore*>(late.get())}) {
    const auto events = drain(*must(reader->read_stream({.stream = "long", .from = {}})));
    ASSERT_EQ(events.size(), 11u);
    EXPECT_EQ(events.front().revision, Revision(90));
    EXPECT_EQ(reader->head().position, store_->head().position);
  }
}

TEST_F(Compacting, a_copy_without_a_watermark_is_read_to_its_end) {
  must(set_retention(*store_, "long", {.truncate_before = Revision(90), .max_count = {}, .max_age = {}}));
  must(compact(*store_, everything));
  for (int i = 0; i < 5; ++i) must(store_->append(write("long", {event("Late")})));
  const auto head = store_->head().position;
  Machine copy(9);
  must(copy.disk.make_directory("/store/log"));
  copy.disk.put("/store/MANIFEST", machine_.disk.bytes("/store/MANIFEST"));
  for (const auto& name : must(machine_.disk.list("/store/log")))
    copy.disk.put("/store/log/" + name, machine_.disk.bytes("/store/log/" + name));
  // Of the last append nothing tells that it was durable.
  EXPECT_EQ(must(copy.open(Access::read_only))->head().position, Position(head.value() - 1));
  EXPECT_EQ(must(copy.open())->head().position, head);
}

TEST_F(Compacting, an_event_that_was_dropped_is_not_found_and_its_id_is_free_again) {
  const auto first = drain(*must(store_->read_stream({.stream = "long", .from = {}, .limit = 1}))).front();
  must(set_retention(*store_, "long", {.truncate_before = Revision(50), .max_count = {}, .max_age = {}}));
  EXPECT_TRUE(store_->find_event(first.id));
  must(compact(*store_, everything));
  EXPECT_EQ(store_->find_event(first.id).error().kind(), errc::not_found);
  reopen();
  EXPECT_EQ(store_->find_event(first.id).error().kind(), errc::not_found);
  const auto again = must(store_->append(write("long", {event("Counted", "{}", first.id)})));
  EXPECT_FALSE(again.was_duplicate);
}

TEST_F(Compacting, times_lead_to_positions_across_what_was_dropped) {
  machine_.clock.advance(seconds(1000));
  const auto last = must(store_->append(write("other", {event("Late")})));
  must(set_retention(*store_, "long", {.truncate_before = Revision(99), .max_count = {}, .max_age = {}}));
  must(compact(*store_, everything));
  reopen();
  EXPECT_EQ(must(store_->position_at(last.recorded_at - seconds(1))), Position(last.first.value() - 1));
  EXPECT_EQ(must(store_->position_at(Timestamp{})), Position{});
}

TEST_F(Compacting, the_running_store_shows_at_once_what_was_dropped) {
  must(set_retention(*store_, "long", {.truncate_before = Revision(90), .max_count = {}, .max_age = {}}));
  const auto before = store_->head();
  std::uint64_t gone = 0;
  for (const auto& segment : must(compact(*store_, everything))) gone += segment.all_gone().events;
  EXPECT_EQ(store_->head().position, before.position);
  EXPECT_EQ(store_->head().events, before.events - gone);
  const auto log = drain(*must(store_->read({.query = Query::all(), .from = {}})));
  EXPECT_EQ(log.size(), before.events - gone);
  EXPECT_EQ(kept().size(), 100u);
  const auto again = must(compact(*store_, {.dry_run = true, .min_gain = 1, .progress = {}}));
  for (const auto& segment : again) EXPECT_EQ(segment.all_gone().events, 0u);
}

TEST_F(Compacting, appends_reads_and_followers_go_on_while_segments_are_replaced) {
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> appended{0};
  const auto follower = must(machine_.open(Access::read_only));
  std::thread appender([&] {
    while (!stop.load() && appended.load() < 400) {
      must(store_->append(write("live", {event("Counted", std::string(1000, 'x'))})));
      ++appended;
      appended.notify_all();
    }
  });
  std::thread reader([&] {
    while (!stop.load()) {
      std::uint64_t seen = 0;
      for (const auto& event : drain(*must(store_->read({.query = Query::all(), .from = {}})), 13))
        seen += event.type == "Kept" ? 1 : 0;
      EXPECT_EQ(seen, 100u);
      const auto events = drain(*must(store_->read_stream({.stream = "long", .from = {}})), 3);
      EXPECT_EQ(events.back().revision, Revision(99));
      EXPECT_TRUE(store_->stream_info("kept-3"));
    }
  });
  appended.wait(0);  // before that there is no stream to read
  for (std::uint64_t before = 5; before < 100; before += sanitized ? 47 : 19) {
    must(set_retention(*store_, "long",
                       {.truncate_before = Revision(before), .max_count = {}, .max_age = {}}));
    must(set_retention(*store_, "live", {.truncate_before = {}, .max_count = 5, .max_age = {}}));
    must(compact(*store_, everything));
  }
  stop.store(true);
  appender.join();
  reader.join();
  must(follower->wait_for(store_->head().position, seconds(30)));
  EXPECT_EQ(drain(*must(follower->read_stream({.stream = "live", .from = {}}))).size(),
            std::min<std::uint64_t>(5, appended.load()));
  reopen();
  EXPECT_EQ(must(store_->append(write("live", {event("Last")}))).revisions.front().revision.value(),
            appended.load());
  EXPECT_EQ(kept().size(), 100u);
}

TEST_F(Compacting, only_a_writer_can_compact) {
  const auto follower = must(machine_.open(Access::read_only));
  EXPECT_EQ(compact(*follower, everything).error().kind(), errc::read_only);
}

TEST_F(Compacting, a_second_run_is_refused_while_one_goes_on) {
  must(set_retention(*store_, "long", {.truncate_before = Revision(99), .max_count = {}, .max_age = {}}));
  int asked = 0;
  CompactOptions options = everything;
  options.progress = [&](const CompactedSegment&, std::size_t number, std::size_t of) {
    EXPECT_LE(number, of);
    std::thread([&] {
      ++asked;
      EXPECT_EQ(compact(*store_, everything).error().kind(), errc::busy);
    }).join();
  };
  must(compact(*store_, options));
  EXPECT_GT(asked, 0);
}

TEST_F(Compacting, a_damaged_segment_stays_as_it_is) {
  must(set_retention(*store_, "long", {.truncate_before = Revision(99), .max_count = {}, .max_age = {}}));
  machine_.disk.flip(first_segment, 9000, 0x40);
  const auto before = machine_.disk.bytes(first_segment);
  const auto answer = compact(*store_, everything);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind(), errc::corrupt);
  EXPECT_EQ(machine_.disk.bytes(first_segment), before);
  EXPECT_EQ(must(machine_.disk.list("/store/log")).front(), "00000000000000000001.seg");
}

TEST_F(Compacting, a_full_disk_ends_the_run_and_leaves_no_rest) {
  must(set_retention(*store_, "long", {.truncate_before = Revision(50), .max_count = {}, .max_age = {}}));
  const auto names = must(machine_.disk.list("/store/log"));
  machine_.disk.set_free_bytes(1000);
  const auto answer = compact(*store_, everything);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind(), errc::disk_full);
  EXPECT_EQ(must(machine_.disk.list("/store/log")), names);
  machine_.disk.clear_plans();
  machine_.disk.set_free_bytes(~std::uint64_t{0});
  must(compact(*store_, everything));
  reopen();
  EXPECT_EQ(kept().size(), 100u);
}

TEST_F(Compacting, a_failed_sync_leaves_the_old_file) {
  must(set_retention(*store_, "long", {.truncate_before = Revision(50), .max_count = {}, .max_age = {}}));
  dynamic_cast<engine::EmbeddedStore&>(*store_).wait_until_sealed();  // the next sync is the compaction's
  machine_.disk.fail_sync(1, EIO);
  EXPECT_FALSE(compact(*store_, everything));
  EXPECT_TRUE(store_->append(write("kept-1", {event("Kept")})));
  reopen();
  EXPECT_EQ(kept().size(), 101u);
}

TEST_F(Compacting, a_new_file_that_could_not_be_served_is_served_by_the_next_run) {
  const auto first = drain(*must(store_->read_stream({.stream = "long", .from = {}, .limit = 1}))).front();
  must(set_retention(*store_, "long", {.truncate_before = Revision(90), .max_count = {}, .max_age = {}}));
  dynamic_cast<engine::EmbeddedStore&>(*store_).wait_until_sealed();
  machine_.disk.fail_sync(3, EIO);  // the file, its name, and then its index
  EXPECT_FALSE(compact(*store_, everything));
  EXPECT_TRUE(store_->find_event(first.id)) << "the old file is served";
  EXPECT_EQ(kept().size(), 100u);
  must(compact(*store_, everything));
  EXPECT_EQ(store_->find_event(first.id).error().kind(), errc::not_found);
  EXPECT_EQ(kept().size(), 100u);
}

TEST(CompactCrash, power_cuts_at_any_change_lose_nothing_that_is_kept) {
  const std::uint64_t cuts = sanitized ? 20 : 200;
  std::uint64_t struck = 0;
  for (std::uint64_t seed = 1; seed <= cuts && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Life life(seed * 7919);
    for (int step = 0; step < 60; ++step) {
      life.append_some();
      if (life.pick(4) == 0) life.change_retention();
    }
    life.machine.disk.stop_at_change(1 + life.pick(120));
    struck += compact(*life.store, everything) ? 0 : 1;
    if (seed % 2 == 0)
      life.machine.disk.crash(seed);
    else
      life.machine.disk.kill();
    life.machine.disk.clear_plans();
    life.reopen();
    life.check();
    must(compact(*life.store, everything));
    life.append_some();
    life.reopen();
    life.check();
  }
  EXPECT_GT(struck, cuts / 4);
}

}  // namespace
}  // namespace stele::test

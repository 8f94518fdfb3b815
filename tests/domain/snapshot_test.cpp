// snapshot_test.cpp - when snapshots are taken, when they are believed, and that nothing ever fails by one.
#include "stele/snapshot.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <mutex>
#include <random>
#include <semaphore>
#include <thread>

#include "domain/meddling_store.hpp"
#include "domain/meter.hpp"
#include "domain/snapshot_pace.hpp"
#include "engine/store_fixture.hpp"

namespace {

using namespace metering;
using stele::handle;
using stele::Repository;
using stele::Revision;
using stele::SnapshotPolicy;
using stele::test::must;

// ---- Deciders that differ in what they say about snapshots.

struct Plain : MeterRules<Plain, Running, Sealed> {
  static State evolve(Running meter, const MeterRead& e) { return Meter::evolve(std::move(meter), e); }
  static State evolve(const Running& meter, const MeterSealed& e) { return Meter::evolve(meter, e); }
};
struct ByTime : Plain {
  static constexpr SnapshotPolicy snapshots{.every = 0, .older_than = std::chrono::hours(24)};
};
struct ByReading : Plain {
  static constexpr SnapshotPolicy snapshots{.every = 0, .read_past = 30};
};
struct ByAnything : Plain {
  // [any]
  static constexpr SnapshotPolicy snapshots{
      .every = 50, .older_than = std::chrono::hours(24), .read_past = 10};
  // [/any]
};
// The rules have changed: the same state, made otherwise.
struct NextVersion : Plain {
  static constexpr SnapshotPolicy snapshots{.version = 2};
};

// Another shape: a field more, deep inside an alternative.
struct Counting {
  long total = 0;
  std::vector<int> latest{};
  int reads = 0;
};
struct Reshaped : MeterRules<Reshaped, Counting, Sealed> {
  static constexpr SnapshotPolicy snapshots{};
  static State evolve(Counting meter, const MeterRead& e) {
    meter.total += e.used;
    ++meter.reads;
    return meter;
  }
  static State evolve(const Counting& meter, const MeterSealed&) { return Sealed{meter.total}; }
};
// The same, and it knows what to do with the old ones.
struct Carried : Reshaped {
  // [carried]
  using OlderStates = stele::older_states<stele::older_state<1, Meter::State>>;
  static State upcast(const Meter::State& old) {
    if (const auto* running = std::get_if<Running>(&old))
      return Counting{running->total, running->latest, -1};
    return std::get<Sealed>(old);
  }
  // [/carried]
};
static_assert(stele::decider<Carried>);

// Records that can be told to fail, and that count.
class ShakyRecords : public stele::Records {
 public:
  explicit ShakyRecords(Records& behind) : behind_(behind) {}
  bool reads_fail = false;
  bool writes_fail = false;
  std::function<void()> before_put;

  stele::result<std::optional<std::string>> get(std::string_view space, std::string_view key) override {
    if (reads_fail) return stele::Error(stele::errc::unavailable, "no disk");
    return behind_.get(space, key);
  }
  stele::result<void> put(std::string_view space, std::string_view key, std::string_view value) override {
    if (before_put) before_put();
    if (writes_fail) return stele::Error(stele::errc::disk_full, "no room");
    return behind_.put(space, key, value);
  }
  stele::result<bool> insert(std::string_view space, std::string_view key, std::string_view value) override {
    return behind_.insert(space, key, value);
  }
  stele::result<void> erase(std::string_view space, std::string_view key) override {
    return behind_.erase(space, key);
  }
  stele::result<std::uint64_t> erase_older(std::string_view space, stele::Timestamp time) override {
    return behind_.erase_older(space, time);
  }

 private:
  Records& behind_;
};

class ShakyStore : public stele::test::MeddlingStore {
 public:
  explicit ShakyStore(EventStore& behind) : MeddlingStore(behind), shaky(behind.records()) {}
  stele::Records& records() override { return shaky; }
  ShakyRecords shaky;
};

class SnapshotTest : public stele::test::StoreTest {
 protected:
  void read_meter(int times, const std::string& meter = "m1", int used = 1) {
    (void)must(handle<Plain>(*store_, ReadMeter{meter, used, times}));
  }
  template <class D>
  stele::Loaded<D> load(const std::string& meter = "m1") {
    return must(Repository<D>(*store_).load(meter));
  }
  std::string kept(const std::string& meter = "m1") {
    return must(store_->records().get("snapshot", "Meter-" + meter)).value_or("");
  }
  void keep(const std::string& text) { (void)store_->records().put("snapshot", "Meter-m1", text); }
};

// What D's counts have moved by since.
template <class D>
class Since {
 public:
  [[nodiscard]] stele::SnapshotCounts now() const {
    const auto counts = stele::snapshot_counts<D>();
    return {counts.used - before_.used, counts.ignored - before_.ignored, counts.written - before_.written,
            counts.failed - before_.failed};
  }

 private:
  stele::SnapshotCounts before_ = stele::snapshot_counts<D>();
};
using Counts = stele::SnapshotCounts;

// ---- Loading

TEST_F(SnapshotTest, of_250_events_with_a_snapshot_at_200_exactly_50_are_read) {
  const Since<Meter> since;
  for (int i = 0; i < 250; ++i) (void)must(handle<Meter>(*store_, ReadMeter{"m1", i}));
  const auto loaded = load<Meter>();
  EXPECT_EQ(loaded.events_read, 50u);
  EXPECT_EQ(loaded.from_snapshot, Revision(199));
  EXPECT_EQ(loaded.revision, Revision(249));
  EXPECT_EQ(stele::to_json(loaded.state), stele::to_json(load<Plain>().state));
  EXPECT_EQ(since.now().written, 2u);
  EXPECT_EQ(since.now().ignored, 0u);
}

TEST_F(SnapshotTest, a_command_reads_only_what_came_after_the_snapshot) {
  read_meter(300);
  EXPECT_TRUE(must(Repository<Meter>(*store_).take_snapshot("m1")));
  read_meter(7);
  const auto done = must(handle<Meter>(*store_, ReadMeter{"m1", 5}));
  EXPECT_EQ(done.events_read, 7u);
  EXPECT_EQ(done.revision, Revision(307));
  EXPECT_EQ(std::get<Running>(done.state).total, 312);
}

TEST_F(SnapshotTest, a_decider_that_says_nothing_has_none) {
  read_meter(250);
  EXPECT_EQ(load<Plain>().events_read, 250u);
  EXPECT_EQ(kept(), "");
}

TEST_F(SnapshotTest, ten_thousand_events_are_a_hundred_at_most) {
  for (int i = 0; i < 100; ++i) (void)must(handle<Meter>(*store_, ReadMeter{"m1", i, 100}));
  EXPECT_EQ(load<Meter>().events_read, 0u);
  EXPECT_EQ(load<Plain>().events_read, 10'000u);
  EXPECT_EQ(stele::to_json(load<Meter>().state), stele::to_json(load<Plain>().state));
}

TEST_F(SnapshotTest, the_past_before_the_snapshot_is_folded_from_the_start) {
  read_meter(150);
  must(Repository<Meter>(*store_).take_snapshot("m1"));
  const auto then = must(Repository<Meter>(*store_).load("m1", Revision(9)));
  EXPECT_EQ(then.events_read, 10u);
  EXPECT_FALSE(then.from_snapshot);
  const auto later = must(Repository<Meter>(*store_).load("m1", Revision(149)));
  EXPECT_EQ(later.events_read, 0u);
  EXPECT_EQ(later.from_snapshot, Revision(149));
}

TEST_F(SnapshotTest, every_load_equals_a_fold_whatever_happened_before) {
  const unsigned seed = 5;
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int i = 0; i < 60; ++i) {
    const std::string meter = "m" + std::to_string(random() % 3);
    (void)must(
        handle<Meter>(*store_, ReadMeter{meter, static_cast<int>(random() % 9), 1 + int(random() % 60)}));
    if (random() % 20 == 0) (void)must(handle<Meter>(*store_, SealMeter{meter}));
    if (random() % 10 == 0) reopen();
    EXPECT_EQ(stele::to_json(load<Meter>(meter).state), stele::to_json(load<Plain>(meter).state));
    EXPECT_LT(load<Meter>(meter).events_read, 160u);
  }
}

// ---- When one is due

TEST_F(SnapshotTest, by_time_one_is_due_when_the_last_is_old_enough) {
  const auto monday = *stele::parse_time("2026-03-02");
  const auto at = [&](int hours) {
    return must(handle<ByTime>(*store_, ReadMeter{"m1", 1}, {.at = monday + std::chrono::hours(hours)},
                               {.recorded_at = monday + std::chrono::hours(hours)}));
  };
  const Since<ByTime> since;
  at(0);
  at(23);
  EXPECT_EQ(since.now().written, 0u);
  at(24);
  EXPECT_EQ(since.now().written, 1u);
  at(47);
  EXPECT_EQ(since.now().written, 1u);
  at(49);
  EXPECT_EQ(since.now().written, 2u);
  EXPECT_EQ(load<ByTime>().from_snapshot, Revision(4));
}

TEST_F(SnapshotTest, a_load_that_had_to_read_much_leaves_one) {
  const Since<ByReading> since;
  read_meter(30);
  EXPECT_EQ(load<ByReading>().events_read, 30u);
  EXPECT_EQ(since.now().written, 0u);
  read_meter(1);
  EXPECT_EQ(load<ByReading>().events_read, 31u);
  EXPECT_EQ(load<ByReading>().events_read, 0u);
  EXPECT_EQ(since.now(), (Counts{.used = 1, .written = 1}));
}

TEST_F(SnapshotTest, a_refused_command_that_had_to_read_much_leaves_one_too) {
  read_meter(40);
  (void)must(handle<Plain>(*store_, SealMeter{"m1"}));
  EXPECT_FALSE(must(handle<ByReading>(*store_, SealMeter{"m1"})).accepted());
  EXPECT_EQ(load<ByReading>().events_read, 0u);
}

TEST_F(SnapshotTest, any_of_several_reasons_is_enough) {
  read_meter(11);
  EXPECT_EQ(load<ByAnything>().events_read, 11u);
  EXPECT_EQ(load<ByAnything>().from_snapshot, Revision(10)) << "read past";
  (void)must(handle<ByAnything>(*store_, ReadMeter{"m1", 1, 50}));
  EXPECT_EQ(load<ByAnything>().from_snapshot, Revision(60)) << "every";
  (void)must(handle<ByAnything>(*store_, ReadMeter{"m1", 1},
                                {.at = stele::detail::clock_now() + std::chrono::hours(25)}));
  EXPECT_EQ(load<ByAnything>().from_snapshot, Revision(61)) << "older than";
}

TEST_F(SnapshotTest, nothing_is_taken_of_a_past_or_of_nothing) {
  read_meter(40);
  (void)must(Repository<ByReading>(*store_).load("m1", Revision(35)));
  (void)must(Repository<ByReading>(*store_).load("nobody"));
  EXPECT_EQ(kept(), "");
  EXPECT_FALSE(must(Repository<Meter>(*store_).take_snapshot("nobody")));
  EXPECT_TRUE(must(Repository<Meter>(*store_).take_snapshot("m1")));
  EXPECT_FALSE(must(Repository<Meter>(*store_).take_snapshot("m1"))) << "nothing new";
}

// ---- When one is believed

TEST_F(SnapshotTest, one_of_another_shape_is_ignored_counted_and_replaced) {
  read_meter(120);
  must(Repository<Meter>(*store_).take_snapshot("m1"));
  const Since<Reshaped> since;
  const auto loaded = load<Reshaped>();
  EXPECT_EQ(loaded.events_read, 120u);
  EXPECT_EQ(std::get<Counting>(loaded.state).reads, 120);
  EXPECT_EQ(since.now(), (Counts{.ignored = 1, .written = 1}));
  EXPECT_EQ(load<Reshaped>().events_read, 0u);
}

TEST_F(SnapshotTest, one_of_another_version_is_ignored_and_a_newer_one_is_left_alone) {
  read_meter(120);
  must(Repository<Meter>(*store_).take_snapshot("m1"));
  EXPECT_EQ(load<NextVersion>().events_read, 120u);
  EXPECT_EQ(load<NextVersion>().events_read, 0u) << "replaced";
  const auto newer = kept();
  EXPECT_EQ(load<Meter>().events_read, 120u);
  (void)must(handle<Meter>(*store_, ReadMeter{"m1", 1, 100}));
  EXPECT_FALSE(must(Repository<Meter>(*store_).take_snapshot("m1")));
  EXPECT_EQ(kept(), newer) << "the newer program is not set back";
}

TEST_F(SnapshotTest, an_upcaster_carries_old_ones_over) {
  read_meter(120);
  must(Repository<Meter>(*store_).take_snapshot("m1"));
  read_meter(3);
  const auto loaded = load<Carried>();
  EXPECT_EQ(loaded.events_read, 3u);
  EXPECT_EQ(std::get<Counting>(loaded.state).total, 123);
  EXPECT_EQ(std::get<Counting>(loaded.state).reads, 2) << "-1 of the upcaster, and three";
}

TEST_F(SnapshotTest, one_from_beyond_the_end_or_from_another_log_is_never_believed) {
  read_meter(120);
  must(Repository<Meter>(*store_).take_snapshot("m1"));
  const auto good = kept();
  const auto replaced = [&](std::string_view what, std::string_view with) {
    auto text = good;
    text.replace(text.find(what), what.size(), with);
    return text;
  };
  const std::vector<std::string> lies = {
      replaced(R"("revision":119,"position":120)", R"("revision":120,"position":121)"),
      replaced(R"("revision":119,"position":120)", R"("revision":5,"position":120)"),
      replaced(R"("recordedAt":"2)", R"("recordedAt":"1)"),
      replaced(R"("position":120)", R"("position":0)"),
      replaced(R"("total":120)", R"("total":"many")"),
      replaced(R"("state":)", R"("estate":)"),
      "{}",
      "",
      "no json",
      good.substr(0, good.size() / 2),
  };
  for (const auto& lie : lies) {
    keep(lie);
    const Since<Meter> since;
    const auto loaded = load<Meter>();
    EXPECT_EQ(loaded.events_read, 120u) << lie;
    EXPECT_EQ(std::get<Running>(loaded.state).total, 120) << lie;
    EXPECT_EQ(since.now(), (Counts{.ignored = 1, .written = 1})) << lie;
    EXPECT_EQ(load<Meter>().events_read, 0u) << lie;
  }
}

TEST_F(SnapshotTest, one_of_another_stream_is_not_believed) {
  read_meter(120);
  read_meter(120, "m2", 7);
  must(Repository<Meter>(*store_).take_snapshot("m2"));
  keep(kept("m2"));
  EXPECT_EQ(std::get<Running>(load<Meter>().state).total, 120);
}

// ---- Never in the way

TEST_F(SnapshotTest, what_goes_wrong_with_records_is_counted_and_nothing_else) {
  ShakyStore shaky(*store_);
  shaky.shaky.writes_fail = true;
  const Since<Meter> since;
  EXPECT_TRUE(must(handle<Meter>(shaky, ReadMeter{"m1", 1, 150})).accepted());
  EXPECT_EQ(since.now(), (Counts{.failed = 1}));
  shaky.shaky.reads_fail = true;
  EXPECT_EQ(must(Repository<Meter>(shaky).load("m1")).events_read, 150u);
  EXPECT_TRUE(must(handle<Meter>(shaky, ReadMeter{"m1", 1})).accepted());
  EXPECT_GE(since.now().failed, 3u);
  EXPECT_EQ(since.now().written, 0u);
}

TEST_F(SnapshotTest, one_is_taken_after_the_acknowledgement) {
  ShakyStore shaky(*store_);
  stele::Position head_when_taken;
  shaky.shaky.before_put = [&] { head_when_taken = store_->head().position; };
  const auto done = must(handle<Meter>(shaky, ReadMeter{"m1", 1, 100}));
  EXPECT_EQ(head_when_taken, done.appended->last);
}

TEST_F(SnapshotTest, a_conflict_or_a_repeat_takes_none_of_a_state_that_is_not_in_the_log) {
  ShakyStore shaky(*store_);
  shaky.before_append = [&](const auto&) {
    shaky.before_append = nullptr;
    read_meter(1);
  };
  const auto done = must(handle<Meter>(shaky, ReadMeter{"m1", 1, 100}, {.idempotency_key = "k"}));
  EXPECT_EQ(done.tries, 2u);
  EXPECT_EQ(load<Meter>().from_snapshot, Revision(100));
  EXPECT_EQ(std::get<Running>(load<Meter>().state).total, 101);
  const Since<Meter> since;
  EXPECT_TRUE(must(handle<Meter>(shaky, ReadMeter{"m1", 1, 100}, {.idempotency_key = "k"})).repeated);
  EXPECT_EQ(since.now().written, 0u);
}

TEST_F(SnapshotTest, several_aggregates_of_one_append_get_their_own) {
  const auto both = [&](auto& work) -> stele::result<void> {
    STELE_TRY(auto one, work.template load<Meter>("m1"));
    STELE_TRY(auto two, work.template load<Meter>("m2"));
    STELE_TRY(auto three, work.template load<Meter>("m3"));
    work.ask(one, ReadMeter{"m1", 1, 110});
    work.ask(three, ReadMeter{"m3", 3, 120});
    (void)two;
    return {};
  };
  (void)must(stele::transact<Meter::Refusals>(*store_, ReadMeter{"m1", 1}, {}, {}, both));
  EXPECT_EQ(load<Meter>("m1").events_read, 0u);
  EXPECT_EQ(load<Meter>("m3").events_read, 0u);
  EXPECT_EQ(std::get<Running>(load<Meter>("m1").state).total, 110);
  EXPECT_EQ(std::get<Running>(load<Meter>("m3").state).total, 360);
  EXPECT_EQ(kept("m2"), "");
}

// ---- The thread that takes them

TEST_F(SnapshotTest, with_a_snapshotter_the_answer_does_not_wait) {
  ShakyStore shaky(*store_);
  std::binary_semaphore go(0);
  shaky.shaky.before_put = [&] { go.acquire(); };
  stele::Snapshotter snapshotter({.per_second = 1e6});
  const ReadMeter command{"m1", 1, 100};
  // [snapshotter]
  const auto done = must(handle<Meter>(shaky, command, {.user = "ada"}, {.snapshotter = &snapshotter}));
  // [/snapshotter]
  EXPECT_TRUE(done.accepted());
  EXPECT_EQ(kept(), "") << "it is still waiting for the disk";
  EXPECT_EQ(snapshotter.waiting(), 1u);
  go.release();
  snapshotter.drain();
  EXPECT_EQ(load<Meter>().events_read, 0u);
}

TEST_F(SnapshotTest, a_load_past_the_threshold_asks_the_snapshotter) {
  read_meter(31);
  stele::Snapshotter snapshotter({.per_second = 1e6});
  EXPECT_EQ(must(Repository<ByReading>(*store_, &snapshotter).load("m1")).events_read, 31u);
  snapshotter.drain();
  EXPECT_EQ(load<ByReading>().events_read, 0u);
}

TEST(Snapshotter, takes_each_stream_once_however_often_it_asks) {
  std::map<std::string, int> taken;
  std::binary_semaphore go(0);
  stele::Snapshotter snapshotter({.per_second = 1e6, .waiting = 3});
  EXPECT_TRUE(snapshotter.ask("first", [&] { go.acquire(); }));
  while (snapshotter.waiting() != 1) std::this_thread::yield();
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(snapshotter.ask("a", [&] { ++taken["a"]; }));
  EXPECT_TRUE(snapshotter.ask("b", [&] { ++taken["b"]; }));
  go.release();
  snapshotter.drain();
  EXPECT_EQ(taken, (std::map<std::string, int>{{"a", 1}, {"b", 1}}));
  EXPECT_EQ(snapshotter.waiting(), 0u);
}

TEST(Snapshotter, turns_away_what_it_has_no_room_for_and_ends_with_work_waiting) {
  std::atomic<int> taken = 0;
  stele::Snapshotter slow(
      {.per_second = 1e-3, .waiting = 2});  // one at once, the next in a quarter of an hour
  EXPECT_TRUE(slow.ask("first", [&] { ++taken; }));
  while (taken == 0) std::this_thread::yield();
  EXPECT_TRUE(slow.ask("a", [&] { ++taken; }));
  EXPECT_TRUE(slow.ask("b", [&] { ++taken; }));
  EXPECT_FALSE(slow.ask("c", [&] { ++taken; }));
  EXPECT_TRUE(slow.ask("a", [&] { taken += 10; })) << "it waits already";
  EXPECT_EQ(taken, 1);
  slow.drain();
  EXPECT_EQ(taken, 12) << "hurried, in order, the newest of what was asked";
  EXPECT_TRUE(slow.ask("d", [&] { ++taken; }));
}

TEST(Snapshotter, drains_what_waits_at_that_moment_and_not_what_comes_after) {
  stele::Snapshotter slow({.per_second = 1e-3});
  std::atomic<int> taken = 0;
  EXPECT_TRUE(slow.ask("first", [&] { ++taken; }));
  while (taken == 0) std::this_thread::yield();
  EXPECT_TRUE(slow.ask("a", [&] { EXPECT_TRUE(slow.ask("b", [&] { taken += 10; })); }));
  slow.drain();
  EXPECT_EQ(slow.waiting(), 1u) << "the next one waits its turn";
  EXPECT_EQ(taken, 1);
  slow.drain();
  EXPECT_EQ(taken, 11);
}

TEST(Snapshotter, draining_takes_nobody_s_place) {
  stele::Snapshotter snapshotter({.per_second = 20});
  std::atomic<int> taken = 0;
  for (int i = 0; i < 2'000; ++i) EXPECT_TRUE(snapshotter.ask("s" + std::to_string(i), [&] { ++taken; }));
  snapshotter.drain();
  EXPECT_EQ(taken, 2'000);
  std::binary_semaphore later(0);
  EXPECT_TRUE(snapshotter.ask("later", [&] { later.release(); }));
  EXPECT_TRUE(later.try_acquire_for(std::chrono::seconds(60))) << "it waits for a place of the drained ones";
}

TEST(SnapshotPace, lets_so_many_through_a_second_and_saves_nothing_up) {
  using namespace std::chrono_literals;
  stele::detail::SnapshotPace pace(10);
  const stele::detail::SnapshotPace::Clock::time_point start{1h};
  EXPECT_EQ(pace.next(start), start);
  EXPECT_EQ(pace.next(start), start + 100ms);
  EXPECT_EQ(pace.next(start + 150ms), start + 200ms);
  EXPECT_EQ(pace.next(start + 10s), start + 10s) << "a pause is no credit";
  EXPECT_EQ(pace.next(start + 10s), start + 10s + 100ms);
}

}  // namespace

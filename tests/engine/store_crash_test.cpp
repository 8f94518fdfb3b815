// Lives that end badly: power cuts, kills, failing disks, on a simulated disk that a seed replays. After each
// of them: every acknowledged event is there unchanged, positions are dense, nothing that was refused
// appears.
#include <map>
#include <optional>

#include "machine.hpp"

namespace stele::test {
namespace {

// What the appender was told, and what it asked without hearing the end.
struct Told {
  std::map<std::uint64_t, std::string> acknowledged;  // position to data
  std::map<std::string, int> unknown;                 // data of appends with an unknown end
  std::map<std::string, int> refused;
};

std::string payload(io::simulated::SeededRandom& random, std::uint64_t number) {
  return "{\"n\":" + std::to_string(number) + ",\"fill\":\"" + std::string(random.below(900), 'x') + "\"}";
}

void append_some(engine::EmbeddedStore& store, Machine& machine, Told& told, std::uint64_t& number) {
  const auto count = machine.random.below(40);
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto data = payload(machine.random, ++number);
    const bool wrong = machine.random.below(10) == 0;
    auto request = write("S-" + std::to_string(machine.random.below(5)), {event("X", data), event("Y", data)},
                         wrong ? ExpectedVersion::exact(Revision(1'000'000)) : ExpectedVersion::any());
    machine.clock.advance(std::chrono::milliseconds(machine.random.below(100)));
    const auto answer = store.append(std::move(request));
    if (answer) {
      told.acknowledged[answer->first.value()] = data;
      told.acknowledged[answer->last.value()] = data;
    } else if (answer.error().kind() == errc::unavailable) {
      ++told.unknown[data];
    } else {
      ++told.refused[data];
    }
  }
}

// Nothing when the power went meanwhile: index files are written beside everything.
std::optional<std::vector<RecordedEvent>> everything(engine::EmbeddedStore& store, const Machine& machine) {
  std::vector<RecordedEvent> all;
  const auto cursor = store.read({});
  while (cursor) {
    const auto events = (*cursor)->next_batch(100);
    if (!events) break;
    if (events->empty()) return all;
    for (const auto& view : *events) all.push_back(view.to_owned());
  }
  EXPECT_TRUE(machine.disk.stopped()) << "reading failed although the disk was there";
  return std::nullopt;
}

// Reads everything and compares it with what was told. Unknown ends become known here.
void check(engine::EmbeddedStore& store, const Machine& machine, Told& told, std::uint64_t seed) {
  const auto all = everything(store, machine);
  if (!all) return;
  std::map<std::uint64_t, std::string> found;
  std::map<std::string, std::uint64_t> revisions;
  Timestamp time{};
  for (const auto& read : *all) {
    ASSERT_EQ(read.position.value(), found.size() + 1) << "seed " << seed;
    ASSERT_EQ(read.revision.value(), revisions[read.stream]++) << "seed " << seed;
    ASSERT_GE(read.recorded_at, time) << "seed " << seed;
    time = read.recorded_at;
    ASSERT_FALSE(told.refused.contains(read.data))
        << "seed " << seed << " position " << read.position.value();
    found[read.position.value()] = read.data;
  }
  for (const auto& [position, data] : told.acknowledged) ASSERT_EQ(found[position], data) << "seed " << seed;
  for (const auto& [position, data] : found) {
    if (told.acknowledged.contains(position)) continue;
    ASSERT_TRUE(told.unknown.contains(data)) << "seed " << seed << " position " << position << ": " << data;
    told.acknowledged[position] = data;  // it was seen: it must stay
  }
  ASSERT_EQ(found.size() % 2, 0u) << "half an append, seed " << seed;
  told.unknown.clear();
}

// One machine through many lives. `end` ends a life however it likes.
template <class End>
void live(std::uint64_t seed, int lives, End end) {
  Machine machine(seed);
  Told told;
  std::uint64_t number = 0;
  for (int life = 0; life < lives; ++life) {
    auto opened = machine.open();
    if (opened) {
      check(**opened, machine, told, seed);
      if (testing::Test::HasFatalFailure()) return;
      append_some(**opened, machine, told, number);
    }
    end(machine, opened);
  }
  machine.disk.clear_plans();
  auto last = machine.open();
  ASSERT_TRUE(last) << last.error().to_string() << " seed " << seed;
  EXPECT_TRUE((*last)->recovery().damages.empty())
      << "seed " << seed << ": " << engine::log::to_string((*last)->recovery().damages.at(0));
  check(**last, machine, told, seed);
}

using Opened = result<std::unique_ptr<engine::EmbeddedStore>>;
constexpr std::uint64_t seeds = sanitized ? 60 : 600;

TEST(StoreCrash, power_cuts_at_any_change_lose_nothing_that_was_acknowledged) {
  for (std::uint64_t seed = 1; seed <= seeds && !HasFatalFailure(); ++seed) {
    SCOPED_TRACE(seed);
    live(seed, 6, [](Machine& machine, Opened& opened) {
      if (opened) (*opened).reset();
      machine.disk.crash(machine.random.next());
      machine.disk.stop_at_change(1 + machine.random.below(60));  // strikes in the middle of the next life
    });
  }
}

TEST(StoreCrash, a_kill_keeps_even_what_was_not_synced_yet) {
  for (std::uint64_t seed = 1; seed <= seeds / 4 && !HasFatalFailure(); ++seed) {
    live(seed, 4, [](Machine& machine, Opened& opened) {
      if (opened) (*opened).reset();
      machine.disk.kill();
      machine.disk.stop_at_change(1 + machine.random.below(60));
    });
  }
}

TEST(StoreCrash, a_failed_sync_is_final_until_the_store_is_opened_again) {
  for (std::uint64_t seed = 1; seed <= seeds / 4 && !HasFatalFailure(); ++seed) {
    live(seed, 4, [](Machine& machine, Opened& opened) {
      if (opened) (*opened).reset();
      machine.disk.kill();
      machine.disk.fail_sync(4 + machine.random.below(20), EIO);
    });
  }
}

TEST(StoreCrash, after_a_failed_sync_appends_are_refused_and_reads_go_on) {
  Machine machine(5);
  auto store = must(machine.open());
  must(store->append(write("A-1", {event("X", "1")})));
  machine.disk.fail_sync(1, EIO);
  const auto unknown = store->append(write("A-1", {event("X", "2")}));
  EXPECT_EQ(unknown.error().kind(), errc::unavailable);
  const auto refused = store->append(write("A-1", {event("X", "3")}));
  EXPECT_EQ(refused.error().kind(), errc::read_only);
  EXPECT_FALSE(refused.error().help().empty());
  EXPECT_EQ(drain(*must(store->read({}))).size(), 1u);
}

TEST(StoreCrash, a_full_disk_refuses_appends_and_goes_on_when_there_is_room) {
  Machine machine(6);
  auto store = must(machine.open());
  must(store->append(write("A-1", {event("X", "first")})));
  machine.disk.set_free_bytes(0);
  errc seen = errc::invalid;
  std::uint64_t kept = 1;
  for (int i = 0; i < 200 && seen != errc::disk_full; ++i) {
    const auto answer = store->append(write("A-1", {event("X", std::string(2000, 'x'))}));
    if (answer)
      ++kept;
    else
      seen = answer.error().kind();
  }
  EXPECT_EQ(seen, errc::disk_full);
  EXPECT_EQ(drain(*must(store->read({}))).size(), kept);
  EXPECT_EQ(store->append(write("A-1", {event("X", std::string(2000, 'x'))})).error().kind(),
            errc::disk_full);
  machine.disk.set_free_bytes(~std::uint64_t{0});
  EXPECT_EQ(must(store->append(write("A-1", {event("X", "again")}))).first.value(), kept + 1);
}

TEST(StoreCrash, an_append_larger_than_an_empty_segment_gets_a_segment_of_its_own) {
  Machine machine(12);
  auto store = must(machine.open());
  // Nothing but a name: refused appends, then a crash, leave no event behind.
  EXPECT_FALSE(store->append(write("A-1", {event("X")}, ExpectedVersion::exists())));
  machine.disk.put("/store/log/unrelated.txt", "left by somebody");
  const std::string large(200'000, 'l');
  EXPECT_EQ(must(store->append(write("A-1", {event("X", large)}))).first, Position(1));
  EXPECT_EQ(must(store->append(write("A-1", {event("X", "small")}))).first, Position(2));
  EXPECT_EQ(must(store->append(write("A-1", {event("X", large)}))).first, Position(3));
  store.reset();
  store = must(machine.open());
  EXPECT_EQ(drain(*must(store->read({}))).at(2).data, large);
}

TEST(StoreCrash, a_full_disk_does_not_keep_a_store_from_opening) {
  Machine machine(7);
  must(must(machine.open())->append(write("A-1", {event("X", "first")})));
  machine.disk.set_free_bytes(0);
  auto store = must(machine.open());
  EXPECT_EQ(drain(*must(store->read({}))).size(), 1u);
}

TEST(StoreCrash, a_damaged_byte_in_acknowledged_data_makes_the_store_read_only_and_the_rest_readable) {
  Machine machine(8);
  const std::string data(500, 'd');
  {
    auto store = must(machine.open());
    for (int i = 0; i < 20; ++i) must(store->append(write("A-1", {event("X", data)})));
  }
  const auto path = std::filesystem::path("/store/log/00000000000000000001.seg");
  const auto at = machine.disk.bytes(path).find(data, 4096 + 5000);
  ASSERT_NE(at, std::string::npos);
  machine.disk.flip(path, at + 100, 0x10);
  auto store = must(machine.open());
  ASSERT_EQ(store->recovery().damages.size(), 1u);
  const auto refused = store->append(write("A-1", {event("X")}));
  EXPECT_EQ(refused.error().kind(), errc::read_only);
  EXPECT_NE(refused.error().message().find("00000000000000000001.seg"), std::string::npos)
      << refused.error().message();

  const auto cursor = must(store->read({}));
  std::vector<std::uint64_t> good;
  std::vector<std::string> bad;
  for (;;) {
    const auto events = cursor->next_batch(7);
    if (!events) {
      EXPECT_EQ(events.error().kind(), errc::corrupt);
      bad.emplace_back(events.error().fact("position").value_or("?"));
      continue;
    }
    if (events->empty()) break;
    for (const auto& view : *events) good.push_back(view.position.value());
  }
  EXPECT_EQ(bad.size(), 1u);
  EXPECT_EQ(good.size(), 19u);
  const auto last = must(store->read_stream({"A-1", {}, Direction::backward, 1}));
  EXPECT_EQ(must(last->next_batch(1)).front().revision, Revision(19));
}

TEST(StoreCrash, damage_that_appears_while_the_store_is_open_is_told_by_the_read_that_meets_it) {
  Machine machine(9);
  const std::string data(500, 'd');
  auto store = must(machine.open());
  for (int i = 0; i < 10; ++i) must(store->append(write("A-1", {event("X", data)})));
  const auto path = std::filesystem::path("/store/log/00000000000000000001.seg");
  machine.disk.flip(path, machine.disk.bytes(path).find(data, 4096 + 3000) + 7, 0x01);
  for (const auto direction : {Direction::forward, Direction::backward}) {
    const auto cursor = must(store->read({Query::all(), {}, direction, no_limit}));
    std::size_t good = 0;
    std::size_t bad = 0;
    for (bool more = true; more;) {
      const auto events = cursor->next_batch(100);
      if (events)
        good += events->size();
      else
        ++bad;
      more = !events || !events->empty();
    }
    EXPECT_EQ(good, 9u);
    EXPECT_EQ(bad, 1u);
  }
}

TEST(StoreCrash, a_clock_that_steps_back_is_held_at_the_last_recorded_time) {
  Machine machine(10);
  auto store = must(machine.open());
  const auto first = must(store->append(write("A-1", {event("X")}))).recorded_at;
  machine.clock.set(first - std::chrono::hours(5));
  EXPECT_EQ(must(store->append(write("A-1", {event("X")}))).recorded_at, first);
  store.reset();
  store = must(machine.open());
  EXPECT_EQ(must(store->append(write("A-1", {event("X")}))).recorded_at, first);
}

TEST(StoreCrash, a_second_writer_is_told_who_holds_the_store) {
  Machine machine(11);
  const auto store = must(machine.open());
  const auto second = machine.open();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind(), errc::busy);
  EXPECT_TRUE(second.error().fact("pid").has_value());
}

TEST(StoreCrash, a_follower_sees_what_is_durable_and_nothing_else) {
  for (std::uint64_t seed = 1; seed <= (sanitized ? 10 : 60) && !HasFatalFailure(); ++seed) {
    Machine machine(seed);
    auto writer = must(machine.open());
    std::uint64_t count = 0;
    const auto append_more = [&](std::uint64_t n) {
      for (std::uint64_t i = 0; i < n; ++i) {
        must(writer->append(write("A-1", {event("X", payload(machine.random, count++))})));
      }
    };
    append_more(machine.random.below(200));
    auto follower = must(machine.open(Access::read_only));
    ASSERT_EQ(follower->head().position.value(), count) << seed;
    append_more(1 + machine.random.below(200));
    ASSERT_TRUE(follower->wait_for(Position(count), std::chrono::seconds(20)).has_value()) << seed;
    ASSERT_TRUE(drain(*must(follower->read({}))) == drain(*must(writer->read({})))) << seed;
    // The one that fails may be that of the next segment, which is prepared ahead: nobody waits for it.
    bool lost = false;
    for (int tries = 0; tries < 5 && !lost; ++tries, count += lost ? 0 : 1) {
      machine.disk.fail_sync(1, EIO);
      lost = !writer->append(write("A-1", {event("X", "never durable")}));
    }
    ASSERT_TRUE(lost) << seed;
    auto late = must(machine.open(Access::read_only));
    ASSERT_EQ(late->head().position.value(), count) << seed;
    ASSERT_EQ(follower->append(write("A-1", {event("X")})).error().kind(), errc::read_only);
  }
}

}  // namespace
}  // namespace stele::test

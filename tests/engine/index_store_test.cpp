// index_store_test.cpp - a store and its index files: whatever happens to them, the answers stay the same and the
// files come back; what they cover is not scanned again.
#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "engine/index/file_layout.hpp"
#include "machine.hpp"

namespace stele::test {
namespace {

const std::filesystem::path index_directory{"/store/index"};

// Fills a store with small segments; every event has a stream, a type and tags that repeat.
class Filler {
 public:
  explicit Filler(std::uint64_t seed) : random_(seed) {}
  // False: the store accepts no more.
  bool append(engine::EmbeddedStore& store) {
    const auto number = next_++;
    const auto stream = "c" + std::to_string(random_.below(3)) + "-" + std::to_string(random_.below(20));
    auto made = event("T" + std::to_string(random_.below(5)), std::string(200 + random_.below(600), 'x'),
                      Uuid::from_name({}, std::to_string(number)));
    for (std::uint64_t tag = 0; tag < 4; ++tag) {
      if (random_.below(3) == 0) made.tags.push_back("tag:" + std::to_string(tag));
    }
    const auto answer = store.append(write(stream, {made, event("Twin")}));
    if (answer) acknowledged_ = answer->last;
    return answer.has_value();
  }
  [[nodiscard]] Position acknowledged() const { return acknowledged_; }

 private:
  io::simulated::SeededRandom random_;
  std::uint64_t next_ = 0;
  Position acknowledged_;
};

void fill(Machine& machine, engine::EmbeddedStore& store, Filler& filler, int appends) {
  for (int i = 0; i < appends; ++i) {
    machine.clock.advance(std::chrono::milliseconds(3));
    ASSERT_TRUE(filler.append(store));
  }
}

std::string numbers_of(Cursor& cursor) {
  std::ostringstream out;
  for (const auto& event : drain(cursor))
    out << event.position.value() << '/' << event.revision.value() << ' ';
  return std::move(out).str();
}

// Everything that the index has a part in, as one text.
std::string answers_of(engine::EmbeddedStore& store) {
  std::ostringstream out;
  const auto all = drain(*must(store.read({})));
  std::set<std::string> streams;
  for (const auto& event : all) {
    streams.insert(event.stream);
    EXPECT_EQ(must(store.find_event(event.id)).position, event.position);
  }
  out << all.size() << '\n';
  for (const auto& info : must(store.list_streams("", "", 1000))) {
    out << info.stream << ' ' << info.events << ' ' << info.first_position.value() << ' '
        << info.last_position.value() << '\n';
  }
  for (const auto& stream : streams) {
    out << stream << ": " << numbers_of(*must(store.read_stream({stream, {}, Direction::forward, no_limit})));
    out << numbers_of(*must(store.read_stream({stream, Revision(7), Direction::backward, 5}))) << '\n';
  }
  for (const auto& item :
       {QueryItem{.types = {"T1", "T3"}, .tags = {}, .streams = {}, .categories = {}},
        QueryItem{.types = {"T2"}, .tags = {"tag:1", "tag:2"}, .streams = {}, .categories = {}},
        QueryItem{.types = {}, .tags = {}, .streams = {}, .categories = {"c1"}},
        QueryItem{.types = {"none"}, .tags = {}, .streams = {}, .categories = {}}}) {
    out << numbers_of(*must(store.read({Query::of(item), {}, Direction::forward, no_limit}))) << '\n';
    out << numbers_of(*must(store.read({Query::of(item), {}, Direction::backward, 50}))) << '\n';
  }
  if (!all.empty()) {
    const auto step = (all.back().recorded_at - all.front().recorded_at) / 17 + std::chrono::microseconds(1);
    for (auto time = all.front().recorded_at - step; time < all.back().recorded_at + step; time += step) {
      const auto found = must(store.position_at(time));
      const auto behind =
          std::ranges::partition_point(all, [&](const auto& e) { return e.recorded_at <= time; });
      EXPECT_EQ(found.value(), static_cast<std::uint64_t>(behind - all.begin()));
    }
  }
  return std::move(out).str();
}

std::vector<std::string> index_files(Machine& machine) {
  std::vector<std::string> files;
  if (!must(machine.disk.exists(index_directory))) return files;
  for (auto& name : must(machine.disk.list(index_directory))) {
    if (name.ends_with(".idx")) files.push_back(std::move(name));
  }
  return files;
}

// A store of some segments, sealed and closed; what it answers.
std::string filled(Machine& machine, int appends) {
  const auto store = must(machine.open());
  Filler filler(machine.segment_bytes + static_cast<std::uint64_t>(appends));
  fill(machine, *store, filler, appends);
  store->wait_until_sealed();
  return answers_of(*store);
}

TEST(IndexStore, segments_that_are_sealed_are_not_scanned_again) {
  Machine machine(1);
  const auto answers = filled(machine, 600);
  ASSERT_GE(must(machine.disk.list("/store/log")).size(), 6u);
  EXPECT_LT(index_files(machine).size(), 6u) << "some were merged";
  const auto before = machine.disk.counts().reads;
  auto store = must(machine.open());
  const auto opening = machine.disk.counts().reads - before;
  EXPECT_EQ(answers_of(*store), answers);
  store.reset();
  for (const auto& name : index_files(machine)) ASSERT_TRUE(machine.disk.remove(index_directory / name));
  const auto again = machine.disk.counts().reads;
  store = must(machine.open());
  const auto scanning = machine.disk.counts().reads - again;
  EXPECT_LT(opening + must(machine.disk.list("/store/log")).size(),
            scanning + 4 * index_files(machine).size());
  // Only the last segment's events are in memory.
  store->wait_until_sealed();
  const auto parts = store->index().parts();
  for (std::size_t i = 0; i + 1 < parts->size(); ++i) {
    EXPECT_TRUE(static_cast<const engine::IndexPart&>(*(*parts)[i]).sealed());
  }
  EXPECT_EQ(answers_of(*store), answers);
}

TEST(IndexStore, goes_on_over_many_lives_and_keeps_few_files) {
  Machine machine(2);
  Filler filler(2);
  for (int life = 0; life < (sanitized ? 5 : 25); ++life) {
    const auto store = must(machine.open());
    fill(machine, *store, filler, 60);
    store->wait_until_sealed();
    EXPECT_EQ(drain(*must(store->read({}))).size(), filler.acknowledged().value());
    EXPECT_LE(index_files(machine).size(), 12u);
  }
  const auto store = must(machine.open());
  const auto answers = answers_of(*store);
  EXPECT_FALSE(answers.empty());
}

TEST(IndexStore, files_deleted_cut_short_swapped_or_of_another_store_are_made_again) {
  Machine machine(3);
  const auto answers = filled(machine, 300);
  Machine other(4);
  filled(other, 300);
  const auto names = index_files(machine);
  ASSERT_GE(names.size(), 2u);
  const auto path = index_directory / names[0];
  const auto second = index_directory / names[1];
  const auto good = machine.disk.bytes(path);
  const auto good_second = machine.disk.bytes(second);
  const auto foreign = other.disk.bytes(index_directory / index_files(other)[0]);
  for (const auto& bytes : {std::string(), good.substr(0, 100), good.substr(0, good.size() - 1), good + "x",
                            foreign, good_second, std::string(good.size(), '\0')}) {
    machine.disk.put(path, bytes);
    machine.disk.put(second, good);
    machine.disk.put(index_directory / "00000000000000000001-00000000000000000003.idx.tmp", "junk");
    const auto store = must(machine.open());
    EXPECT_EQ(answers_of(*store), answers);
    store->wait_until_sealed();
    EXPECT_EQ(answers_of(*store), answers);
    EXPECT_FALSE(
        must(machine.disk.exists(index_directory / "00000000000000000001-00000000000000000003.idx.tmp")));
  }
  // A whole directory that is gone, and a follower that may not make it again.
  for (const auto& name : index_files(machine)) ASSERT_TRUE(machine.disk.remove(index_directory / name));
  EXPECT_EQ(answers_of(*must(machine.open(Access::read_only))), answers);
  EXPECT_TRUE(index_files(machine).empty());
}

TEST(IndexStore, any_byte_changed_in_a_file_changes_no_answer) {
  Machine machine(5);
  const auto answers = filled(machine, 130);
  const auto names = index_files(machine);
  ASSERT_GE(names.size(), 1u);
  const auto path = index_directory / names[0];
  const auto good = machine.disk.bytes(path);
  std::uint64_t step = sanitized ? 997 : 97;
  for (std::uint64_t at = 0; at < good.size(); at += step) {
    auto bytes = good;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << at % 8));
    machine.disk.put(path, bytes);
    ASSERT_EQ(answers_of(*must(machine.open(Access::read_only))), answers) << "byte " << at;
  }
  // A writer makes it right again, in use.
  auto bytes = good;
  bytes[good.size() / 2] ^= 4;
  machine.disk.put(path, bytes);
  {
    const auto store = must(machine.open());
    ASSERT_EQ(answers_of(*store), answers);
    store->wait_until_sealed();
  }
  for (const auto& name : index_files(machine)) {
    const auto file = must(machine.disk.open(index_directory / name, io::Mode::read));
    EXPECT_TRUE(must(engine::SealedPart::open(*file))->file().verify()) << name;
  }
}

TEST(IndexStore, power_cuts_while_sealing_and_merging_lose_nothing) {
  for (std::uint64_t seed = 1; seed <= (sanitized ? 10 : 60); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Machine machine(seed);
    Filler filler(seed);
    for (int life = 0; life < 4; ++life) {
      {
        const auto store = machine.open();
        if (!store) {
          machine.disk.crash(seed * 7 + 1);
          continue;
        }
        if (life > 0) machine.disk.stop_at_change(1 + machine.random.below(400));
        for (int i = 0; i < 150 && filler.append(**store); ++i) {
        }
        (*store)->wait_until_sealed();
      }
      machine.disk.crash(seed * 31 + static_cast<std::uint64_t>(life));
    }
    const auto store = must(machine.open());
    EXPECT_TRUE(store->recovery().damages.empty());
    const auto all = drain(*must(store->read({})));
    EXPECT_GE(all.size(), filler.acknowledged().value());
    const auto believed = answers_of(*store);
    store->wait_until_sealed();
    ASSERT_EQ(answers_of(*store), believed);
    for (const auto& name : index_files(machine))
      ASSERT_TRUE(machine.disk.open(index_directory / name, io::Mode::read));
  }
}

TEST(IndexStore, without_any_index_file_it_answers_alike_after_a_power_cut) {
  Machine machine(8);
  const auto answers = filled(machine, 250);
  machine.disk.crash(3);
  for (const auto& name : index_files(machine)) ASSERT_TRUE(machine.disk.remove(index_directory / name));
  const auto store = must(machine.open());
  EXPECT_EQ(answers_of(*store), answers);
}

TEST(IndexStore, a_disk_too_full_for_the_index_keeps_no_append_out) {
  Machine machine(9);
  const auto store = must(machine.open());
  Filler filler(9);
  fill(machine, *store, filler, 40);
  for (int round = 0; round < 6; ++round) {
    // Room for a segment, none for a file of the index beside it.
    machine.disk.set_free_bytes(machine.segment_bytes + 8192);
    for (int i = 0; i < 30; ++i) (void)filler.append(*store);
  }
  machine.disk.set_free_bytes(~std::uint64_t{0});
  fill(machine, *store, filler, 100);
  store->wait_until_sealed();
  EXPECT_EQ(drain(*must(store->read({}))).size(), filler.acknowledged().value());
  EXPECT_FALSE(index_files(machine).empty());
}

TEST(IndexStore, a_follower_goes_on_while_the_writer_seals_merges_and_deletes) {
  Machine machine(10);
  const auto writer = must(machine.open());
  Filler filler(10);
  fill(machine, *writer, filler, 100);
  const auto follower = must(machine.open(Access::read_only));
  for (int round = 0; round < 6; ++round) {
    fill(machine, *writer, filler, 100);
    ASSERT_TRUE(follower->wait_for(filler.acknowledged(), std::chrono::seconds(60)));
    writer->wait_until_sealed();
    ASSERT_EQ(answers_of(*follower), answers_of(*writer));
  }
  const auto parts = follower->index().parts();
  std::size_t in_files = 0;
  for (const auto& part : *parts) in_files += static_cast<const engine::IndexPart&>(*part).sealed() ? 1 : 0;
  EXPECT_GT(in_files, 0u) << "what the writer sealed is taken over";
}

TEST(IndexStore, damage_in_the_log_is_told_as_before_when_its_segment_is_not_believed) {
  Machine machine(11);
  filled(machine, 200);
  auto bytes = machine.disk.bytes(first_segment);
  bytes.resize(bytes.size() / 4);
  machine.disk.put(first_segment, bytes);
  const auto store = must(machine.open());
  EXPECT_FALSE(store->recovery().damages.empty());
  EXPECT_FALSE(store->append(write("A", {event("X")})));
  for (const auto& name : index_files(machine)) {
    const auto file = must(machine.disk.open(index_directory / name, io::Mode::read));
    EXPECT_TRUE(engine::SealedPart::open(*file));
  }
}

}  // namespace
}  // namespace stele::test

// index_findings_test.cpp - index files against what goes wrong for good or again and again: a disk that gives back
// other bytes each time, names that cannot be opened, parts without events; and merged files in other processes.
#include "bare_log.hpp"
#include "engine/index/keeper.hpp"
#include "engine/index/merge.hpp"
#include "index_random_log.hpp"
#include "machine.hpp"

namespace stele::test {
namespace {

const std::filesystem::path found_directory{"/store/index"};
const Uuid found_store = *parse_uuid("0192f0c1-2d3e-7a5b-8c9d-0e1f2a3b4c5d");

struct FoundLog {
  FoundLog(std::uint64_t seed, io::simulated::MemoryDisk& disk, int count)
      : dice(seed), keeper({disk, found_directory, found_store}, log.index, log.segments) {
    for (int i = 0; i < count; ++i) log.add_segment();
  }
  void seal_all() {
    while (must(keeper.seal_one())) {
    }
  }
  Dice dice;
  BareLog log{dice};
  engine::IndexKeeper keeper;
};

// The pages behind the first are wrong: the file opens, and answers next to nothing.
void spoil(io::simulated::MemoryDisk& disk, const std::filesystem::path& path) {
  auto bytes = disk.bytes(path);
  const auto part = must(engine::SealedPart::open(*must(disk.open(path, io::Mode::read))));
  const auto end = part->file().place(engine::layout::Section::checksums).offset;
  for (auto at = engine::layout::page_bytes * 2; at < end; at += engine::layout::page_bytes) bytes[at] ^= 1;
  disk.put(path, bytes);
}

std::size_t files_among(const engine::Index& index) {
  std::size_t count = 0;
  for (const auto& part : *index.parts())
    count += static_cast<const engine::IndexPart&>(*part).sealed() ? 1 : 0;
  return count;
}

TEST(IndexFindings, a_part_that_is_damaged_again_whenever_it_was_made_anew_ends_in_an_error) {
  io::simulated::MemoryDisk disk;
  engine::testing::RandomLog log(1);
  const auto whole = log.segment(4000, 4100);
  const auto path = engine::testing::sealed(*whole, log, disk)->file().path();
  spoil(disk, path);
  engine::Index index;
  index.adopt(engine::testing::open_sealed(disk, path));
  int rebuilt = 0;
  index.set_rebuild([&](const engine::Part&) -> result<engine::Index::Parts> {
    if (++rebuilt == 100) return engine::Index::Parts{whole};
    return engine::Index::Parts{engine::testing::open_sealed(disk, path)};
  });
  const auto answer = index.location(Position(3000));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind(), errc::corrupt);
  EXPECT_EQ(rebuilt, 3);
}

TEST(IndexFindings, what_was_damaged_twice_is_kept_in_memory_the_third_time) {
  io::simulated::MemoryDisk disk;
  FoundLog made(2, disk, 3);
  made.seal_all();
  made.log.index.set_rebuild([&](const engine::Part& damaged) { return made.keeper.rebuild(damaged, true); });
  ASSERT_EQ(files_among(made.log.index), 2u);
  for (int time = 1; time <= 3; ++time) {
    ASSERT_TRUE(made.log.index.heal(*made.log.index.parts()->front()));
    EXPECT_EQ(files_among(made.log.index), time < 3 ? 2u : 1u) << time;
    EXPECT_TRUE(made.log.index.location(Position(1)));
  }
}

TEST(IndexFindings, a_merged_file_keeps_the_latest_time_of_all_it_was_made_from) {
  io::simulated::MemoryDisk disk;
  engine::testing::RandomLog log(3);
  const auto full = log.segment(10, 20);
  ASSERT_GT(full->last_recorded_at(), Timestamp{});
  engine::ActivePart nothing(full->last().next());
  nothing.add_nothing(Position(full->last().value() + 5));
  const engine::SealInto into{disk, engine::testing::index_directory, engine::testing::index_store};
  const auto file = engine::testing::sealed(*full, log, disk);
  const auto empty = must(engine::seal(nothing, {nothing.first(), 4096, 1, 0, 0}, into));
  const std::vector<std::shared_ptr<const engine::SealedPart>> parts{
      file, engine::testing::open_sealed(disk, empty)};
  const engine::SealedPart* damaged = nullptr;
  const auto path = must(engine::merge(parts, into, damaged));
  ASSERT_TRUE(path);
  EXPECT_EQ(engine::testing::open_sealed(disk, *path)->last_recorded_at(), full->last_recorded_at());
}

TEST(IndexFindings, a_follower_takes_over_the_merged_file_in_place_of_those_it_was_made_from) {
  io::simulated::MemoryDisk disk;
  FoundLog writer(4, disk, 6);
  FoundLog follower(4, disk, 6);
  writer.seal_all();
  must(follower.keeper.adopt_sealed());
  ASSERT_EQ(files_among(follower.log.index), 5u);
  ASSERT_TRUE(must(writer.keeper.merge_one()));
  must(follower.keeper.adopt_sealed());
  EXPECT_EQ(files_among(follower.log.index), 2u);
  const auto parts = follower.log.index.parts();
  must(follower.keeper.adopt_sealed());
  EXPECT_EQ(follower.log.index.parts(), parts) << "nothing is new";
  for (Position at(1); at <= writer.log.index.last(); at = at.next())
    EXPECT_EQ(must(follower.log.index.location(at)).offset, must(writer.log.index.location(at)).offset);
}

TEST(IndexFindings, one_part_that_waits_when_the_store_is_opened_is_sealed) {
  Machine machine(6);
  auto store = must(machine.open());
  while (must(machine.disk.list("/store/log")).size() < 2)
    must(store->append(write("S", {event("Noted", std::string(3000, 'x'))})));
  store->wait_until_sealed();
  store.reset();
  for (const auto& name : must(machine.disk.list(found_directory)))
    must(machine.disk.remove(found_directory / name));
  store = must(machine.open());
  store->wait_until_sealed();
  EXPECT_EQ(must(machine.disk.list(found_directory)).size(), 1u);
}

TEST(IndexFindings, names_that_can_neither_be_opened_nor_removed_do_not_keep_a_store_from_opening) {
  Machine machine(7);
  auto store = must(machine.open());
  while (must(machine.disk.list("/store/log")).size() < 4)
    must(store->append(write("S", {event("Noted", std::string(3000, 'x'))})));
  store->wait_until_sealed();
  const auto events = drain(*must(store->read({.query = {}, .from = {}}))).size();
  const auto last = store->index().parts()->front()->last();
  store.reset();
  must(machine.disk.make_directory(found_directory / engine::layout::file_name(Position(1), last.next())));
  store = must(machine.open());
  EXPECT_EQ(drain(*must(store->read({.query = {}, .from = {}}))).size(), events);
  must(store->append(write("S", {event("Noted")})));
}

}  // namespace
}  // namespace stele::test

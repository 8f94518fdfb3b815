// index_opening_test.cpp - a store opened over index files of every kind: what is read, what is written, what is left,
// and that repeated appends and times are told as before. Single steps of the keeper: index_keeper_test.cpp.
#include <gtest/gtest.h>

#include "engine/index/file_layout.hpp"
#include "machine.hpp"

namespace stele::test {
namespace {

const std::filesystem::path opened_directory{"/store/index"};

AppendRequest numbered_append(std::uint64_t number) {
  return write("A-" + std::to_string(number % 7),
               {event("T", std::string(900, 'x'), Uuid::from_name({}, std::to_string(number)))});
}

// A store of `appends` events, one per second, with everything sealed that can be.
void write_store(Machine& machine, std::uint64_t appends) {
  const auto store = must(machine.open());
  for (std::uint64_t i = 1; i <= appends; ++i) {
    must(store->append(numbered_append(i)));
    machine.clock.advance(std::chrono::seconds(1));
  }
  store->wait_until_sealed();
}

std::vector<std::string> opened_files(Machine& machine) { return must(machine.disk.list(opened_directory)); }

std::size_t sealed_parts(const engine::EmbeddedStore& store) {
  const auto parts = store.index().parts();
  return static_cast<std::size_t>(std::ranges::count_if(
      *parts, [](const auto& part) { return static_cast<const engine::IndexPart&>(*part).sealed(); }));
}

void expect_every_event(engine::EmbeddedStore& store, std::uint64_t appends) {
  for (std::uint64_t i = 1; i <= appends; ++i) {
    ASSERT_EQ(must(store.find_event(Uuid::from_name({}, std::to_string(i)))).position, Position(i));
  }
  for (std::uint64_t stream = 0; stream < 7; ++stream) {
    const auto info = must(store.stream_info("A-" + std::to_string(stream)));
    EXPECT_EQ(info.events, appends / 7 + (stream > 0 && stream <= appends % 7 ? 1 : 0));
    EXPECT_EQ(info.first_position, Position(stream == 0 ? 7 : stream));
  }
}

TEST(IndexOpening, for_reading_only_changes_nothing_whatever_lies_there) {
  Machine machine(1);
  write_store(machine, 300);
  const auto names = opened_files(machine);
  ASSERT_GE(names.size(), 2u);
  machine.disk.put(opened_directory / names[0], "damaged");
  machine.disk.put(opened_directory / (names[1] + ".tmp"), "half");
  machine.disk.put(opened_directory / engine::layout::file_name(Position(3), Position(9)), "inside");
  const auto before = opened_files(machine);
  const auto changes = machine.disk.counts().changes;
  {
    const auto store = must(machine.open(Access::read_only));
    expect_every_event(*store, 300);
    EXPECT_EQ(sealed_parts(*store), names.size() - 1);
  }
  EXPECT_EQ(machine.disk.counts().changes, changes);
  EXPECT_EQ(opened_files(machine), before);
}

TEST(IndexOpening, for_writing_removes_what_is_not_believed_and_makes_what_is_missing) {
  Machine machine(2);
  write_store(machine, 300);
  const auto names = opened_files(machine);
  ASSERT_GE(names.size(), 2u);
  machine.disk.put(opened_directory / names[0], "damaged");
  machine.disk.put(opened_directory / (names[1] + ".tmp"), "half");
  machine.disk.put(opened_directory / engine::layout::file_name(Position(3), Position(9)), "inside");
  machine.disk.put(opened_directory / "README", "somebody else's");
  const auto store = must(machine.open());
  store->wait_until_sealed();
  expect_every_event(*store, 300);
  const auto parts = store->index().parts();
  EXPECT_EQ(sealed_parts(*store), parts->size() - 1);
  std::vector<std::string> expected;
  for (std::size_t i = 0; i + 1 < parts->size(); ++i)
    expected.push_back(engine::layout::file_name((*parts)[i]->first(), (*parts)[i]->last()));
  expected.emplace_back("README");
  EXPECT_EQ(opened_files(machine), expected);
}

TEST(IndexOpening, reads_of_believed_segments_their_headers_and_no_frame) {
  Machine machine(3);
  write_store(machine, 300);
  const auto few = must(machine.disk.list("/store/log")).size();
  const auto read_at_opening = [&machine] {
    const auto before = machine.disk.counts().reads;
    const auto store = must(machine.open(Access::read_only));
    return machine.disk.counts().reads - before;
  };
  const auto with_few = read_at_opening();
  {
    const auto store = must(machine.open());
    for (std::uint64_t i = 301; i <= 900; ++i) must(store->append(numbered_append(i)));
    store->wait_until_sealed();
  }
  const auto many = must(machine.disk.list("/store/log")).size();
  ASSERT_GE(many, few + 6);
  EXPECT_LE(read_at_opening(), with_few + 4 * (many - few) + opened_files(machine).size());
  // Damage where nobody looks: it is told when the event is read, or when the index has to be made from the log.
  machine.disk.flip(first_segment, 9'000, 1);
  EXPECT_TRUE(must(machine.open(Access::read_only))->recovery().damages.empty());
  for (const auto& name : opened_files(machine)) ASSERT_TRUE(machine.disk.remove(opened_directory / name));
  EXPECT_FALSE(must(machine.open(Access::read_only))->recovery().damages.empty());
}

TEST(IndexOpening, an_append_that_is_repeated_is_known_from_memory_a_file_a_merged_file_and_the_next_life) {
  Machine machine(4);
  write_store(machine, 300);
  const auto repeat_all = [](engine::EmbeddedStore& store) {
    for (std::uint64_t i = 1; i <= 300; i += 13) {
      const auto again = must(store.append(numbered_append(i)));
      ASSERT_TRUE(again.was_duplicate);
      ASSERT_EQ(again.first, Position(i));
    }
    // The id alone is not enough: what is appended must be the same.
    auto other = numbered_append(1);
    other.writes[0].events[0].data = "{}";
    EXPECT_FALSE(store.append(std::move(other)));
    EXPECT_EQ(store.head().position, Position(300));
  };
  {
    const auto store = must(machine.open());
    ASSERT_GE(sealed_parts(*store), 1u);
    repeat_all(*store);
  }
  for (const auto& name : opened_files(machine)) ASSERT_TRUE(machine.disk.remove(opened_directory / name));
  const auto store = must(machine.open());
  repeat_all(*store);
  store->wait_until_sealed();
  ASSERT_GE(sealed_parts(*store), 1u);
  repeat_all(*store);
}

TEST(IndexOpening, the_position_at_a_time_is_exact_on_both_sides_of_every_border_of_segments) {
  Machine machine(5);
  const auto start = machine.clock.now();
  write_store(machine, 300);
  const auto store = must(machine.open());
  const auto check = [&](std::uint64_t position) {
    const auto at = start + std::chrono::seconds(position - 1);
    EXPECT_EQ(must(store->position_at(at)), Position(position));
    EXPECT_EQ(must(store->position_at(at - std::chrono::microseconds(1))), Position(position - 1));
  };
  std::size_t borders = 0;
  for (const auto& name : must(machine.disk.list("/store/log"))) {
    const auto first = std::stoull(name.substr(0, 20));
    for (auto position = std::max<std::uint64_t>(first, 2) - 1; position <= first + 1; ++position)
      check(position);
    ++borders;
  }
  EXPECT_GE(borders, 4u);
  check(300);
  EXPECT_EQ(must(store->position_at(start + std::chrono::hours(1))), Position(300));
}

}  // namespace
}  // namespace stele::test

// log_directory_test.cpp - making a store's directory, its manifest, and the watermark page.
#include "engine/log/directory.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <thread>

#include "io/simulated/manual_clock.hpp"
#include "io/simulated/memory_disk.hpp"
#include "io/simulated/seeded_random.hpp"
#include "log_builder.hpp"

namespace stele::engine::log {
namespace {

class LogDirectory : public ::testing::Test {
 protected:
  io::simulated::MemoryDisk disk_;
  io::simulated::ManualClock clock_;
  io::simulated::SeededRandom random_{1};
  io::World world_{disk_, clock_, random_};
};

TEST_F(LogDirectory, a_store_is_made_once_and_read_back) {
  EXPECT_EQ(read_manifest(disk_, "a/b/store").error().kind(), errc::not_found);
  const auto made = create_store(world_, "a/b/store");
  ASSERT_TRUE(made.has_value()) << made.error().to_string();
  EXPECT_FALSE(made->store.is_nil());
  EXPECT_EQ(made->created_at, clock_.now());
  disk_.crash(1);
  const auto read = read_manifest(disk_, "a/b/store");
  ASSERT_TRUE(read.has_value()) << read.error().to_string();
  EXPECT_EQ(*read, *made);
}

TEST_F(LogDirectory, a_power_cut_at_any_point_of_making_it_leaves_a_place_to_make_it) {
  for (std::uint64_t point = 1;; ++point) {
    io::simulated::MemoryDisk disk;
    const io::World world{disk, clock_, random_};
    disk.stop_at_change(point);
    const bool finished = create_store(world, "data/store").has_value();
    disk.crash(point);
    if (finished) break;
    if (read_manifest(disk, "data/store")) continue;
    const auto again = create_store(world, "data/store");
    ASSERT_TRUE(again.has_value()) << "point " << point << ": " << again.error().to_string();
  }
}

TEST_F(LogDirectory, a_directory_with_other_things_in_it_is_not_taken) {
  disk_.put("home/letter.txt", "dear");
  const auto made = create_store(world_, "home");
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().kind(), errc::invalid);
  EXPECT_NE(made.error().message().find("letter.txt"), std::string::npos);
}

TEST(LogManifest, every_changed_byte_is_noticed) {
  const Manifest manifest{testing::store_id, 1, 0, testing::day_one};
  const auto text = encode_manifest(manifest);
  ASSERT_EQ(parse_manifest(text).value(), manifest);
  for (std::size_t at = 0; at < text.size(); ++at) {
    auto changed = text;
    changed[at] = static_cast<char>(changed[at] ^ 0x01);
    EXPECT_FALSE(parse_manifest(changed).has_value()) << at;
    EXPECT_FALSE(parse_manifest(text.substr(0, at)).has_value()) << at;
  }
}

TEST(LogManifest, a_newer_format_is_refused_as_such) {
  const Manifest newer{testing::store_id, 9, 0, testing::day_one};
  const auto parsed = parse_manifest(encode_manifest(newer));
  ASSERT_FALSE(parsed.has_value());
  EXPECT_EQ(parsed.error().kind(), errc::invalid);
  EXPECT_NE(parsed.error().help().find("newer version"), std::string::npos);
}

class LogWatermark : public ::testing::Test {
 protected:
  Watermark open(const Uuid& store = testing::store_id) {
    return {*disk_.shared_page("watermark", true), store};
  }
  io::simulated::MemoryDisk disk_;
};

TEST_F(LogWatermark, the_latest_mark_is_read_by_others) {
  auto writer = open();
  const auto reader = open();
  EXPECT_FALSE(reader.read().has_value());
  writer.publish({Position(7), Position(1), 4711});
  EXPECT_EQ(reader.read(), (Mark{Position(7), Position(1), 4711}));
  writer.publish({Position(9), Position(8), 5000});
  EXPECT_EQ(reader.read(), (Mark{Position(9), Position(8), 5000}));
}

TEST_F(LogWatermark, another_stores_mark_is_no_knowledge) {
  open().publish({Position(7), Position(1), 4711});
  EXPECT_FALSE(open(testing::id_of(5)).read().has_value());
}

TEST_F(LogWatermark, a_mark_with_any_word_changed_is_no_knowledge) {
  open().publish({Position(7), Position(1), 4711});
  const auto page = *disk_.shared_page("watermark", true);
  for (std::size_t word = 0; word < 7; ++word) {
    const auto value = page->load(word);
    page->store(word, value ^ 4);
    EXPECT_FALSE(open().read().has_value()) << word;
    page->store(word, value);
  }
  EXPECT_TRUE(open().read().has_value());
}

TEST_F(LogWatermark, a_waiter_is_woken_and_misses_nothing) {
  auto writer = open();
  const auto reader = open();
  constexpr std::uint64_t last = 500;
  std::thread waiter([&] {
    for (std::uint64_t seen = 0; seen < last;) {
      const auto sequence = reader.sequence();
      const auto mark = reader.read();
      const auto now = mark ? mark->durable.value() : 0;
      ASSERT_GE(now, seen);
      ASSERT_EQ(mark ? mark->offset : 0, now * 8);
      if (now == seen) reader.wait(sequence, std::chrono::seconds(20));
      seen = now;
    }
  });
  for (std::uint64_t i = 1; i <= last; ++i) writer.publish({Position(i), Position(1), i * 8});
  waiter.join();
}

}  // namespace
}  // namespace stele::engine::log

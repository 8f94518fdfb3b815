// log_inspect_test.cpp - the decoder shows every kind of file, and damage does not stop it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/log/directory.hpp"
#include "engine/log/inspect.hpp"
#include "io/simulated/manual_clock.hpp"
#include "io/simulated/memory_disk.hpp"
#include "io/simulated/seeded_random.hpp"
#include "log_builder.hpp"

namespace stele::engine::log {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class LogInspect : public ::testing::Test {
 protected:
  LogInspect() {
    const Manifest manifest{testing::store_id, format_major, format_minor, testing::day_one};
    disk_.put("store/MANIFEST", encode_manifest(manifest));
    disk_.put("store/LOCK", "pid 12 since 2026-03-01T10:00:00.000000Z\n");
    segment_.frame(2, 0).frame(1, 2).frame(1, 3);
  }

  std::vector<std::string> lines(InspectOptions options = {}) {
    disk_.put("store/log/" + segment_.name(), segment_.image() + std::string(200, '\0'));
    std::vector<std::string> out;
    const auto done =
        inspect(disk_, "store", options, [&](std::string_view line) { out.emplace_back(line); });
    EXPECT_TRUE(done.has_value()) << (done ? "" : done.error().to_string());
    if (done) summary_ = *done;
    return out;
  }

  io::simulated::MemoryDisk disk_;
  testing::SegmentBuilder segment_{1};
  InspectSummary summary_;
};

TEST_F(LogInspect, a_whole_store_is_shown_without_a_problem) {
  Watermark(*disk_.shared_page("store/watermark", true), testing::store_id)
      .publish({Position(4), Position(1), 5000});
  const auto out = lines();
  EXPECT_EQ(summary_.problems, 0u);
  EXPECT_EQ(summary_.frames, 3u);
  EXPECT_EQ(summary_.events, 4u);
  EXPECT_EQ(summary_.files, 4u);
  EXPECT_THAT(
      out, Contains(HasSubstr("manifest file=store/MANIFEST store=" + stele::to_string(testing::store_id))));
  EXPECT_THAT(out, Contains(HasSubstr("last_holder=\"pid 12 since")));
  EXPECT_THAT(out, Contains(HasSubstr("durable=4 segment=1 offset=5000")));
  EXPECT_THAT(out, Contains(HasSubstr("position=3 stream=Account-1 revision=2")));
  EXPECT_THAT(out, Contains("log last=4 events=4 frames=3 segments=1"));
}

TEST_F(LogInspect, programs_get_one_object_per_line) {
  for (const auto& line : lines({.form = InspectForm::ndjson})) {
    EXPECT_EQ(line.front(), '{');
    EXPECT_EQ(line.back(), '}');
    EXPECT_EQ(line.find('\n'), std::string::npos);
  }
  EXPECT_THAT(lines({.form = InspectForm::ndjson}),
              Contains(HasSubstr(R"({"kind":"frame","offset":4096,"size":)")));
}

TEST_F(LogInspect, without_records_only_frames_are_shown) {
  EXPECT_THAT(lines({.form = InspectForm::text, .records = false}), Not(Contains(HasSubstr("event offset"))));
  EXPECT_EQ(summary_.events, 4u);
}

TEST_F(LogInspect, damage_is_told_at_its_byte_and_what_is_whole_is_shown) {
  const auto second = segment_.frames()[1].offset;
  segment_.image()[second + 100] ^= 0x40;
  const auto out = lines();
  EXPECT_GE(summary_.problems, 1u);
  EXPECT_EQ(summary_.frames, 2u);
  EXPECT_THAT(out, Contains(HasSubstr("offset=" + std::to_string(second) + " what=")));
  EXPECT_THAT(out, Contains(HasSubstr("position=4")));
  EXPECT_THAT(out, Contains(HasSubstr("damage file=")));
}

TEST_F(LogInspect, records_of_a_frame_with_one_bad_record_are_shown_one_by_one) {
  const auto& first = segment_.frames()[0];
  segment_.image()[first.end() - 10] ^= 0x01;  // in the second record's data
  const auto out = lines();
  EXPECT_THAT(out, Contains(HasSubstr("state=damaged")));
  EXPECT_THAT(out, Contains(::testing::AllOf(HasSubstr("record offset="), HasSubstr("position=1 "))));
  EXPECT_THAT(out, Not(Contains(::testing::AllOf(HasSubstr("record offset="), HasSubstr("position=2 ")))));
}

TEST_F(LogInspect, every_file_may_be_garbage) {
  for (const auto* name : {"MANIFEST", "LOCK", "log/00000000000000000009.seg"}) {
    for (const auto& bytes :
         {std::string(), std::string("x"), std::string(9000, '\xFF'), std::string(9000, '\0')}) {
      disk_.put(std::filesystem::path("store") / name, bytes);
      (void)lines();
    }
  }
  EXPECT_GE(summary_.problems, 2u);
}

TEST_F(LogInspect, what_is_no_store_is_refused) {
  const auto drop = [](std::string_view) {};
  disk_.put("other/notes.txt", "hello");
  EXPECT_EQ(inspect(disk_, "other", {}, drop).error().kind(), errc::invalid);
  EXPECT_EQ(inspect(disk_, "other/notes.txt", {}, drop).error().kind(), errc::invalid);
  EXPECT_EQ(inspect(disk_, "nowhere", {}, drop).error().kind(), errc::not_found);
}

TEST_F(LogInspect, it_writes_nothing) {
  segment_.image()[5000] ^= 1;
  (void)lines();
  const auto before = disk_.counts().changes;
  (void)inspect(disk_, "store", {}, [](std::string_view) {});
  EXPECT_EQ(disk_.counts().changes, before);
}

}  // namespace
}  // namespace stele::engine::log

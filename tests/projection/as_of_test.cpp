// as_of_test.cpp - the past: where a moment stands, and that a fold to there is what the model was then.
#include <gtest/gtest.h>

#include <random>

#include "memory_store.hpp"
#include "tally.hpp"

namespace stele::test {
namespace {

using namespace std::chrono_literals;

const Timestamp day_one = *parse_time("2026-03-01T00:00:00Z");

// 60 events, one a minute from 2026-03-01 on, in two streams by turns.
class AsOfTest : public testing::Test {
 protected:
  AsOfTest() {
    for (int i = 1; i <= 60; ++i) {
      AppendRequest request = one(i % 2 == 1 ? "s-odd" : "s-even", i % 10 == 0 ? "Noise" : "Added", i);
      request.recorded_at = day_one + i * 1min;
      EXPECT_TRUE(store_.append(std::move(request)));
    }
  }
  [[nodiscard]] std::uint64_t at(std::string_view moment, std::string_view stream = {}) {
    const auto parsed = parse_moment(moment);
    if (!parsed) return ADD_FAILURE() << parsed.error().to_string(), 0;
    const auto position = position_of(store_, *parsed, stream);
    if (!position) return ADD_FAILURE() << position.error().to_string(), 0;
    return position->value();
  }
  MemoryStore store_;
};

TEST_F(AsOfTest, every_way_to_name_a_moment_finds_its_position) {
  EXPECT_EQ(at("start"), 0u);
  EXPECT_EQ(at("head"), 60u);
  EXPECT_EQ(at("p17"), 17u);
  EXPECT_EQ(at("p999"), 60u);
  EXPECT_EQ(at("-5"), 55u);
  EXPECT_EQ(at("-500"), 0u);
  EXPECT_EQ(at("2026-03-01T00:10Z"), 10u);
  EXPECT_EQ(at("2026-03-01T00:10:59Z"), 10u);
  EXPECT_EQ(at("2020-01-01"), 0u);
  EXPECT_EQ(at("v0", "s-odd"), 1u);
  EXPECT_EQ(at("v3", "s-even"), 8u);
  EXPECT_EQ(at("-1", "s-odd"), 57u);
  EXPECT_EQ(at("-30", "s-odd"), 0u);
  EXPECT_EQ(at("-99", "s-odd"), 0u);
}

TEST_F(AsOfTest, a_revision_that_is_not_there_is_named) {
  EXPECT_EQ(position_of(store_, *parse_moment("v30"), "s-odd").error().kind(), errc::not_found);
  EXPECT_EQ(position_of(store_, *parse_moment("v1"), "s-none").error().kind(), errc::not_found);
  EXPECT_EQ(position_of(store_, *parse_moment("v1")).error().kind(), errc::invalid);
}

TEST_F(AsOfTest, a_fold_to_any_position_is_the_model_of_then) {
  for (std::uint64_t up_to = 0; up_to <= 60; ++up_to) {
    auto scratch = SqliteTarget::scratch(tally());
    ASSERT_TRUE(scratch);
    EXPECT_EQ(fold(**scratch, store_, Position(up_to)).value(), Position(up_to));
    EXPECT_EQ(totals_of(**scratch), fold_by_hand(store_, Position(up_to))) << up_to;
    EXPECT_EQ((*scratch)->snapshot()->position(), Position(up_to));
  }
}

TEST_F(AsOfTest, a_fold_can_be_taken_further) {
  auto scratch = SqliteTarget::scratch(tally());
  ASSERT_TRUE(scratch);
  for (const std::uint64_t up_to : {10u, 10u, 35u, 60u}) {
    ASSERT_TRUE(fold(**scratch, store_, Position(up_to)));
    EXPECT_EQ(totals_of(**scratch), fold_by_hand(store_, Position(up_to)));
  }
}

TEST_F(AsOfTest, a_fold_of_one_stream_holds_that_stream_only) {
  auto scratch = SqliteTarget::scratch(tally());
  auto cursor = store_.read_stream({.stream = "s-odd", .from = {}});
  ASSERT_TRUE(fold(**scratch, **cursor, Position(7)));
  EXPECT_EQ(totals_of(**scratch), (Totals{{"s-odd", {1 + 3 + 5 + 7, 4}}}));
}

TEST_F(AsOfTest, a_fold_that_meets_an_impossible_event_says_which) {
  SqliteProjection picky = tally();
  picky.project = [](SqliteModel&, const EventView& at) -> result<void> {
    if (at.position == Position(13)) return Error(errc::corrupt, "impossible");
    return {};
  };
  auto scratch = SqliteTarget::scratch(picky);
  const auto folded = fold(**scratch, store_, Position(20));
  ASSERT_FALSE(folded);
  EXPECT_EQ(folded.error().fact("position"), "13");
}

}  // namespace
}  // namespace stele::test

// ranges_test.cpp - what a range means in bounds, and how a plan's bounds sort events.
#include "cli/range.hpp"

#include "cli/target/plan.hpp"
#include "fake_target.hpp"
#include "shell.hpp"

namespace stele::cli::test {
namespace {

using testing::HasSubstr;

class Ranges : public testing::Test {
 protected:
  void SetUp() override {
    for (int hour : {10, 11, 12}) {
      AppendRequest request;
      request.recorded_at = *parse_time("2026-03-01") + std::chrono::hours(hour);
      request.writes.push_back({.stream = "A-1",
                                .expected = {},
                                .events = {event_numbered(static_cast<std::uint8_t>(hour), "T", "{}")}});
      ASSERT_TRUE(target.append(std::move(request)));
    }
  }
  result<Bounds> bounds(std::string_view text, std::string_view stream = "A-1") {
    STELE_TRY(const auto range, parse_range(text));
    return resolve(range, stream, target, now);
  }

  FakeTarget target;
  const Timestamp now = *parse_time("2026-03-01T12:30:00Z");
};

TEST_F(Ranges, an_empty_range_binds_nothing) {
  const auto all = bounds("");
  ASSERT_TRUE(all);
  EXPECT_FALSE(all->from_position || all->to_position || all->from_revision || all->to_revision || all->last);
}

TEST_F(Ranges, a_single_version_or_position_is_that_event) {
  EXPECT_EQ(bounds("v2")->from_revision, Revision(2));
  EXPECT_EQ(bounds("v2")->to_revision, Revision(2));
  EXPECT_EQ(bounds("p2")->from_position, Position(2));
  EXPECT_EQ(bounds("p2")->to_position, Position(2));
  EXPECT_EQ(bounds("head")->last, 1u);
}

TEST_F(Ranges, a_single_time_or_count_goes_on_to_the_end) {
  EXPECT_EQ(bounds("-2h")->from_position, Position(2));
  EXPECT_FALSE(bounds("-2h")->to_position);
  EXPECT_EQ(bounds("-20")->last, 20u);
}

TEST_F(Ranges, times_become_positions_with_both_ends_in_the_range) {
  const auto exact = bounds("2026-03-01T11:00Z..2026-03-01T12:00Z");
  ASSERT_TRUE(exact);
  EXPECT_EQ(exact->from_position, Position(2));
  EXPECT_EQ(exact->to_position, Position(3));
  EXPECT_EQ(bounds("..2020-01-01")->to_position, Position(0));
  EXPECT_EQ(bounds("2030-01-01..")->from_position, Position(4));
}

TEST_F(Ranges, ends_can_be_of_different_kinds) {
  const auto mixed = bounds("v1..p9");
  ASSERT_TRUE(mixed);
  EXPECT_EQ(mixed->from_revision, Revision(1));
  EXPECT_EQ(mixed->to_position, Position(9));
  EXPECT_FALSE(bounds("start..head")->from_position);
  EXPECT_FALSE(bounds("start..head")->to_position);
}

TEST_F(Ranges, what_cannot_be_is_refused_with_the_reason) {
  for (const auto* text : {"v", "p-1", "a..b", "v1..x", "1..2", "...", "v1..v2..v3"}) {
    const auto refused = bounds(text);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().kind(), errc::invalid);
    EXPECT_TRUE(refused.error().fact("usage")) << text;
  }
  EXPECT_THAT(bounds("v1", "").error().message(), HasSubstr("a version inside a stream"));
  EXPECT_THAT(bounds("..v1", "").error().message(), HasSubstr("a version inside a stream"));
  EXPECT_THAT(bounds("p1..-20").error().message(), HasSubstr("cannot end at"));
  EXPECT_THAT(bounds("p1..start").error().message(), HasSubstr("cannot end at"));
}

// The positions a plan lets through of p1..p9, where v is p - 1.
std::vector<std::uint64_t> through(ReadPlan plan) {
  std::vector<std::uint64_t> taken;
  const EventSink sink = [&](const EventView& event) -> result<bool> {
    taken.push_back(event.position.value());
    return true;
  };
  PlanWalk walk(plan, sink);
  for (std::uint64_t i = 1; i <= 9 && !walk.done(); ++i) {
    EventView event;
    event.position = Position(plan.direction == Direction::forward ? i : 10 - i);
    event.revision = Revision(event.position.value() - 1);
    EXPECT_TRUE(walk.take(event));
  }
  return taken;
}

TEST(PlanWalkTest, bounds_hold_in_both_directions) {
  using testing::ElementsAre;
  ReadPlan plan;
  plan.from_position = Position(3);
  plan.to_revision = Revision(4);
  EXPECT_THAT(through(plan), ElementsAre(3, 4, 5));
  plan.direction = Direction::backward;
  EXPECT_THAT(through(plan), ElementsAre(5, 4, 3));
  plan.limit = 2;
  EXPECT_THAT(through(plan), ElementsAre(5, 4));
  plan.direction = Direction::forward;
  EXPECT_THAT(through(plan), ElementsAre(3, 4));
  plan.limit = 0;
  EXPECT_TRUE(through(plan).empty());
}

TEST(PlanWalkTest, it_is_done_at_the_limit_and_not_one_event_later) {
  ReadPlan plan;
  plan.limit = 1;
  const EventSink sink = [](const EventView&) -> result<bool> { return true; };
  PlanWalk walk(plan, sink);
  EXPECT_FALSE(*walk.take(EventView{}));
  EXPECT_TRUE(walk.done());
}

TEST(PlanWalkTest, an_error_of_the_sink_comes_through) {
  const ReadPlan plan;
  const EventSink sink = [](const EventView&) -> result<bool> { return Error(errc::disk_full, "x"); };
  PlanWalk walk(plan, sink);
  EXPECT_EQ(walk.take(EventView{}).error().kind(), errc::disk_full);
}

TEST(QueryOf, a_plan_without_filter_and_stream_asks_for_everything) {
  EXPECT_EQ(query_of({}), Query::all());
  ReadPlan plan;
  plan.stream = "A-1";
  plan.filter.types = {"T"};
  EXPECT_EQ(query_of(plan), Query::of({.types = {"T"}, .tags = {}, .streams = {"A-1"}, .categories = {}}));
}

TEST(OwnedViewTest, tags_come_out_as_they_went_in) {
  RecordedEvent event;
  event.tags = {"", "one", std::string(256, 'x')};
  const OwnedView owned(event);
  const auto view = owned.view();
  std::vector<std::string> tags;
  for (const auto tag : view.tags) tags.emplace_back(tag);
  EXPECT_EQ(tags, event.tags);
  EXPECT_EQ(view.to_owned(), event);
}

}  // namespace
}  // namespace stele::cli::test

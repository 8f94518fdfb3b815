// The model itself, by hand: what is held against the engine must be right where it matters most.
#include <gtest/gtest.h>

#include "simulation/model.hpp"

namespace stele::simulation {
namespace {

AppendRequest one_event(std::string stream, std::string type, ExpectedVersion expected = {},
                        std::string data = "{}") {
  AppendRequest request;
  NewEvent event;
  event.type = std::move(type);
  event.data = std::move(data);
  request.writes.push_back({std::move(stream), expected, {event}});
  return request;
}

Expected take(Model& model, const AppendRequest& request) {
  const auto expected = model.decide(request);
  if (!expected.refused && !expected.duplicate) model.stage(request, expected);
  return expected;
}

TEST(SimulationModel, positions_and_revisions_are_dense) {
  Model model;
  EXPECT_EQ(take(model, one_event("A-1", "X")).last, Position(1));
  EXPECT_EQ(take(model, one_event("B-1", "X")).last, Position(2));
  const auto third = take(model, one_event("A-1", "X"));
  EXPECT_EQ(third.last, Position(3));
  EXPECT_EQ(third.revisions.at(0).revision, Revision(1));
}

TEST(SimulationModel, staged_appends_count_for_expectations_and_conditions) {
  Model model;
  take(model, one_event("A-1", "X"));
  EXPECT_EQ(model.visible(), Position(0));
  EXPECT_EQ(take(model, one_event("A-1", "X", ExpectedVersion::no_stream())).refused, errc::conflict);
  auto request = one_event("B-1", "Y");
  QueryItem item;
  item.types = {"X"};
  request.condition = AppendCondition{Query::of(item), Position(0)};
  const auto expected = take(model, request);
  EXPECT_EQ(expected.refused, errc::conflict);
  EXPECT_EQ(expected.match, Position(1));
  request.condition->after = Position(1);
  EXPECT_FALSE(take(model, request).refused);
}

TEST(SimulationModel, a_repeated_id_gives_the_first_answer_and_other_content_is_invalid) {
  Model model;
  auto request = one_event("A-1", "X");
  request.writes[0].events[0].id = Uuid({1, 2, 3});
  take(model, request);
  const auto again = take(model, request);
  EXPECT_TRUE(again.duplicate);
  EXPECT_EQ(again.first, Position(1));
  request.writes[0].events[0].data = "[]";
  EXPECT_EQ(take(model, request).refused, errc::invalid);
}

TEST(SimulationModel, what_did_not_survive_is_forgotten_name_id_and_all) {
  Model model;
  take(model, one_event("A-1", "X"));
  auto request = one_event("B-1", "X");
  request.writes[0].events[0].id = Uuid({7});
  take(model, request);
  model.cut_to(Position(1));
  EXPECT_EQ(model.last(), Position(1));
  EXPECT_FALSE(model.life("B-1").has_value());
  EXPECT_FALSE(model.is_boundary(Position(2)));
  EXPECT_FALSE(take(model, request).duplicate);
}

TEST(SimulationModel, a_deleted_stream_is_over_and_may_be_written_as_a_new_one) {
  Model model;
  take(model, one_event("A-1", "X"));
  take(model, one_event("$$A-1", "$metadata", {}, "{\"$tb\":1}"));
  model.see(Position(2));
  ASSERT_TRUE(model.life("A-1").has_value());
  EXPECT_TRUE(model.life("A-1")->is_over());
  EXPECT_EQ(take(model, one_event("A-1", "X", ExpectedVersion::no_stream())).revisions.at(0).revision,
            Revision(1));
}

TEST(SimulationModel, a_tombstoned_stream_takes_nothing_more) {
  Model model;
  take(model, one_event("A-1", "$tombstone"));
  EXPECT_EQ(take(model, one_event("A-1", "X")).refused, errc::gone);
  EXPECT_EQ(take(model, one_event("$$A-1", "$metadata")).refused, errc::gone);
}

TEST(SimulationModel, only_what_was_gone_when_a_compaction_ran_may_be_dropped) {
  Model model;
  for (int i = 0; i < 3; ++i) take(model, one_event("A-1", "X"));
  take(model, one_event("$$A-1", "$metadata", {}, "{\"$maxCount\":1}"));
  model.see(model.last());
  model.compaction_begins();
  EXPECT_TRUE(model.at(1).may_go);
  EXPECT_TRUE(model.at(2).may_go);
  EXPECT_FALSE(model.at(3).may_go);
  EXPECT_FALSE(model.at(4).may_go);
}

}  // namespace
}  // namespace stele::simulation

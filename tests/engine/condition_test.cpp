// Append conditions: what they admit, what they refuse and what the refusal says; as a function of the state, and
// through a store.
#include <atomic>

#include "engine/log/segment.hpp"
#include "engine/writer/decision.hpp"
#include "machine.hpp"
#include "random_queries.hpp"
#include "store_fixture.hpp"

namespace stele::test {
namespace {

QueryItem types(std::vector<std::string> names) {
  QueryItem item;
  item.types = std::move(names);
  return item;
}
QueryItem tags(std::vector<std::string> names) {
  QueryItem item;
  item.tags = std::move(names);
  return item;
}

AppendRequest guarded(AppendRequest request, Query fail_if, std::uint64_t after) {
  request.condition = {std::move(fail_if), Position(after)};
  return request;
}
AppendRequest tagged(const std::string& stream, const std::string& type, std::vector<std::string> tags) {
  auto made = event(type);
  made.tags = std::move(tags);
  return write(stream, {made});
}

// ---- As a function of the state

struct GuardedState {
  result<engine::Decision> append(AppendRequest request, const engine::Foreseen& foreseen = {}) {
    for (auto& part : request.writes)
      for (auto& made : part.events)
        if (made.id.is_nil()) made.id = Uuid::random();
    auto decision = decide(index, request, false, nullptr, foreseen);
    if (!decision || decision->seems_duplicate) return decision;
    const auto frame = engine::log::encode(request.writes);
    index.add(segment, end, decision->first, request.writes, decision->first_revisions, frame);
    end += frame.bytes.size();
    return decision;
  }
  engine::Index index;
  std::uint32_t segment = 0;
  std::uint64_t end = engine::log::segment_header_bytes;
};

TEST(Condition, counts_matches_behind_after_only) {
  GuardedState state;
  must(state.append(tagged("A-1", "Booked", {"seat:1"})));
  must(state.append(tagged("A-1", "Moved", {"seat:2"})));
  const auto seat = Query::of(tags({"seat:1"}));
  const auto refused = state.append(guarded(write("B-1", {event("X")}), seat, 0));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), errc::conflict);
  EXPECT_EQ(state.index.last(), Position(2)) << "a refusal changes nothing";
  EXPECT_TRUE(state.append(guarded(write("B-1", {event("X")}), seat, 1)).has_value()) << "after is exclusive";
}

TEST(Condition, a_conflict_names_the_newest_match_its_type_and_what_to_do) {
  GuardedState state;
  for (const auto* type : {"Booked", "Moved", "Booked", "Other"})
    must(state.append(tagged("A-1", type, {"seat:1"})));
  const auto refused =
      state.append(guarded(write("B-1", {event("X")}), Query::of(types({"Moved", "Booked"})), 1)).error();
  EXPECT_EQ(refused.kind(), errc::conflict);
  EXPECT_EQ(refused.fact("position"), "3");
  EXPECT_EQ(refused.fact("type"), "Booked");
  EXPECT_EQ(refused.fact("after"), "1");
  EXPECT_EQ(refused.fact("retry"), "yes");
  EXPECT_NE(refused.help().find("after"), std::string::npos) << refused.help();
  const auto by_tag =
      state.append(guarded(write("B-1", {event("X")}), Query::of(tags({"seat:1"})), 0)).error();
  EXPECT_EQ(by_tag.fact("position"), "4");
  EXPECT_FALSE(by_tag.fact("type")) << "the query names no type";
}

TEST(Condition, over_everything_refuses_whatever_lies_behind_after) {
  GuardedState state;
  must(state.append(write("A-1", {event("X")})));
  EXPECT_FALSE(state.append(guarded(write("A-1", {event("X")}), Query::all(), 0)));
  EXPECT_TRUE(state.append(guarded(write("A-1", {event("X")}), Query::all(), 1)).has_value());
}

TEST(Condition, is_not_met_by_the_events_it_guards) {
  GuardedState state;
  const auto once = Query::of(tags({"order:7"}));
  EXPECT_TRUE(state.append(guarded(tagged("A-1", "Placed", {"order:7"}), once, 0)).has_value());
  EXPECT_FALSE(state.append(guarded(tagged("A-1", "Placed", {"order:7"}), once, 0)).has_value());
}

TEST(Condition, a_repeated_append_gets_its_first_answer_though_its_own_events_match) {
  GuardedState state;
  auto request = guarded(tagged("A-1", "Placed", {"order:7"}), Query::of(tags({"order:7"})), 0);
  request.writes[0].events[0].id = Uuid::random();
  must(state.append(request));
  const auto again = must(state.append(request));
  EXPECT_TRUE(again.seems_duplicate);
  EXPECT_EQ(again.first, Position(1));
}

TEST(Condition, that_asks_for_nothing_or_looks_beyond_the_log_is_invalid) {
  GuardedState state;
  must(state.append(write("A-1", {event("X")})));
  const auto beyond = state.append(guarded(write("A-1", {event("X")}), Query::all(), 2));
  ASSERT_FALSE(beyond);
  EXPECT_EQ(beyond.error().kind(), errc::invalid);
  EXPECT_EQ(beyond.error().fact("head"), "1");
  Query nothing;
  nothing.items.emplace();
  for (const auto& query : {nothing, Query::of({})}) {
    const auto refused = engine::check_request(guarded(write("A-1", {event("X")}), query, 0));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), errc::invalid);
    EXPECT_NE(refused.error().message().find("condition.fail_if"), std::string::npos);
  }
}

TEST(Condition, and_expected_versions_must_both_hold) {
  GuardedState state;
  must(state.append(tagged("A-1", "X", {"t"})));
  auto request = guarded(write("A-1", {event("X")}, ExpectedVersion::no_stream()), Query::of(tags({"t"})), 1);
  EXPECT_EQ(state.append(request).error().fact("stream"), "A-1");
  request.writes[0].expected = ExpectedVersion::exact(Revision(0));
  EXPECT_TRUE(state.append(request).has_value());
}

// A decision is the same whatever was foreseen, as the writer foresees it: some time before.
TEST(Condition, what_was_foreseen_changes_no_decision) {
  constexpr std::uint64_t rounds = sanitized ? 10 : 60;
  std::uint64_t refused = 0;
  for (std::uint64_t seed = 0; seed < rounds; ++seed) {
    Dice dice(seed);
    GuardedState state;
    for (int i = 0; i < 5000; ++i) {
      const auto made = random_event(dice);
      if (dice.one_in(500)) ++state.segment;
      must(state.append(tagged(made.stream, i < 100 ? "Early" : made.type, made.tags)));
    }
    for (int i = 0; i < 10; ++i) {
      auto query = random_query(dice);
      if (dice.one_in(3)) query = Query::of(types({"Early", "Never"}));
      const AppendCondition condition{query, Position(dice.below(300))};
      const auto foreseen =
          engine::foresee(state.index, condition, Position(state.index.last().value() - 50));
      const auto with = decide_condition(state.index, condition, foreseen);
      const auto without = decide_condition(state.index, condition, {});
      ASSERT_EQ(with.has_value(), without.has_value()) << "seed " << seed;
      if (with) continue;
      ++refused;
      ASSERT_EQ(with.error().to_string(), without.error().to_string()) << "seed " << seed;
    }
  }
  EXPECT_GT(refused, rounds);
}

// ---- Through a store

class StoreCondition : public StoreTest {};

TEST_F(StoreCondition, counts_appends_that_are_not_durable_yet) {
  std::atomic<int> done{0};
  std::atomic<int> won{0};
  for (int i = 0; i < 50; ++i) {
    store_->append_async(
        guarded(tagged("S-" + std::to_string(i), "Taken", {"seat:1"}), Query::of(tags({"seat:1"})), 0),
        [&](const result<AppendResult>& answer) {
          if (answer) ++won;
          EXPECT_TRUE(answer || answer.error().kind() == errc::conflict);
          ++done;
          done.notify_all();
        });
  }
  for (auto seen = done.load(); seen < 50; seen = done.load()) done.wait(seen);
  EXPECT_EQ(won, 1);
  EXPECT_EQ(store_->head().position, Position(1));
}

TEST_F(StoreCondition, counts_appends_without_condition_and_those_of_a_life_before) {
  must(store_->append(tagged("A-1", "Taken", {"seat:1"})));
  const auto request = guarded(tagged("A-2", "Taken", {"seat:1"}), Query::of(tags({"seat:1"})), 0);
  EXPECT_EQ(store_->append(request).error().kind(), errc::conflict);
  reopen();
  EXPECT_EQ(store_->append(request).error().fact("position"), "1");
}

TEST_F(StoreCondition, a_repeated_append_is_answered_as_the_first_time) {
  auto request = guarded(tagged("A-1", "Taken", {"seat:1"}), Query::of(tags({"seat:1"})), 0);
  request.writes[0].events[0].id = Uuid::random();
  const auto first = must(store_->append(request));
  const auto again = must(store_->append(request));
  EXPECT_TRUE(again.was_duplicate);
  EXPECT_EQ(again.first, first.first);
}

}  // namespace
}  // namespace stele::test

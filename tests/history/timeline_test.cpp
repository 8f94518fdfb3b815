// States at any moment: as a plain fold has them, wherever one jumps; which event a moment means; who set what.
#include <gmock/gmock.h>

#include <random>

#include "history/blame.hpp"
#include "history/change.hpp"
#include "history/place.hpp"
#include "history/timeline.hpp"
#include "list_source.hpp"
#include "stele/wire.hpp"

namespace stele::history::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr auto race = "BankAccount-acct-13";

// The states of a stream by the decider itself, without anything of this room. [0]: before the first event.
std::vector<std::string> reference_states(const ListSource& source, const std::string& stream) {
  bank::Account::State state{};
  std::vector<std::string> out{to_json(state)};
  for (const auto& event : source.events) {
    if (event.stream != stream) continue;
    EXPECT_TRUE(stele::detail::fold_into<bank::Account>(state, stele::detail::view_of(event)));
    out.push_back(to_json(state));
  }
  return out;
}

Revision last_of(const Timeline& timeline) { return timeline.extent().last; }

TEST(TimelineTest, a_thousand_random_moments_are_what_a_plain_fold_says) {
  auto source = bank_past();
  const auto fold = account_fold();
  std::map<std::string, std::vector<std::string>> states;
  std::map<std::string, std::unique_ptr<Timeline>> timelines;
  std::vector<std::string> streams;
  const auto all = *source.list_streams("BankAccount-", "", 1'000);
  for (const auto& info : all) {
    streams.push_back(info.stream);
    states[info.stream] = reference_states(source, info.stream);
    timelines[info.stream] = *open_timeline(source, fold, info.stream, {.spacing = 4, .copies = 16});
  }
  std::mt19937 dice(42);
  for (int i = 0; i < 1'000; ++i) {
    const auto& stream = streams[dice() % streams.size()];
    const auto from = source.events.front().recorded_at;
    const auto span = static_cast<std::uint64_t>((source.events.back().recorded_at - from).count());
    const auto instant =
        from + std::chrono::microseconds(static_cast<std::int64_t>((std::uint64_t{dice()} << 20) % span));
    const auto revision = revision_at(source, *source.stream_info(stream), to_string(instant), instant);
    ASSERT_TRUE(revision) << revision.error().to_string();
    const auto expected = std::ranges::count_if(source.events, [&](const RecordedEvent& event) {
      return event.stream == stream && event.recorded_at <= instant;
    });
    EXPECT_EQ(*revision ? static_cast<std::int64_t>((*revision)->value()) + 1 : 0, expected);
    const auto state = timelines[stream]->state_at(*revision);
    ASSERT_TRUE(state) << state.error().to_string();
    EXPECT_EQ(*state, states[stream][static_cast<std::size_t>(expected)])
        << stream << " " << to_string(instant);
  }
}

TEST(TimelineTest, steps_carry_the_state_on_both_sides_from_anywhere) {
  auto source = bank_past();
  const auto fold = account_fold();
  const auto timeline = *open_timeline(source, fold, race, {.spacing = 8, .copies = 8});
  const auto states = reference_states(source, race);
  for (const std::uint64_t from : {200u, 3u, 0u, 77u, 203u}) {
    auto at = from;
    const auto walked =
        timeline->walk(Revision(from), last_of(*timeline), [&](const Step& step) -> result<bool> {
          EXPECT_EQ(step.event.revision.value(), at);
          EXPECT_EQ(step.before, states[at]);
          EXPECT_EQ(step.after, states[++at]);
          return true;
        });
    ASSERT_TRUE(walked) << walked.error().to_string();
    EXPECT_EQ(at, states.size() - 1);
  }
}

TEST(TimelineTest, a_jump_folds_only_what_lies_behind_the_nearest_copy) {
  auto source = bank_past();
  const auto fold = account_fold();
  const auto timeline = *open_timeline(source, fold, race, {.spacing = 16});
  ASSERT_TRUE(timeline->state_at(last_of(*timeline)));
  for (const std::uint64_t revision : {203u, 100u, 17u, 202u}) {
    source.reads = 0;
    ASSERT_TRUE(timeline->state_at(Revision(revision)));
    EXPECT_LE(source.reads, 16u) << revision;
  }
}

TEST(TimelineTest, copies_are_thinned_out_when_they_are_too_many_or_too_large) {
  auto source = bank_past();
  const auto fold = account_fold();
  const auto states = reference_states(source, race);
  for (const auto& limits : {TimelineLimits{.spacing = 1, .copies = 4},
                             TimelineLimits{.spacing = 1, .bytes = 300}, TimelineLimits{.copies = 0}}) {
    const auto timeline = *open_timeline(source, fold, race, limits);
    for (const std::uint64_t revision : {203u, 1u, 150u, 203u}) {
      EXPECT_EQ(*timeline->state_at(Revision(revision)), states[revision + 1]);
    }
  }
}

TEST(TimelineTest, an_event_that_cannot_be_ends_the_walk_behind_the_steps_before_it) {
  ListSource source;
  source.add("BankAccount-1", "AccountCreated", R"({"accountId":"1","owner":"Ada"})");
  source.add("BankAccount-1", "MoneyDeposited", R"({"accountId":"1","amount":"ten","description":""})");
  const auto fold = account_fold();
  const auto timeline = *open_timeline(source, fold, "BankAccount-1");
  std::size_t steps = 0;
  const auto walked = timeline->walk(Revision(0), Revision(1), [&](const Step&) -> result<bool> {
    ++steps;
    return true;
  });
  ASSERT_FALSE(walked);
  EXPECT_EQ(walked.error().kind(), errc::corrupt);
  EXPECT_EQ(walked.error().fact("revision"), "1");
  EXPECT_EQ(steps, 1u);
}

TEST(TimelineTest, a_stream_that_lost_its_beginning_begins_where_it_is_kept) {
  ListSource source;
  for (int i = 0; i < 5; ++i) source.add("Cart-1", "Added", R"({"n":1})");
  source.forget_before("Cart-1", 2);
  const auto fold = declared_fold("[Cart.Added]\nadd = { n = \"$data.n\" }", "Cart");
  const auto timeline = *open_timeline(source, fold, "Cart-1");
  EXPECT_EQ(timeline->extent().first, Revision(2));
  EXPECT_EQ(*timeline->state_at(Revision(4)), R"({"n":3})");
  EXPECT_EQ(*timeline->state_at(Revision(1)), "{}") << "nothing of that is kept";
}

// ---- Moments

class PlaceTest : public testing::Test {
 protected:
  PlaceTest() {
    source_.add("Order-1", "Placed", "{}", "", "2026-03-01T10:00:00Z");
    source_.add("Other-1", "Noise", "{}", "", "2026-03-01T10:05:00Z");
    source_.add("Order-1", "ItemAdded", "{}", "", "2026-03-01T10:20:00Z");
    source_.add("Order-1", "CheckedOut", "{}", "", "2026-03-01T10:30:00Z");
    source_.add("Order-1", "Shipped", "{}", "", "2026-03-02T09:00:00Z");
  }
  // The revision as text, "start" before the first, or the error's kind.
  std::string at(const std::string& moment) {
    const auto found =
        revision_at(source_, *source_.stream_info("Order-1"), moment, *parse_time("2026-03-02T10:00:00Z"));
    if (!found) return std::string(to_string(found.error().kind()));
    return *found ? std::to_string((*found)->value()) : "start";
  }
  std::string between(const std::string& range) {
    const auto found = revisions_between(source_, *source_.stream_info("Order-1"), range,
                                         *parse_time("2026-03-02T10:00:00Z"));
    if (!found) return std::string(to_string(found.error().kind()));
    return std::to_string(found->from.value()) + ".." + std::to_string(found->to.value());
  }
  ListSource source_;
};

TEST_F(PlaceTest, every_moment_means_the_last_event_in_it) {
  EXPECT_EQ(at("head"), "3");
  EXPECT_EQ(at("start"), "start");
  EXPECT_EQ(at("v2"), "2");
  EXPECT_EQ(at("v4"), "not_found");
  EXPECT_EQ(at("p2"), "0") << "another stream's event lies at 2";
  EXPECT_EQ(at("p99"), "3");
  EXPECT_EQ(at("p0"), "start");
  EXPECT_EQ(at("2026-03-01T10:20:00Z"), "1");
  EXPECT_EQ(at("2026-03-01T09:59:59Z"), "start");
  EXPECT_EQ(at("-2h"), "2");
  EXPECT_EQ(at("-1"), "2");
  EXPECT_EQ(at("-99"), "start");
}

TEST_F(PlaceTest, a_moment_may_lie_beside_an_event) {
  EXPECT_EQ(at("CheckedOut"), "2");
  EXPECT_EQ(at("CheckedOut -10m"), "1");
  EXPECT_EQ(at("CheckedOut -11m"), "0");
  EXPECT_EQ(at("CheckedOut -1h"), "start");
  EXPECT_EQ(at("CheckedOut  +1d"), "3");
  EXPECT_EQ(at("Paid -10m"), "not_found");
  EXPECT_EQ(at("CheckedOut 10m"), "invalid");
  EXPECT_EQ(at("CheckedOut -10x"), "invalid");
  EXPECT_EQ(at("CheckedOut  "), "invalid") << "blanks are no distance";
  EXPECT_EQ(at("v2x"), "not_found") << "an event type could be called so";
  EXPECT_EQ(at("-2y"), "invalid");
  EXPECT_EQ(at(""), "invalid");
}

TEST_F(PlaceTest, ranges_are_inside_what_there_is) {
  EXPECT_EQ(between(""), "0..3");
  EXPECT_EQ(between("v1..v2"), "1..2");
  EXPECT_EQ(between("v1.."), "1..3");
  EXPECT_EQ(between("..CheckedOut"), "0..2");
  EXPECT_EQ(between("v2"), "2..2");
  EXPECT_EQ(between("v2..v1"), "invalid");
  EXPECT_EQ(between("..2026-01-01"), "invalid");
}

// ---- Differences and who made them

TEST(ChangeTest, differences_are_told_field_by_field_and_as_a_patch) {
  const auto changes = *changes_between(R"({"a":1,"b":{"x":"1"},"list":[1,2,3],"gone":true})",
                                        R"({"a":2,"b":{"x":"1","y/z":null},"list":[1,5]})");
  EXPECT_EQ(changes_line(changes),
            "gone gone (was true), a 1 -> 2, b.\"y/z\" = null, list[1] 2 -> 5, list[2] gone (was 3)");
  EXPECT_EQ(json_patch(changes),
            R"([{"op":"remove","path":"/gone"},{"op":"replace","path":"/a","value":2},)"
            R"({"op":"add","path":"/b/y~1z","value":null},{"op":"replace","path":"/list/1","value":5},)"
            R"({"op":"remove","path":"/list/2"}])");
  EXPECT_TRUE(changes_between("{\"a\":1}", "{\"a\":1}")->empty());
  EXPECT_EQ(changes_line(*changes_between("null", "{}")), "state null -> {}");
}

TEST(BlameTest, every_field_names_its_last_setter_and_agrees_with_the_states) {
  auto source = bank_past();
  const auto fold = account_fold();
  const auto states = reference_states(source, race);
  const auto timeline = *open_timeline(source, fold, race);
  std::mt19937 dice(7);
  for (int i = 0; i < 50; ++i) {
    const auto revision = dice() % (states.size() - 1);
    const auto blame = *blame_at(*timeline, Revision(revision));
    ASSERT_EQ(blame.size(), 2u);
    for (const auto& each : blame) {
      // The newest revision at which the field got another value, by the reference states alone.
      auto setter = revision + 1;
      const auto value_in = [&](const std::string& state) {
        const auto tree = *JsonTree::parse(state);
        const auto* member = tree.find(each.pointer.substr(1));
        return member ? member->json() : std::string();
      };
      EXPECT_EQ(each.value, value_in(states[setter]));
      while (setter > 0 && value_in(states[setter - 1]) == each.value) --setter;
      EXPECT_THAT(each.event, HasSubstr("{\"version\":" + std::to_string(setter - 1) + ",")) << each.pointer;
    }
  }
}

TEST(BlameTest, one_field_has_its_whole_story) {
  auto source = bank_past();
  const auto fold = account_fold();
  const auto timeline = *open_timeline(source, fold, race);
  const auto story = *changes_of_field(*timeline, "balance", Revision(203), 3);
  ASSERT_EQ(story.size(), 3u);
  EXPECT_EQ(story[0].value, "\"-100.00\"");
  EXPECT_EQ(story[0].before, "\"2900.00\"");
  EXPECT_EQ(story[1].value, "\"2900.00\"");
  EXPECT_EQ(story[2].value, "\"3400.00\"");
  EXPECT_THAT(blame_json(story[0]), HasSubstr(R"("version":203,)"));
  EXPECT_EQ(changes_of_field(*timeline, "balance..x", Revision(203), 3).error().kind(), errc::invalid);
  EXPECT_TRUE(changes_of_field(*timeline, "owner", Revision(203), 3)->empty());
}

TEST(BlameTest, what_was_removed_and_came_again_has_the_new_setter) {
  ListSource source;
  source.add("Cart-1", "Added", R"({"id":"p-1","n":2})");
  source.add("Cart-1", "Added", R"({"id":"p-2","n":1})");
  source.add("Cart-1", "Removed", R"({"id":"p-1"})");
  source.add("Cart-1", "Added", R"({"id":"p-1","n":2})");
  const auto fold = declared_fold(
      "[Cart.Added]\nset = { \"items.{data.id}\" = \"$data.n\" }\n[Cart.Removed]\nremove = "
      "[\"items.{data.id}\"]",
      "Cart");
  const auto timeline = *open_timeline(source, fold, "Cart-1");
  std::vector<std::string> told;
  const auto blame = *blame_at(*timeline, Revision(3));
  for (const auto& each : blame) told.push_back(blame_json(each).substr(0, 52));
  EXPECT_THAT(told, ElementsAre(HasSubstr(R"({"field":"items.\"p-2\"","value":1,"version":1)"),
                                HasSubstr(R"({"field":"items.\"p-1\"","value":2,"version":3)")));
}

}  // namespace
}  // namespace stele::history::test

// first_aggregate_test.cpp - the samples of docs/domain.md: an aggregate from nothing, its specification,
// and a life in a store. The parts between [marks] stand in that page word for word.
#include <gtest/gtest.h>

#include "engine/store_fixture.hpp"

// clang-format off: as the page shows it
// [aggregate]
#include "stele/decider.hpp"

struct Counted { int by; };
STELE_EVENT(Counted, 1, by);
struct Count { std::string name; int by; };
STELE_COMMAND(Count, name, by);
struct TooMuch { int sum; };
STELE_REFUSAL(TooMuch, sum);

struct Tally {
  static constexpr std::string_view category = "Tally";
  static const std::string& id(const Count& command) { return command.name; }
  using Commands = stele::commands<Count>;
  using Events = stele::events<Counted>;
  using Refusals = stele::refusals<TooMuch>;
  using Decision = stele::decision<Events, Refusals>;
  struct State { int sum = 0; };

  static Decision decide(const Count& c, const State& s) {
    if (s.sum + c.by > 10) return stele::refuse(TooMuch{s.sum + c.by});
    return stele::happened(Counted{c.by});
  }
  static State evolve(const State& s, const Counted& e) { return {s.sum + e.by}; }
};
static_assert(stele::decider<Tally>);
// [/aggregate]
// clang-format on

// [specification]
#include "stele/spec.hpp"

TEST(Tally, counts_to_ten_and_no_further) {
  stele::given<Tally>(Counted{4}).when(Count{"sheep", 6}).then(Counted{6});
  stele::given<Tally>(Counted{4}).when(Count{"sheep", 7}).then_refused(TooMuch{11});
}
// [/specification]

#include "stele/handler.hpp"

// [handling]
stele::result<std::string> count(stele::EventStore& store, const Count& command,
                                 const std::string& request_id) {
  STELE_TRY(auto done, stele::handle<Tally>(store, command, {.user = "ada", .idempotency_key = request_id}));
  if (done.refusal) return "refused: " + stele::content_json(*done.refusal);
  return "sum " + std::to_string(done.state.sum) + " at revision " + std::to_string(done.revision->value());
}
// [/handling]

namespace {

class FirstAggregate : public stele::test::StoreTest {};

TEST_F(FirstAggregate, lives_in_a_store) {
  using stele::test::must;
  EXPECT_EQ(must(count(*store_, {"sheep", 4}, "r1")), "sum 4 at revision 0");
  EXPECT_EQ(must(count(*store_, {"sheep", 5}, "r2")), "sum 9 at revision 1");
  EXPECT_EQ(must(count(*store_, {"sheep", 5}, "r2")), "sum 9 at revision 1") << "the same request again";
  EXPECT_EQ(must(count(*store_, {"sheep", 2}, "r3")), R"(refused: {"sum":11})");
  EXPECT_EQ(stream("Tally-sheep").size(), 2u);
}

}  // namespace

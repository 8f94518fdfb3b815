// Append conditions of every shape against one short history, while it is in memory, in index files and spread over
// segments; and together with everything else that an append may ask for.
#include "engine/writer/condition.hpp"
#include "machine.hpp"

namespace stele::test {
namespace {

QueryItem asking(std::vector<std::string> types, std::vector<std::string> tags = {},
                 std::vector<std::string> streams = {}, std::vector<std::string> categories = {}) {
  return {std::move(types), std::move(tags), std::move(streams), std::move(categories)};
}
Query any_of(std::vector<QueryItem> items) { return {std::move(items)}; }

AppendRequest history_event(const std::string& stream, const std::string& type, std::vector<std::string> tags,
                            std::size_t bytes) {
  auto made =
      event(type, std::string(bytes, 'x'), Uuid::from_name({}, stream + type + std::to_string(bytes)));
  made.tags = std::move(tags);
  return write(stream, {made});
}

// Positions 1 to 6, each event large enough for a segment of its own.
class ConditionHistory : public testing::Test {
 protected:
  ConditionHistory() : store_(must(machine_.open())) {
    must(store_->append(history_event("Seat-1", "Booked", {"seat:1", "day:mon"}, 40'001)));
    must(store_->append(history_event("Seat-2", "Booked", {"seat:2", "day:mon"}, 40'002)));
    must(store_->append(history_event("Seat-1", "Moved", {"seat:1", "day:tue"}, 40'003)));
    must(store_->append(history_event("Room", "Booked", {}, 40'004)));
    must(store_->append(history_event("Room-7", "Closed", {"day:mon", "seat:1"}, 40'005)));
    must(store_->append(history_event("Seat-2", "Freed", {"seat:2"}, 40'006)));
  }
  void reopen() {
    store_.reset();
    store_ = must(machine_.open());
  }
  // The position that stands against it; 0: it is admitted.
  std::uint64_t against(const Query& query, std::uint64_t after) {
    const auto decided = engine::decide_condition(store_->index(), {query, Position(after)}, {});
    if (decided) return 0;
    EXPECT_EQ(decided.error().kind(), errc::conflict) << decided.error().to_string();
    return std::stoull(std::string(decided.error().fact("position").value_or("999")));
  }
  AppendRequest guarded_by(const Query& query, std::uint64_t after) {
    auto request = write("Probe", {event("Probed")});
    request.condition = {query, Position(after)};
    return request;
  }
  void check_all_shapes();

  Machine machine_{31};
  std::unique_ptr<engine::EmbeddedStore> store_;
};

struct Shape {
  std::vector<QueryItem> items;
  std::uint64_t after;
  std::uint64_t match;
};

const std::vector<Shape> shapes{
    {{asking({"Moved"})}, 2, 3},
    {{asking({"Moved"})}, 3, 0},
    {{asking({"Booked"})}, 0, 4},
    {{asking({"Booked"})}, 4, 0},
    {{asking({"Never", "Moved"})}, 0, 3},
    {{asking({"Never"})}, 0, 0},
    {{asking({}, {"seat:1", "day:mon"})}, 0, 5},
    {{asking({}, {"day:mon", "seat:1"})}, 4, 5},
    {{asking({}, {"seat:1", "day:mon"})}, 5, 0},
    {{asking({}, {"seat:1", "day:tue"})}, 0, 3},
    {{asking({}, {"seat:2", "day:tue"})}, 0, 0},
    {{asking({}, {"seat:1", "never"})}, 0, 0},
    {{asking({"Booked"}, {"seat:1"})}, 0, 1},
    {{asking({"Booked"}, {"seat:1"})}, 1, 0},
    {{asking({"Booked", "Freed"}, {"seat:2"})}, 0, 6},
    {{asking({}, {}, {"Seat-1"})}, 0, 3},
    {{asking({}, {}, {"Room"})}, 0, 4},
    {{asking({}, {}, {"Room"})}, 4, 0},
    {{asking({}, {}, {"Never-1"})}, 0, 0},
    {{asking({}, {}, {}, {"Room"})}, 0, 5},
    {{asking({}, {}, {}, {"Sea"})}, 0, 0},
    {{asking({"Booked"}, {}, {}, {"Seat"})}, 0, 2},
    {{asking({"Booked"}, {"day:mon"}, {"Seat-1"}, {"Seat"})}, 0, 1},
    {{asking({}, {}, {"Seat-2"}, {"Room"})}, 0, 0},
    {{asking({"Moved"}), asking({}, {}, {"Room"})}, 0, 4},
    {{asking({"Never"}), asking({"Moved"})}, 0, 3},
    {{asking({"Moved"}), asking({}, {"seat:1", "day:tue"})}, 2, 3},
    {{asking({"Freed"}), asking({"Moved"})}, 6, 0},
};

void ConditionHistory::check_all_shapes() {
  for (std::size_t i = 0; i < shapes.size(); ++i)
    EXPECT_EQ(against(any_of(shapes[i].items), shapes[i].after), shapes[i].match) << "shape " << i;
  EXPECT_EQ(against(Query::all(), 5), 6u);
  EXPECT_EQ(against(Query::all(), 6), 0u);
}

TEST_F(ConditionHistory, is_judged_alike_in_memory_in_files_and_after_reopening) {
  check_all_shapes();
  store_->wait_until_sealed();
  ASSERT_FALSE(must(machine_.disk.list("/store/index")).empty());
  check_all_shapes();
  reopen();
  check_all_shapes();
}

TEST_F(ConditionHistory, looks_no_further_back_than_after_and_no_further_on_than_the_end) {
  EXPECT_TRUE(store_->append(guarded_by(Query::all(), 6)).has_value()) << "nothing lies behind the last one";
  const auto beyond = store_->append(guarded_by(Query::all(), 8)).error();
  EXPECT_EQ(beyond.kind(), errc::invalid);
  EXPECT_EQ(beyond.fact("after"), "8");
  EXPECT_EQ(beyond.fact("head"), "7");
  const auto behind = store_->append(guarded_by(Query::all(), 6)).error();
  EXPECT_EQ(behind.fact("position"), "7") << "the append before counts";
  EXPECT_EQ(store_->head().position, Position(7));
}

TEST_F(ConditionHistory, is_asked_after_the_expected_versions_and_both_must_hold) {
  auto request = guarded_by(any_of({asking({"Freed"})}), 5);
  request.writes[0].expected = ExpectedVersion::exists();
  EXPECT_EQ(store_->append(request).error().fact("stream"), "Probe");
  request.writes[0].expected = ExpectedVersion::no_stream();
  EXPECT_EQ(store_->append(request).error().fact("position"), "6");
  request.also_expect.push_back({"Seat-2", ExpectedVersion::exact(Revision(0))});
  EXPECT_EQ(store_->append(request).error().fact("stream"), "Seat-2");
  request.also_expect[0].expected = ExpectedVersion::exact(Revision(1));
  request.condition->after = Position(6);
  EXPECT_EQ(must(store_->append(request)).first, Position(7));
}

TEST_F(ConditionHistory, is_not_asked_of_an_append_that_happened_before) {
  auto request = guarded_by(any_of({asking({"Probed"})}), 6);
  request.writes[0].events[0].id = Uuid::random();
  request.writes[0].expected = ExpectedVersion::no_stream();
  const auto first = must(store_->append(request));
  must(store_->append(history_event("Seat-1", "Moved", {}, 40'007)));
  for (int life = 0; life < 2; ++life) {
    const auto again = must(store_->append(request));
    EXPECT_TRUE(again.was_duplicate);
    EXPECT_EQ(again.first, first.first);
    EXPECT_EQ(again.revisions, first.revisions);
    reopen();
  }
  request.writes[0].events.push_back(event("Probed", "{}", Uuid::random()));
  EXPECT_EQ(store_->append(request).error().kind(), errc::invalid) << "half of it is known";
  request.writes[0].events[0].id = Uuid::random();
  request.writes[0].expected = ExpectedVersion::any();
  EXPECT_EQ(store_->append(request).error().kind(), errc::conflict) << "none of it is";
}

// More types than a mask has bits: some share one, and must be told apart all the same.
TEST(ConditionTypes, that_share_a_bit_of_the_mask_are_told_apart) {
  Machine machine(32);
  auto store = must(machine.open());
  constexpr std::uint64_t count = 200;
  for (std::uint64_t i = 1; i <= count; ++i)
    must(store->append(history_event("S-" + std::to_string(i % 3), "T" + std::to_string(i), {"t"}, 1'000)));
  for (int life = 0; life < 2; ++life) {
    for (std::uint64_t i = 1; i <= count; ++i) {
      const auto query = any_of({asking({"T" + std::to_string(i)}, {"t"})});
      const auto before = engine::decide_condition(store->index(), {query, Position(i - 1)}, {});
      ASSERT_FALSE(before) << i;
      ASSERT_EQ(before.error().fact("position"), std::to_string(i));
      ASSERT_EQ(before.error().fact("type"), "T" + std::to_string(i));
      ASSERT_TRUE(engine::decide_condition(store->index(), {query, Position(i)}, {})) << i;
    }
    store->wait_until_sealed();
    store.reset();
    store = must(machine.open());
  }
}

}  // namespace
}  // namespace stele::test

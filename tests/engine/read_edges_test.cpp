// Reading at its edges: where a filtered read begins and ends, items that overlap, names nobody knows, what a
// subscription tells while nothing matches; and frames of few and of many writes.
#include <algorithm>
#include <thread>

#include "machine.hpp"

namespace stele::test {
namespace {

using Positions = std::vector<std::uint64_t>;

AppendRequest one_tagged(const std::string& stream, const std::string& type, std::vector<std::string> tags) {
  auto made = event(type, std::string(900, 'x'));
  made.tags = std::move(tags);
  return write(stream, {made});
}

QueryItem item_of(std::vector<std::string> types, std::vector<std::string> tags = {},
                  std::vector<std::string> streams = {}, std::vector<std::string> categories = {}) {
  return {std::move(types), std::move(tags), std::move(streams), std::move(categories)};
}

// 300 events over several segments: every third is "Odd", every tenth has the tag "ten", streams, B-0, B-1.
class ReadEdges : public testing::Test {
 protected:
  ReadEdges() : store_(must(machine_.open())) {
    for (int i = 1; i <= 300; ++i) {
      const std::string stream = std::string(i % 4 < 2 ? "A-" : "B-") + std::to_string(i % 2);
      must(store_->append(
          one_tagged(stream, i % 3 == 0 ? "Odd" : "Even",
                     i % 10 == 0 ? std::vector<std::string>{"ten"} : std::vector<std::string>{})));
    }
    store_->wait_until_sealed();
  }
  Positions read(std::vector<QueryItem> items, Direction direction, std::optional<Position> from = {},
                 std::uint64_t limit = no_limit, std::size_t batch = 7) {
    Positions found;
    const auto cursor = must(store_->read({Query{std::move(items)}, from, direction, limit}));
    for (const auto& event : drain(*cursor, batch)) found.push_back(event.position.value());
    return found;
  }
  Machine machine_{51};
  std::unique_ptr<engine::EmbeddedStore> store_;
};

Positions every(std::uint64_t step, std::uint64_t first, std::uint64_t last) {
  Positions all;
  for (auto at = first; at <= last; at += step) all.push_back(at);
  return all;
}

TEST_F(ReadEdges, a_filtered_read_begins_on_the_match_it_is_given_and_not_before) {
  const std::vector<QueryItem> odd{item_of({"Odd"})};
  EXPECT_EQ(read(odd, Direction::forward, Position(150), 3), (Positions{150, 153, 156}));
  EXPECT_EQ(read(odd, Direction::forward, Position(151), 2), (Positions{153, 156}));
  EXPECT_EQ(read(odd, Direction::backward, Position(150), 3), (Positions{150, 147, 144}));
  EXPECT_EQ(read(odd, Direction::backward, Position(149), 2), (Positions{147, 144}));
  EXPECT_EQ(read(odd, Direction::forward, Position(300)), (Positions{300}));
  EXPECT_EQ(read(odd, Direction::forward, Position(301)), Positions{});
  EXPECT_EQ(read(odd, Direction::backward, Position(2)), Positions{});
  EXPECT_EQ(read(odd, Direction::backward, Position(0)), Positions{});
  EXPECT_EQ(read(odd, Direction::backward, Position(9'999), 1), (Positions{300}));
}

TEST_F(ReadEdges, a_limit_counts_matches_whatever_the_batches) {
  for (const std::uint64_t limit : {0u, 1u, 29u, 30u, 31u}) {
    for (const std::size_t batch : {1u, 10u, 30u, 1000u}) {
      const auto last = 10 * std::min<std::uint64_t>(limit, 30);
      EXPECT_EQ(read({item_of({}, {"ten"})}, Direction::forward, {}, limit, batch), every(10, 10, last));
      auto back = every(10, 310 - last, 300);
      std::ranges::reverse(back);
      EXPECT_EQ(read({item_of({}, {"ten"})}, Direction::backward, {}, limit, batch), back) << limit;
    }
  }
}

TEST_F(ReadEdges, items_that_overlap_give_each_event_once) {
  const std::vector<QueryItem> items{item_of({"Odd"}), item_of({}, {"ten"}), item_of({"Odd"}, {"ten"}),
                                     item_of({"Odd"})};
  Positions expected;
  for (std::uint64_t at = 1; at <= 300; ++at)
    if (at % 3 == 0 || at % 10 == 0) expected.push_back(at);
  EXPECT_EQ(read(items, Direction::forward), expected);
  EXPECT_EQ(read(items, Direction::forward, {}, no_limit, 1), expected);
  std::ranges::reverse(expected);
  EXPECT_EQ(read(items, Direction::backward), expected);
}

TEST_F(ReadEdges, names_nobody_knows_match_nothing_and_spoil_nothing) {
  for (const auto direction : {Direction::forward, Direction::backward}) {
    for (const auto& unknown : {item_of({"Never"}), item_of({}, {"never"}), item_of({}, {}, {"Never-1"}),
                                item_of({}, {}, {}, {"Never"}), item_of({"Odd"}, {"never"}),
                                item_of({}, {"ten", "never"}), item_of({"Never"}, {}, {"A-0"})}) {
      EXPECT_EQ(read({unknown}, direction), Positions{});
      EXPECT_EQ(read({unknown, item_of({}, {"ten"})}, direction, {}, 2),
                direction == Direction::forward ? (Positions{10, 20}) : (Positions{300, 290}));
    }
    EXPECT_EQ(read({item_of({"Never", "Odd"}, {}, {"Never", "A-0"})}, direction, {}, 1),
              direction == Direction::forward ? (Positions{12}) : (Positions{300}));
  }
}

TEST_F(ReadEdges, all_four_lists_of_an_item_must_agree) {
  const auto item = item_of({"Odd", "Even"}, {"ten"}, {"A-0", "B-0"}, {"B", "C"});
  EXPECT_EQ(read({item}, Direction::forward), every(20, 10, 300));
  EXPECT_EQ(read({item_of({"Odd"}, {"ten"}, {"A-0", "B-0"}, {"B"})}, Direction::forward), every(60, 30, 300));
  EXPECT_EQ(read({item_of({"Odd"}, {"ten"}, {"A-0"}, {"B"})}, Direction::forward), Positions{});
}

TEST_F(ReadEdges, a_subscription_passes_what_does_not_match_and_hears_what_comes) {
  const auto subscription = must(store_->subscribe(Query::of(item_of({"Late"})), Position(1)));
  SubscriptionBatch batch;
  while (!batch.caught_up) {
    batch = must(subscription->next_batch(5, std::chrono::microseconds(0)));
    ASSERT_TRUE(batch.events.empty());
  }
  EXPECT_EQ(batch.position, Position(300));
  const auto idle = must(subscription->next_batch(5, std::chrono::microseconds(0)));
  EXPECT_EQ(idle.position, Position(300));
  EXPECT_TRUE(idle.caught_up);
  must(store_->append(one_tagged("A-0", "Odd", {})));
  must(store_->append(one_tagged("A-0", "Late", {})));
  must(store_->append(one_tagged("A-0", "Odd", {})));
  Positions heard;
  do {
    batch = must(subscription->next_batch(5, std::chrono::seconds(20)));
    for (const auto& view : batch.events) heard.push_back(view.position.value());
  } while (!batch.caught_up);
  EXPECT_EQ(heard, (Positions{302}));
  EXPECT_EQ(batch.position, Position(303));
}

TEST_F(ReadEdges, a_cancelled_subscription_stays_cancelled_and_the_others_go_on) {
  const auto waiting = must(store_->subscribe(Query::all(), Position(300)));
  const auto other = must(store_->subscribe(Query::all(), Position(299)));
  std::thread waiter(
      [&] { EXPECT_EQ(waiting->next_batch(1, std::chrono::hours(1)).error().kind(), errc::unavailable); });
  waiting->cancel();
  waiter.join();
  must(store_->append(one_tagged("A-0", "Odd", {})));
  EXPECT_EQ(waiting->next_batch(1, std::chrono::hours(1)).error().kind(), errc::unavailable);
  EXPECT_EQ(must(other->next_batch(1, std::chrono::seconds(20))).events[0].position, Position(300));
  EXPECT_EQ(must(other->next_batch(1, std::chrono::seconds(20))).events[0].position, Position(301));
}

// ---- Frames of few writes are read with their headers; those of many are looked at once and remembered.

class FramesOfWrites : public testing::TestWithParam<std::size_t> {
 protected:
  FramesOfWrites() : store_(must(machine_.open())) {
    must(store_->append(write("Before", {event("X")})));
    AppendRequest request;
    for (std::size_t i = 0; i < GetParam(); ++i) {
      request.writes.push_back({name(i), {}, {}});
      for (std::size_t e = 0; e < 2; ++e)
        request.writes.back().events.push_back(event("X", std::to_string(2 * i + e)));
    }
    must(store_->append(std::move(request)));
    all_ = drain(*must(store_->read({})));
  }
  static std::string name(std::size_t i) { return "Stream-" + std::to_string(i); }
  Machine machine_{52};
  std::unique_ptr<engine::EmbeddedStore> store_;
  std::vector<RecordedEvent> all_;
};

TEST_P(FramesOfWrites, give_each_event_its_stream_and_revision_by_every_way) {
  ASSERT_EQ(all_.size(), 1 + 2 * GetParam());
  for (int round = 0; round < 2; ++round) {
    for (std::size_t i = 0; i < 2 * GetParam(); ++i) {
      const auto& one = all_[1 + i];
      ASSERT_EQ(one.stream, name(i / 2));
      ASSERT_EQ(one.revision, Revision(i % 2));
      ASSERT_EQ(one.data, std::to_string(i));
      ASSERT_TRUE(must(store_->find_event(one.id)) == one) << i;
    }
    for (std::size_t i = 0; i < GetParam(); ++i) {
      const auto back = drain(*must(store_->read_stream({name(i), {}, Direction::backward, no_limit})), 1);
      ASSERT_EQ(back.size(), 2u);
      ASSERT_TRUE(back[0] == all_[2 + 2 * i] && back[1] == all_[1 + 2 * i]) << i;
    }
    auto reversed = drain(*must(store_->read({{}, {}, Direction::backward, no_limit})), 33);
    std::ranges::reverse(reversed);
    ASSERT_TRUE(reversed == all_);
    store_.reset();
    store_ = must(machine_.open());
  }
}

TEST_P(FramesOfWrites, are_remembered_from_sixteen_on_and_damage_of_a_record_is_seen_in_any_case) {
  const auto segments = must(machine_.disk.list("/store/log"));
  const auto file = std::filesystem::path("/store/log") / segments.back();
  must(store_->find_event(all_[1].id));
  const auto bytes = machine_.disk.bytes(file);
  const auto header = bytes.rfind("STLF");
  ASSERT_NE(header, std::string::npos);
  machine_.disk.flip(file, header + 32, 0x01);
  const auto found = store_->find_event(all_[1].id);
  EXPECT_EQ(found.has_value(), GetParam() >= 16);
  if (found) {
    EXPECT_EQ(*found, all_[1]);
  } else {
    EXPECT_EQ(found.error().kind(), errc::corrupt);
  }
  machine_.disk.flip(file, header + 32, 0x01);
  EXPECT_EQ(must(store_->find_event(all_[1].id)), all_[1]) << "the damage was undone";
  const auto record =
      bytes.rfind(std::string(reinterpret_cast<const char*>(all_.back().id.bytes().data()), 16));
  ASSERT_NE(record, std::string::npos);
  machine_.disk.flip(file, record, 0x10);
  EXPECT_EQ(store_->find_event(all_.back().id).error().fact("position"), std::to_string(all_.size()));
  EXPECT_EQ(must(store_->find_event(all_[1].id)), all_[1]);
}
INSTANTIATE_TEST_SUITE_P(Writes, FramesOfWrites, testing::Values(1, 15, 16, 17, 1000),
                         [](const auto& param) { return std::to_string(param.param); });

class CutShort : public StoreTest {};

// A mapping of it would end the process at the first page behind the end.
TEST_F(CutShort, a_closed_segment_cut_short_under_the_store_is_an_error_and_no_signal) {
  options_.segment_bytes = 64 << 10;
  reopen();
  for (int i = 0; i < 60; ++i) append("s-" + std::to_string(i % 2), "Noted", std::string(4000, 'x'));
  reopen();
  std::filesystem::resize_file(directory_ / "store/log/00000000000000000001.seg", 4096 + 8192);
  const auto cursor = must(store_->read_stream({.stream = "s-0", .from = {}}));
  std::size_t good = 0;
  std::size_t corrupt = 0;
  for (std::size_t calls = 0; calls < 100; ++calls) {
    const auto events = cursor->next_batch(5);
    if (events && events->empty()) break;
    if (events) good += events->size();
    EXPECT_TRUE(events || events.error().kind() == errc::corrupt);
    corrupt += events ? 0 : 1;
  }
  EXPECT_EQ(good + corrupt, 30u);
  EXPECT_GT(corrupt, 3u);
  EXPECT_LT(corrupt, 10u);
}

}  // namespace
}  // namespace stele::test

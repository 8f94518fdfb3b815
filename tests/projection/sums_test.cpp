// sums_test.cpp - SqliteModel::add: amounts that are kept back come to the same as statements run one by one, in every
// order with other statements, and a refused one is found.
#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "memory_store.hpp"
#include "tally.hpp"

namespace stele::test {
namespace {

using namespace std::chrono_literals;
constexpr std::chrono::microseconds sums_patience = 60s;

constexpr std::string_view count_and_add =
    "INSERT INTO tally VALUES(?1, ?2, ?3) ON CONFLICT(stream) DO UPDATE"
    " SET total = total + excluded.total, times = times + excluded.times";

// The tally by sums, with a look at `seen` before each event of the stream "looks".
SqliteProjection summing_tally(std::function<void(SqliteModel&)> look = {}) {
  SqliteProjection projection = tally();
  projection.project = [look = std::move(look)](SqliteModel& model, const EventView& event) -> result<void> {
    if (look && event.stream == "looks") look(model);
    // [ADD]
    STELE_CHECK(model.add(count_and_add, {event.stream}, {number_in(event), 1}));
    // [/ADD]
    model.changed(event.stream);
    return {};
  };
  return projection;
}

class Summing : public testing::Test {
 protected:
  explicit Summing(const char* schema = "CREATE TABLE t(a, b, n INTEGER, PRIMARY KEY(a, b)) WITHOUT ROWID") {
    projection_ = tally();
    projection_.schema = schema;
    projection_.project = [this](SqliteModel& model, const EventView& event) { return next_(model, event); };
    target_ = *SqliteTarget::scratch(projection_);
  }
  // One batch in which `steps` is the one event.
  result<void> batch(std::function<result<void>(SqliteModel&)> steps) {
    next_ = [&](SqliteModel& model, const EventView&) { return steps(model); };
    RecordedEvent event;
    event.position = Position(++position_);
    event.id = Uuid::random();
    STELE_CHECK(target_->begin());
    auto done = target_->apply(view_of(event));
    if (!done) {
      target_->rollback();
      return done;
    }
    if (auto committed = target_->commit({event.position, event.position, event.id}); !committed)
      return committed.error();
    return {};
  }
  std::string rows(const std::string& sql = "SELECT quote(a) || quote(b) || n FROM t ORDER BY 1") {
    std::string all;
    auto snapshot = target_->snapshot();
    EXPECT_TRUE(snapshot->each(sql, {}, [&](const SqlRow& row) { all += std::string(row.text(0)) + " "; }));
    return all;
  }

  static constexpr std::string_view add_ =
      "INSERT INTO t VALUES(?1, ?2, ?3) ON CONFLICT DO UPDATE SET n = n + ?3";
  SqliteProjection projection_;
  std::shared_ptr<SqliteTarget> target_;
  std::function<result<void>(SqliteModel&, const EventView&)> next_;
  std::uint64_t position_ = 0;
};

TEST_F(Summing, keys_are_told_apart_by_type_and_length_and_come_back_as_they_were) {
  const std::string with_nul("x\0y", 3);
  const auto done = batch([&](SqliteModel& model) -> result<void> {
    for (int i = 0; i < 3; ++i) {
      STELE_CHECK(model.add(add_, {"ab", "c"}, {1}));
      STELE_CHECK(model.add(add_, {"a", "bc"}, {10}));
      STELE_CHECK(model.add(add_, {"1", 2}, {100}));
      STELE_CHECK(model.add(add_, {1, "2"}, {1000}));
      STELE_CHECK(model.add(add_, {std::numeric_limits<std::int64_t>::min(), -1}, {7}));
      STELE_CHECK(model.add(add_, {"", with_nul}, {-5}));
    }
    return {};
  });
  ASSERT_TRUE(done) << done.error().to_string();
  EXPECT_EQ(rows("SELECT count(*) FROM t"), "6 ");
  EXPECT_EQ(rows("SELECT n FROM t WHERE a = 'ab' AND b = 'c'"), "3 ");
  EXPECT_EQ(rows("SELECT n FROM t WHERE a = 'a' AND b = 'bc'"), "30 ");
  EXPECT_EQ(rows("SELECT n FROM t WHERE a = '1' AND b = 2"), "300 ");
  EXPECT_EQ(rows("SELECT n FROM t WHERE a = 1 AND b = '2'"), "3000 ");
  EXPECT_EQ(rows("SELECT n FROM t WHERE a = -9223372036854775807 - 1 AND b = -1"), "21 ");
  EXPECT_EQ(rows("SELECT n FROM t WHERE a = '' AND length(CAST(b AS BLOB)) = 3"), "-15 ");
}

TEST_F(Summing, the_model_sees_its_own_sums_and_other_statements_come_behind_them) {
  std::int64_t seen = 0;
  const auto done = batch([&](SqliteModel& model) -> result<void> {
    STELE_CHECK(model.add(add_, {"a", 1}, {5}));
    STELE_CHECK(model.add(add_, {"a", 1}, {6}));
    STELE_CHECK(model.first("SELECT n FROM t", {}, [&](const SqlRow& row) { seen = row.integer(0); }));
    STELE_CHECK(model.run("UPDATE t SET n = n * 2", {}));
    return model.add(add_, {"a", 1}, {100});
  });
  ASSERT_TRUE(done) << done.error().to_string();
  EXPECT_EQ(seen, 11);
  EXPECT_EQ(rows(), "'a'1122 ");
}

TEST_F(Summing, what_is_rolled_back_is_not_written_later) {
  const auto failed = batch([](SqliteModel& model) -> result<void> {
    STELE_CHECK(model.add(add_, {"a", 1}, {5}));
    return Error(errc::invalid, "not this one");
  });
  ASSERT_FALSE(failed);
  ASSERT_TRUE(batch([](SqliteModel& model) { return model.add(add_, {"b", 1}, {2}); }));
  EXPECT_EQ(rows(), "'b'12 ");
}

TEST_F(Summing, wrong_use_is_told_at_once) {
  const auto refused = [&](std::function<result<void>(SqliteModel&)> steps) {
    const auto done = batch(std::move(steps));
    return done ? errc::unavailable : done.error().kind();
  };
  EXPECT_EQ(refused([](SqliteModel& model) { return model.add(add_, {"a"}, {5}); }), errc::invalid);
  EXPECT_EQ(refused([](SqliteModel& model) { return model.add(add_, {"a", 1, 2}, {}); }), errc::invalid);
  EXPECT_EQ(refused([](SqliteModel& model) { return model.add(add_, {"a", 1}, {"5"}); }), errc::invalid);
  EXPECT_EQ(refused([](SqliteModel& model) { return model.add("SELECT ?1 + ?2", {1}, {5}); }), errc::invalid);
  EXPECT_EQ(
      refused([](SqliteModel& model) { return model.add("DELETE FROM nothing WHERE n = ?1", {}, {5}); }),
      errc::invalid);
  EXPECT_EQ(rows(), "");
}

// 2^63 does not fit into a sum that is kept back; the table sees both halves and refuses what it cannot hold.
TEST_F(Summing, a_sum_too_large_to_keep_is_for_the_table_to_take_or_refuse) {
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  const auto up_and_down = batch([&](SqliteModel& model) -> result<void> {
    STELE_CHECK(model.add(add_, {"a", 1}, {most}));
    STELE_CHECK(model.add(add_, {"a", 1}, {-most}));
    return model.add(add_, {"a", 1}, {most});
  });
  EXPECT_TRUE(up_and_down);
  EXPECT_EQ(rows("SELECT n FROM t"), std::to_string(most) + " ");
}

TEST_F(Summing, any_history_gives_the_rows_of_statements_run_one_by_one) {
  static constexpr std::string_view by_hand =
      "INSERT INTO t VALUES(?1, ?2, ?3) ON CONFLICT DO UPDATE SET n = n + ?3";
  auto plain = *SqliteTarget::scratch([&] {
    SqliteProjection same = tally();
    same.schema = projection_.schema;
    same.project = [](SqliteModel& model, const EventView& event) -> result<void> {
      STELE_CHECK(model.run(by_hand, {event.stream, number_in(event) % 3, number_in(event)}));
      return {};
    };
    return same;
  }());
  std::mt19937 random(7);
  next_ = [&](SqliteModel& model, const EventView& event) -> result<void> {
    if (random() % 50 == 0) STELE_CHECK(model.run("DELETE FROM t WHERE n IS NULL", {}));
    return model.add(by_hand, {event.stream, number_in(event) % 3}, {number_in(event)});
  };
  std::uint64_t at = 0;
  for (int one = 0; one < 20; ++one) {
    ASSERT_TRUE(target_->begin() && plain->begin());
    RecordedEvent event;
    for (std::uint64_t i = random() % 400 + 1; i > 0; --i) {
      event.position = Position(++at);
      event.stream = "s-" + std::to_string(random() % 120);
      event.data = std::to_string(static_cast<int>(random() % 1000) - 500);
      ASSERT_TRUE(target_->apply(view_of(event)) && plain->apply(view_of(event)));
    }
    const Checkpoint now{event.position, event.position, event.id};
    ASSERT_TRUE(target_->commit(now) && plain->commit(now));
  }
  const auto ours = rows();
  target_ = plain;
  EXPECT_EQ(ours, rows());
}

// ---- Under a runner

TEST(SummingProjection, a_long_past_and_what_comes_live_give_the_totals_of_a_fold) {
  const TempDirectory dir;
  MemoryStore store;
  std::mt19937 random(11);
  for (int i = 0; i < 3000; ++i)
    add(store, "s-" + std::to_string(random() % 40), i, i % 7 == 0 ? "Noise" : "Added");
  const auto target = open_tally(dir, summing_tally());
  Runner runner(store, target, {.batch = 10, .catch_up_batch = 500});
  runner.start();
  ASSERT_TRUE(runner.wait(Position(3000), sums_patience));
  EXPECT_EQ(totals_of(*target), fold_by_hand(store, Position(3000)));
  std::vector<std::string> changed;
  std::mutex mutex;
  const auto watch = runner.on_change([&](const ModelChange& change) {
    const std::lock_guard lock(mutex);
    changed.assign(change.keys.begin(), change.keys.end());
  });
  const Position last = add(store, "live", 5);
  ASSERT_TRUE(runner.wait(last, sums_patience));
  EXPECT_EQ(totals_of(*target), fold_by_hand(store, last));
  EXPECT_EQ(runner.status().applied, 2572u);
  EXPECT_EQ(runner.status().state, ProjectionState::live);
  std::uint64_t measured = 0;
  for (const auto& type : runner.apply_times()) measured += type.events;
  EXPECT_EQ(measured, 2572u) << "each stands for its neighbours, all are counted";
}

TEST(SummingProjection, an_event_that_fails_far_behind_is_the_one_that_is_named) {
  const TempDirectory dir;
  MemoryStore store;
  for (int i = 1; i <= 500; ++i) add(store, "s-1", 1, i == 300 ? "Poison" : "Added");
  const auto poisonous = std::make_shared<std::atomic<bool>>(true);
  const auto target = open_tally(dir, tally(1, poisonous));
  Runner runner(
      store, target,
      {.batch = 4, .catch_up_batch = 1000, .tries = 2, .first_pause = std::chrono::microseconds(10)});
  runner.start();
  const auto ended = runner.wait(Position(500), sums_patience);
  ASSERT_FALSE(ended);
  EXPECT_NE(runner.status().reason.find("event 300"), std::string::npos) << runner.status().reason;
  EXPECT_EQ(runner.position(), Position(299));
  *poisonous = false;
  runner.start();
  ASSERT_TRUE(runner.wait(Position(500), sums_patience));
  EXPECT_EQ(totals_of(*target)["s-1"], (std::pair<std::int64_t, std::int64_t>{500, 500}));
}

// The table refuses a negative total; which event brought it there is only seen one by one.
TEST(SummingProjection, an_amount_that_the_table_refuses_leads_to_its_event) {
  const TempDirectory dir;
  MemoryStore store;
  for (int i = 1; i <= 200; ++i) add(store, "s-" + std::to_string(i % 5), i == 150 ? -1'000'000 : 1);
  auto projection = summing_tally();
  projection.schema =
      "CREATE TABLE tally(stream TEXT PRIMARY KEY, total INTEGER NOT NULL CHECK(total >= 0),"
      " times INTEGER NOT NULL) STRICT";
  const auto target = open_tally(dir, projection);
  Runner runner(
      store, target,
      {.batch = 4, .catch_up_batch = 1000, .tries = 3, .first_pause = std::chrono::microseconds(10)});
  runner.start();
  ASSERT_FALSE(runner.wait(Position(200), sums_patience));
  EXPECT_NE(runner.status().reason.find("event 150"), std::string::npos) << runner.status().reason;
  EXPECT_EQ(runner.position(), Position(149));
}

TEST(SummingProjection, lineage_still_knows_which_event_changed_which_row) {
  MemoryStore store;
  for (int i = 1; i <= 9; ++i) add(store, "s-" + std::to_string(i % 2), i);
  auto traced = with_lineage(summing_tally());
  ASSERT_TRUE(traced);
  const auto target = *SqliteTarget::scratch(*traced);
  ASSERT_TRUE(fold(*target, store, Position(9)));
  auto snapshot = target->snapshot();
  const auto changes = lineage_of_row(*snapshot, "tally", R"(["s-1"])", 100);
  ASSERT_TRUE(changes);
  ASSERT_EQ(changes->size(), 5u);
  for (std::uint64_t i = 0; i < 5; ++i) EXPECT_EQ((*changes)[i].position, Position(2 * i + 1));
}

}  // namespace
}  // namespace stele::test

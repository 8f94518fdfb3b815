// sqlite_target_test.cpp - the SQLite target by itself: files, batches, snapshots, wrong use.
#include "stele/sqlite.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "memory_store.hpp"
#include "tally.hpp"

namespace stele::test {
namespace {

RecordedEvent event_at(std::uint64_t position, std::string stream, std::int64_t number) {
  RecordedEvent event;
  event.position = Position(position);
  event.id = Uuid::random();
  event.stream = std::move(stream);
  event.type = "Added";
  event.data = std::to_string(number);
  return event;
}

result<std::vector<std::string>> commit_one(SqliteTarget& target, const RecordedEvent& event) {
  STELE_CHECK(target.begin());
  STELE_CHECK(target.apply(view_of(event)));
  return target.commit({event.position, event.position, event.id});
}

TEST(SqliteTarget, model_and_checkpoint_are_there_after_reopening) {
  const TempDirectory dir;
  const RecordedEvent event = event_at(3, "s-1", 42);
  ASSERT_TRUE(commit_one(*open_tally(dir), event));
  const auto again = open_tally(dir);
  EXPECT_EQ(again->checkpoint().value(), (Checkpoint{Position(3), Position(3), event.id}));
  EXPECT_EQ(totals_of(*again), (Totals{{"s-1", {42, 1}}}));
  EXPECT_EQ(again->file().filename(), "tally-v1.db");
  EXPECT_EQ(again->note(), "");
}

TEST(SqliteTarget, what_is_rolled_back_leaves_no_trace) {
  const TempDirectory dir;
  const auto target = open_tally(dir);
  ASSERT_TRUE(target->begin());
  ASSERT_TRUE(target->apply(view_of(event_at(1, "s-1", 1))));
  target->rollback();
  EXPECT_TRUE(totals_of(*target).empty());
  const auto changed = commit_one(*target, event_at(1, "s-2", 1));
  EXPECT_EQ(changed.value(), std::vector<std::string>{"s-2"}) << "keys of the lost batch are forgotten too";
}

TEST(SqliteTarget, a_snapshot_keeps_showing_one_moment_while_batches_commit) {
  const TempDirectory dir;
  const auto target = open_tally(dir);
  ASSERT_TRUE(commit_one(*target, event_at(1, "s-1", 1)));
  auto before = target->snapshot();
  ASSERT_TRUE(before);
  ASSERT_TRUE(commit_one(*target, event_at(2, "s-1", 10))) << "the reader does not block the writer";
  EXPECT_EQ(totals_in(*before), (Totals{{"s-1", {1, 1}}}));
  EXPECT_EQ(before->position(), Position(1));
  auto after = target->snapshot();
  EXPECT_EQ(totals_in(*after), (Totals{{"s-1", {11, 2}}}));
  EXPECT_EQ(after->position(), Position(2));
}

// Every batch adds one to each of two streams: a reader that saw half of one would see them differ.
TEST(SqliteTarget, readers_never_see_half_a_batch_and_the_position_fits_the_rows) {
  const TempDirectory dir;
  const auto target = open_tally(dir);
  std::atomic<bool> done = false;
  std::vector<std::jthread> readers;
  for (int t = 0; t < 3; ++t)
    readers.emplace_back([&] {
      while (!done) {
        auto snapshot = target->snapshot();
        ASSERT_TRUE(snapshot) << snapshot.error().to_string();
        Totals totals = totals_in(*snapshot);
        ASSERT_EQ(totals["a"], totals["b"]);
        ASSERT_EQ(snapshot->position().value(), static_cast<std::uint64_t>(totals["a"].first) * 2);
      }
    });
  for (std::uint64_t i = 1; i <= 100; ++i) {
    ASSERT_TRUE(target->begin());
    ASSERT_TRUE(target->apply(view_of(event_at(2 * i - 1, "a", 1))));
    ASSERT_TRUE(target->apply(view_of(event_at(2 * i, "b", 1))));
    ASSERT_TRUE(target->commit({Position(2 * i), Position(2 * i), Uuid::random()}));
  }
  done = true;
}

TEST(SqliteTarget, what_passed_is_shown_at_once_and_kept_when_it_is_closed) {
  const TempDirectory dir;
  {
    const auto target = open_tally(dir);
    ASSERT_TRUE(commit_one(*target, event_at(1, "s-1", 1)));
    target->passed(Position(90));
    EXPECT_EQ(target->snapshot()->position(), Position(90));
    EXPECT_EQ(target->checkpoint()->position, Position(90));
  }
  const auto again = open_tally(dir);
  EXPECT_EQ(again->checkpoint()->position, Position(90));
  EXPECT_EQ(again->checkpoint()->last_event, Position(1));
}

TEST(SqliteTarget, emptying_takes_everything_and_goes_on) {
  const TempDirectory dir;
  const auto target = open_tally(dir);
  ASSERT_TRUE(commit_one(*target, event_at(5, "s-1", 1)));
  target->passed(Position(9));
  ASSERT_TRUE(target->reset());
  EXPECT_EQ(target->checkpoint().value(), Checkpoint{});
  EXPECT_EQ(target->snapshot()->position(), Position{});
  EXPECT_TRUE(totals_of(*target).empty());
  ASSERT_TRUE(commit_one(*target, event_at(1, "s-1", 7)));
  EXPECT_EQ(totals_of(*target), (Totals{{"s-1", {7, 1}}}));
}

TEST(SqliteTarget, another_version_is_another_file_and_the_old_one_stays) {
  const TempDirectory dir;
  ASSERT_TRUE(commit_one(*open_tally(dir), event_at(1, "s-1", 1)));
  EXPECT_EQ(open_tally(dir, tally(2))->checkpoint()->position, Position{});
  EXPECT_EQ(open_tally(dir)->checkpoint()->position, Position(1));
}

TEST(SqliteTarget, a_changed_schema_builds_the_model_anew_and_says_so) {
  const TempDirectory dir;
  ASSERT_TRUE(commit_one(*open_tally(dir), event_at(1, "s-1", 1)));
  SqliteProjection changed = tally();
  changed.schema +=
      "; CREATE INDEX by_total ON tally(total); CREATE VIEW top AS SELECT max(total) AS t FROM tally";
  {
    const auto target = open_tally(dir, changed);
    EXPECT_NE(target->note().find("schema"), std::string::npos);
    EXPECT_EQ(target->checkpoint()->position, Position{});
    EXPECT_TRUE(totals_of(*target).empty());
    ASSERT_TRUE(commit_one(*target, event_at(1, "s-1", 1)));
  }
  EXPECT_EQ(open_tally(dir, changed)->note(), "");
}

TEST(SqliteTarget, a_damaged_file_is_built_anew_and_says_so) {
  const TempDirectory dir;
  std::filesystem::create_directories(dir.path() / "models");
  std::ofstream(dir.path() / "models" / "tally-v1.db") << std::string(8192, 'x');
  const auto target = open_tally(dir);
  ASSERT_TRUE(target);
  EXPECT_NE(target->note().find("damaged"), std::string::npos);
  ASSERT_TRUE(commit_one(*target, event_at(1, "s-1", 1)));
}

TEST(SqliteTarget, two_that_write_one_file_do_not_apply_twice) {
  const TempDirectory dir;
  const auto mine = open_tally(dir);
  const auto theirs = open_tally(dir);
  ASSERT_TRUE(commit_one(*theirs, event_at(1, "s-1", 1)));
  const auto refused = commit_one(*mine, event_at(1, "s-1", 1));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), errc::conflict);
  EXPECT_EQ(totals_of(*mine), (Totals{{"s-1", {1, 1}}}));
}

TEST(SqliteTarget, bad_declarations_are_refused_with_what_is_wrong) {
  const TempDirectory dir;
  const auto refused = [&](auto change) {
    SqliteProjection projection = tally();
    change(projection);
    auto target = SqliteTarget::open(dir.path(), projection);
    return target ? std::string("accepted") : target.error().to_string();
  };
  EXPECT_NE(refused([](auto& p) { p.name = "../evil"; }).find("invalid"), std::string::npos);
  EXPECT_NE(refused([](auto& p) { p.name = ""; }).find("invalid"), std::string::npos);
  EXPECT_NE(refused([](auto& p) { p.version = 0; }).find("version"), std::string::npos);
  EXPECT_NE(refused([](auto& p) { p.project = nullptr; }).find("function"), std::string::npos);
  EXPECT_NE(refused([](auto& p) { p.schema = "CREATE TABEL x(y)"; }).find("TABEL"), std::string::npos);
  EXPECT_NE(refused([](auto& p) { p.events = Query::of({}); }).find("invalid"), std::string::npos);
}

TEST(SqliteTarget, wrong_questions_are_errors_and_change_nothing) {
  const TempDirectory dir;
  const auto target = open_tally(dir);
  auto snapshot = target->snapshot();
  const auto ignore = [](const SqlRow&) {};
  EXPECT_EQ(snapshot->each("SELECT nothing FROM tally", {}, ignore).error().kind(), errc::invalid);
  EXPECT_EQ(snapshot->each("SELECT * FROM tally WHERE stream = ?", {}, ignore).error().kind(), errc::invalid);
  EXPECT_EQ(snapshot->each("DELETE FROM tally", {}, ignore).error().kind(), errc::invalid);
  EXPECT_FALSE(snapshot->first("SELECT 1 FROM tally", {}, ignore).value());
}

TEST(SqliteTarget, values_come_back_as_they_went_in) {
  SqliteProjection projection = tally();
  projection.schema = "CREATE TABLE any_of(a INTEGER, b TEXT, c INTEGER) STRICT";
  projection.project = [](SqliteModel& model, const EventView& at) -> result<void> {
    STELE_CHECK(model.run("INSERT INTO any_of VALUES(?, ?, ?)",
                          {std::int64_t{-9'223'372'036'854'775'807}, "a'b \xc3\xa4",
                           std::optional<Timestamp>(at.recorded_at)}));
    STELE_TRY(const bool own, model.first("SELECT 1 FROM any_of", {}, [](const SqlRow&) {}));
    EXPECT_TRUE(own) << "a projection sees its own changes";
    STELE_CHECK(model.run("INSERT INTO any_of VALUES(?, ?, ?)", {nullptr, nullptr, std::optional<int>()}));
    return {};
  };
  auto target = SqliteTarget::scratch(projection);
  ASSERT_TRUE(target);
  RecordedEvent event = event_at(1, "s", 1);
  event.recorded_at = Timestamp(std::chrono::microseconds(1'700'000'000'123'456));
  ASSERT_TRUE(commit_one(**target, event));
  auto snapshot = (*target)->snapshot();
  int rows = 0;
  const auto asked =
      snapshot->each("SELECT a, b, c FROM any_of ORDER BY a IS NULL", {}, [&](const SqlRow& row) {
        if (rows++ == 0) {
          EXPECT_EQ(row.integer(0), -9'223'372'036'854'775'807);
          EXPECT_EQ(row.text(1), "a'b \xc3\xa4");
          EXPECT_EQ(row.time(2), event.recorded_at);
        } else {
          EXPECT_TRUE(row.is_null(0) && row.is_null(1) && row.is_null(2));
        }
      });
  EXPECT_TRUE(asked);
  EXPECT_EQ(rows, 2);
}

}  // namespace
}  // namespace stele::test

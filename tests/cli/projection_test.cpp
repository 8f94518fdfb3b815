// projection_test.cpp - `stele projection` against a server in this process: looking, pausing, parked events,
// rebuilding.
#include <gtest/gtest.h>

#include <atomic>
#include <charconv>
#include <thread>

#include "shell.hpp"
#include "stele/app.hpp"
#include "stele/sqlite.hpp"

namespace stele::cli::test {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

// Counts events by stream; "Bad" ones cannot be applied while `strict`, and each counts `weight`.
struct Counting {
  std::atomic<bool> strict = true;
  std::atomic<int> weight = 1;

  SqliteProjection projection() {
    SqliteProjection counts;
    counts.name = "counts";
    counts.schema = "CREATE TABLE counts(stream TEXT PRIMARY KEY, events INTEGER NOT NULL) STRICT";
    counts.events = Query::of({.types = {"Good", "Bad"}, .tags = {}, .streams = {}, .categories = {}});
    counts.project = [this](SqliteModel& model, const EventView& event) -> result<void> {
      if (event.type == "Bad" && strict) return Error(errc::invalid, "currency missing");
      STELE_CHECK(
          model.run("INSERT INTO counts VALUES(?1, ?2) ON CONFLICT DO UPDATE SET events = events + ?2",
                    {event.stream, weight.load()}));
      return {};
    };
    return counts;
  }
};

class ProjectionCommands : public testing::Test {
 protected:
  void SetUp() override {
    store = *open(directory.path("store"));
    const char* const history[][2] = {{"a-1", "Good"}, {"a-2", "Bad"}, {"a-2", "Good"}, {"a-1", "Good"}};
    std::uint8_t number = 0;
    for (const auto& [stream, type] : history)
      append_at(*store, stream, "2026-03-01T10:00:00Z", event_numbered(++number, type, "{}"));
    target = *SqliteTarget::open(directory.path("models"), counting.projection());
    projections = std::make_unique<Projections>(*store);
    RunnerOptions options;
    options.tries = 1;
    options.on_failure = OnFailure::park;
    runner = *projections->add(target, options);
    ASSERT_TRUE(runner->wait(Position(4), 1min));
    app.projections(*projections);
    ServerOptions serving;
    serving.port = 0;
    serving.grace = 200ms;
    server = *Server::start(*store, &app, serving);
    shell.environment["STELE_URL"] = "http://127.0.0.1:" + std::to_string(server->port());
  }
  void TearDown() override {
    server.reset();
    projections.reset();
  }
  std::int64_t events_of(const std::string& stream) {
    auto snapshot = target->snapshot();
    std::int64_t events = 0;
    EXPECT_TRUE(snapshot->first("SELECT events FROM counts WHERE stream = ?", {stream},
                                [&](const SqlRow& row) { events = row.integer(0); }));
    return events;
  }

  TempDirectory directory;
  Counting counting;
  Shell shell;
  App app{"counting", "1"};
  std::unique_ptr<EventStore> store;
  std::shared_ptr<SqliteTarget> target;
  std::unique_ptr<Projections> projections;
  Runner* runner = nullptr;
  std::unique_ptr<Server> server;
};

TEST_F(ProjectionCommands, ls_has_a_record_for_each_and_info_the_details_of_one) {
  const auto said = shell({"projection", "ls", "--fields", "name,version,position,parked"});
  EXPECT_EQ(said.out, "{\"name\":\"counts\",\"version\":1,\"position\":4,\"parked\":2}\n") << said.err;
  const auto info = shell({"projection", "info", "counts"});
  EXPECT_THAT(info.out, HasSubstr("\"apply_times\":[{\"type\":\"Good\"")) << info.err;
  EXPECT_THAT(info.out, HasSubstr("\"visible\":{\"count\":"));
  EXPECT_EQ(shell({"projection", "info", "nothing"}).code, 3);
}

TEST_F(ProjectionCommands, parked_events_are_listed_retried_and_skipped) {
  const auto listed = shell({"projection", "errors", "counts", "--fields", "position,state,type,stream"});
  EXPECT_EQ(listed.out,
            "{\"position\":2,\"state\":\"failed\",\"type\":\"Bad\",\"stream\":\"a-2\"}\n"
            "{\"position\":3,\"state\":\"waiting\",\"type\":\"Good\",\"stream\":\"a-2\"}\n")
      << listed.err;
  const auto refused = shell({"projection", "retry", "counts", "--position", "2"});
  EXPECT_NE(refused.code, 0);
  EXPECT_THAT(refused.err, HasSubstr("currency missing"));
  EXPECT_EQ(shell({"projection", "skip", "counts", "2"}).code, 2) << "a reason is wanted";
  EXPECT_EQ(shell({"projection", "skip", "counts", "2", "--reason", "test data"}).out, "{\"applied\":1}\n");
  EXPECT_EQ(events_of("a-2"), 1);
  EXPECT_THAT(shell({"projection", "errors", "counts"}).out, HasSubstr("\"error\":\"test data\""));
}

TEST_F(ProjectionCommands, retrying_all_of_them_applies_what_can_be_applied_now) {
  counting.strict = false;
  EXPECT_EQ(shell({"projection", "retry", "counts"}).out, "{\"applied\":2}\n");
  EXPECT_EQ(events_of("a-2"), 2);
}

TEST_F(ProjectionCommands, a_pause_has_a_reason_and_an_end) {
  EXPECT_EQ(shell({"projection", "pause", "counts", "--reason", "moving the disk"}).code, 0);
  append_at(*store, "a-1", "2026-03-01T10:00:00Z", event_numbered(9, "Good", "{}"));
  const auto late = shell({"projection", "wait", "counts", "--position", "5", "--timeout", "0"});
  EXPECT_EQ(late.code, 6) << late.err;
  EXPECT_THAT(shell({"projection", "ls"}).out, HasSubstr("moving the disk"));
  EXPECT_EQ(shell({"projection", "resume", "counts"}).code, 0);
  EXPECT_EQ(shell({"projection", "wait", "counts", "--position", "5", "--timeout", "30"}).code, 0);
  EXPECT_EQ(shell({"projection", "stop", "counts"}).code, 0);
  EXPECT_THAT(shell({"projection", "ls"}).out, HasSubstr("\"state\":\"stopped\""));
  EXPECT_EQ(shell({"projection", "start", "counts"}).code, 0);
  EXPECT_EQ(shell({"projection", "wait", "counts", "--timeout", "30"}).code, 0);
}

TEST_F(ProjectionCommands, a_rebuild_is_looked_on_until_the_new_model_serves_and_rolled_back) {
  counting.strict = false;
  EXPECT_EQ(shell({"projection", "retry", "counts"}).code, 0);
  EXPECT_THAT(shell({"projection", "rebuild", "counts", "--dry-run"}).out, HasSubstr("\"events\":4"));
  counting.weight = 10;
  const auto built = shell({"projection", "rebuild", "counts"});
  EXPECT_EQ(built.code, 0) << built.err;
  EXPECT_THAT(built.err, HasSubstr("counts serves a new model"));
  EXPECT_EQ(events_of("a-1"), 20);
  EXPECT_EQ(shell({"projection", "rollback", "counts"}).code, 0);
  EXPECT_EQ(events_of("a-1"), 2);
}

TEST_F(ProjectionCommands, a_model_that_differs_is_not_switched_to_without_a_word) {
  counting.strict = false;
  EXPECT_EQ(shell({"projection", "retry", "counts"}).code, 0);
  counting.weight = 10;
  const auto built = shell({"projection", "rebuild", "counts", "--compare"});
  EXPECT_EQ(built.code, 7) << built.err;
  EXPECT_THAT(built.out, HasSubstr("\"examples\":[\"- a-1 | 2\""));
  EXPECT_EQ(events_of("a-1"), 2);
  EXPECT_EQ(shell({"projection", "rebuild", "counts", "--discard"}).code, 0);
  EXPECT_EQ(shell({"projection", "swap", "counts"}).code, 3) << "nothing is built any more";
  EXPECT_EQ(shell({"projection", "rebuild", "counts", "--keep"}).code, 0);
  EXPECT_EQ(events_of("a-1"), 2);
  EXPECT_EQ(shell({"projection", "swap", "counts"}).code, 0);
  EXPECT_EQ(events_of("a-1"), 20);
}

TEST_F(ProjectionCommands, a_directory_runs_no_projections) {
  shell.environment.clear();
  const auto said = shell({"projection", "ls", "--dir", directory.path("store")});
  EXPECT_EQ(said.code, 2);
  EXPECT_THAT(said.err, HasSubstr("--url"));
}

}  // namespace
}  // namespace stele::cli::test

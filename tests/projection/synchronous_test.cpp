// synchronous_test.cpp - appends that a model has a say in: refused before anything is in the log, acknowledged when it
// shows them, and in the end the same model as from the log alone.
#include <gmock/gmock.h>

#include <atomic>
#include <future>
#include <thread>

#include "stele/projection.hpp"
#include "stele/sqlite.hpp"
#include "support/temp_directory.hpp"

namespace stele::test {
namespace {

constexpr std::string_view seats_schema =
    "CREATE TABLE seat(seat TEXT PRIMARY KEY, guest TEXT NOT NULL, at INTEGER NOT NULL) STRICT;"
    "CREATE TABLE tally(what TEXT PRIMARY KEY, n INTEGER NOT NULL CHECK (n <= 3)) STRICT";

// A seat is taken once; of tallies there are three at most, which shows when the sum is written.
SqliteProjection seats(const std::string& name = "seats") {
  return {
      .name = name,
      .version = 1,
      .schema = std::string(seats_schema),
      .events = Query::all(),
      .project = [](SqliteModel& model, const EventView& event) -> result<void> {
        if (event.type == "Counted")
          return model.add(
              "INSERT INTO tally VALUES(?1, ?2) ON CONFLICT(what) DO UPDATE SET n = n + excluded.n",
              {event.stream}, {std::int64_t{1}});
        STELE_CHECK(model.run("INSERT INTO seat VALUES(?1, ?2, ?3)",
                              {event.data, event.stream, static_cast<std::int64_t>(event.position.value())}));
        return {};
      }};
}

AppendRequest booking(const std::string& guest, const std::string& seat, const std::string& type = "Booked") {
  AppendRequest request;
  NewEvent event;
  event.type = type;
  event.id = Uuid::random();
  event.data = seat;
  event.content_type = "text/plain";
  request.writes.push_back({guest, {}, {}});
  request.writes.back().events.push_back(std::move(event));
  return request;
}

struct Seats {
  explicit Seats(const std::string& name = "seats", RunnerOptions options = {})
      : target(*SqliteTarget::open(directory.path() / "models", seats(name))) {
    options.synchronous = true;
    options.tries = 2;
    options.first_pause = std::chrono::microseconds(10);
    runner = *projections.add(target, std::move(options));
  }
  [[nodiscard]] std::int64_t taken() const {
    std::int64_t count = -1;
    auto model = target->snapshot();
    EXPECT_TRUE(model && model->first("SELECT count(*) FROM seat", {},
                                      [&](const SqlRow& row) { count = row.integer(0); }));
    return count;
  }

  TempDirectory directory;
  std::unique_ptr<EventStore> log = *open(directory.path() / "log");
  EventStore& store = *log;
  Projections projections{store};
  std::shared_ptr<SqliteTarget> target;
  Runner* runner = nullptr;
};

TEST(Synchronous, an_append_is_acknowledged_when_the_model_shows_it) {
  Seats seats;
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(seats.projections.appends().append(booking("guest-1", std::to_string(i))));
    EXPECT_EQ(seats.taken(), i + 1);
  }
}

TEST(Synchronous, what_the_model_refuses_is_in_neither) {
  Seats seats;
  ASSERT_TRUE(seats.projections.appends().append(booking("guest-1", "12a")));
  const auto refused = seats.projections.appends().append(booking("guest-2", "12a"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), errc::invalid);
  EXPECT_THAT(refused.error().message(), testing::HasSubstr("projection seats refuses it"));
  EXPECT_EQ(refused.error().fact("projection"), "seats");
  EXPECT_EQ(seats.store.head().position, Position(1));
  EXPECT_EQ(seats.taken(), 1);
  EXPECT_TRUE(seats.projections.appends().append(booking("guest-2", "12b")))
      << "nothing of it is left behind";
}

TEST(Synchronous, a_refusal_that_shows_when_sums_are_written_comes_in_time_too) {
  Seats seats;
  for (int i = 0; i < 3; ++i)
    ASSERT_TRUE(seats.projections.appends().append(booking("queue", "", "Counted")));
  EXPECT_FALSE(seats.projections.appends().append(booking("queue", "", "Counted")));
  EXPECT_EQ(seats.store.head().position, Position(3));
  EXPECT_EQ(seats.runner->status().retries, 0u) << seats.runner->status().reason;
  EXPECT_EQ(seats.runner->status().parked, 0u);
}

TEST(Synchronous, of_many_that_want_the_same_seat_one_gets_it) {
  Seats seats;
  std::atomic<int> won{0};
  {
    std::vector<std::jthread> guests;
    for (int g = 0; g < 8; ++g)
      guests.emplace_back([&, g] {
        for (int seat = 0; seat < 10; ++seat)
          if (seats.projections.appends().append(booking("guest-" + std::to_string(g), std::to_string(seat))))
            ++won;
      });
  }
  EXPECT_EQ(won, 10);
  EXPECT_EQ(seats.store.head().position, Position(10));
  EXPECT_EQ(seats.taken(), 10);
}

TEST(Synchronous, an_append_that_was_sent_before_gets_its_first_answer) {
  Seats seats;
  const auto request = booking("guest-1", "12a");
  const auto first = seats.projections.appends().append(request);
  ASSERT_TRUE(first);
  // The store in memory knows no ids; that the trial is left out is what is looked at.
  EXPECT_TRUE(seats.store.find_event(request.writes.front().events.front().id));
  std::promise<result<AppendResult>> second;
  seats.projections.appends().append_async(
      booking("guest-2", "12b"), [&](result<AppendResult> done) { second.set_value(std::move(done)); });
  EXPECT_TRUE(second.get_future().get());
  EXPECT_EQ(seats.taken(), 2);
}

TEST(Synchronous, a_paused_or_stopped_model_lets_nothing_through_and_says_why) {
  Seats seats;
  seats.runner->pause("maintenance");
  const auto paused = seats.projections.appends().append(booking("guest-1", "1"));
  ASSERT_FALSE(paused);
  EXPECT_EQ(paused.error().kind(), errc::unavailable);
  EXPECT_THAT(paused.error().message(), testing::HasSubstr("maintenance"));
  seats.runner->resume();
  EXPECT_TRUE(seats.projections.appends().append(booking("guest-1", "1")));
  seats.runner->stop();
  const auto stopped = seats.projections.appends().append(booking("guest-1", "2"));
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().kind(), errc::unavailable);
  std::promise<errc> refused;
  seats.projections.appends().append_async(booking("guest-1", "3"), [&](const result<AppendResult>& done) {
    refused.set_value(done.error().kind());
  });
  EXPECT_EQ(refused.get_future().get(), errc::unavailable);
  EXPECT_EQ(seats.store.head().position, Position(1));
}

TEST(Synchronous, with_several_models_each_can_refuse_and_all_show_what_is_acknowledged) {
  Seats seats;
  const auto other = *SqliteTarget::open(seats.directory.path() / "models", test::seats("others"));
  RunnerOptions options;
  options.synchronous = true;
  ASSERT_TRUE(seats.projections.add(other, std::move(options)));
  ASSERT_TRUE(seats.projections.appends().append(booking("guest-1", "1")));
  EXPECT_EQ(*seats.projections.find("others")->wait(Position(1), {}), Position(1));
  EXPECT_FALSE(seats.projections.appends().append(booking("guest-2", "1")));
  EXPECT_EQ(seats.store.head().position, Position(1));
  ASSERT_TRUE(seats.projections.remove("seats"));
  EXPECT_TRUE(seats.projections.appends().append(booking("guest-2", "2"))) << "one that is gone is not asked";
}

// What was appended past the door is applied like anything else, before the next one is tried.
TEST(Synchronous, events_that_came_past_the_model_count) {
  Seats seats;
  ASSERT_TRUE(seats.store.append(booking("guest-1", "1")));
  EXPECT_FALSE(seats.projections.appends().append(booking("guest-2", "1")));
  EXPECT_EQ(seats.taken(), 1);
}

}  // namespace
}  // namespace stele::test

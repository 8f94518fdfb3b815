// synchronous_test.cpp - appends that a model has a say in: what it refuses is in neither, what is acknowledged is in
// both, and everything else comes out as it would without it.
#include <gmock/gmock.h>

#include <atomic>
#include <future>
#include <stdexcept>
#include <thread>

#include "projection/appends_through.hpp"
#include "projection/worker.hpp"
#include "stele/outbox.hpp"
#include "stele/projection.hpp"
#include "stele/sqlite.hpp"
#include "support/temp_directory.hpp"

namespace stele::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

// What tests do to the projection while it runs.
struct Mischief {
  std::atomic<int> sound{-1};  // so many more are applied, then none; -1: all
  std::function<void()> inside;
  std::vector<std::uint64_t> revisions;  // of what came, trials included
};

result<void> suffer(Mischief& mischief, const EventView& event) {
  mischief.revisions.push_back(event.revision.value());
  if (mischief.inside) mischief.inside();
  if (mischief.sound == 0) return Error(errc::invalid, "out of sorts");
  if (mischief.sound > 0) --mischief.sound;
  return {};
}

// A seat is taken once, unless it is blocked; of counts there are three at most, which shows when the sum is written.
SqliteProjection seats(const std::string& name, std::shared_ptr<Mischief> mischief = nullptr) {
  return {
      .name = name,
      .version = 1,
      .schema =
          "CREATE TABLE seat(seat TEXT PRIMARY KEY, guest TEXT NOT NULL, revision INTEGER NOT NULL,"
          " id TEXT UNIQUE) STRICT;"
          "CREATE TABLE tally(what TEXT PRIMARY KEY, n INTEGER NOT NULL CHECK (n <= 3)) STRICT",
      .events = Query::of(
          {.types = {"Booked", "Blocked", "Counted", "Thrown"}, .tags = {}, .streams = {}, .categories = {}}),
      .project = [mischief](SqliteModel& model, const EventView& event) -> result<void> {
        if (mischief) STELE_CHECK(suffer(*mischief, event));
        if (event.type == "Thrown") throw std::runtime_error("thrown by the projection");
        if (event.type == "Counted")
          return model.add(
              "INSERT INTO tally VALUES(?1, ?2) ON CONFLICT(what) DO UPDATE SET n = n + excluded.n",
              {event.stream}, {std::int64_t{1}});
        model.changed(event.data);
        const auto insert = event.type == "Blocked" ? "INSERT OR IGNORE INTO seat VALUES(?1, ?2, ?3, ?4)"
                                                    : "INSERT INTO seat VALUES(?1, ?2, ?3, ?4)";
        STELE_CHECK(
            model.run(insert, {event.data, event.stream, static_cast<std::int64_t>(event.revision.value()),
                               to_string(event.id)}));
        return {};
      }};
}

AppendRequest booking(const std::string& guest, const std::string& seat, const std::string& type = "Booked") {
  NewEvent event;
  event.type = type;
  event.id = Uuid::random();
  event.data = seat;
  event.content_type = "text/plain";
  AppendRequest request;
  request.writes.push_back({guest, {}, {std::move(event)}});
  return request;
}

AppendRequest expecting(ExpectedVersion expected, AppendRequest request) {
  request.writes.front().expected = expected;
  return request;
}

RunnerOptions in_the_append() {
  RunnerOptions options;
  options.synchronous = true;
  options.tries = 2;
  options.first_pause = 10us;
  return options;
}

class Synchronous : public testing::Test {
 protected:
  explicit Synchronous(RunnerOptions options = in_the_append())
      : runner_(*projections_.add(target_, std::move(options))) {}

  EventStore& door() { return projections_.appends(); }
  result<AppendResult> book(const std::string& guest, const std::string& seat,
                            const std::string& type = "Booked") {
    return door().append(booking(guest, seat, type));
  }
  [[nodiscard]] std::int64_t asked(const std::string& sql) const {
    std::int64_t answer = -1;
    auto model = target_->snapshot();
    EXPECT_TRUE(model && model->first(sql, {}, [&](const SqlRow& row) { answer = row.integer(0); }));
    return answer;
  }
  [[nodiscard]] std::int64_t taken() const { return asked("SELECT count(*) FROM seat"); }
  [[nodiscard]] std::uint64_t head() const { return log_->head().position.value(); }

  TempDirectory directory_;
  std::unique_ptr<EventStore> log_ = *open(directory_.path() / "log");
  std::shared_ptr<Mischief> mischief_ = std::make_shared<Mischief>();
  std::shared_ptr<SqliteTarget> target_ =
      *SqliteTarget::open(directory_.path() / "models", seats("seats", mischief_));
  Projections projections_{*log_};
  Runner* runner_;
};

void expect_error(const result<AppendResult>& answer, errc kind, const std::string& words) {
  ASSERT_FALSE(answer) << words;
  EXPECT_EQ(answer.error().kind(), kind) << answer.error().to_string();
  EXPECT_THAT(answer.error().to_string(), HasSubstr(words));
}

// ---- Yes and no

TEST(SynchronousSample, a_seat_is_taken_once) {
  const TempDirectory directory;
  const auto store = *open(directory.path() / "log");
  const auto target = *SqliteTarget::open(directory.path() / "models", seats("seats"));
  Projections projections(*store);
  std::string why;
  const auto sample = [&]() -> result<void> {
    // [SAY]
    RunnerOptions options;
    options.synchronous = true;
    STELE_CHECK(projections.add(target, options));
    EventStore& door = projections.appends();
    STELE_TRY(const auto appended, door.append(booking("guest-1", "12a")));  // 12a is in the model now
    if (const auto twice = door.append(booking("guest-2", "12a")); !twice) why = twice.error().message();
    // [/SAY]
    EXPECT_EQ(appended.last, projections.find("seats")->position());
    return {};
  };
  const auto done = sample();
  EXPECT_TRUE(done) << done.error().to_string();
  EXPECT_THAT(why, HasSubstr("UNIQUE constraint failed: seat.seat"));
}

TEST_F(Synchronous, an_append_is_acknowledged_when_the_model_shows_it) {
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(book("guest-1", std::to_string(i)));
    EXPECT_EQ(taken(), i + 1);
    EXPECT_EQ(asked("SELECT max(revision) FROM seat"), i);
  }
  EXPECT_EQ(runner_->position(), Position(10));
  EXPECT_TRUE(runner_->status().synchronous);
}

TEST_F(Synchronous, what_the_model_refuses_is_in_neither) {
  ASSERT_TRUE(book("guest-1", "12a"));
  std::atomic<int> told{0};
  const auto watch =
      runner_->on_change([&](const ModelChange& change) { told += static_cast<int>(change.keys.size()); });
  const auto refused = book("guest-2", "12a");
  expect_error(refused, errc::invalid, "projection seats refuses it: Booked for guest-2: ");
  EXPECT_EQ(refused.error().fact("rule"), "seats");
  EXPECT_EQ(head(), 1u);
  EXPECT_EQ(taken(), 1);
  EXPECT_EQ(told, 0) << "nobody heard of the trial";
  EXPECT_TRUE(book("guest-2", "12b")) << "nothing of it is left behind";
  EXPECT_EQ(told, 1);
}

TEST_F(Synchronous, one_event_that_is_refused_takes_the_whole_append_with_it) {
  ASSERT_TRUE(book("guest-1", "1"));
  auto both = booking("guest-2", "2");
  both.writes.push_back(booking("guest-3", "1").writes.front());
  expect_error(door().append(both), errc::invalid, "Booked for guest-3 (2 of 2): ");
  EXPECT_EQ(head(), 1u);
  EXPECT_EQ(taken(), 1);
}

TEST_F(Synchronous, a_refusal_that_shows_when_sums_are_written_comes_in_time_too) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(book("queue", "", "Counted"));
  expect_error(book("queue", "", "Counted"), errc::invalid, "CHECK constraint failed");
  EXPECT_EQ(head(), 3u);
  EXPECT_EQ(asked("SELECT n FROM tally"), 3);
  EXPECT_EQ(runner_->status().retries, 0u) << runner_->status().reason;
}

TEST_F(Synchronous, what_a_projection_throws_is_a_refusal) {
  expect_error(book("guest-1", "1", "Thrown"), errc::invalid, "thrown by the projection");
  EXPECT_EQ(head(), 0u);
  EXPECT_TRUE(book("guest-1", "1"));
}

TEST_F(Synchronous, of_many_that_want_the_same_seat_one_gets_it) {
  std::atomic<int> won{0};
  {
    std::vector<std::jthread> guests;
    for (int g = 0; g < 8; ++g)
      guests.emplace_back([&, g] {
        for (int seat = 0; seat < 8; ++seat)
          if (book("guest-" + std::to_string(g), std::to_string(seat))) ++won;
      });
  }
  EXPECT_EQ(won, 8);
  EXPECT_EQ(head(), 8u);
  EXPECT_EQ(taken(), 8);
}

// ---- What the store says comes out as ever

TEST_F(Synchronous, a_repeated_append_gets_its_first_answer_and_is_applied_once) {
  const auto request = booking("guest-1", "12a");
  const auto first = door().append(request);
  ASSERT_TRUE(first);
  ASSERT_TRUE(book("guest-2", "12b"));
  const auto second = door().append(request);  // the model would refuse it now
  ASSERT_TRUE(second) << second.error().to_string();
  EXPECT_TRUE(second->was_duplicate);
  EXPECT_EQ(second->first, first->first);
  EXPECT_EQ(taken(), 2);
  auto other = request;
  other.writes.front().events.front().data = "14c";
  expect_error(door().append(other), errc::invalid, "id");
  EXPECT_EQ(head(), 2u);
}

TEST_F(Synchronous, who_comes_too_late_hears_that_and_not_what_the_model_says) {
  ASSERT_TRUE(book("guest-1", "1"));
  const auto late = door().append(expecting(ExpectedVersion::no_stream(), booking("guest-1", "1")));
  expect_error(late, errc::conflict, "guest-1");
  EXPECT_EQ(late.error().fact("actual"), "0");
  expect_error(door().append(expecting(ExpectedVersion::exact(Revision(7)), booking("guest-1", "2"))),
               errc::conflict, "guest-1");
  auto checked = booking("guest-2", "1");
  checked.also_expect.push_back({"guest-1", ExpectedVersion::no_stream()});
  expect_error(door().append(checked), errc::conflict, "guest-1");
  EXPECT_TRUE(door().append(expecting(ExpectedVersion::exact(Revision(0)), booking("guest-1", "2"))));
  expect_error(door().append(expecting(ExpectedVersion::exact(Revision(1)), booking("guest-1", "1"))),
               errc::invalid, "refuses it");
  EXPECT_EQ(head(), 2u);
}

TEST_F(Synchronous, a_condition_of_ones_own_holds_beside_the_models) {
  const auto under = [](AppendRequest request, std::uint64_t after) {
    request.condition = AppendCondition{
        Query::of({.types = {"Booked"}, .tags = {}, .streams = {"guest-1"}, .categories = {}}),
        Position(after)};
    return request;
  };
  ASSERT_TRUE(door().append(under(booking("guest-1", "1"), 0)));
  const auto late = door().append(under(booking("guest-2", "2"), 0));
  expect_error(late, errc::conflict, "position 1");
  EXPECT_EQ(late.error().fact("after"), "0") << "its own, not the one that it was appended under";
  expect_error(door().append(under(booking("guest-2", "1"), 0)), errc::conflict, "position 1");
  expect_error(door().append(under(booking("guest-2", "1"), 1)), errc::invalid, "refuses it");
  expect_error(door().append(under(booking("guest-2", "2"), 9)), errc::invalid, "the log ends at 1");
  EXPECT_TRUE(door().append(under(booking("guest-2", "2"), 1)));
  EXPECT_EQ(head(), 2u);
}

TEST_F(Synchronous, a_repeated_append_under_a_condition_is_answered_when_it_is_visible) {
  auto request = booking("queue", "", "Counted");
  request.condition = AppendCondition{
      Query::of({.types = {"Counted"}, .tags = {}, .streams = {}, .categories = {}}), Position{}};
  ASSERT_TRUE(door().append(request));
  const auto again = door().append(request);  // the model would take it, the condition fails
  ASSERT_TRUE(again) << again.error().to_string();
  EXPECT_TRUE(again->was_duplicate);
  runner_->stop();
  expect_error(door().append(request), errc::unavailable, "the events are in the log");
  EXPECT_EQ(head(), 1u);
}

TEST_F(Synchronous, a_deleted_stream_goes_on_with_its_numbers) {
  ASSERT_TRUE(book("guest-1", "1"));
  ASSERT_TRUE(book("guest-1", "2"));
  ASSERT_TRUE(delete_stream(*log_, "guest-1"));
  ASSERT_TRUE(door().append(expecting(ExpectedVersion::exact(Revision(1)), booking("guest-1", "3"))));
  EXPECT_EQ(asked("SELECT revision FROM seat WHERE seat = '3'"), 2);
  EXPECT_EQ(mischief_->revisions, (std::vector<std::uint64_t>{0, 0, 1, 1, 2, 2})) << "in the trial, too";
  ASSERT_TRUE(delete_stream(*log_, "guest-1"));
  expect_error(door().append(expecting(ExpectedVersion::exact(Revision(2)), booking("guest-1", "1"))),
               errc::invalid, "refuses it");
  ASSERT_TRUE(tombstone_stream(*log_, "guest-1"));
  EXPECT_EQ(book("guest-1", "1").error().kind(), errc::gone);
}

TEST_F(Synchronous, events_without_an_id_and_requests_that_cannot_be_are_no_trouble) {
  for (const auto* seat : {"1", "2"}) {
    auto request = booking("guest-1", seat);
    request.writes.front().events.front().id = {};
    ASSERT_TRUE(door().append(request)) << "a model that keeps ids sees different ones";
  }
  auto request = booking("guest-1", "3");
  request.writes.front().events.front().tags = {std::string(70'000, 'x')};
  EXPECT_EQ(door().append(request).error().kind(), errc::too_large);
  expect_error(door().append(booking("", "3")), errc::invalid, "stream");
  expect_error(door().append({}), errc::invalid, "");
  auto twice = booking("guest-1", "3");
  twice.writes.push_back(twice.writes.front());
  expect_error(door().append(twice), errc::invalid, "twice");
  EXPECT_EQ(head(), 2u);
}

// ---- Models that cannot be asked

TEST_F(Synchronous, a_paused_or_stopped_model_lets_nothing_through_and_says_why) {
  runner_->pause("maintenance");
  expect_error(book("guest-1", "1"), errc::unavailable, "is paused (maintenance)");
  runner_->resume();
  EXPECT_TRUE(book("guest-1", "1"));
  runner_->stop();
  expect_error(book("guest-1", "2"), errc::unavailable, "start it");
  std::promise<errc> refused;
  door().append_async(booking("guest-1", "3"), [&](const result<AppendResult>& done) {
    refused.set_value(done ? errc::invalid : done.error().kind());
  });
  EXPECT_EQ(refused.get_future().get(), errc::unavailable);
  EXPECT_EQ(head(), 1u);
  runner_->start();
  EXPECT_TRUE(book("guest-1", "2"));
}

// What was appended past the door is applied like anything else, and a bad one stops the model, not the appender.
TEST_F(Synchronous, events_that_came_past_the_model_count_and_a_bad_one_is_nobody_elses_fault) {
  ASSERT_TRUE(log_->append(booking("guest-1", "1")));
  expect_error(book("guest-2", "1"), errc::invalid, "refuses it");
  ASSERT_TRUE(log_->append(booking("guest-2", "1")));
  expect_error(book("guest-2", "2"), errc::unavailable, "projection seats");
  EXPECT_EQ(runner_->wait(Position(2), 60s).error().kind(), errc::unavailable) << "it gives up";
  const auto refused = book("guest-2", "2");
  expect_error(refused, errc::unavailable, "event 2");
  EXPECT_FALSE(refused.error().fact("rule"));
  EXPECT_EQ(head(), 2u);
  ASSERT_TRUE(runner_->skip(Position(2), "a double booking"));
  runner_->start();
  EXPECT_TRUE(book("guest-2", "2"));
}

class SynchronousHeldBack : public Synchronous {
 protected:
  SynchronousHeldBack() : Synchronous(held_back()) {}
  static RunnerOptions held_back() {
    auto options = in_the_append();
    options.hold_back = 1h;
    return options;
  }
};

TEST_F(SynchronousHeldBack, a_model_that_is_far_behind_makes_nobody_wait) {
  AppendRequest many = booking("elsewhere", "", "Noise");
  many.writes.front().events.resize(10'000, many.writes.front().events.front());
  for (auto& event : many.writes.front().events) event.id = {};
  ASSERT_TRUE(log_->append(many));
  EXPECT_TRUE(book("guest-1", "1")) << "so far it is caught up with";
  ASSERT_TRUE(log_->append(many));
  ASSERT_TRUE(log_->append(many));
  expect_error(book("guest-1", "2"), errc::unavailable, "is 20000 events behind");
  EXPECT_EQ(head(), 30'001u);
  runner_->hold_back(0us);
  ASSERT_TRUE(runner_->wait(Position(30'001), 60s));
  EXPECT_TRUE(book("guest-1", "2"));
}

// So many appends, large enough that a store hands them out in more than one step, however many are asked for at once.
void append_large_bookings(EventStore& log, int count) {
  std::vector<std::future<bool>> stored;
  for (int i = 0; i < count; ++i) {
    const auto done = std::make_shared<std::promise<bool>>();
    stored.push_back(done->get_future());
    log.append_async(booking("guest-1", std::to_string(i) + std::string(1'024, 'x')),
                     [done](const result<AppendResult>& appended) { done->set_value(bool{appended}); });
  }
  for (auto& one : stored) EXPECT_TRUE(one.get());
}

TEST_F(SynchronousHeldBack, a_model_that_is_behind_takes_all_that_it_lacks_however_it_is_handed_out) {
  append_large_bookings(*log_, 200);
  ASSERT_TRUE(book("guest-2", "1"));
  EXPECT_EQ(taken(), 201);
  EXPECT_EQ(runner_->status().applied, 201u);
}

TEST_F(SynchronousHeldBack, another_model_that_catches_up_takes_all_that_it_lacks) {
  append_large_bookings(*log_, 200);
  const auto other = *SqliteTarget::open(directory_.path() / "models", seats("others"));
  projection::Worker builder(*log_, other, in_the_append());
  ASSERT_TRUE(builder.catch_up(Position(150)));
  ASSERT_TRUE(builder.catch_up(Position(200)));
  EXPECT_EQ(builder.at().position, Position(200));
  EXPECT_EQ(builder.status().applied, 200u);
}

class SynchronousParking : public Synchronous {
 protected:
  SynchronousParking() : Synchronous(parking()) {}
  ~SynchronousParking() override { confused = false; }
  static inline std::atomic<bool> confused{false};
  static RunnerOptions parking() {
    auto options = in_the_append();
    options.on_failure = OnFailure::park;
    options.sequence = [](const EventView& event) {
      if (confused) throw std::runtime_error("no idea which sequence");
      return std::string(event.stream);
    };
    return options;
  }
};

TEST_F(SynchronousParking, a_sequence_with_a_parked_event_takes_no_more_and_others_do) {
  ASSERT_TRUE(book("guest-1", "1"));
  ASSERT_TRUE(log_->append(booking("guest-2", "1")));
  ASSERT_TRUE(log_->append(booking("elsewhere", "", "Noise")));
  ASSERT_TRUE(runner_->wait(Position(3), 60s));
  expect_error(book("guest-2", "2"), errc::unavailable, "has parked an earlier event of guest-2");
  EXPECT_TRUE(book("guest-3", "3"));
  ASSERT_TRUE(runner_->skip(Position(2), "a double booking"));
  EXPECT_TRUE(book("guest-2", "2"));
  EXPECT_EQ(head(), 5u);
}

TEST_F(SynchronousParking, an_exception_where_sequences_are_told_apart_leaves_nothing_open) {
  ASSERT_TRUE(log_->append(booking("guest-1", "1")));
  ASSERT_TRUE(log_->append(booking("guest-2", "1")));
  ASSERT_TRUE(log_->append(booking("elsewhere", "", "Noise")));
  ASSERT_TRUE(runner_->wait(Position(3), 60s));
  runner_->hold_back(1h);
  ASSERT_TRUE(log_->append(booking("guest-3", "3")));
  confused = true;
  expect_error(book("guest-4", "4"), errc::unavailable, "no idea which sequence");
  EXPECT_EQ(head(), 4u);
  confused = false;
  EXPECT_TRUE(book("guest-4", "4"));
  EXPECT_EQ(taken(), 3);
}

// Its rules have changed, or its disk: between a trial and the event itself nothing is certain.
TEST_F(Synchronous, what_is_in_the_log_and_not_in_the_model_is_said_and_can_be_asked_for_again) {
  const auto request = booking("guest-1", "1");
  mischief_->sound = 1;
  const auto unknown = door().append(request);
  expect_error(unknown, errc::unavailable, "the events are in the log, but projection seats does not show");
  EXPECT_EQ(unknown.error().fact("first"), "1");
  EXPECT_EQ(unknown.error().fact("last"), "1");
  EXPECT_EQ(head(), 1u);
  const auto still = door().append(request);
  expect_error(still, errc::unavailable, "the events are in the log");
  EXPECT_EQ(still.error().fact("first"), "1") << "and not that nothing was appended";
  EXPECT_EQ(still.error().fact("last"), "1");
  EXPECT_FALSE(runner_->wait(Position(1), 60s)) << "it gives up";
  mischief_->sound = -1;
  runner_->start();
  const auto again = door().append(request);
  ASSERT_TRUE(again) << again.error().to_string();
  EXPECT_TRUE(again->was_duplicate);
  EXPECT_EQ(taken(), 1);
}

TEST_F(Synchronous, after_a_crash_between_the_log_and_the_model_the_model_catches_up) {
  ASSERT_TRUE(book("guest-1", "1"));
  ASSERT_TRUE(projections_.remove("seats"));
  target_.reset();
  ASSERT_TRUE(log_->append(booking("guest-1", "2")));  // as far as the log came
  target_ = *SqliteTarget::open(directory_.path() / "models", seats("seats"));
  Projections anew(*log_);
  ASSERT_TRUE(anew.add(target_, in_the_append()));
  expect_error(anew.appends().append(booking("guest-2", "2")), errc::invalid, "refuses it");
  EXPECT_TRUE(anew.appends().append(booking("guest-2", "3")));
  EXPECT_EQ(taken(), 3);
}

// ---- Threads

TEST_F(Synchronous, an_append_on_the_models_own_thread_is_refused_and_not_waited_for) {
  std::atomic<int> refused{0};
  mischief_->inside = [&] {
    const auto inner = book("guest-9", "9");
    refused += !inner && inner.error().kind() == errc::invalid ? 1 : 100;
  };
  EXPECT_TRUE(book("guest-1", "1"));
  EXPECT_EQ(refused, 2) << "in the trial, and in the model";
  projections_.stop();
  mischief_->inside = nullptr;
}

// The condition that an append goes under: what comes past the door between a trial and the append is not overlooked.
TEST_F(Synchronous, whoever_appends_past_the_model_leaves_it_whole) {
  constexpr int both_want = 30;
  std::jthread past([&] {
    for (int seat = 0; seat < both_want; ++seat)
      EXPECT_TRUE(log_->append(booking("owner", std::to_string(seat), "Blocked")));
  });
  for (int seat = both_want; seat-- > 0;) {
    const auto booked = book("guest-1", std::to_string(seat));
    if (!booked) {
      EXPECT_THAT(booked.error().kind(), testing::AnyOf(errc::invalid, errc::busy))
          << booked.error().to_string();
    }
  }
  past.join();
  ASSERT_TRUE(runner_->wait(log_->head().position, 60s)) << runner_->status().reason;
  EXPECT_EQ(runner_->status().retries, 0u) << "nothing in the log is refused by the model";
  EXPECT_EQ(taken(), both_want);
}

// Between the trial, on whose way it is called, and the append.
TEST_F(Synchronous, what_comes_past_the_door_between_trial_and_append_is_met_by_another_trial) {
  std::atomic<int> calls{0};
  mischief_->inside = [&] {
    if (++calls == 1) {
      EXPECT_TRUE(log_->append(booking("owner", "12a", "Blocked")));
    }
  };
  const auto refused = book("guest-1", "12a");
  expect_error(refused, errc::invalid, "UNIQUE constraint failed");
  EXPECT_EQ(refused.error().fact("rule"), "seats");
  EXPECT_EQ(calls, 3) << "a trial, the event of somebody else, another trial";
  EXPECT_EQ(head(), 1u) << "only what was appended past the door";
  EXPECT_EQ(asked("SELECT count(*) FROM seat WHERE guest = 'owner'"), 1);
}

TEST_F(Synchronous, the_revision_of_a_trial_is_that_of_the_event) {
  std::atomic<int> calls{0};
  mischief_->inside = [&] {
    if (++calls == 1) {
      EXPECT_TRUE(log_->append(booking("guest-1", "", "Noise")));
    }
  };
  ASSERT_TRUE(book("guest-1", "12a")) << "nobody listens to what came between";
  EXPECT_EQ(mischief_->revisions, (std::vector<std::uint64_t>{0, 1, 1}));
  EXPECT_EQ(asked("SELECT revision FROM seat"), 1);
}

TEST_F(Synchronous, an_append_that_is_overtaken_every_time_is_given_up) {
  int calls = 0;
  mischief_->inside = [&] {  // each trial, and between two of them what came past the door
    if (++calls % 2 == 1) {
      EXPECT_TRUE(log_->append(booking("owner", std::to_string(calls), "Blocked")));
    }
  };
  const auto given_up = book("guest-1", "12a");
  expect_error(given_up, errc::busy, "others append faster than projections can be asked");
  EXPECT_EQ(head(), 32u);
  ASSERT_TRUE(runner_->wait(Position(32), 60s));
  EXPECT_EQ(taken(), 32);
  projections_.stop();
}

TEST_F(Synchronous, stopping_answers_each_append_that_waits_once) {
  constexpr int sent = 200;
  std::atomic<int> yes{0};
  std::atomic<int> no{0};
  for (int i = 0; i < sent; ++i)
    door().append_async(booking("guest-1", std::to_string(i)), [&](const result<AppendResult>& done) {
      if (!done) {
        EXPECT_EQ(done.error().kind(), errc::unavailable) << done.error().to_string();
      }
      ++(done ? yes : no);
    });
  projections_.stop();
  EXPECT_FALSE(book("guest-1", "x")) << "it comes after all of them";
  EXPECT_EQ(yes + no, sent);
  EXPECT_THAT(head() - static_cast<std::uint64_t>(yes), testing::Le(1u)) << "one was on its way to the model";
  runner_->start();
  EXPECT_TRUE(book("guest-1", "x"));
  EXPECT_EQ(taken(), static_cast<std::int64_t>(head()));
}

// One append has its turn and stays in it, so that the others wait.
TEST_F(Synchronous, the_queue_is_bounded_in_bytes_and_refused_as_a_whole_when_the_door_is_stopped) {
  projection::AppendsThrough door(*log_, [this] { return std::vector{runner_}; });
  std::promise<void> in_its_turn;
  std::promise<void> go_on;
  mischief_->inside = [&, first = true]() mutable {
    if (std::exchange(first, false)) {
      in_its_turn.set_value();
      go_on.get_future().wait();
    }
  };
  std::atomic<int> appended{0};
  std::atomic<int> refused{0};
  const auto count = [&](const result<AppendResult>& done) { ++(done ? appended : refused); };
  door.append_async(booking("guest-1", "1"), count);
  in_its_turn.get_future().wait();
  for (int i = 0; i < 4; ++i)
    door.append_async(booking("elsewhere", std::string(Limits::data_bytes, 'x'), "Noise"), count);
  EXPECT_EQ(refused, 0) << "64 MiB wait";
  expect_error(door.append(booking("guest-2", "2")), errc::busy, "4 appends, 67108864 bytes, wait");
  std::jthread stopping([&] { door.stop(); });
  for (bool stopped = false; !stopped; std::this_thread::yield())
    door.append_async(booking("guest-2", "2"), [&](const result<AppendResult>& done) {
      stopped = !done && done.error().kind() == errc::unavailable;
    });
  EXPECT_EQ(refused, 0) << "they are answered by the thread that would have had them";
  go_on.set_value();
  stopping.join();
  EXPECT_EQ(appended, 1) << "the one whose turn it was";
  EXPECT_EQ(refused, 4);
  EXPECT_EQ(head(), 1u);
  EXPECT_EQ(taken(), 1);
  projections_.stop();
}

TEST_F(Synchronous, when_something_throws_it_is_said_that_nobody_knows_and_what_to_do) {
  int asked_for = 0;
  projection::AppendsThrough door(*log_, [&]() -> std::vector<Runner*> {
    if (++asked_for == 3) throw std::runtime_error("no memory");
    return {runner_};
  });
  const auto unknown = door.append(booking("guest-1", "1"));
  expect_error(unknown, errc::unavailable, "it is not known whether the append happened: no memory");
  EXPECT_THAT(unknown.error().help(), HasSubstr("same ids"));
  EXPECT_EQ(head(), 0u);
}

TEST_F(Synchronous, pauses_and_rebuilds_under_appends_lose_nothing) {
  std::atomic<bool> enough{false};
  std::jthread others([&] {
    for (int i = 0; !enough; ++i) {
      runner_->pause("for a moment");
      EXPECT_TRUE(runner_->retry());
      runner_->resume();
      EXPECT_TRUE(runner_->retry());
      if (i % 5 == 0) (void)runner_->rebuild().has_value();
    }
  });
  int booked = 0;
  for (int i = 0; i < 25; ++i) {
    const auto done = book("guest-1", std::to_string(i));
    if (!done) {
      EXPECT_EQ(done.error().kind(), errc::unavailable) << done.error().to_string();
      continue;
    }
    ++booked;
    EXPECT_EQ(asked("SELECT count(*) FROM seat WHERE seat = '" + std::to_string(i) + "'"), 1);
  }
  enough = true;
  others.join();
  EXPECT_EQ(head(), static_cast<std::uint64_t>(booked));
}

// ---- Several models, and those that have no say

TEST_F(Synchronous, with_several_models_each_can_refuse_and_all_show_what_is_acknowledged) {
  const auto other = *SqliteTarget::open(directory_.path() / "models", seats("others"));
  Runner* second = *projections_.add(other, in_the_append());
  ASSERT_TRUE(book("guest-1", "1"));
  EXPECT_EQ(second->position(), Position(1));
  second->pause("alone");
  expect_error(book("guest-2", "2"), errc::unavailable, "projection others");
  second->resume();
  expect_error(book("guest-2", "1"), errc::invalid, "projection seats");
  EXPECT_EQ(head(), 1u);
  second->stop();
  ASSERT_TRUE(projections_.remove("others"));
  EXPECT_TRUE(book("guest-2", "2")) << "one that is gone is not asked";
}

TEST_F(Synchronous, a_target_that_cannot_be_tried_is_not_taken) {
  const auto outbox = *Outbox::open(*log_, "mails", Query::all(),
                                    [](const EventView&, const EffectKey&) -> result<void> { return {}; });
  const auto refused = projections_.add(outbox, in_the_append());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), errc::invalid);
  EXPECT_THAT(refused.error().message(), HasSubstr("no append can go through"));
  EXPECT_EQ(projections_.find("mails"), nullptr);
  Runner alone(*log_, outbox);
  EXPECT_EQ(alone.try_out(booking("guest-1", "1")).error().kind(), errc::invalid);
}

TEST_F(Synchronous, without_a_model_that_has_a_say_the_door_is_the_store) {
  ASSERT_TRUE(projections_.remove("seats"));
  ASSERT_TRUE(book("guest-1", "1"));
  EXPECT_TRUE(book("guest-2", "1"));
  EXPECT_EQ(door().head().position, Position(2));
}

// A model in a store that is not there yet, or that somebody else writes.
class Unreachable final : public ProjectionTarget, ProjectionLease, ProjectionTrial {
 public:
  explicit Unreachable(errc trouble) : trouble_(trouble) {}
  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] int version() const override { return 1; }
  [[nodiscard]] const Query& events() const override { return all_; }
  [[nodiscard]] std::string note() const override { return {}; }
  result<Checkpoint> checkpoint() override {
    if (trouble_ == errc::unavailable) return Error(errc::unavailable, "no route to the model");
    return Checkpoint{};
  }
  result<void> reset() override { return {}; }
  result<void> begin() override { return unasked(); }
  result<void> apply(const EventView&) override { return unasked(); }
  result<std::vector<std::string>> commit(const Checkpoint&) override { return unasked().error(); }
  void rollback() override {}
  void passed(Position) override {}
  result<void> settle() override { return unasked(); }
  result<void> take() override {
    if (trouble_ == errc::busy) return Error(errc::busy, "process 7 has it");
    return {};
  }
  void release() override {}
  [[nodiscard]] ProjectionLease* lease() override { return this; }
  [[nodiscard]] ProjectionTrial* trial() override { return this; }

 private:
  static result<void> unasked() {
    ADD_FAILURE() << "nobody knows what the model holds";
    return Error(errc::invalid, "asked");
  }
  const errc trouble_;
  const std::string name_ = "unreachable";
  const Query all_;
};

TEST_F(Synchronous, a_model_that_was_never_reached_or_is_another_ones_lets_nothing_through) {
  for (const errc trouble : {errc::unavailable, errc::busy}) {
    ASSERT_TRUE(projections_.add(std::make_shared<Unreachable>(trouble), in_the_append()));
    const auto refused = book("guest-1", "1");
    expect_error(refused, errc::unavailable, "projection unreachable");
    EXPECT_THAT(refused.error().message(),
                HasSubstr(trouble == errc::busy ? "process 7 has it" : "not come to its model"));
    ASSERT_TRUE(projections_.remove("unreachable"));
  }
  EXPECT_EQ(head(), 0u);
}

}  // namespace
}  // namespace stele::test

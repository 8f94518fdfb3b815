// Appending: expected versions, atomicity, idempotent ids, limits. Every refusal leaves the head where it
// was.
#include <algorithm>
#include <thread>

#include "store_fixture.hpp"

namespace stele::test {
namespace {

class StoreAppend : public StoreTest {};

TEST_F(StoreAppend, positions_begin_at_1_and_revisions_at_0) {
  const auto first = append("A-1", "X");
  EXPECT_EQ(first.first, Position(1));
  EXPECT_EQ(first.revisions, (std::vector<StreamRevision>{{"A-1", Revision(0)}}));
  const auto second = must(store_->append(write("A-1", {event("X"), event("Y")})));
  EXPECT_EQ(second.first, Position(2));
  EXPECT_EQ(second.last, Position(3));
  EXPECT_EQ(second.revisions[0].revision, Revision(2));
  EXPECT_FALSE(second.was_duplicate);
  EXPECT_EQ(store_->head().position, Position(3));
  EXPECT_EQ(store_->head().durable, Position(3));
}

TEST_F(StoreAppend, every_field_comes_back_byte_for_byte) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  const NewEvent sent{.id = Uuid::random(),
                      .type = "Type/ü",
                      .data = bytes,
                      .metadata = "{\"userId\":\"u\"}",
                      .tags = {"a:1", "ü"},
                      .content_type = "application/octet-stream"};
  const auto answer = must(store_->append(write("Ströme-1", {sent})));
  const auto read = stream("Ströme-1").at(0);
  EXPECT_EQ(read.id, sent.id);
  EXPECT_EQ(read.type, sent.type);
  EXPECT_EQ(read.data, sent.data);
  EXPECT_EQ(read.metadata, sent.metadata);
  EXPECT_EQ(read.tags, sent.tags);
  EXPECT_EQ(read.content_type, sent.content_type);
  EXPECT_EQ(read.recorded_at, answer.recorded_at);
  EXPECT_EQ(must(store_->find_event(sent.id)), read);
}

TEST_F(StoreAppend, empty_and_largest_payloads_are_kept) {
  const std::string large(Limits::data_bytes, '\xab');
  must(store_->append(write("A-1", {event("Empty", "")})));
  must(store_->append(write("A-1", {event("Large", large), event("Small", "1")})));
  reopen();
  const auto events = stream("A-1");
  EXPECT_EQ(events.at(0).data, "");
  EXPECT_EQ(events.at(1).data, large);
  EXPECT_EQ(events.at(2).data, "1");
  EXPECT_EQ(log().at(1).data, large);
}

struct Expectation {
  const char* name;
  ExpectedVersion expected;
  bool fits_missing;
  bool fits_revision_1;
};

class StoreExpected : public StoreTest, public testing::WithParamInterface<Expectation> {};
TEST_P(StoreExpected, is_checked_exactly) {
  EXPECT_EQ(store_->append(write("new", {event("X")}, GetParam().expected)).has_value(),
            GetParam().fits_missing);
  must(store_->append(write("old", {event("X"), event("X")})));
  const auto head = store_->head().position;
  const auto answer = store_->append(write("old", {event("X")}, GetParam().expected));
  EXPECT_EQ(answer.has_value(), GetParam().fits_revision_1);
  if (!answer) {
    EXPECT_EQ(answer.error().kind(), errc::conflict);
    EXPECT_EQ(answer.error().fact("actual"), "1");
    EXPECT_EQ(answer.error().fact("stream"), "old");
    EXPECT_EQ(store_->head().position, head);
  }
}
INSTANTIATE_TEST_SUITE_P(
    Kinds, StoreExpected,
    testing::Values(Expectation{"any", ExpectedVersion::any(), true, true},
                    Expectation{"none", ExpectedVersion::no_stream(), true, false},
                    Expectation{"exists", ExpectedVersion::exists(), false, true},
                    Expectation{"exact1", ExpectedVersion::exact(Revision(1)), false, true},
                    Expectation{"exact0", ExpectedVersion::exact(Revision(0)), false, false},
                    Expectation{"exact2", ExpectedVersion::exact(Revision(2)), false, false}),
    [](const auto& param) { return param.param.name; });

TEST_F(StoreAppend, several_streams_are_written_together_or_not_at_all) {
  append("A-1", "X");
  AppendRequest both;
  both.writes.push_back({"A-1", ExpectedVersion::exact(Revision(0)), {event("Out")}});
  both.writes.push_back({"B-1", ExpectedVersion::exists(), {event("In")}});
  EXPECT_EQ(store_->append(both).error().kind(), errc::conflict);
  EXPECT_EQ(store_->head().position, Position(1));
  EXPECT_EQ(store_->stream_info("B-1").error().kind(), errc::not_found);
  both.writes[1].expected = ExpectedVersion::no_stream();
  const auto answer = must(store_->append(both));
  EXPECT_EQ(answer.first, Position(2));
  EXPECT_EQ(answer.last, Position(3));
  EXPECT_EQ(answer.revisions, (std::vector<StreamRevision>{{"A-1", Revision(1)}, {"B-1", Revision(0)}}));
  EXPECT_EQ(stream("B-1").at(0).position, Position(3));
}

TEST_F(StoreAppend, a_stream_that_is_only_read_can_be_checked) {
  append("Limit-1", "Set");
  auto request = write("A-1", {event("X")});
  request.also_expect.push_back({"Limit-1", ExpectedVersion::exact(Revision(0))});
  must(store_->append(request));
  append("Limit-1", "Changed");
  request.writes[0].events[0].id = {};
  const auto refused = store_->append(request);
  EXPECT_EQ(refused.error().kind(), errc::conflict);
  EXPECT_EQ(refused.error().fact("stream"), "Limit-1");
  EXPECT_EQ(store_->stream_info("Limit-1")->events, 2u);
}

// ---- Idempotent ids

TEST_F(StoreAppend, a_repeated_append_gets_the_first_answer_also_after_reopening) {
  auto request = write("A-1", {event("X", "1", Uuid::random()), event("Y", "2", Uuid::random())},
                       ExpectedVersion::no_stream());
  const auto first = must(store_->append(request));
  append("A-1", "Later");
  for (int round = 0; round < 2; ++round) {
    const auto again = must(store_->append(request));
    EXPECT_TRUE(again.was_duplicate);
    EXPECT_EQ(again.first, first.first);
    EXPECT_EQ(again.last, first.last);
    EXPECT_EQ(again.revisions, first.revisions);
    EXPECT_EQ(again.recorded_at, first.recorded_at);
    EXPECT_EQ(store_->head().position, Position(3));
    reopen();
  }
}

TEST_F(StoreAppend, a_known_id_with_other_content_is_an_error_that_says_so) {
  const auto id = Uuid::random();
  must(store_->append(write("A-1", {event("X", "1", id)})));
  for (const auto& other : {write("A-1", {event("X", "2", id)}), write("A-1", {event("Y", "1", id)}),
                            write("B-1", {event("X", "1", id)}),
                            write("A-1", {event("X", "1", id), event("Z", "1", Uuid::random())})}) {
    const auto refused = store_->append(other);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), errc::invalid);
    EXPECT_EQ(refused.error().fact("id"), to_string(id));
  }
  EXPECT_EQ(store_->head().position, Position(1));
}

TEST_F(StoreAppend, the_same_ids_sent_by_many_at_once_are_written_once) {
  const auto request = write("A-1", {event("X", "1", Uuid::random())});
  std::vector<std::thread> threads;
  std::atomic<int> firsts{0};
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&] {
      const auto answer = must(store_->append(request));
      EXPECT_EQ(answer.first, Position(1));
      if (!answer.was_duplicate) ++firsts;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(firsts, 1);
  EXPECT_EQ(store_->head().position, Position(1));
}

// ---- Bad input

TEST_F(StoreAppend, what_can_never_succeed_is_refused_before_anything_is_written) {
  AppendRequest twice;
  twice.writes.push_back({"A-1", {}, {event("X")}});
  twice.writes.push_back({"A-1", {}, {event("Y")}});
  const auto id = Uuid::random();
  auto conditional = write("A-1", {event("X")});
  conditional.condition = AppendCondition{Query::of({}), {}};
  const std::vector<AppendRequest> bad = {AppendRequest{},
                                          write("A-1", {}),
                                          write("", {event("X")}),
                                          write("$system", {event("X")}),
                                          write("A-1", {event("")}),
                                          write("A-1", {event("X", "1", id), event("X", "1", id)}),
                                          twice,
                                          conditional};
  for (const auto& request : bad) {
    const auto answer = store_->append(request);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().kind(), errc::invalid) << answer.error().to_string();
    EXPECT_FALSE(answer.error().message().empty());
  }
  EXPECT_EQ(store_->head().position, Position(0));
}

TEST_F(StoreAppend, limits_hold) {
  EXPECT_EQ(
      store_->append(write("A-1", {event("X", std::string(Limits::data_bytes + 1, 'x'))})).error().kind(),
      errc::too_large);
  EXPECT_EQ(store_->append(write("A-1", std::vector<NewEvent>(Limits::events_per_append + 1, event("X"))))
                .error()
                .kind(),
            errc::too_large);
  const auto most =
      must(store_->append(write("A-1", std::vector<NewEvent>(Limits::events_per_append, event("X")))));
  EXPECT_EQ(most.last.value(), Limits::events_per_append);
  const std::string ten(10u << 20, 'x');
  EXPECT_EQ(store_->append(write("A-1", std::vector<NewEvent>(7, event("X", ten)))).error().kind(),
            errc::too_large);
}

TEST_F(StoreAppend, recorded_times_never_decrease_and_given_ones_are_kept) {
  const auto past = *parse_time("2020-01-01");
  auto request = write("A-1", {event("X")});
  request.recorded_at = past;
  EXPECT_EQ(must(store_->append(request)).recorded_at, past);
  const auto now = append("A-1", "X").recorded_at;
  EXPECT_GT(now, past);
  request.writes[0].events[0].id = {};
  EXPECT_EQ(store_->append(request).error().kind(), errc::invalid);
  const auto future = *parse_time("2199-01-01");
  request.recorded_at = future;
  EXPECT_EQ(must(store_->append(request)).recorded_at, future);
  EXPECT_EQ(append("A-1", "X").recorded_at, future);  // the clock is behind the log now
}

TEST_F(StoreAppend, position_at_a_time_is_the_last_one_recorded_until_then) {
  const auto day = [](int n) { return *parse_time("2020-01-01") + std::chrono::days(n); };
  EXPECT_EQ(must(store_->position_at(day(0))), Position(0));
  for (int n : {1, 1, 3, 7}) {
    auto request = write("A-1", {event("X")});
    request.recorded_at = day(n);
    must(store_->append(request));
  }
  const std::vector<std::pair<int, std::uint64_t>> cases = {{0, 0}, {1, 2}, {2, 2}, {3, 3},
                                                            {6, 3}, {7, 4}, {9, 4}};
  for (const auto& [at, position] : cases)
    EXPECT_EQ(must(store_->position_at(day(at))), Position(position)) << at;
}

// ---- Asynchronous

TEST_F(StoreAppend, completions_run_once_each_and_carry_the_same_answers) {
  constexpr std::uint64_t count = 500;
  std::atomic<std::uint64_t> done{0};
  std::vector<AppendResult> answers(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    store_->append_async(write("A-" + std::to_string(i % 7), {event("X")}),
                         [&, i](result<AppendResult> answer) {
                           answers[i] = must(std::move(answer));
                           done.fetch_add(1);
                           done.notify_all();
                         });
  }
  for (auto seen = done.load(); seen < count; seen = done.load()) done.wait(seen);
  for (std::uint64_t i = 0; i < count; ++i) EXPECT_EQ(answers[i].first, Position(i + 1));
  EXPECT_EQ(store_->head().position, Position(count));
}

TEST_F(StoreAppend, an_asynchronous_conflict_is_told_too) {
  append("A-1", "X");
  std::atomic<int> told{0};
  store_->append_async(write("A-1", {event("X")}, ExpectedVersion::no_stream()),
                       [&](result<AppendResult> answer) {
                         EXPECT_EQ(answer.error().kind(), errc::conflict);
                         told.store(1);
                         told.notify_all();
                       });
  told.wait(0);
}

}  // namespace
}  // namespace stele::test

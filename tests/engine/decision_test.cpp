// The rules of an append, as a function of the request and the state: no store, no disk, no threads.
#include "engine/writer/decision.hpp"

#include "engine/log/segment.hpp"

#include "store_fixture.hpp"

namespace stele::test {
namespace {

using engine::check_request;
using engine::decide;

// ---- check_request: each limit holds exactly at it, and not one above

struct Limit {
  const char* name;
  std::size_t at;
  AppendRequest (*request)(std::size_t size);
};

AppendRequest one(NewEvent with) { return write("A-1", {std::move(with)}); }

AppendRequest streams(std::size_t written, std::size_t checked) {
  AppendRequest request;
  for (std::size_t i = 0; i < written; ++i)
    request.writes.push_back({"S-" + std::to_string(i), {}, {event("X")}});
  for (std::size_t i = 0; i < checked; ++i)
    request.also_expect.push_back({"C-" + std::to_string(i), ExpectedVersion::no_stream()});
  return request;
}

// Four events whose data, type and fixed share add up to `bytes`.
AppendRequest bytes_in_all(std::size_t bytes) {
  constexpr std::size_t fixed = 64 + 1;
  std::vector<NewEvent> events;
  for (std::size_t i = 0; i < 4; ++i) {
    events.push_back(event("X", std::string((i < 3 ? bytes / 4 : bytes - bytes / 4 * 3) - fixed, 'x')));
  }
  return write("A-1", std::move(events));
}

const std::vector<Limit> limits = {
    {"stream_name", Limits::stream_name_bytes,
     [](std::size_t n) { return write(std::string(n, 's'), {event("X")}); }},
    {"event_type", Limits::event_type_bytes, [](std::size_t n) { return one(event(std::string(n, 't'))); }},
    {"content_type", Limits::content_type_bytes,
     [](std::size_t n) {
       auto made = event("X");
       made.content_type = std::string(n, 'c');
       return one(std::move(made));
     }},
    {"tag", Limits::tag_bytes,
     [](std::size_t n) {
       auto made = event("X");
       made.tags = {std::string(n, 'g')};
       return one(std::move(made));
     }},
    {"tags", Limits::tags_per_event,
     [](std::size_t n) {
       auto made = event("X");
       for (std::size_t i = 0; i < n; ++i) made.tags.push_back("tag:" + std::to_string(i));
       return one(std::move(made));
     }},
    {"data", Limits::data_bytes, [](std::size_t n) { return one(event("X", std::string(n, 'd'))); }},
    {"metadata", Limits::metadata_bytes,
     [](std::size_t n) {
       auto made = event("X");
       made.metadata = std::string(n, 'm');
       return one(std::move(made));
     }},
    {"events", Limits::events_per_append,
     [](std::size_t n) { return write("A-1", std::vector<NewEvent>(n, event("X"))); }},
    {"streams_written", Limits::streams_per_append, [](std::size_t n) { return streams(n, 0); }},
    {"streams_written_and_checked", Limits::streams_per_append,
     [](std::size_t n) { return streams(n / 2, n - n / 2); }},
    {"bytes_in_all", Limits::append_bytes, bytes_in_all},
};

class RequestLimit : public testing::TestWithParam<Limit> {};

TEST_P(RequestLimit, holds_exactly_at_it_and_not_one_above) {
  const auto& limit = GetParam();
  const auto at = check_request(limit.request(limit.at));
  EXPECT_TRUE(at.has_value()) << (at ? "" : at.error().to_string());
  const auto above = check_request(limit.request(limit.at + 1));
  ASSERT_FALSE(above);
  EXPECT_EQ(above.error().kind(), errc::too_large) << above.error().to_string();
  EXPECT_NE(above.error().to_string().find(std::to_string(limit.at)), std::string::npos)
      << "the limit is not told: " << above.error().to_string();
}
INSTANTIATE_TEST_SUITE_P(Limits, RequestLimit, testing::ValuesIn(limits),
                         [](const auto& param) { return std::string(param.param.name); });

TEST(Request, that_repeats_itself_is_refused_with_the_name_of_what_is_repeated) {
  const auto id = Uuid::random();
  auto same_stream = write("Twice-1", {event("X")});
  same_stream.writes.push_back({"B-1", {}, {event("X")}});
  same_stream.writes.push_back({"Twice-1", {}, {event("X")}});
  auto same_check = write("A-1", {event("X")});
  same_check.also_expect = {{"Twice-1", ExpectedVersion::exists()},
                            {"Twice-1", ExpectedVersion::no_stream()}};
  auto same_id = write("A-1", {event("X", "1", id)});
  same_id.writes.push_back({"B-1", {}, {event("Y", "2"), event("Y", "3", id)}});
  const std::vector<std::pair<AppendRequest, std::string>> cases = {
      {same_stream, "Twice-1"}, {same_check, "Twice-1"}, {same_id, to_string(id)}};
  for (const auto& [request, named] : cases) {
    const auto refused = check_request(request);
    ASSERT_FALSE(refused) << named;
    EXPECT_EQ(refused.error().kind(), errc::invalid);
    EXPECT_NE(refused.error().message().find(named), std::string::npos) << refused.error().message();
  }
  EXPECT_TRUE(check_request(write("A-1", {event("X"), event("X")})).has_value())
      << "ids not given are not repeated";
}

TEST(Request, names_the_write_and_the_event_that_is_wrong) {
  auto request = write("A-1", {event("X")});
  request.writes.push_back({"B-1", {}, {event("X"), event("")}});
  const auto refused = check_request(request);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().to_string().find("writes[1].events[1]"), std::string::npos)
      << refused.error().to_string();
}

// ---- decide

// An index as the writer builds it: each append decided, encoded, added.
struct State {
  result<engine::Decision> append(AppendRequest request) {
    for (auto& part : request.writes)
      for (auto& made : part.events)
        if (made.id.is_nil()) made.id = Uuid::random();
    auto decision = decide(index, request, false);
    if (!decision || decision->seems_duplicate) return decision;
    const auto frame = engine::log::encode(request.writes);
    index.add(0, end, decision->first, request.writes, decision->first_revisions, frame);
    end += frame.bytes.size();
    return decision;
  }
  engine::Index index;
  std::uint64_t end = engine::log::segment_header_bytes;
};

TEST(Decision, gives_dense_positions_and_each_stream_its_next_revision) {
  State state;
  EXPECT_EQ(must(state.append(write("A-1", {event("X"), event("X")}))).first, Position(1));
  AppendRequest both = write("B-1", {event("X")});
  both.writes.push_back({"A-1", ExpectedVersion::exact(Revision(1)), {event("X")}});
  const auto decided = must(state.append(both));
  EXPECT_EQ(decided.first, Position(3));
  EXPECT_EQ(decided.first_revisions, (std::vector<Revision>{Revision(0), Revision(2)}));
  EXPECT_FALSE(decided.seems_duplicate);
}

TEST(Decision, checks_a_written_stream_against_both_of_its_expectations_before_the_append) {
  State state;
  must(state.append(write("A-1", {event("X")})));
  auto request = write("A-1", {event("X")}, ExpectedVersion::exists());
  request.also_expect = {{"A-1", ExpectedVersion::exact(Revision(0))}};
  must(state.append(request));
  const auto refused = state.append(request);
  ASSERT_FALSE(refused) << "the second expectation was not looked at";
  EXPECT_EQ(refused.error().kind(), errc::conflict);
  EXPECT_EQ(refused.error().fact("expected"), "0");
  EXPECT_EQ(refused.error().fact("actual"), "1");
  EXPECT_EQ(state.index.last(), Position(2)) << "a refusal changes nothing";
}

TEST(Decision, names_the_first_stream_that_conflicts) {
  State state;
  must(state.append(write("B-1", {event("X")})));
  auto request = write("A-1", {event("X")}, ExpectedVersion::no_stream());
  request.writes.push_back({"B-1", ExpectedVersion::no_stream(), {event("X")}});
  request.also_expect = {{"C-1", ExpectedVersion::exists()}};
  EXPECT_EQ(state.append(request).error().fact("stream"), "B-1");
  request.writes.pop_back();
  EXPECT_EQ(state.append(request).error().fact("stream"), "C-1");
}

TEST(Decision, knows_a_repeated_append_whatever_it_expects_and_refuses_half_of_one) {
  State state;
  const auto x = Uuid::random();
  const auto y = Uuid::random();
  must(state.append(write("Other-1", {event("X")})));
  auto request = write("A-1", {event("X", "1", x), event("Y", "2", y)}, ExpectedVersion::no_stream());
  must(state.append(request));
  const auto again = must(state.append(request));
  EXPECT_TRUE(again.seems_duplicate);
  EXPECT_EQ(again.first, Position(2));
  for (const auto& known : {x, y}) {
    const auto half = state.append(write("A-1", {event("X", "1", known), event("Z", "3", Uuid::random())}));
    ASSERT_FALSE(half);
    EXPECT_EQ(half.error().kind(), errc::invalid);
    EXPECT_EQ(half.error().fact("id"), to_string(known));
  }
  EXPECT_EQ(state.index.last(), Position(3));
}

TEST(Decision, is_the_same_for_the_same_state_and_request) {
  State one_state;
  State other_state;
  for (int i = 0; i < 50; ++i) {
    const auto request = write("A-" + std::to_string(i % 3), {event("X", "1", Uuid::random())},
                               i % 4 == 0 ? ExpectedVersion::no_stream() : ExpectedVersion::any());
    const auto here = one_state.append(request);
    const auto there = other_state.append(request);
    ASSERT_EQ(here.has_value(), there.has_value()) << i;
    if (here) {
      ASSERT_EQ(here->first, there->first) << i;
      ASSERT_EQ(here->first_revisions, there->first_revisions) << i;
    } else {
      ASSERT_EQ(here.error().to_string(), there.error().to_string()) << i;
    }
  }
}

}  // namespace
}  // namespace stele::test

// decider_test.cpp - replaying, asking, upcasting, and the vocabulary, without a store.
#include "stele/decider.hpp"

#include <gtest/gtest.h>

#include "domain/library.hpp"

namespace {

using namespace library;
using stele::Asked;
using stele::errc;
using Events = std::vector<Book::Events::any>;

stele::EventView recorded(std::string_view type, std::string_view data, std::string_view metadata = "{}") {
  stele::EventView event{};
  event.stream = "Book-b1";
  event.type = type;
  event.revision = stele::Revision(7);
  event.position = stele::Position(90);
  event.data = data;
  event.metadata = metadata;
  return event;
}

TEST(Decider, replay_of_nothing_is_the_first_state) {
  EXPECT_TRUE(std::holds_alternative<Book::Unknown>(*stele::replay<Book>({})));
}

TEST(Decider, replay_folds_events_in_order) {
  const Events history{BookRegistered{"b1", "Emma"}, BookLent{"b1", "ada", {}}, BookReturned{"b1", 3},
                       BookLent{"b1", "eve", {}}};
  const auto state = stele::replay<Book>(history);
  ASSERT_TRUE(state);
  EXPECT_EQ(std::get<Book::Lent>(*state).reader, "eve");
  EXPECT_EQ(std::get<Book::Lent>(*state).times_lent, 2);
}

TEST(Decider, an_impossible_history_is_refused_by_name) {
  const auto state = stele::replay<Book>(Events{BookRegistered{"b1", "Emma"}, BookReturned{"b1", 3}});
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().kind(), errc::corrupt);
  EXPECT_EQ(state.error().fact("type"), "BookReturned");
  EXPECT_EQ(state.error().fact("index"), "1");
}

TEST(Decider, what_evolve_throws_ends_as_an_error) {
  const auto state = stele::replay<Book>(
      Events{BookRegistered{"b1", "Emma"}, BookLent{"b1", "a", {}}, BookReturned{"b1", 99'999}});
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().kind(), errc::corrupt);
  EXPECT_NE(state.error().message().find("older than printing"), std::string::npos);
}

TEST(Decider, what_decide_throws_ends_as_an_error) {
  const auto decided = stele::ask<Book>(Book::State(Book::Lent{"ada", {}, 1}), ReturnBook{"b1", -1});
  ASSERT_FALSE(decided);
  EXPECT_EQ(decided.error().kind(), errc::invalid);
}

TEST(Decider, rules_are_told_who_asks_and_when) {
  const Asked asked{*stele::parse_time("2026-03-01"), "librarian"};
  const auto lent = stele::ask<Book>(Book::State(Book::OnShelf{}), LendBook{"b1", "ada"}, asked);
  EXPECT_EQ(std::get<BookLent>(lent->events().at(0)).due_at, stele::parse_time("2026-03-15"));
  const auto refused = stele::ask<Book>(Book::State(Book::OnShelf{}), ReturnBook{"b1", 1}, asked);
  EXPECT_EQ(std::get<NotLent>(refused->why()).asked_by, "librarian");
}

TEST(Decider, evolve_says_when_an_event_does_not_fit_and_keeps_the_state) {
  Book::State state = Book::OnShelf{4};
  EXPECT_FALSE(*stele::evolve<Book>(state, BookReturned{"b1", 1}));
  EXPECT_EQ(std::get<Book::OnShelf>(state).times_lent, 4);
}

// ---- A state that is no variant

struct Counted {
  int by;
};
STELE_EVENT(Counted, 1, by);
struct Count {
  int by;
};
STELE_COMMAND(Count, by);
struct Never {};
STELE_REFUSAL(Never);
struct Counter {
  static constexpr std::string_view category = "Counter";
  using Commands = stele::commands<Count>;
  using Events = stele::events<Counted>;
  using Refusals = stele::refusals<Never>;
  using Decision = stele::decision<Events, Refusals>;
  struct State {
    int sum = 0;
  };
  static Decision decide(const Count& c, const State&) { return stele::happened(Counted{c.by}); }
  static State evolve(const State& s, const Counted& e) { return {s.sum + e.by}; }
};
static_assert(stele::decider<Counter>);

TEST(Decider, a_single_state_needs_no_variant) {
  const auto state = stele::replay<Counter>(std::vector<Counter::Events::any>{Counted{2}, Counted{3}});
  EXPECT_EQ(state->sum, 5);
  EXPECT_EQ(stele::ask<Counter>(*state, Count{1})->events().size(), 1u);
}

// ---- Recorded events

struct Seen {
  std::vector<std::string> all;
  void operator()(const BookRegistered& e) { all.push_back("registered " + e.title); }
  void operator()(const BookLent& e) { all.push_back("lent to " + e.reader + (e.due_at ? " until" : "")); }
  void operator()(const BookReturned& e) { all.push_back("returned after " + std::to_string(e.days)); }
};

TEST(Upcast, every_version_arrives_as_the_newest) {
  Seen seen;
  EXPECT_TRUE(
      *stele::each_event<Book::Events>(recorded("BookGiven", R"({"book":"b1","readerNumber":12})"), seen));
  EXPECT_TRUE(*stele::each_event<Book::Events>(
      recorded("BookLent", R"({"book":"b1","reader":"eve"})", R"({"schemaVersion":2})"), seen));
  EXPECT_TRUE(*stele::each_event<Book::Events>(
      recorded("BookLent", R"({"book":"b1","reader":"ada","dueAt":"2026-03-01"})", R"({"schemaVersion":3})"),
      seen));
  EXPECT_EQ(seen.all, (std::vector<std::string>{"lent to reader-12", "lent to eve", "lent to ada until"}));
}

TEST(Upcast, old_names_are_known_to_queries) {
  EXPECT_EQ(stele::recorded_names<BookLent>(), (std::vector<std::string>{"BookLent", "BookGiven"}));
  EXPECT_EQ(stele::recorded_names<BookReturned>(), std::vector<std::string>{"BookReturned"});
}

TEST(Upcast, a_type_that_is_not_listed_is_not_ours) {
  Seen seen;
  EXPECT_FALSE(*stele::each_event<Book::Events>(recorded("FineCharged", "{}"), seen));
  EXPECT_TRUE(seen.all.empty());
}

void expect_unreadable(const stele::EventView& event, std::string_view why) {
  Seen seen;
  const auto read = stele::each_event<Book::Events>(event, seen);
  ASSERT_FALSE(read) << why;
  EXPECT_EQ(read.error().kind(), errc::corrupt);
  EXPECT_EQ(read.error().fact("stream"), "Book-b1");
  EXPECT_EQ(read.error().fact("revision"), "7");
  EXPECT_EQ(read.error().fact("position"), "90");
  EXPECT_EQ(read.error().fact("type"), event.type);
  EXPECT_NE(read.error().message().find(why), std::string::npos) << read.error().message();
}

TEST(Upcast, an_event_that_cannot_be_read_says_where_it_stands) {
  expect_unreadable(recorded("BookReturned", R"({"book":"b1"})"), "$.days: missing");
  expect_unreadable(recorded("BookReturned", "{"), "malformed JSON");
  expect_unreadable(recorded("BookReturned", R"({"book":"b1","days":1})", R"({"schemaVersion":9})"),
                    "version 9");
  expect_unreadable(recorded("BookLent", R"({"book":"b1","reader":"x"})"), "version 1");
  expect_unreadable(recorded("BookReturned", "{}", R"({"schemaVersion":"two"})"), "no version");
  expect_unreadable(recorded("BookReturned", "{}", R"({"schemaVersion":)"), "malformed JSON");
  expect_unreadable(recorded("BookGiven", R"({"book":"b1","readerNumber":-1})"), "numbered from 0");
}

TEST(Upcast, one_type_can_be_read_by_itself) {
  const auto lent = stele::read_event<BookLent>(recorded("BookGiven", R"({"book":"b1","readerNumber":3})"));
  ASSERT_TRUE(lent);
  EXPECT_EQ(lent->reader, "reader-3");
  EXPECT_FALSE(stele::read_event<BookLent>(recorded("BookReturned", "{}")));
}

// ---- The vocabulary

TEST(Vocabulary, prints_everything_a_decider_hears_and_says) {
  EXPECT_EQ(stele::vocabulary<Book>(),
            "asks    RegisterBook/1(book: text, title: text)\n"
            "asks    LendBook/1(book: text, reader: text)\n"
            "asks    ReturnBook/1(book: text, days: int32)\n"
            "asks    PassOnBook/1(book: text, reader: text)\n"
            "facts   BookRegistered/1(book: text, title: text)\n"
            "facts   BookLent/3(book: text, reader: text, dueAt: optional time)\n"
            "  was   BookLent/2(book: text, reader: text)\n"
            "  was   BookGiven/1(book: text, readerNumber: int32)\n"
            "facts   BookReturned/1(book: text, days: int32)\n"
            "refuses NoSuchBook/1(book: text)\n"
            "refuses AlreadyLent/1(to: text)\n"
            "refuses NotLent/1(askedBy: text)\n");
}

TEST(Vocabulary, a_variant_tells_what_it_holds) {
  const Book::Events::any event = BookReturned{"b1", 2};
  EXPECT_EQ(stele::type_name(event), "BookReturned");
  EXPECT_EQ(stele::content_json(event), R"({"book":"b1","days":2})");
}

}  // namespace

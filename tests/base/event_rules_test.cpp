// The vocabulary's rules: names, limits, queries, moments, errors.
#include <gtest/gtest.h>

#include "stele/event.hpp"

namespace stele {
namespace {

NewEvent deposit() { return {.id = {}, .type = "MoneyDeposited", .data = "{}", .metadata = "", .tags = {}}; }

TEST(StreamName, category_is_the_part_before_the_first_dash) {
  EXPECT_EQ(category_of("BankAccount-acct-42"), "BankAccount");
  EXPECT_EQ(category_of("settings"), "settings");
  EXPECT_EQ(category_of("-x"), "");
}

TEST(StreamName, bad_names_are_refused_with_the_reason) {
  EXPECT_TRUE(check_stream_name("Zürich-1 with blanks/and:signs"));
  EXPECT_EQ(check_stream_name("").error().kind(), errc::invalid);
  EXPECT_EQ(check_stream_name("$all").error().kind(), errc::invalid);
  EXPECT_EQ(check_stream_name("a\nb").error().kind(), errc::invalid);
  EXPECT_EQ(check_stream_name("\xff").error().kind(), errc::invalid);
  EXPECT_TRUE(check_stream_name(std::string(Limits::stream_name_bytes, 'x')));
  EXPECT_EQ(check_stream_name(std::string(Limits::stream_name_bytes + 1, 'x')).error().kind(),
            errc::too_large);
}

TEST(EventRules, limits_hold_at_the_byte) {
  auto event = deposit();
  event.data.assign(Limits::data_bytes, 'x');
  EXPECT_TRUE(check_event(event));
  event.data += 'x';
  EXPECT_EQ(check_event(event).error().kind(), errc::too_large);
  EXPECT_EQ(check_event(event).error().fact("limit"), std::to_string(Limits::data_bytes));
}

TEST(EventRules, tags_are_counted_clean_and_distinct) {
  auto event = deposit();
  event.tags.assign(2, "a");
  EXPECT_EQ(check_event(event).error().kind(), errc::invalid);
  event.tags = {"a", ""};
  EXPECT_EQ(check_event(event).error().kind(), errc::invalid);
  event.tags.clear();
  for (std::size_t i = 0; i <= Limits::tags_per_event; ++i) event.tags.push_back("t" + std::to_string(i));
  EXPECT_EQ(check_event(event).error().kind(), errc::too_large);
  event.tags.pop_back();
  EXPECT_TRUE(check_event(event));
}

TEST(EventRules, an_event_without_a_type_is_refused) {
  auto event = deposit();
  event.type.clear();
  EXPECT_EQ(check_event(event).error().kind(), errc::invalid);
}

EventView view_of(std::string_view stream, std::string_view type, std::string_view tags) {
  EventView event;
  event.stream = stream;
  event.type = type;
  event.tags = TagsView(tags);
  return event;
}

TEST(Query, types_and_streams_are_ored_tags_are_anded_items_are_ored) {
  using namespace std::string_view_literals;
  const auto event = view_of("BankAccount-1", "MoneyDeposited", "\x01\0a\x02\0bc"sv);
  EXPECT_TRUE(Query::all().matches(event));
  EXPECT_TRUE(Query::of({.types = {"X", "MoneyDeposited"}, .tags = {}, .streams = {}, .categories = {}})
                  .matches(event));
  EXPECT_TRUE(Query::of({.types = {}, .tags = {"a", "bc"}, .streams = {}, .categories = {}}).matches(event));
  EXPECT_FALSE(Query::of({.types = {}, .tags = {"a", "b"}, .streams = {}, .categories = {}}).matches(event));
  EXPECT_FALSE(Query::of({.types = {"X"}, .tags = {"a"}, .streams = {}, .categories = {}}).matches(event));
  EXPECT_TRUE(
      Query::of({.types = {}, .tags = {}, .streams = {}, .categories = {"BankAccount"}}).matches(event));
  EXPECT_FALSE(
      Query::of({.types = {}, .tags = {}, .streams = {"BankAccount"}, .categories = {}}).matches(event));
}

TEST(Query, an_empty_list_of_items_is_an_error_not_a_guess) {
  EXPECT_TRUE(check_query(Query::all()));
  EXPECT_EQ(check_query(Query{std::vector<QueryItem>{}}).error().kind(), errc::invalid);
  EXPECT_EQ(check_query(Query::of({})).error().kind(), errc::invalid);
}

TEST(Expected, admits_what_it_says) {
  EXPECT_TRUE(ExpectedVersion::any().admits({}));
  EXPECT_TRUE(ExpectedVersion::no_stream().admits({}));
  EXPECT_FALSE(ExpectedVersion::no_stream().admits(Revision(0)));
  EXPECT_FALSE(ExpectedVersion::exists().admits({}));
  EXPECT_TRUE(ExpectedVersion::exact(Revision(3)).admits(Revision(3)));
  EXPECT_FALSE(ExpectedVersion::exact(Revision(3)).admits(Revision(4)));
  EXPECT_FALSE(ExpectedVersion::exact(Revision(0)).admits({}));
}

TEST(Moment, every_form_is_read) {
  EXPECT_EQ(parse_moment("v204")->at, decltype(Moment::at)(Revision(204)));
  EXPECT_EQ(parse_moment("p90211")->at, decltype(Moment::at)(Position(90211)));
  EXPECT_EQ(parse_moment("start")->at, decltype(Moment::at)(Moment::Start{}));
  EXPECT_EQ(parse_moment("head")->at, decltype(Moment::at)(Moment::Head{}));
  EXPECT_EQ(parse_moment("-20")->at, decltype(Moment::at)(Moment::Last{20}));
  EXPECT_EQ(parse_moment("-2h")->at, decltype(Moment::at)(Moment::Ago{std::chrono::hours(2)}));
  EXPECT_EQ(parse_moment("2026-03-01")->at, decltype(Moment::at)(*parse_time("2026-03-01")));
}

TEST(Moment, anything_else_is_refused_with_the_grammar) {
  for (const char* bad : {"", "v", "p", "v-1", "p1x", "-", "-h", "-2y", "--2h", "now", "2026-99-01", "204",
                          "v99999999999999999999", "-99999999999999999h"}) {
    const auto moment = parse_moment(bad);
    ASSERT_FALSE(moment) << bad;
    EXPECT_EQ(moment.error().kind(), errc::invalid);
    EXPECT_NE(moment.error().help().find("v204"), std::string::npos);
  }
}

TEST(Errors, carry_kind_message_facts_and_help_and_copies_do_not_share_changes) {
  const auto base = Error(errc::conflict, "moved on").with("actual", 206);
  const auto more = Error(base).with("expected", "204").help("read again");
  EXPECT_EQ(base.facts().size(), 1u);
  EXPECT_EQ(more.to_string(), "conflict: moved on (actual=206, expected=204); read again");
  EXPECT_EQ(Error(more).at("line 7").message(), "line 7: moved on");
  EXPECT_EQ(more.message(), "moved on");
}

}  // namespace
}  // namespace stele

// spec_test.cpp - the specification kit itself: what holds is silent, what does not hold tells the
// difference.
#include "stele/spec.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "domain/library.hpp"
#include "support/temp_directory.hpp"

namespace {

using namespace library;
using stele::given;

std::vector<std::string> heard;

// Listens instead of GoogleTest for as long as it lives. This file includes <gtest/gtest.h> but must see
// failures.
class Listening {
 public:
  Listening() {
    heard.clear();
    stele::spec::report_to([](const std::source_location& where, const std::string& text) {
      heard.push_back(std::string(where.file_name()) + "\n" + text);
    });
  }
  ~Listening() {
    stele::spec::report_to([](const std::source_location& where, const std::string& text) {
      ADD_FAILURE_AT(where.file_name(), static_cast<int>(where.line())) << text;
    });
  }
  Listening(const Listening&) = delete;
  Listening& operator=(const Listening&) = delete;

  // The one failure that was heard.
  std::string only() {
    EXPECT_EQ(heard.size(), 1u);
    return heard.empty() ? "" : heard.front();
  }
};

void expect_in(const std::string& text, std::string_view part) {
  EXPECT_NE(text.find(part), std::string::npos) << "no '" << part << "' in\n" << text;
}

const BookRegistered emma{"b1", "Emma"};

TEST(Spec, a_specification_that_holds_is_silent) {
  Listening listening;
  const auto before = stele::spec::failures();
  given<Book>().when(RegisterBook{"b1", "Emma"}).then(emma);
  given<Book>(emma).when(RegisterBook{"b1", "Emma"}).then_nothing();
  given<Book>().when(LendBook{"b1", "ada"}).then_refused(NoSuchBook{"b1"});
  given<Book>(emma).asked_by("eve").when(ReturnBook{"b1", 1}).then_refused(NotLent{"eve"});
  given<Book>(emma)
      .asked_at(*stele::parse_time("2026-03-01"))
      .when(LendBook{"b1", "ada"})
      .then(BookLent{"b1", "ada", stele::parse_time("2026-03-15")});
  EXPECT_TRUE(heard.empty());
  EXPECT_EQ(stele::spec::failures(), before);
}

TEST(Spec, a_failure_shows_what_was_expected_beside_what_came) {
  Listening listening;
  given<Book>().when(RegisterBook{"b1", "Emma"}).then(BookRegistered{"b1", "Persuasion"});
  const auto text = listening.only();
  expect_in(text, "spec_test.cpp");
  expect_in(text, R"(when      RegisterBook {"book":"b1","title":"Emma"})");
  expect_in(text, R"(expected BookRegistered {"book":"b1","title":"Persuasion"})");
  expect_in(text, R"(happened BookRegistered {"book":"b1","title":"Emma"})");
}

TEST(Spec, too_few_and_too_many_events_are_told_apart) {
  Listening listening;
  const BookLent lent{"b1", "ada", {}};
  given<Book>(emma, lent).when(PassOnBook{"b1", "eve"}).then(BookReturned{"b1", 0});
  expect_in(listening.only(), "differs at event 2");
  expect_in(heard.at(0), "expected (none)");
  heard.clear();
  given<Book>().when(RegisterBook{"b1", "Emma"}).then_nothing();
  expect_in(listening.only(), "happened BookRegistered");
}

TEST(Spec, a_refusal_where_events_were_expected_fails_and_the_other_way_round) {
  Listening listening;
  given<Book>().when(LendBook{"b1", "ada"}).then(BookLent{"b1", "ada", {}});
  expect_in(listening.only(), R"(refused: NoSuchBook {"book":"b1"})");
  heard.clear();
  given<Book>().when(LendBook{"b1", "ada"}).then_nothing();
  EXPECT_EQ(heard.size(), 1u);
  heard.clear();
  given<Book>().when(RegisterBook{"b1", "Emma"}).then_refused(NoSuchBook{"b1"});
  expect_in(listening.only(), "but       BookRegistered");
  heard.clear();
  given<Book>().when(LendBook{"b1", "ada"}).then_refused(NoSuchBook{"b2"});
  EXPECT_EQ(heard.size(), 1u);
}

TEST(Spec, an_impossible_history_or_a_throwing_rule_fails) {
  Listening listening;
  given<Book>(BookReturned{"b1", 1}).when(RegisterBook{"b1", "Emma"}).then(emma);
  expect_in(listening.only(), "error: BookReturned, event 0 of the history, cannot happen");
  heard.clear();
  given<Book>(emma, BookLent{"b1", "a", {}}).when(ReturnBook{"b1", -1}).then_nothing();
  expect_in(listening.only(), "error: a book was returned before it was lent");
}

TEST(Spec, a_forgotten_then_or_when_fails) {
  Listening listening;
  {
    auto unfinished = given<Book>().when(RegisterBook{"b1", "Emma"});
  }
  expect_in(listening.only(), "has no then");
  heard.clear();
  {
    auto unfinished = given<Book>(emma);
  }
  expect_in(listening.only(), "has no when");
}

// ---- Schema locks

class SchemaLock : public testing::Test {
 protected:
  void TearDown() override { unsetenv("STELE_ACCEPT_SCHEMA"); }
  void write(std::string_view text) { std::ofstream(file_) << text; }
  stele::test::TempDirectory directory_;
  std::filesystem::path file_ = directory_ / "schema.lock";
};

TEST_F(SchemaLock, the_committed_vocabulary_passes) {
  write(stele::vocabulary<Book>());
  EXPECT_TRUE(stele::spec::check_schema_lock(file_, stele::vocabulary<Book>()));
}

TEST_F(SchemaLock, a_change_is_shown_with_the_way_to_accept_it) {
  write("facts   BookLent/2(book: text)\nfacts   Same/1()\n");
  const auto checked =
      stele::spec::check_schema_lock(file_, "facts   BookLent/3(book: text)\nfacts   Same/1()\n");
  ASSERT_FALSE(checked);
  expect_in(checked.error().message(),
            "\n- facts   BookLent/2(book: text)\n+ facts   BookLent/3(book: text)");
  EXPECT_EQ(checked.error().message().find("Same"), std::string::npos);
  expect_in(checked.error().help(), "STELE_ACCEPT_SCHEMA=1");
}

TEST_F(SchemaLock, another_order_is_a_change) {
  write("a\nb\n");
  const auto checked = stele::spec::check_schema_lock(file_, "b\na\n");
  ASSERT_FALSE(checked);
  expect_in(checked.error().message(), "another order");
}

TEST_F(SchemaLock, a_missing_file_is_told_and_an_accepted_one_is_written) {
  EXPECT_EQ(stele::spec::check_schema_lock(file_, "a\n").error().kind(), stele::errc::not_found);
  setenv("STELE_ACCEPT_SCHEMA", "1", 1);
  EXPECT_TRUE(stele::spec::check_schema_lock(file_, "a\n"));
  unsetenv("STELE_ACCEPT_SCHEMA");
  EXPECT_TRUE(stele::spec::check_schema_lock(file_, "a\n"));
  setenv("STELE_ACCEPT_SCHEMA", "1", 1);
  EXPECT_FALSE(stele::spec::check_schema_lock(directory_ / "no/such/place", "a\n"));
}

}  // namespace

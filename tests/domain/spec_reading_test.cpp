// spec_reading_test.cpp - specifications of upcasters and projections, and what they say when they do not hold.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "domain/customers.hpp"
#include "domain/library.hpp"
#include "stele/spec.hpp"

namespace {

using namespace library;
using stele::given_projected;
using stele::given_recorded;

std::vector<std::string> reading_failures;

// Collects failures instead of failing, for as long as it lives.
class Eavesdropping {
 public:
  Eavesdropping() {
    reading_failures.clear();
    stele::spec::report_to(
        [](const std::source_location&, const std::string& text) { reading_failures.push_back(text); });
  }
  ~Eavesdropping() {
    stele::spec::report_to([](const std::source_location& where, const std::string& text) {
      ADD_FAILURE_AT(where.file_name(), static_cast<int>(where.line())) << text;
    });
  }
};
void expect_told(std::string_view words) {
  ASSERT_EQ(reading_failures.size(), 1u);
  EXPECT_NE(reading_failures[0].find(words), std::string::npos) << reading_failures[0];
}

// A model of lines of text, as a target.
class Shelf : public stele::ProjectionTarget {
 public:
  using Events = stele::events<BookLent, BookReturned>;
  static stele::result<void> project(std::vector<std::string>& model, const BookLent& e) {
    model.push_back(e.book + " to " + e.reader);
    return {};
  }
  static stele::result<void> project(std::vector<std::string>& model, const BookReturned& e,
                                     const stele::EventView& at) {
    if (e.days < 0) return stele::Error(stele::errc::invalid, "time runs forward");
    model.push_back(e.book + " back at " + std::to_string(at.position.value()));
    return {};
  }

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] int version() const override { return 1; }
  [[nodiscard]] const stele::Query& events() const override { return query_; }
  [[nodiscard]] std::string note() const override { return {}; }
  stele::result<stele::Checkpoint> checkpoint() override { return stele::Checkpoint{}; }
  stele::result<void> reset() override { return {}; }
  stele::result<void> begin() override { return {}; }
  stele::result<void> apply(const stele::EventView& event) override {
    return stele::project_event<Shelf>(model, event);
  }
  stele::result<std::vector<std::string>> commit(const stele::Checkpoint&) override {
    return std::vector<std::string>();
  }
  void rollback() override {}
  void passed(stele::Position) override {}

  std::vector<std::string> model;

 private:
  std::string name_ = "shelf";
  stele::Query query_ = stele::events_of<Shelf>();
};

TEST(SpecReading, an_old_event_reads_as_todays) {
  // [upcaster]
  given_recorded<Book::Events>(v1::BookGiven{"b1", 12}).reads_as(BookLent{"b1", "reader-12", {}});
  // [/upcaster]
  given_recorded<Book::Events>(v2::BookLent{"b1", "ada"}).reads_as(BookLent{"b1", "ada", {}});
  given_recorded<Book::Events>(v1::BookGiven{"b1", -1}).is_refused("numbered from 0");
  given_recorded<customers::Customer::Events>(customers::NewsletterOpened{}).reads_as_nothing();
  given_recorded<customers::Customer::Events>(customers::ContactChanged{"Elm 1", "555"})
      .reads_as(customers::AddressChanged{"Elm 1"}, customers::PhoneChanged{"555"});
  given_recorded<customers::Customer::Events>(customers::v1::Photographed{{1, 1}})
      .reads_as(customers::Photographed{{1}});
}

TEST(SpecReading, what_differs_is_shown_field_by_field) {
  const Eavesdropping ear;
  given_recorded<Book::Events>(v1::BookGiven{"b1", 12}).reads_as(BookLent{"b1", "reader-13", {}});
  expect_told("      reader: expected \"reader-13\", happened \"reader-12\"\n");
  EXPECT_EQ(reading_failures[0].find("      book:"), std::string::npos) << "what is the same is not repeated";
}

TEST(SpecReading, errors_unknown_types_and_forgotten_ends_fail) {
  const Eavesdropping ear;
  given_recorded<Book::Events>(v1::BookGiven{"b1", -1}).reads_as_nothing();
  expect_told("error: ");
  reading_failures.clear();
  given_recorded<Book::Events>(customers::PhoneChanged{"5"}).reads_as_nothing();
  expect_told("knows PhoneChanged");
  reading_failures.clear();
  given_recorded<Book::Events>(v1::BookGiven{"b1", 1}).is_refused("anything");
  EXPECT_EQ(reading_failures.size(), 1u);
  reading_failures.clear();
  (void)given_recorded<Book::Events>(v1::BookGiven{"b1", 1});
  expect_told("has no reads_as");
}

TEST(SpecReading, a_projection_shows_what_it_made_of_the_events_it_asks_for) {
  Shelf shelf;
  given_projected(shelf, BookRegistered{"b1", "Emma"}, v1::BookGiven{"b1", 7}, BookReturned{"b1", 3})
      .shows({"b1 to reader-7", "b1 back at 3"}, [&] { return shelf.model; });
}

TEST(SpecReading, a_projection_that_shows_something_else_or_fails_is_told) {
  const Eavesdropping ear;
  Shelf shelf;
  given_projected(shelf, BookReturned{"b1", 3}).shows({"b1 back at 9"}, [&] { return shelf.model; });
  expect_told("differs at line 1");
  reading_failures.clear();
  given_projected(shelf, BookReturned{"b1", -3}).shows({}, [&] { return shelf.model; });
  expect_told("time runs forward");
}

}  // namespace

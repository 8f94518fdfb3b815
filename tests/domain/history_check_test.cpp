// history_check_test.cpp - the dry run of a program over a log that another one has written.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "domain/customers.hpp"
#include "domain/library.hpp"
#include "domain/meter.hpp"
#include "engine/store_fixture.hpp"
#include "stele/evolution.hpp"

namespace {

using namespace metering;
using customers::Customer;
using stele::Revision;
using stele::test::must;

// The rules after a change of mind: what is used counts twice, from the third reading on.
struct Doubled : MeterRules<Doubled, Running, Sealed> {
  static State evolve(Running meter, const MeterRead& e) {
    meter.latest.push_back(e.used);
    meter.total += meter.latest.size() > 2 ? 2 * e.used : e.used;
    return meter;
  }
  static State evolve(const Running& meter, const MeterSealed&) { return Sealed{meter.total}; }
};
static_assert(stele::decider<Doubled>);

class HistoryCheckTest : public stele::test::StoreTest {
 protected:
  void read_meter(const std::string& meter, int times) {
    (void)must(stele::handle<Meter>(*store_, ReadMeter{meter, 1, times}));
  }
  const std::filesystem::path digests_ = directory_ / "states.txt";
};

TEST_F(HistoryCheckTest, a_log_that_the_program_understands_is_good) {
  append("Customer-c1", "CustomerRegistered", R"({"name":"Alice Johnson","email":"a@x"})");
  append("Customer-c1", "ContactChanged", R"({"phone":"555"})");
  append("Customer-c2", "CampaignSeen", "?");
  read_meter("m1", 3);
  append("Basket-7", "ItemAdded");
  const auto report = must(stele::check_history<Customer, Meter>(*store_));
  EXPECT_TRUE(report.good());
  EXPECT_EQ(report.streams, 3u);
  EXPECT_EQ(report.events, 6u);
  EXPECT_EQ(report.unowned, (std::map<std::string, std::uint64_t>{{"Basket", 1}}));
}

TEST_F(HistoryCheckTest, everything_that_cannot_be_read_or_believed_is_reported_with_its_place) {
  append("Customer-c1", "PetAdopted");
  append("Customer-c1", "PhoneChanged", R"({"number":5})");
  append("Customer-c1", "PetAdopted");
  append("Book-b1", "BookGiven", R"({"book":"b1","readerNumber":-1})");
  append("Book-b2", "BookReturned", R"({"book":"b2","days":1})");
  append("Book-b2", "BookRegistered", R"({"book":"b2","title":"Emma"})");
  const auto report = must(stele::check_history<Customer, library::Book>(*store_));
  EXPECT_EQ(report.found, 5u);
  std::string told;
  for (const auto& problem : report.problems)
    told += problem.stream + "/" + std::to_string(problem.revision->value()) + " " + problem.type + "@" +
            std::to_string(problem.position.value()) + "\n";
  EXPECT_EQ(told,
            "Book-b1/0 BookGiven@4\nBook-b2/0 BookReturned@5\nCustomer-c1/0 PetAdopted@1\n"
            "Customer-c1/1 PhoneChanged@2\nCustomer-c1/2 PetAdopted@3\n");
  EXPECT_NE(report.problems[0].what.find("numbered from 0"), std::string::npos);
  EXPECT_NE(report.problems[1].what.find("cannot happen"), std::string::npos);
  EXPECT_NE(report.problems[2].what.find("knows no event of this type"), std::string::npos);
  const auto short_list =
      must(stele::check_history<Customer, library::Book>(*store_, {.digests = {}, .list = 2}));
  EXPECT_EQ(short_list.found, 5u);
  EXPECT_EQ(short_list.problems.size(), 2u);
}

TEST_F(HistoryCheckTest, every_state_that_differs_from_the_old_programs_is_reported) {
  read_meter("m1", 2);
  read_meter("m2", 3);
  read_meter("m 3", 5);
  EXPECT_EQ(must(stele::write_state_digests<Meter>(*store_, digests_)), 3u);
  read_meter("m1", 9);
  const auto same = must(stele::check_history<Meter>(*store_, {.digests = digests_}));
  EXPECT_TRUE(same.good());
  EXPECT_EQ(same.compared, 3u);
  const auto report = must(stele::check_history<Doubled>(*store_, {.digests = digests_}));
  ASSERT_EQ(report.found, 2u) << "m1 had only two readings then";
  EXPECT_EQ(report.problems[0].stream, "Meter-m 3");
  EXPECT_EQ(report.problems[0].revision, Revision(4));
  EXPECT_EQ(report.problems[1].stream, "Meter-m2");
  EXPECT_NE(report.problems[1].what.find(R"("total":4)"), std::string::npos) << report.problems[1].what;
}

TEST_F(HistoryCheckTest, what_the_old_program_knew_and_the_log_does_not_is_reported) {
  read_meter("m1", 1);
  std::ofstream(digests_) << "5 aaaa Meter-m1\n0 bbbb Meter-gone\n";
  const auto report = must(stele::check_history<Meter>(*store_, {.digests = digests_}));
  ASSERT_EQ(report.found, 2u);
  EXPECT_NE(report.problems[0].what.find("up to revision 5"), std::string::npos);
  EXPECT_EQ(report.problems[1].stream, "Meter-gone");
}

TEST_F(HistoryCheckTest, a_file_that_is_no_digests_is_refused_with_its_line) {
  std::ofstream(digests_) << "0 aaaa Meter-m1\nhello\n";
  const auto refused = stele::check_history<Meter>(*store_, {.digests = digests_});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("line 2"), std::string::npos);
  EXPECT_EQ(stele::check_history<Meter>(*store_, {.digests = directory_ / "none"}).error().kind(),
            stele::errc::not_found);
  append("Meter-m2", "Unheard");
  EXPECT_EQ(stele::write_state_digests<Meter>(*store_, digests_).error().kind(), stele::errc::corrupt);
  EXPECT_FALSE(stele::write_state_digests<Meter>(*store_, directory_ / "no/such/place"));
}

TEST(WithOlderNames, a_query_for_a_current_name_finds_the_older_ones_too) {
  stele::Query query = stele::Query::of({{"BookLent", "PhoneChanged", "Else"}, {"t"}, {}, {}});
  query.items->push_back({{"BookGiven"}, {}, {}, {}});
  const auto wide = stele::with_older_names<library::Book, Customer>(query);
  EXPECT_EQ(wide.items->at(0).types,
            (std::vector<std::string>{"BookLent", "PhoneChanged", "Else", "BookGiven", "ContactChanged"}));
  EXPECT_EQ(wide.items->at(1).types, std::vector<std::string>{"BookGiven"}) << "an old name is only itself";
  EXPECT_EQ(stele::with_older_names<Customer>(stele::Query::all()), stele::Query::all());
}

}  // namespace

// schema_command_test.cpp - `schema check`, as any program has it: words in, lines and an exit code out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "domain/customers.hpp"
#include "domain/library.hpp"
#include "engine/store_fixture.hpp"
#include "stele/evolution.hpp"

namespace {

using stele::test::must;
using testing::HasSubstr;

class SchemaCommand : public stele::test::StoreTest {
 protected:
  struct Said {
    int code;
    std::string out;
    std::string err;
  };
  template <class... D>
  Said say(const std::vector<std::string>& words) {
    std::ostringstream out;
    std::ostringstream err;
    const auto code = stele::detail::schema_command(words, stele::detail::schema_program<D...>(), out, err);
    return {code, out.str(), err.str()};
  }
  Said say(const std::vector<std::string>& words) { return say<customers::Customer, library::Book>(words); }
  const std::string dir_ = (directory_ / "store").string();
};

TEST_F(SchemaCommand, a_history_that_is_understood_is_good) {
  append("Book-b1", "BookRegistered", R"({"book":"b1","title":"Emma"})");
  append("Book-b1", "BookGiven", R"({"book":"b1","readerNumber":7})");
  const auto said = say({"check", "--dir", dir_});
  EXPECT_EQ(said.code, 0) << said.out;
  EXPECT_EQ(said.out, "");
  append("Ghost-1", "Seen");
  EXPECT_THAT(say({"check", "--dir", dir_}).err, HasSubstr("no decider here has Ghost (1 streams)"));
}

TEST_F(SchemaCommand, what_is_found_is_a_line_each_and_exit_code_seven) {
  append("Customer-c1", "PetAdopted");
  append("Book-b1", "BookRegistered", R"({"book":"b1","title":"Emma"})");
  const auto said = say({"check", "--dir", dir_, "-o", "ndjson"});
  EXPECT_EQ(said.code, 7);
  EXPECT_THAT(said.out,
              HasSubstr(R"({"stream":"Customer-c1","version":0,"position":1,"type":"PetAdopted","what":")"));
  EXPECT_EQ(std::ranges::count(said.out, '\n'), 1);
  EXPECT_EQ(said.err, "1 problems in 2 events of 2 streams\n");
  EXPECT_THAT(say({"check", "--dir", dir_}).out, HasSubstr("Customer-c1 v0 PetAdopted (p1): "));
  EXPECT_EQ(say<library::Book>({"check", "--dir", dir_}).code, 0);
}

TEST_F(SchemaCommand, digests_of_the_old_program_are_compared) {
  append("Book-b1", "BookRegistered", R"({"book":"b1","title":"Emma"})");
  const auto file = (directory_ / "states.txt").string();
  const auto written = say({"digests", file, "--dir", dir_});
  EXPECT_EQ(written.code, 0) << written.err;
  EXPECT_THAT(written.err, HasSubstr("1 digests"));
  EXPECT_THAT(say({"check", "--dir", dir_, "--digests", file}).err, HasSubstr("1 states compared"));
  std::ofstream(file) << "0 aaaa Book-b1\n";
  const auto differs = say({"check", "--dir", dir_, "--digests", file});
  EXPECT_EQ(differs.code, 7);
  EXPECT_THAT(differs.out, HasSubstr("is not what the old program made of it"));
}

TEST_F(SchemaCommand, the_vocabulary_is_printed_and_compared_with_the_committed_one) {
  const auto file = (directory_ / "schema.lock").string();
  const auto printed = say<library::Book>({"print"});
  EXPECT_EQ(printed.out, stele::vocabulary<library::Book>());
  EXPECT_EQ(say({"lock", file}).code, 3);
  std::ofstream(file) << printed.out;
  EXPECT_EQ(say<library::Book>({"lock", file}).code, 0);
  const auto more = say({"lock", file});
  EXPECT_EQ(more.code, 7);
  EXPECT_THAT(more.err, HasSubstr("+ "));
}

TEST_F(SchemaCommand, wrong_words_are_a_usage_error) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{},
                                                {"check"},
                                                {"check", "--dir"},
                                                {"dance"},
                                                {"check", "--dir", dir_, "-o", "xml"},
                                                {"check", "--dir", dir_, "--loud"},
                                                {"digests", "--dir", dir_},
                                                {"lock"},
                                                {"print", "--dir", dir_}}) {
    const auto said = say(words);
    EXPECT_EQ(said.code, 2) << testing::PrintToString(words);
    EXPECT_THAT(said.err, HasSubstr("schema check --dir DIR"));
  }
}

TEST_F(SchemaCommand, a_store_that_is_not_there_is_told) {
  const auto said = say({"check", "--dir", (directory_ / "none").string()});
  EXPECT_EQ(said.code, 3) << said.err;
  EXPECT_THAT(said.err, HasSubstr("error: "));
}

TEST_F(SchemaCommand, other_words_are_the_programs_own) {
  const char* words[] = {"shop", "serve"};
  EXPECT_FALSE(stele::schema_command<library::Book>(2, words));
  EXPECT_FALSE(stele::schema_command<library::Book>(1, words));
  const char* schema[] = {"shop", "schema", "dance"};
  testing::internal::CaptureStderr();
  EXPECT_EQ(stele::schema_command<library::Book>(3, schema), 2);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("usage"));
}

// The first line of a program's main().
int some_main(int argc, const char* const* argv) {
  using customers::Customer;
  using library::Book;
  // [main]
  if (const auto code = stele::schema_command<Book, Customer>(argc, argv)) return *code;
  // [/main]
  return 42;
}

TEST_F(SchemaCommand, a_program_offers_it_in_one_line) {
  const char* print[] = {"app", "schema", "print"};
  testing::internal::CaptureStdout();
  EXPECT_EQ(some_main(3, print), 0);
  EXPECT_THAT(testing::internal::GetCapturedStdout(), HasSubstr("facts   BookLent/3"));
  EXPECT_EQ(some_main(1, print), 42);
}

TEST_F(SchemaCommand, types_with_older_names_are_known_for_queries_that_come_as_text) {
  const auto names = stele::type_names<library::Book, customers::Customer>();
  const std::vector<std::string> lent{"BookLent", "BookGiven"};
  EXPECT_THAT(names, testing::Contains(lent));
  for (const auto& each : names) EXPECT_GT(each.size(), 1u);
}

}  // namespace

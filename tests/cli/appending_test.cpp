// appending_test.cpp - append: payload sources, expectations, conflicts, and what is refused before anything
// is written.
#include "shell.hpp"

namespace stele::cli::test {
namespace {

using testing::HasSubstr;

class Appending : public testing::Test {
 protected:
  void SetUp() override {
    fill_small_store(directory.path("store"));
    shell.environment["STELE_DIR"] = directory.path("store");
  }
  std::string head() {
    return shell({"read", "@all", "head", "-o", "tsv", "--fields", "global_position"}).out;
  }

  TempDirectory directory;
  Shell shell;
  const std::string unchanged = "global_position\n3\n";
};

TEST_F(Appending, prints_where_the_event_went) {
  const auto appended =
      shell({"append", "Account-2", "Deposited", "--data", "{\"amount\":5}", "--expect", "v0", "--id",
             "00000000-0000-0000-0000-0000000000aa", "--fields", "stream,version,position,id"});
  EXPECT_EQ(appended.code, 0) << appended.err;
  EXPECT_EQ(appended.out,
            "{\"stream\":\"Account-2\",\"version\":1,\"position\":4,\"id\":\"00000000-0000-0000-0000-"
            "0000000000aa\"}\n");
}

TEST_F(Appending, the_same_id_twice_writes_once_and_says_so) {
  const std::vector<std::string> words{
      "append",   "Account-2",         "Noted", "--id", "00000000-0000-0000-0000-0000000000ab",
      "--fields", "position,duplicate"};
  EXPECT_EQ(shell(words).out, "{\"position\":4,\"duplicate\":false}\n");
  EXPECT_EQ(shell(words).out, "{\"position\":4,\"duplicate\":true}\n");
}

TEST_F(Appending, payload_bytes_are_stored_unchanged) {
  const std::string data = "{ \"n\" : 12345678901234567890.10 }";
  ASSERT_EQ(shell({"append", "Raw-1", "Kept", "--data", data}).code, 0);
  EXPECT_EQ(shell({"read", "Raw-1", "--fields", "data"}).out, "{\"data\":" + data + "}\n");
}

TEST_F(Appending, payload_comes_from_a_file_or_standard_input) {
  write_file(directory.path("payload.json"), "{\"from\":\"file\"}");
  ASSERT_EQ(shell({"append", "In-1", "A", "--data", "@" + directory.path("payload.json")}).code, 0);
  ASSERT_EQ(shell({"append", "In-1", "B", "--data", "-"}, "{\"from\":\"pipe\"}").code, 0);
  EXPECT_EQ(shell({"read", "In-1", "--fields", "data"}).out,
            "{\"data\":{\"from\":\"file\"}}\n{\"data\":{\"from\":\"pipe\"}}\n");
}

TEST_F(Appending, a_missing_payload_file_is_named) {
  const auto missing = shell({"append", "In-1", "A", "--data", "@" + directory.path("no.json")});
  EXPECT_EQ(missing.code, 3);
  EXPECT_THAT(missing.err, HasSubstr("no.json"));
  EXPECT_EQ(head(), unchanged);
}

TEST_F(Appending, many_events_come_as_json_lines_and_go_in_together) {
  const auto appended =
      shell({"append", "Lines-1", "--fields", "version,position"},
            "{\"type\":\"A\",\"data\":{\"n\":1}}\n\n{\"type\":\"B\",\"data\":{\"n\":2},\"tags\":[\"x\"]}\n");
  EXPECT_EQ(appended.code, 0) << appended.err;
  EXPECT_EQ(appended.out, "{\"version\":0,\"position\":4}\n{\"version\":1,\"position\":5}\n");
  EXPECT_EQ(shell({"read", "@all", "--tag", "x", "--fields", "event_type"}).out, "{\"event_type\":\"B\"}\n");
}

TEST_F(Appending, one_bad_line_and_nothing_is_written) {
  const auto wrong = shell({"append", "Lines-1"}, "{\"type\":\"A\",\"data\":{}}\n{\"type\":7}\n");
  EXPECT_EQ(wrong.code, 1);
  EXPECT_THAT(wrong.err, HasSubstr("standard input, line 2"));
  EXPECT_EQ(head(), unchanged);
}

TEST_F(Appending, a_conflict_exits_5_and_shows_what_happened_since) {
  const auto conflict = shell({"append", "Account-1", "Deposited", "--expect", "v0"});
  EXPECT_EQ(conflict.code, 5);
  EXPECT_THAT(conflict.err, HasSubstr("[conflict]"));
  EXPECT_THAT(conflict.err, HasSubstr("v1 Deposited"));
  EXPECT_THAT(conflict.err, HasSubstr("stele read Account-1 v1.."));
  EXPECT_EQ(conflict.out, "");
  EXPECT_EQ(head(), unchanged);
}

TEST_F(Appending, expectations_have_four_forms) {
  EXPECT_EQ(shell({"append", "Account-1", "A", "--expect", "none"}).code, 5);
  EXPECT_EQ(shell({"append", "Account-7", "A", "--expect", "exists"}).code, 5);
  EXPECT_EQ(shell({"append", "Account-1", "A", "--expect", "1"}).code, 0);
  EXPECT_EQ(shell({"append", "Account-1", "A", "--expect", "any"}).code, 0);
  EXPECT_EQ(shell({"append", "Account-7", "A", "--expect", "none"}).code, 0);
  const auto wrong = shell({"append", "Account-1", "A", "--expect", "vX"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("write v204, none, exists or any"));
}

TEST_F(Appending, a_condition_refuses_when_an_event_behind_its_position_matches) {
  const std::vector<std::string> book{
      "append", "Seat-1", "Booked", "--tag", "seat:1A", "--if-no", "type=Booked tag=seat:1A"};
  ASSERT_EQ(shell(book).code, 0);
  const auto conflict = shell(book);
  EXPECT_EQ(conflict.code, 5);
  EXPECT_THAT(conflict.err, HasSubstr("matches the append condition"));
  EXPECT_THAT(conflict.err, HasSubstr("position"));
  auto seen = book;
  seen.insert(seen.end(), {"--after", "p4"});
  EXPECT_EQ(shell(seen).code, 0);
  auto two = book;
  two.insert(two.end(), {"--if-no", "stream=Nowhere-1", "--after", "5"});
  EXPECT_EQ(shell(two).code, 0);
}

TEST_F(Appending, a_condition_that_cannot_be_read_is_a_usage_error) {
  for (const auto* words : {"Booked", "colour=red", "tag="}) {
    EXPECT_EQ(shell({"append", "Seat-1", "A", "--if-no", words}).code, 2) << words;
  }
  EXPECT_EQ(shell({"append", "Seat-1", "A", "--if-no", "tag=a", "--after", "yesterday"}).code, 2);
  EXPECT_EQ(shell({"append", "Seat-1", "A", "--after", "p1"}).code, 2);
  EXPECT_EQ(shell({"append", "Seat-1", "A", "--if-no", ""}).code, 1) << "it asks for nothing";
  EXPECT_EQ(shell({"append", "Seat-1", "A", "--if-no", "tag=a", "--after", "99"}).code, 1)
      << "beyond the head";
  EXPECT_EQ(head(), unchanged);
}

TEST_F(Appending, data_that_is_no_json_is_refused_unless_it_says_what_it_is) {
  const auto wrong = shell({"append", "Account-1", "A", "--data", "{oops"});
  EXPECT_EQ(wrong.code, 1);
  EXPECT_THAT(wrong.err, HasSubstr("--data"));
  EXPECT_EQ(head(), unchanged);
  EXPECT_EQ(shell({"append", "Bin-1", "A", "--data", "{oops", "--content-type", "text/plain"}).code, 0);
  EXPECT_EQ(shell({"read", "Bin-1", "--fields", "data,data_base64"}).out, "{\"data_base64\":\"e29vcHM=\"}\n");
}

TEST_F(Appending, a_name_that_is_the_stores_own_is_refused) {
  const auto wrong = shell({"append", "$mine", "A"});
  EXPECT_EQ(wrong.code, 1);
  EXPECT_THAT(wrong.err, HasSubstr("$mine"));
}

TEST_F(Appending, a_dry_run_writes_nothing) {
  const auto dry = shell({"append", "Account-1", "A", "--dry-run"});
  EXPECT_EQ(dry.code, 0);
  EXPECT_THAT(dry.err, HasSubstr("nothing was written"));
  EXPECT_EQ(head(), unchanged);
}

TEST_F(Appending, beside_the_one_writer_reading_works_and_writing_names_the_holder) {
  const auto holder = open(directory.path("store"));
  ASSERT_TRUE(holder) << holder.error().to_string();
  EXPECT_EQ(head(), unchanged);
  const auto busy = shell({"append", "Account-1", "A"});
  EXPECT_EQ(busy.code, 6);
  EXPECT_THAT(busy.err, HasSubstr(std::to_string(getpid())));
}

}  // namespace
}  // namespace stele::cli::test

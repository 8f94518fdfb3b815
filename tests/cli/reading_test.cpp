// reading_test.cpp - read, stream and export against a small store: whole outputs in every format.
#include "shell.hpp"

namespace stele::cli::test {
namespace {

using testing::HasSubstr;

class Reading : public testing::Test {
 protected:
  void SetUp() override {
    fill_small_store(directory.path("store"));
    shell.environment["STELE_DIR"] = directory.path("store");
  }
  TempDirectory directory;
  Shell shell;
};

constexpr std::string_view first_line =
    R"({"global_position":1,"stream_id":"Account-1","stream_position":0,"id":)"
    R"("00000000-0000-0000-0000-000000000001","event_type":"Opened","data":{"owner":"Ada"},"metadata":null,"tags":[],)"
    R"("content_type":"application/json","created_at":"2026-03-01T10:00:00.000000Z"})";

TEST_F(Reading, without_a_terminal_events_are_one_json_object_a_line) {
  const auto read = shell({"read", "Account-1", "v0"});
  EXPECT_EQ(read.code, 0) << read.err;
  EXPECT_EQ(read.out, std::string(first_line) + "\n");
  EXPECT_EQ(read.err, "");
}

TEST_F(Reading, a_terminal_gets_a_table_with_relative_times) {
  shell.terminal = true;
  const auto read = shell({"read", "@all"});
  EXPECT_EQ(read.code, 0) << read.err;
  EXPECT_EQ(read.out,
            "position  stream     version  type       when       data\n"
            "       1  Account-1        0  Opened     2 h ago    {\"owner\":\"Ada\"}\n"
            "       2  Account-2        0  Opened     1 h ago    {\"owner\":\"Bob\"}\n"
            "       3  Account-1        1  Deposited  1 min ago  {\"amount\":10.50}\n");
}

TEST_F(Reading, a_narrow_terminal_cuts_the_payload_and_says_so) {
  shell.terminal = true;
  shell.width = 70;
  const auto read = shell({"read", "Account-2", "--time", "iso"});
  EXPECT_THAT(read.out, HasSubstr("2026-03-01T11:00:00.000000Z  {\"owner\":\"Bob\"}\n"));
  const auto wide =
      shell({"append", "Account-3", "Noted", "--data", "{\"text\":\"" + std::string(200, 'x') + "\"}"});
  ASSERT_EQ(wide.code, 0) << wide.err;
  EXPECT_THAT(shell({"read", "Account-3"}).out, HasSubstr("x…\n"));
}

TEST_F(Reading, csv_and_tsv_have_a_heading_and_their_quoting) {
  EXPECT_EQ(shell({"read", "@all", "p1..p1", "-o", "csv", "--fields", "stream_id,data"}).out,
            "stream_id,data\r\nAccount-1,\"{\"\"owner\"\":\"\"Ada\"\"}\"\r\n");
  EXPECT_EQ(shell({"read", "@all", "p3", "-o", "tsv", "--fields", "event_type,stream_position"}).out,
            "event_type\tstream_position\nDeposited\t1\n");
}

TEST_F(Reading, json_is_one_array_also_when_nothing_matches) {
  EXPECT_EQ(shell({"read", "@all", "--json", "--fields", "global_position"}).out,
            "[\n{\"global_position\":1},\n{\"global_position\":2},\n{\"global_position\":3}\n]\n");
  EXPECT_EQ(shell({"read", "@all", "--json", "--type", "Never"}).out, "[]\n");
}

TEST_F(Reading, none_prints_nothing) { EXPECT_EQ(shell({"read", "@all", "-o", "none"}).out, ""); }

TEST_F(Reading, a_bare_fields_lists_what_there_is) {
  const auto listed = shell({"read", "@all", "--fields"});
  EXPECT_EQ(listed.code, 0);
  EXPECT_THAT(listed.out, testing::StartsWith("global_position\nstream_id\nstream_position\nid\n"));
}

TEST_F(Reading, an_unknown_field_is_a_usage_error_with_a_suggestion) {
  const auto wrong = shell({"read", "@all", "--fields", "event_typ"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("did you mean 'event_type'?"));
  EXPECT_EQ(wrong.out, "");
}

std::string positions(Shell& shell, std::vector<std::string> words) {
  words.insert(words.begin(), "read");
  words.insert(words.end(), {"-o", "tsv", "--fields", "global_position"});
  const auto read = shell(words);
  EXPECT_EQ(read.code, 0) << read.err;
  std::string joined;
  std::istringstream lines(read.out);
  for (std::string line; std::getline(lines, line);) {
    if (line != "global_position") joined += line + " ";
  }
  return joined;
}

TEST_F(Reading, ranges_follow_the_grammar) {
  EXPECT_EQ(positions(shell, {"@all", "p2.."}), "2 3 ");
  EXPECT_EQ(positions(shell, {"@all", "..p2"}), "1 2 ");
  EXPECT_EQ(positions(shell, {"@all", "-2"}), "2 3 ");
  EXPECT_EQ(positions(shell, {"@all", "head"}), "3 ");
  EXPECT_EQ(positions(shell, {"@all", "start..p1"}), "1 ");
  EXPECT_EQ(positions(shell, {"@all", "2026-03-01T11:00Z.."}), "2 3 ");
  EXPECT_EQ(positions(shell, {"@all", "..2026-03-01T11:00Z"}), "1 2 ");
  EXPECT_EQ(positions(shell, {"@all", "-90m..-30m"}), "2 ");
  EXPECT_EQ(positions(shell, {"Account-1", "v1.."}), "3 ");
  EXPECT_EQ(positions(shell, {"Account-1", "..v0"}), "1 ");
  EXPECT_EQ(positions(shell, {"Account-1", "p2.."}), "3 ");
  EXPECT_EQ(positions(shell, {"Account-1", "-1"}), "3 ");
}

TEST_F(Reading, reverse_and_limit_work_together) {
  EXPECT_EQ(positions(shell, {"@all", "-r"}), "3 2 1 ");
  EXPECT_EQ(positions(shell, {"@all", "-r", "-n", "2"}), "3 2 ");
  EXPECT_EQ(positions(shell, {"@all", "-n", "2"}), "2 3 ");
  EXPECT_EQ(positions(shell, {"@all", "p1..", "-n", "2"}), "1 2 ");
  EXPECT_EQ(positions(shell, {"@all", "..p2", "-r", "-n", "1"}), "2 ");
  EXPECT_EQ(positions(shell, {"Account-1", "v0..v0", "-r"}), "1 ");
}

TEST_F(Reading, filters_narrow_the_log_and_a_stream) {
  EXPECT_EQ(positions(shell, {"@all", "--type", "Opened"}), "1 2 ");
  EXPECT_EQ(positions(shell, {"@all", "--type", "Opened", "--type", "Deposited"}), "1 2 3 ");
  EXPECT_EQ(positions(shell, {"Account-1", "--type", "Deposited"}), "3 ");
  EXPECT_EQ(positions(shell, {"@all", "--category", "Account", "-n", "1"}), "3 ");
  EXPECT_EQ(positions(shell, {"@all", "--tag", "none"}), "");
}

TEST_F(Reading, a_place_that_is_none_names_the_grammar) {
  const auto wrong = shell({"read", "@all", "yesterday"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("'yesterday' is not a place in history"));
  EXPECT_THAT(wrong.err, HasSubstr("p90211"));
}

TEST_F(Reading, a_version_of_the_whole_log_is_refused) {
  const auto wrong = shell({"read", "@all", "v1.."});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("v1 is a version inside a stream"));
}

TEST_F(Reading, a_cut_by_the_terminal_limit_is_announced) {
  for (int i = 0; i < 30; ++i) ASSERT_EQ(shell({"append", "Many-1", "Happened"}).code, 0);
  shell.terminal = true;
  const auto read = shell({"read", "Many-1"});
  EXPECT_THAT(read.err, HasSubstr("20 of 30 events · -n 0 for all\n"));
  EXPECT_EQ(std::count(read.out.begin(), read.out.end(), '\n'), 21);
  EXPECT_EQ(shell({"read", "Many-1", "-n", "0"}).err, "");
}

TEST_F(Reading, a_missing_stream_is_not_found) {
  const auto missing = shell({"read", "Account-9"});
  EXPECT_EQ(missing.code, 3);
  EXPECT_THAT(missing.err, HasSubstr("[not_found]"));
  EXPECT_THAT(missing.out, HasSubstr("{\"$error\":"));
}

TEST_F(Reading, a_missing_store_is_not_found_and_not_made) {
  const auto missing = shell({"read", "@all", "--dir", directory.path("nowhere")});
  EXPECT_EQ(missing.code, 3) << missing.err;
  EXPECT_FALSE(std::filesystem::exists(directory.path("nowhere")));
}

TEST_F(Reading, two_places_are_one_too_many) {
  const auto wrong = shell({"read", "@all", "--dir", "a", "--url", "http://127.0.0.1:1"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("name two places"));
}

TEST_F(Reading, no_place_at_all_says_how_to_name_one) {
  shell.environment.clear();
  const auto wrong = shell({"read", "@all"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("STELE_DIR"));
}

TEST_F(Reading, color_stays_out_of_pipes_and_away_with_no_color) {
  EXPECT_THAT(shell({"read", "@all", "-o", "table"}).out, testing::Not(HasSubstr("\x1b")));
  EXPECT_THAT(shell({"read", "@all", "-o", "table", "--color", "always"}).out, HasSubstr("\x1b[1m"));
  shell.terminal = true;
  shell.environment["TERM"] = "xterm";
  EXPECT_THAT(shell({"read", "@all"}).out, HasSubstr("\x1b[1m"));
  shell.environment["NO_COLOR"] = "1";
  EXPECT_THAT(shell({"read", "@all"}).out, testing::Not(HasSubstr("\x1b")));
}

TEST_F(Reading, the_environment_chooses_a_format_and_a_flag_wins) {
  shell.environment["STELE_OUTPUT"] = "none";
  EXPECT_EQ(shell({"read", "@all"}).out, "");
  EXPECT_NE(shell({"read", "@all", "--json"}).out, "");
  shell.environment["STELE_OUTPUT"] = "paper";
  const auto wrong = shell({"read", "@all"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("STELE_OUTPUT"));
}

TEST_F(Reading, streams_are_listed_by_name_and_told_one_by_one) {
  EXPECT_EQ(
      shell({"stream", "ls"}).out,
      "{\"stream\":\"Account-1\",\"version\":1,\"events\":2,\"first_position\":1,\"last_position\":3}\n"
      "{\"stream\":\"Account-2\",\"version\":0,\"events\":1,\"first_position\":2,\"last_position\":2}\n");
  EXPECT_EQ(shell({"stream", "ls", "Account-2", "-o", "tsv", "--fields", "stream"}).out,
            "stream\nAccount-2\n");
  EXPECT_EQ(shell({"stream", "info", "Account-1", "-o", "csv", "--fields", "events"}).out, "events\r\n2\r\n");
  EXPECT_EQ(shell({"stream", "info", "Account-9"}).code, 3);
}

TEST_F(Reading, a_cut_list_of_streams_says_that_there_are_more) {
  const auto cut = shell({"stream", "ls", "-n", "1", "-o", "tsv", "--fields", "stream"});
  EXPECT_EQ(cut.out, "stream\nAccount-1\n");
  EXPECT_THAT(cut.err, HasSubstr("there are more"));
}

TEST_F(Reading, an_output_that_cannot_be_written_is_an_error) {
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  out.setstate(std::ios::badbit);
  EXPECT_EQ(shell.run({"read", "@all"}, in, out, err), 6);
  EXPECT_THAT(err.str(), HasSubstr("could not be written"));
}

}  // namespace
}  // namespace stele::cli::test

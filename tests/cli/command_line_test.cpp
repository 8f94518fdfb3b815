// command_line_test.cpp - words that make no sense, help, and the pages that come with the program.
#include "shell.hpp"

namespace stele::cli::test {
namespace {

using testing::HasSubstr;

TEST(CommandLine, a_misspelt_command_is_recognised) {
  const auto wrong = Shell()({"raed", "Account-1"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_EQ(wrong.out, "");
  EXPECT_THAT(wrong.err, HasSubstr("error: stele has no command 'raed'"));
  EXPECT_THAT(wrong.err, HasSubstr("did you mean 'read'?"));
}

TEST(CommandLine, a_misspelt_option_is_recognised) {
  const auto wrong = Shell()({"read", "@all", "--revers"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("did you mean '--reverse'?"));
}

TEST(CommandLine, a_misspelt_inner_command_is_recognised) {
  const auto wrong = Shell()({"stream", "inof"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("did you mean 'info'?"));
}

TEST(CommandLine, a_word_like_no_other_gets_the_list) {
  const auto wrong = Shell()({"xylophone"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("there are: serve, new, demo, append"));
}

TEST(CommandLine, a_missing_argument_is_a_usage_error) {
  EXPECT_EQ(Shell()({"append"}).code, 2);
  EXPECT_EQ(Shell()({"stream"}).code, 2);
  EXPECT_EQ(Shell()({"import", "file"}).code, 2);
}

TEST(CommandLine, a_value_out_of_its_choices_is_a_usage_error) {
  EXPECT_EQ(Shell()({"read", "@all", "-o", "paper"}).code, 2);
  EXPECT_EQ(Shell()({"bench", "append", "--duration", "0"}).code, 2);
  EXPECT_EQ(Shell()({"bench", "append", "--writers", "0"}).code, 2);
  EXPECT_EQ(Shell()({"demo", "--seed", "seven"}).code, 2);
}

TEST(CommandLine, help_goes_to_standard_output_and_is_no_error) {
  for (const auto& words : std::vector<std::vector<std::string>>{{}, {"help"}, {"--help"}, {"-h"}}) {
    const auto help = Shell()(words);
    EXPECT_EQ(help.code, 0);
    EXPECT_THAT(help.out, HasSubstr("verify"));
    EXPECT_EQ(help.err, "");
  }
}

TEST(CommandLine, every_command_has_a_help_page_reached_both_ways) {
  for (const auto* command :
       {"serve", "demo", "append", "read", "tail", "inspect", "verify", "import", "export", "version"}) {
    const auto asked = Shell()({"help", command});
    EXPECT_EQ(asked.code, 0) << command;
    EXPECT_THAT(asked.out, HasSubstr("Usage: stele " + std::string(command)));
    EXPECT_EQ(Shell()({command, "--help"}).out, asked.out);
  }
  EXPECT_THAT(Shell()({"help", "bench", "append"}).out, HasSubstr("--writers"));
}

TEST(CommandLine, the_exit_codes_and_the_places_have_pages) {
  EXPECT_THAT(Shell()({"help", "exit-codes"}).out, HasSubstr("5    conflict"));
  EXPECT_THAT(Shell()({"help", "places"}).out, HasSubstr("p90211"));
  const auto wrong = Shell()({"help", "exit-code"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("did you mean 'stele help exit-codes'?"));
}

TEST(CommandLine, the_version_is_said_plainly_and_as_a_record) {
  EXPECT_EQ(Shell()({"version"}).out, "stele " STELE_VERSION "\n");
  EXPECT_EQ(Shell()({"--version"}).out, "stele " STELE_VERSION "\n");
  EXPECT_THAT(Shell()({"version", "--ndjson"}).out,
              HasSubstr("{\"version\":\"" STELE_VERSION "\",\"compiler\":"));
}

TEST(CommandLine, a_place_to_listen_at_is_checked_before_anything_is_made) {
  TempDirectory directory;
  for (const auto* listen : {"nowhere:port", "127.0.0.1:99999", "a:b:1", "127.0.0.1:"}) {
    const auto wrong = Shell()({"serve", "--dir", directory.path("store"), "--listen", listen});
    EXPECT_EQ(wrong.code, 2) << listen;
    EXPECT_THAT(wrong.err, HasSubstr("HOST:PORT"));
  }
  EXPECT_FALSE(std::filesystem::exists(directory.path("store")));
}

TEST(CommandLine, serving_needs_a_directory) { EXPECT_EQ(Shell()({"serve"}).code, 2); }

}  // namespace
}  // namespace stele::cli::test

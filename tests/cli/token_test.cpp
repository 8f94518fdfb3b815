// stele token: made once, kept as a hash, listed, removed; and what goes with every request to a server.
#include <sys/stat.h>

#include "base/sha.hpp"
#include "shell.hpp"
#include "stele/app.hpp"

namespace stele::cli::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class Tokens : public testing::Test {
 protected:
  Outcome token(std::vector<std::string> words) {
    words.insert(words.begin(), "token");
    words.insert(words.end(), {"--file", file});
    return shell(words);
  }
  TempDirectory directory;
  std::string file = directory.path("tokens");
  Shell shell;
};

TEST_F(Tokens, the_file_has_a_hash_and_the_screen_the_token) {
  const auto made = token({"new", "reports", "--scope", "query", "--scope", "command", "--expires", "90d"});
  ASSERT_EQ(made.code, 0) << made.err;
  const auto begin = made.out.find("stele_");
  ASSERT_NE(begin, std::string::npos) << made.out;
  const auto secret = made.out.substr(begin, made.out.find('"', begin) - begin);
  const auto known = read_tokens(file);
  ASSERT_TRUE(known) << known.error().to_string();
  ASSERT_EQ(known->size(), 1u);
  EXPECT_EQ(known->front().name, "reports");
  EXPECT_EQ(known->front().sha256, base::sha256_hex(secret));
  EXPECT_EQ(known->front().scopes, (std::vector{Scope::query, Scope::command}));
  EXPECT_TRUE(known->front().expires.has_value());
  EXPECT_THAT(file_text(file), Not(HasSubstr(secret)));
  struct stat about{};
  ASSERT_EQ(::stat(file.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777u, 0600u) << "for its owner only";
}

TEST_F(Tokens, two_of_a_name_and_words_that_mean_nothing_are_refused) {
  ASSERT_EQ(token({"new", "reports", "--scope", "query"}).code, 0);
  const auto before = file_text(file);
  EXPECT_THAT(token({"new", "reports", "--scope", "admin"}).err, HasSubstr("already"));
  EXPECT_EQ(token({"new", "x", "--scope", "everything"}).code, 2);
  EXPECT_EQ(token({"new", "x"}).code, 2);
  EXPECT_EQ(token({"new", "two words", "--scope", "query"}).code, 2);
  EXPECT_EQ(token({"new", "x", "--scope", "query", "--expires", "soon"}).code, 2);
  EXPECT_EQ(file_text(file), before);
}

TEST_F(Tokens, listed_and_removed) {
  EXPECT_EQ(token({"ls"}).code, 3) << "no file";
  ASSERT_EQ(token({"new", "a", "--scope", "query"}).code, 0);
  ASSERT_EQ(token({"new", "b", "--scope", "admin"}).code, 0);
  const auto listed = token({"ls"});
  EXPECT_THAT(listed.out, HasSubstr(R"("name":"a","scopes":"query")"));
  EXPECT_THAT(listed.out, HasSubstr(R"("name":"b","scopes":"admin")"));
  EXPECT_EQ(token({"rm", "c"}).code, 3);
  EXPECT_EQ(token({"rm", "a"}).code, 0);
  EXPECT_THAT(token({"ls"}).out, Not(HasSubstr(R"("name":"a")")));
}

TEST_F(Tokens, a_command_reads_its_token_from_a_file) {
  const auto missing = shell({"read", "@all", "--url", "http://127.0.0.1:1", "--token-file", file});
  EXPECT_EQ(missing.code, 2);
  EXPECT_THAT(missing.err, HasSubstr("no access token in"));
}

}  // namespace
}  // namespace stele::cli::test

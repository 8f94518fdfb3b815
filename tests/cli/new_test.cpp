// new_test.cpp - `stele new`: what it writes, and what it does not touch. That the project builds is shown where the
// library is installed (tests/install).
#include <algorithm>
#include <fstream>
#include <sstream>

#include "cli/new/project.hpp"
#include "shell.hpp"

namespace stele::cli::test {
namespace {

using testing::HasSubstr;

std::string text_in(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

class New : public testing::Test {
 protected:
  [[nodiscard]] std::filesystem::path at(const std::string& file) const {
    return std::filesystem::path(directory.path("demo-app")) / file;
  }
  TempDirectory directory;
  Shell shell;
};

TEST_F(New, writes_a_project_with_its_name_filled_in) {
  const auto done = shell({"new", "demo-app", "--dir", directory.path("demo-app"), "-o", "ndjson"});
  ASSERT_EQ(done.code, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr(R"({"name":"demo-app","dir":")"));
  EXPECT_THAT(text_in(at("CMakeLists.txt")), HasSubstr("project(demo-app LANGUAGES CXX)"));
  EXPECT_THAT(text_in(at("main.cpp")), HasSubstr("stele::App app(\"demo-app\", \"1\");"));
  EXPECT_THAT(text_in(at(".gitignore")), HasSubstr("/build/"));
  for (const auto& [name, text] : project_files()) {
    if (name != "gitignore") {
      EXPECT_EQ(text_in(at(std::string(name))).find("{{"), std::string::npos) << name;
    }
  }
  const auto test = std::filesystem::status(at("test")).permissions();
  EXPECT_NE(test & std::filesystem::perms::owner_exec, std::filesystem::perms::none);
}

// The frame around it (includes, comments, main) is the project's.
TEST_F(New, the_aggregate_and_its_test_are_fifteen_lines) {
  ASSERT_EQ(shell({"new", "demo-app", "--dir", directory.path("demo-app")}).code, 0);
  const auto lines_from = [&](const std::string& file, std::string_view first, std::string_view last) {
    const auto text = text_in(at(file));
    const auto begin = text.find(first);
    const auto end = text.find(last, begin);
    return std::count(text.begin() + static_cast<std::ptrdiff_t>(begin),
                      text.begin() + static_cast<std::ptrdiff_t>(end), '\n');
  };
  const auto rules =
      lines_from("tally.hpp", "struct Counted", "\n};") + 2 - 1;  // a blank line is none of them
  const auto test = lines_from("tally_test.cpp", "  stele::given", "  return");
  EXPECT_EQ(rules + test, 15);
}

TEST_F(New, a_folder_with_something_in_it_is_left_alone) {
  ASSERT_EQ(shell({"new", "demo-app", "--dir", directory.path("demo-app")}).code, 0);
  std::ofstream(at("tally.hpp")) << "mine";
  const auto refused = shell({"new", "demo-app", "--dir", directory.path("demo-app")});
  EXPECT_EQ(refused.code, 5);
  EXPECT_THAT(refused.err, HasSubstr("is not empty"));
  EXPECT_EQ(text_in(at("tally.hpp")), "mine");
}

TEST_F(New, a_name_must_be_one_that_cmake_and_folders_take) {
  for (const char* name : {"", "-x", "9lives", "a/b", "a b", "test", "all", "..", "über"})
    EXPECT_EQ(shell({"new", name, "--dir", directory.path("demo-app")}).code, 2) << name;
  EXPECT_FALSE(std::filesystem::exists(directory.path("demo-app")));
}

}  // namespace
}  // namespace stele::cli::test

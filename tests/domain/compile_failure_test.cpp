// compile_failure_test.cpp - what must not compile does not, and the first error names what was forgotten.
// Runs the compilers that are installed over the snippets in refused/.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

const fs::path root = STELE_SOURCE_DIR;
const fs::path snippets = root / "tests/domain/refused";

std::string quoted(const std::string& argument) { return "'" + argument + "'"; }

bool installed(const std::string& compiler) {
  return std::system(("command -v " + compiler + " >/dev/null 2>&1").c_str()) == 0;
}

// What the compiler says about the snippet, and whether it took it.
struct Compiled {
  bool accepted = false;
  std::string said;
};

Compiled compile(const std::string& compiler, const fs::path& file) {
  const std::string command = "LC_ALL=C " + compiler + " -std=c++23 -fsyntax-only -I " +
                              quoted(root / "include") + " -I " + quoted(root / "tests") + " -x c++ " +
                              quoted(file) + " 2>&1";
  Compiled compiled;
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return compiled;
  char chunk[4096];
  while (const std::size_t size = std::fread(chunk, 1, sizeof chunk, pipe)) compiled.said.append(chunk, size);
  compiled.accepted = pclose(pipe) == 0;
  return compiled;
}

std::string expected_words(const fs::path& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  std::getline(in, line);
  const std::string marker = "// says:";
  EXPECT_TRUE(line.starts_with(marker)) << file << " has no second line '" << marker << "'";
  line.erase(0, marker.size());
  return line.empty() ? line : line.substr(1);
}

// The first error with the few lines that belong to it: the source line and why it is one.
std::string first_error(const std::string& said) {
  constexpr int belonging = 5;
  std::istringstream lines(said);
  std::string error;
  int left = 0;
  for (std::string line; std::getline(lines, line) && (error.empty() || left > 0);) {
    if (error.empty() && line.find("error:") != std::string::npos) left = belonging;
    if (left-- > 0) error += line + "\n";
  }
  return error;
}

void expect_refused(const std::string& compiler, const fs::path& file) {
  if (!installed(compiler)) GTEST_SKIP() << compiler << " is not installed";
  const std::string words = expected_words(file);
  const Compiled compiled = compile(compiler, file);
  EXPECT_EQ(compiled.accepted, words.empty()) << compiler << " " << file << "\n" << compiled.said;
  if (words.empty()) return;
  EXPECT_NE(first_error(compiled.said).find(words), std::string::npos)
      << "the first error of " << compiler << " does not say '" << words << "':\n"
      << compiled.said.substr(0, 4000);
}

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const auto& entry : fs::directory_iterator(snippets))
    if (entry.path().extension() == ".snippet") all.push_back(entry.path().stem());
  std::sort(all.begin(), all.end());
  return all;
}

class CompileFailure : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
#ifdef STELE_SANITIZED
    GTEST_SKIP() << "compilers do not change under sanitizers";
#endif
  }
};

TEST_P(CompileFailure, is_refused_by_gcc_in_words) {
  expect_refused("g++", snippets / (GetParam() + ".snippet"));
}
TEST_P(CompileFailure, is_refused_by_clang_in_words) {
  expect_refused("clang++-19", snippets / (GetParam() + ".snippet"));
}

INSTANTIATE_TEST_SUITE_P(Snippets, CompileFailure, testing::ValuesIn(names()),
                         [](const auto& name) { return name.param; });

}  // namespace

// shell.hpp - runs stele commands inside the test's process: words in; exit code, standard output and standard
// error out. No terminal, no real environment, a clock that stands still unless a test asks for more.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "cli/session.hpp"
#include "stele/store.hpp"

namespace stele::cli::test {

struct Outcome {
  int code = -1;
  std::string out;
  std::string err;
};

// A directory of its own, gone with the object.
class TempDirectory {
 public:
  TempDirectory() {
    auto pattern = (std::filesystem::temp_directory_path() / "stele-cli-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
  }
  ~TempDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  [[nodiscard]] std::string path(const std::string& name = "") const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

class Shell {
 public:
  std::map<std::string, std::string> environment;
  bool terminal = false;  // standard output is one
  std::size_t width = 0;
  Timestamp now = *parse_time("2026-03-01T12:00:00Z");
  std::stop_source stop;
  int stop_signal = 2;

  Outcome operator()(const std::vector<std::string>& words, const std::string& input = "") {
    std::istringstream in(input);
    std::ostringstream out;
    std::ostringstream err;
    const auto code = run(words, in, out, err);
    return {code, out.str(), err.str()};
  }

  // For output that is looked at while the command runs.
  int run(const std::vector<std::string>& words, std::istream& in, std::ostream& out, std::ostream& err) {
    Session session{.in = in,
                    .out = out,
                    .err = err,
                    .out_is_terminal = terminal,
                    .err_is_terminal = false,
                    .width = width,
                    .environment = [this](const char* name) { return variable(name); },
                    .now = [this] { return now; },
                    .stop = stop.get_token(),
                    .stop_signal = [this] { return stop_signal; }};
    return stele::cli::run(words, session);
  }

 private:
  std::optional<std::string> variable(const char* name) const {
    const auto found = environment.find(name);
    return found == environment.end() ? std::nullopt : std::optional(found->second);
  }
};

inline std::string file_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void write_file(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

// Events with recorded times and ids that never change, so that whole outputs can be compared.
inline NewEvent event_numbered(std::uint8_t number, std::string type, std::string data) {
  std::array<std::uint8_t, 16> id{};
  id[15] = number;
  return {.id = Uuid(id), .type = std::move(type), .data = std::move(data), .metadata = {}, .tags = {}};
}

inline void append_at(EventStore& store, const std::string& stream, const std::string& time, NewEvent event) {
  AppendRequest request;
  request.recorded_at = *parse_time(time);
  request.writes.push_back(
      {.stream = stream, .expected = ExpectedVersion::any(), .events = {std::move(event)}});
  const auto appended = store.append(std::move(request));
  ASSERT_TRUE(appended) << appended.error().to_string();
}

// Three events on two streams, on the first of March 2026.
inline void fill_small_store(const std::string& directory) {
  auto store = open(directory);
  ASSERT_TRUE(store) << store.error().to_string();
  append_at(**store, "Account-1", "2026-03-01T10:00:00Z", event_numbered(1, "Opened", R"({"owner":"Ada"})"));
  append_at(**store, "Account-2", "2026-03-01T11:00:00Z", event_numbered(2, "Opened", R"({"owner":"Bob"})"));
  append_at(**store, "Account-1", "2026-03-01T11:59:00Z",
            event_numbered(3, "Deposited", R"({"amount":10.50})"));
}

}  // namespace stele::cli::test

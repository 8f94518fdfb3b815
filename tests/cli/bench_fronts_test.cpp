// bench_fronts_test.cpp - every `stele bench` with tiny counts: conditions first, lines with the promised members,
// figures that agree with what was asked for. How fast anything is, is not asserted.
#include "shell.hpp"
#include "stele/detail/json.hpp"

namespace stele::cli::test {
namespace {

using testing::HasSubstr;

// The records of a run: the conditions, then the lines.
class Records {
 public:
  explicit Records(const std::string& ndjson) {
    std::istringstream lines(ndjson);
    for (std::string line; std::getline(lines, line);) {
      auto document = JsonDocument::parse(line);
      EXPECT_TRUE(document) << line;
      if (document) documents_.push_back(std::move(*document));
    }
  }
  [[nodiscard]] std::size_t lines() const { return documents_.empty() ? 0 : documents_.size() - 1; }
  [[nodiscard]] JsonValue conditions() const { return documents_.at(0).root(); }
  [[nodiscard]] JsonValue line(std::size_t number) const { return documents_.at(number + 1).root(); }

 private:
  std::vector<JsonDocument> documents_;
};

double number_of(const JsonValue& line, std::string_view member) {
  const auto value = line.find(member);
  EXPECT_TRUE(value) << member << " is missing in " << line.raw();
  return value ? value->as_double().value_or(-1) : -1;
}

std::string text_of(const JsonValue& line, std::string_view member) {
  const auto value = line.find(member);
  EXPECT_TRUE(value) << member << " is missing in " << line.raw();
  return value ? std::string(value->as_string().value_or("")) : "";
}

void expect_conditions(const JsonValue& conditions, const std::string& bench) {
  EXPECT_EQ(text_of(conditions, "bench"), bench);
  for (const auto* member : {"cpu", "kernel", "file_system", "device", "compiler", "version", "sync"})
    EXPECT_FALSE(text_of(conditions, member).empty()) << member;
  for (const auto* member : {"cores", "fdatasync_300_us", "fdatasync_300_p99_us", "write_bytes_per_second"})
    EXPECT_GT(number_of(conditions, member), 0) << member;
}

class BenchFronts : public testing::Test {
 protected:
  Outcome run(std::vector<std::string> words) {
    words.insert(words.begin(), "bench");
    words.insert(words.end(), {"--dir", directory.path()});
    return shell(words);
  }
  TempDirectory directory;
  Shell shell;
};

TEST_F(BenchFronts, read_measures_replay_loads_and_selective_reads) {
  const auto bench = run({"read", "--events", "2000", "--duration", "0.05"});
  ASSERT_EQ(bench.code, 0) << bench.err;
  const Records records(bench.out);
  expect_conditions(records.conditions(), "read");
  ASSERT_EQ(records.lines(), 6u);
  EXPECT_EQ(text_of(records.line(0), "what"), "crc scan of the files");
  EXPECT_GT(number_of(records.line(1), "per_second"), 0);
  EXPECT_GT(number_of(records.line(1), "ratio"), 0);
  EXPECT_EQ(text_of(records.line(2), "what"), "loads of 100 scattered events");
  EXPECT_EQ(text_of(records.line(3), "what"), "10 events by tag, 1 thread");
  EXPECT_GE(number_of(records.line(5), "pages_per_event"), 0);
  for (std::size_t i = 2; i < 6; ++i)
    EXPECT_LE(number_of(records.line(i), "p50_us"), number_of(records.line(i), "p99_us"));
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST_F(BenchFronts, load_measures_a_hundred_and_a_thousand_events) {
  const auto bench = run({"load", "--events", "4000", "--duration", "0.05", "--threads", "2"});
  ASSERT_EQ(bench.code, 0) << bench.err;
  const Records records(bench.out);
  expect_conditions(records.conditions(), "load");
  ASSERT_EQ(records.lines(), 2u);
  EXPECT_EQ(number_of(records.line(0), "events_per_load"), 100);
  EXPECT_EQ(number_of(records.line(1), "events_per_load"), 1000);
  EXPECT_EQ(number_of(records.line(1), "streams"), 4);
  EXPECT_GT(number_of(records.line(0), "limit_us"), 0);
}

TEST_F(BenchFronts, load_at_a_rate_does_not_go_beyond_it) {
  const auto bench =
      run({"load", "--events", "1000", "--streams", "10", "--duration", "0.2", "--rate", "100"});
  ASSERT_EQ(bench.code, 0) << bench.err;
  const Records records(bench.out);
  ASSERT_EQ(records.lines(), 1u);
  EXPECT_LE(number_of(records.line(0), "loads_per_second"), 101);
}

TEST_F(BenchFronts, load_with_zipf_shares_finds_streams_of_all_sizes) {
  const auto bench =
      run({"load", "--events", "1000", "--streams", "100", "--zipf", "--duration", "0.05", "--rate", "1000"});
  ASSERT_EQ(bench.code, 0) << bench.err;
  EXPECT_THAT(bench.out, HasSubstr("\"zipf\":true"));
}

TEST_F(BenchFronts, subscribe_measures_a_thread_and_http) {
  const auto bench = run({"subscribe", "--rate", "200", "--duration", "0.2"});
  ASSERT_EQ(bench.code, 0) << bench.err;
  const Records records(bench.out);
  expect_conditions(records.conditions(), "subscribe");
  ASSERT_EQ(records.lines(), 2u);
  EXPECT_EQ(text_of(records.line(0), "over"), "a thread");
  EXPECT_EQ(text_of(records.line(1), "over"), "HTTP on loopback");
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_GT(number_of(records.line(i), "events"), 0);
    EXPECT_LE(number_of(records.line(i), "events"), 40);
    EXPECT_GT(number_of(records.line(i), "whole_p99_us"), 0);
  }
}

TEST_F(BenchFronts, rebuild_builds_the_same_model_in_every_way) {
  const auto bench = run({"rebuild", "--events", "2000"});
  ASSERT_EQ(bench.code, 0) << bench.err;
  const Records records(bench.out);
  expect_conditions(records.conditions(), "rebuild");
  ASSERT_EQ(records.lines(), 5u);
  EXPECT_EQ(text_of(records.line(4), "target"), "SQLite, beside the one that serves");
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_GE(number_of(records.line(i), "events"), 2000) << "and those that came meanwhile";
    EXPECT_EQ(number_of(records.line(i), "accounts"), 20);
    EXPECT_GT(number_of(records.line(i), "limit_per_second"), 0);
  }
}

TEST_F(BenchFronts, fill_keeps_the_log_and_never_adds_to_one) {
  const auto words = std::vector<std::string>{"fill", "--events", "1500", "--streams", "30"};
  const auto first = run(words);
  ASSERT_EQ(first.code, 0) << first.err;
  EXPECT_EQ(number_of(Records(first.out).line(0), "events"), 1500);
  const auto again = run(words);
  EXPECT_EQ(again.code, 2);
  EXPECT_THAT(again.err, HasSubstr("holds a store with events"));
  const auto store = open(directory.path(), {.access = Access::read_only});
  ASSERT_TRUE(store);
  EXPECT_EQ((*store)->head().events, 1500u);
}

TEST_F(BenchFronts, open_measures_a_store_without_changing_it) {
  fill_small_store(directory.path("store"));
  const auto bench = run({"open", "--store", directory.path("store")});
  ASSERT_EQ(bench.code, 0) << bench.err;
  const Records records(bench.out);
  ASSERT_EQ(records.lines(), 1u);
  EXPECT_EQ(number_of(records.line(0), "events"), 3);
  EXPECT_GT(number_of(records.line(0), "rss_mib"), 0);
  EXPECT_GE(number_of(records.line(0), "open_seconds"), 0);
  const auto store = open(directory.path("store"), {.access = Access::read_only});
  ASSERT_TRUE(store);
  EXPECT_EQ((*store)->head().events, 3u);
}

TEST_F(BenchFronts, open_measures_after_a_kill_and_after_a_clean_close) {
  const auto program = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "stele";
  if (!std::filesystem::exists(program)) GTEST_SKIP() << "the stele binary is not built";
  shell.environment["STELE_PROGRAM"] = program.string();
  const auto bench = run({"open", "--events", "1000", "--zipf"});
  ASSERT_EQ(bench.code, 0) << bench.err;
  const Records records(bench.out);
  expect_conditions(records.conditions(), "open");
  ASSERT_EQ(records.lines(), 2u);
  EXPECT_EQ(text_of(records.line(0), "after"), "SIGKILL");
  EXPECT_EQ(text_of(records.line(1), "after"), "a clean close");
  for (std::size_t i = 0; i < 2; ++i) {
    for (const auto* member : {"open_seconds", "rss_mib", "stream_read_us", "tag_read_us", "close_seconds"})
      EXPECT_GE(number_of(records.line(i), member), 0) << member;
    EXPECT_EQ(number_of(records.line(i), "events"), 1000);
  }
}

TEST_F(BenchFronts, open_says_when_its_program_cannot_be_started) {
  shell.environment["STELE_PROGRAM"] = directory.path("nothing");
  const auto bench = run({"open", "--events", "1000"});
  EXPECT_EQ(bench.code, 6);
  EXPECT_THAT(bench.err, HasSubstr("cannot start"));
}

TEST_F(BenchFronts, every_condition_holds_and_is_measured_beside_unconditional_appends) {
  for (const bool zipf : {false, true}) {
    std::vector<std::string> words{"condition", "--events", "1000", "--duration", "0.05", "--writers", "3"};
    if (zipf) words.insert(words.end(), {"--zipf", "--async"});
    const auto bench = run(words);
    ASSERT_EQ(bench.code, 0) << bench.err;
    const Records records(bench.out);
    expect_conditions(records.conditions(), "condition");
    ASSERT_EQ(records.lines(), 7u);
    for (std::size_t i = 0; i < 7; ++i) {
      for (const auto* member : {"unconditional_per_second", "ratio", "appends_per_write"})
        EXPECT_GE(number_of(records.line(i), member), 0) << member;
      EXPECT_EQ(number_of(records.line(i), "conflicts") + number_of(records.line(i), "errors"), 0);
    }
  }
}

TEST_F(BenchFronts, a_second_run_is_compared_with_the_first) {
  const std::vector<std::string> words{"append", "--duration", "0.05", "--writers", "2"};
  const auto first = run(words);
  ASSERT_EQ(first.code, 0) << first.err;
  TempDirectory elsewhere;
  write_file(elsewhere.path("earlier"), first.out);
  auto compared = words;
  compared.insert(compared.end(), {"--baseline", elsewhere.path("earlier")});
  const auto second = run(compared);
  ASSERT_EQ(second.code, 0) << second.err;
  const Records before(first.out);
  const Records after(second.out);
  const auto ratio =
      number_of(after.line(0), "appends_per_second") / number_of(before.line(0), "appends_per_second");
  EXPECT_NEAR(number_of(after.line(0), "vs_baseline"), ratio, 0.01);
  EXPECT_GT(number_of(after.line(0), "p99_vs_baseline"), 0);
}

TEST_F(BenchFronts, a_baseline_of_something_else_ends_the_run_before_it_begins) {
  write_file(directory.path("earlier"),
             "{\"bench\":\"read\"}\n{\"what\":\"replay, events\",\"per_second\":1}\n");
  const auto other = run({"append", "--baseline", directory.path("earlier")});
  EXPECT_NE(other.code, 0);
  EXPECT_EQ(other.out.find("appends_per_second\":"), std::string::npos) << other.out;
  EXPECT_THAT(other.err, HasSubstr("no lines of bench append"));
  const auto missing = run({"append", "--baseline", directory.path("nothing")});
  EXPECT_EQ(missing.code, 3);
  EXPECT_THAT(missing.err, HasSubstr("there is no file"));
}

TEST_F(BenchFronts, wrong_numbers_and_places_are_mistakes_on_the_command_line) {
  EXPECT_EQ(run({"subscribe", "--rate", "0"}).code, 2);
  EXPECT_EQ(run({"open", "--events", "10"}).code, 2);
  EXPECT_EQ(run({"condition", "--writers", "0"}).code, 2);
  EXPECT_EQ(shell({"bench", "rebuild", "--url", "http://127.0.0.1:1"}).code, 2);
  EXPECT_EQ(shell({"bench", "fill"}).code, 2);
}

TEST_F(BenchFronts, fields_are_listed_without_measuring) {
  for (const auto* bench : {"append", "read", "load", "condition", "subscribe", "rebuild", "fill", "open"}) {
    const auto listed = shell({"bench", bench, "--fields"});
    EXPECT_EQ(listed.code, 0) << listed.err;
    EXPECT_THAT(listed.out, HasSubstr("vs_baseline")) << bench;
  }
}

}  // namespace
}  // namespace stele::cli::test

// harness_test.cpp - the harness that all rivals are measured with, run on the one rival that needs no server (SQLite)
// and on one that lies: tiny counts, no figures asserted.
#include "bench/compare/harness.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "bench/compare/record.hpp"
#include "stele/detail/json.hpp"

namespace stele::compare {
namespace {

class Harness : public testing::Test {
 protected:
  Harness() {
    auto pattern = (std::filesystem::temp_directory_path() / "stele-compare-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) std::abort();
    directory_ = pattern;
  }
  ~Harness() override { std::filesystem::remove_all(directory_); }

  Task task(std::string workload) {
    Task one;
    one.workload = std::move(workload);
    one.writers = 3;
    one.events = 200;
    one.streams = 20;
    one.seconds = 0.05;
    one.run = std::to_string(++runs_);
    one.place.directory = directory_;
    return one;
  }
  std::unique_ptr<Rival> rival() {
    auto opened = open_rival({.directory = directory_});
    EXPECT_TRUE(opened) << opened.error().to_string();
    return std::move(*opened);
  }
  std::string directory_;
  int runs_ = 0;
};

TEST_F(Harness, both_forms_count_what_the_store_has) {
  const auto store = rival();
  std::uint64_t before = 0;
  for (const auto* form : {"blocking", "async"}) {
    auto one = task("append");
    one.form = form;
    one.batch = 2;
    auto measured = run_task(*store, one);
    // A disk may need longer than the window for a single sync.
    while (measured && measured->operations == 0 && one.seconds < 60) {
      one.run = std::to_string(++runs_);
      one.seconds *= 2;
      measured = run_task(*store, one);
    }
    ASSERT_TRUE(measured) << measured.error().to_string();
    EXPECT_GT(measured->operations, 0u) << form;
    EXPECT_EQ(measured->events, measured->operations * 2);
    EXPECT_EQ(measured->latency.count(), measured->operations);
    const auto after =
        store->replay([](std::string_view, std::string_view data) { EXPECT_EQ(data, payload()); });
    ASSERT_TRUE(after);
    EXPECT_GE(*after - before, measured->events);  // what was sent while warming up is there too
    before = *after;
  }
}

TEST_F(Harness, a_filled_log_is_replayed_loaded_and_rebuilt) {
  const auto store = rival();
  const auto filling = task("fill");
  const auto filled = run_task(*store, filling);
  ASSERT_TRUE(filled) << filled.error().to_string();
  EXPECT_EQ(filled->events, 200u);
  for (const auto* workload : {"replay", "rebuild"}) {
    auto one = filling;
    one.workload = workload;
    const auto measured = run_task(*store, one);
    ASSERT_TRUE(measured) << measured.error().to_string();
    EXPECT_EQ(measured->events, 200u) << workload;
  }
  auto own = filling;
  own.workload = "rebuild";
  own.form = "own";
  const auto folded = run_task(*store, own);
  ASSERT_TRUE(folded) << folded.error().to_string();
  EXPECT_EQ(folded->events, 200u) << "and the balances agree with the log, or it were an error";
  own.form = "each";
  EXPECT_EQ(run_task(*store, own).error().message(), no_such_form().message());
  auto loading = filling;
  loading.workload = "load";
  const auto loads = run_task(*store, loading);
  ASSERT_TRUE(loads) << loads.error().to_string();
  EXPECT_EQ(loads->events, loads->operations * 10);
}

TEST_F(Harness, a_store_that_lost_events_has_no_figures) {
  const auto store = rival();
  auto one = task("fill");
  ASSERT_TRUE(run_task(*store, one));
  one.workload = "load";
  one.events = 400;  // more than were written
  const auto loads = run_task(*store, one);
  ASSERT_FALSE(loads);
  EXPECT_EQ(loads.error().kind(), errc::corrupt);
}

TEST_F(Harness, two_appends_at_one_version_are_refused) {
  const auto store = rival();
  const auto connection = store->connect();
  ASSERT_TRUE(connection);
  EXPECT_TRUE((*connection)->append({.stream = "Account-1", .expected = 0, .count = 1}));
  EXPECT_FALSE((*connection)->append({.stream = "Account-1", .expected = 0, .count = 1}));
}

TEST_F(Harness, a_line_has_the_members_the_table_is_made_of) {
  const auto store = rival();
  const auto one = task("append");
  const auto measured = run_task(*store, one);
  ASSERT_TRUE(measured);
  const auto line = JsonDocument::parse(line_of(one, *measured, store->durability()));
  ASSERT_TRUE(line);
  for (const auto* member : {"workload", "form", "writers", "batch", "operations_per_second",
                             "events_per_second", "p50_us", "p99_us", "durability"})
    EXPECT_TRUE(line->root().find(member)) << member;
}

TEST(HarnessWords, are_pairs_of_names_and_values) {
  std::vector<std::string> words{"driver", "--workload", "append", "--writers", "16", "--seconds", "0.5"};
  std::vector<char*> raw;
  for (auto& word : words) raw.push_back(word.data());
  const auto task = parse_task(raw);
  ASSERT_TRUE(task) << task.error().to_string();
  EXPECT_EQ(task->writers, 16u);
  EXPECT_EQ(task->seconds, 0.5);
  raw.pop_back();
  EXPECT_FALSE(parse_task(raw));
  words[4] = "many";
  raw.push_back(words[6].data());
  EXPECT_FALSE(parse_task(raw));
}

TEST(HarnessParts, payload_ids_and_keys_are_what_they_should_be) {
  EXPECT_EQ(payload().size(), 256u);
  EXPECT_TRUE(JsonDocument::parse(payload()));
  EXPECT_NE(fresh_id(), fresh_id());
  EXPECT_EQ(id_text(fresh_id()).size(), 36u);
  EXPECT_LT(stream_key("a", 255), stream_key("a", 256));
  EXPECT_LT(position_key(9), position_key(10));
  EXPECT_LT(position_key(~std::uint64_t{0}), stream_key("", 0));
  const auto record = event_record("Account-7");
  EXPECT_EQ(record_stream(record), "Account-7");
  EXPECT_EQ(record_data(record), payload());
}

}  // namespace
}  // namespace stele::compare

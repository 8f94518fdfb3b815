// tutorial_test.cpp - the samples of docs/tutorial.md: what `stele new` writes, and what the tutorial adds to it. The
// parts between [marks] stand in that page word for word.
#include <gtest/gtest.h>

#include "cli/new/project/tally.hpp.in"
#include "stele/handler.hpp"
#include "stele/spec.hpp"
#include "stele/sqlite.hpp"
#include "support/temp_directory.hpp"

// [projection]
struct Totals {
  static constexpr std::string_view name = "totals";
  static constexpr int version = 1;
  static constexpr std::string_view category = Tally::category;
  static constexpr std::string_view schema =
      "CREATE TABLE total(name TEXT PRIMARY KEY, sum INTEGER NOT NULL) STRICT";
  using Events = Tally::Events;

  static stele::result<void> project(stele::SqliteModel& model, const Counted& e,
                                     const stele::EventView& at) {
    STELE_CHECK(model.run("INSERT INTO total VALUES(?1, ?2) ON CONFLICT DO UPDATE SET sum = sum + ?2",
                          {at.stream.substr(Tally::category.size() + 1), e.by}));
    return {};
  }
};
// [/projection]

// [question]
stele::result<std::vector<std::string>> leaders(stele::SqliteSnapshot& totals) {
  std::vector<std::string> names;
  STELE_CHECK(totals.each("SELECT name FROM total ORDER BY sum DESC LIMIT 3", {},
                          [&](const stele::SqlRow& row) { names.emplace_back(row.text(0)); }));
  return names;
}
// [/question]

namespace {

// [running]
stele::result<std::vector<std::string>> count_and_ask(stele::EventStore& store,
                                                      const std::filesystem::path& models) {
  stele::Projections projections(store);
  STELE_TRY(auto target, stele::SqliteTarget::open(models, stele::sqlite_projection<Totals>()));
  STELE_TRY(stele::Runner * runner, projections.add(target));

  STELE_CHECK(stele::handle<Tally>(store, Count{"sheep", 4}));
  STELE_TRY(const auto done, stele::handle<Tally>(store, Count{"goats", 7}, {.user = "ada"}));

  STELE_CHECK(runner->wait(done.appended->last, std::chrono::seconds(5)));  // read your own write
  STELE_TRY(auto now, target->snapshot());
  return leaders(now);
}
// [/running]

// [past]
stele::result<int> sum_then(stele::EventStore& store, const std::string& name, stele::Timestamp time) {
  const stele::Moment moment{time};
  STELE_TRY(const auto position, stele::position_of(store, moment));
  STELE_TRY(const auto scratch, stele::SqliteTarget::scratch(stele::sqlite_projection<Totals>()));
  STELE_CHECK(stele::fold(*scratch, store, position));
  STELE_TRY(auto then, scratch->snapshot());
  int sum = 0;
  STELE_CHECK(then.first("SELECT sum FROM total WHERE name = ?", {name},
                         [&](const stele::SqlRow& row) { sum = static_cast<int>(row.integer(0)); }));
  return sum;
}
// [/past]

class Tutorial : public testing::Test {
 protected:
  stele::test::TempDirectory dir_;
};

TEST_F(Tutorial, the_rules_say_what_the_new_projects_test_says) {
  stele::given<Tally>(Counted{4}).when(Count{"sheep", 6}).then(Counted{6});
  stele::given<Tally>(Counted{4}).when(Count{"sheep", 7}).then_refused(TooMuch{4});
}

TEST_F(Tutorial, a_read_model_answers_for_what_was_just_written) {
  const auto store = stele::open(dir_ / "store");
  ASSERT_TRUE(store);
  const auto names = count_and_ask(**store, dir_ / "models");
  ASSERT_TRUE(names) << names.error().to_string();
  EXPECT_EQ(*names, (std::vector<std::string>{"goats", "sheep"}));
}

TEST_F(Tutorial, the_past_is_asked_the_same_question) {
  const auto store = stele::open(dir_ / "store");
  ASSERT_TRUE(store);
  const auto first = stele::handle<Tally>(**store, Count{"sheep", 4});
  ASSERT_TRUE(first);
  stele::HandleOptions later;
  later.recorded_at = first->appended->recorded_at + std::chrono::hours(1);
  ASSERT_TRUE(stele::handle<Tally>(**store, Count{"sheep", 5}, {}, later));
  EXPECT_EQ(sum_then(**store, "sheep", first->appended->recorded_at).value_or(-1), 4);
  EXPECT_EQ(sum_then(**store, "sheep", *later.recorded_at).value_or(-1), 9);
}

}  // namespace

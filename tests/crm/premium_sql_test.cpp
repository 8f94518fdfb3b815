// premium_sql_test.cpp - "how many users were premium at ...?", asked of a projection in SQL that only knows the
// present, as of past instants; against the crm's own view, which keeps every membership with its times.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "crm/crm.hpp"
#include "crm/views.hpp"
#include "declared/compiled.hpp"
#include "stele/evolution.hpp"
#include "support/temp_directory.hpp"

namespace crm {
namespace {

std::string premium_sql() {
  std::ifstream file(STELE_SOURCE_DIR "/examples/crm/projections/premium.sql");
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(PremiumInSql, the_past_of_a_model_of_the_present_agrees_with_a_model_of_the_past) {
  stele::test::TempDirectory directory;
  const auto store = *stele::open(directory / "store");
  ASSERT_TRUE(seed(*store));
  const auto compiled = stele::declared::compile(premium_sql(), "premium.sql", stele::type_names<User>());
  ASSERT_TRUE(compiled) << compiled.error().to_string();
  stele::SqlitePast past(*store, compiled->projection, {});
  const auto memberships = *stele::SqliteTarget::scratch(stele::sqlite_projection<Memberships>());
  ASSERT_TRUE(stele::fold(*memberships, *store, store->head().position));
  auto truth = *memberships->snapshot();
  std::uint64_t most = 0;
  for (const auto at :
       {end_of_month("2026-04"), end_of_month("2026-05"), end_of_month("2026-06"),
        stele::parse_time("2026-06-15T12:00Z"), end_of_month("2026-07"), end_of_month("2026-12")}) {
    ASSERT_TRUE(at);
    const auto wanted = *premium_at(truth, *at);
    const auto asked =
        past.ask(*store->position_at(*at), [&](stele::SqliteSnapshot& model) -> stele::result<void> {
          STELE_TRY(const auto rows, stele::declared::run_query(model, *compiled->query("how_many"), {}, 10));
          EXPECT_EQ(rows.json, R"({"premium":)" + std::to_string(wanted.premium) + R"(,"users":)" +
                                   std::to_string(wanted.users) + "}")
              << stele::to_string(*at);
          return {};
        });
    ASSERT_TRUE(asked) << asked.error().to_string();
    most = std::max(most, wanted.premium);
  }
  EXPECT_GT(most, 3u) << "there was something to count";
}

}  // namespace
}  // namespace crm

// Some hundred lives of the engine on a simulated machine; `./dev simulate` lives as many as one likes.
#include <gtest/gtest.h>

#include "simulation/life.hpp"

namespace stele::simulation {
namespace {

#ifdef STELE_SANITIZED
constexpr std::uint64_t usual_lives = 12;
#else
constexpr std::uint64_t usual_lives = 60;
#endif

TEST(Simulation, lives_with_power_cuts_at_every_moment_keep_what_was_acknowledged) {
  tell_seed_on_abort("./dev simulate");
  std::uint64_t cuts = 0;
  std::uint64_t acknowledged = 0;
  for (std::uint64_t seed = 1; seed <= usual_lives; ++seed) {
    const auto plan = plan_of(seed);
    const auto outcome = live(plan);
    cuts += outcome.cuts;
    acknowledged += outcome.acknowledged;
    if (!outcome.finding) continue;
    FAIL() << "seed " << seed << ": " << *outcome.finding << "\nagain: ./dev simulate "
           << replay_arguments(seed, minimise(plan));
  }
  EXPECT_GT(cuts, 30 * usual_lives);
  EXPECT_GT(acknowledged, 10 * usual_lives);
}

TEST(Simulation, a_seed_lives_the_same_life_again) {
  for (std::uint64_t seed = 1001; seed <= 1001 + usual_lives / 10; ++seed) {
    const auto first = live(plan_of(seed));
    const auto second = live(plan_of(seed));
    EXPECT_EQ(first.digest, second.digest) << seed;
    EXPECT_EQ(first.changes, second.changes) << seed;
    EXPECT_EQ(first.cuts, second.cuts) << seed;
    EXPECT_EQ(first.acknowledged, second.acknowledged) << seed;
  }
}

// A disk that lies about its syncs takes acknowledged events with it. A simulator that does not see that sees nothing.
class LyingDisk : public testing::TestWithParam<Lie> {};

TEST_P(LyingDisk, is_found_out_within_a_few_lives) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    auto plan = plan_of(seed);
    plan.lie = GetParam();
    const auto outcome = live(plan);
    if (!outcome.finding) continue;
    SUCCEED() << *outcome.finding;
    return;
  }
  FAIL() << "twenty lives on a disk that lies, and nothing was lost";
}

INSTANTIATE_TEST_SUITE_P(Simulation, LyingDisk,
                         testing::Values(Lie::no_sync, Lie::late_sync, Lie::no_directory_sync));

TEST(Simulation, a_life_with_a_finding_is_made_shorter_and_still_has_one) {
  std::uint64_t seed = 1;
  auto plan = plan_of(seed);
  for (plan.lie = Lie::no_sync; !live(plan).finding; plan.lie = Lie::no_sync) plan = plan_of(++seed);
  const auto fewer = minimise(plan);
  EXPECT_LT(fewer.size(), plan.steps.size() / 2);
  EXPECT_TRUE(live(plan, fewer).finding.has_value());
  EXPECT_NE(replay_arguments(seed, fewer).find("--seed " + std::to_string(seed) + " --steps "),
            std::string::npos);
}

TEST(Simulation, no_bit_that_changes_on_the_disk_gives_a_wrong_answer) {
  std::uint64_t flips = 0;
  std::uint64_t told = 0;
  for (std::uint64_t seed = 2001; seed <= 2000 + usual_lives / 2; ++seed) {
    auto plan = plan_of(seed);
    plan.cut_one_in = 1000;
    const auto outcome = live(plan);
    ASSERT_FALSE(outcome.finding) << "seed " << seed << ": " << *outcome.finding;
    flips += outcome.flips;
    told += outcome.flips_told;
  }
  EXPECT_GE(flips, 8 * (usual_lives / 2) - usual_lives);
  EXPECT_GT(told, flips / 2);
}

}  // namespace
}  // namespace stele::simulation

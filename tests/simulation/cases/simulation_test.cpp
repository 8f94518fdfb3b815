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

}  // namespace
}  // namespace stele::simulation

// saga_death_test.cpp - the process of a saga dies at every write it makes, before it or after it; what a second one
// leaves must be what one that never died leaves.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "domain/dying_store.hpp"
#include "domain/saga_fixture.hpp"

namespace stele::test {
namespace {

using std::chrono::minutes;

// Paid; refused; never confirmed until the time runs out; nothing to pay.
const std::map<std::string, int> amounts{{"paid", 50}, {"refused", 500}, {"late", 99}, {"free", 0}};

// What happened to the aggregates, and how many steps of each kind the sagas took.
std::multiset<std::string> effects(SagaWorld& world) {
  std::multiset<std::string> all;
  for (const auto& event : world.log()) {
    const bool step = event.type == "SagaStep";
    all.insert(event.stream + " " +
               (step ? event.data.substr(0, event.data.find(',')) : event.type + event.data));
  }
  return all;
}

enum class Memory { kept, lost };

// The first process dies at a write; the second one ends what it began. Answers how many writes the first made.
std::uint64_t play(SagaWorld& world, std::uint64_t at_write, Death death, std::uint64_t checkpoint_every,
                   Memory memory = Memory::kept) {
  for (const auto& [order, amount] : amounts) world.place(order, amount);
  DyingStore dying(world.store(), at_write, death);
  SagaOptions options;
  options.checkpoint_every = checkpoint_every;
  const auto first = world.worker(dying, options);
  run(*first);
  world.clock.advance(minutes(15));
  run(*first);
  if (memory == Memory::lost) must(world.store().records().erase("saga", "Payment"));
  const auto second = world.worker(options);
  run(*second);
  EXPECT_TRUE(second->is_idle());
  EXPECT_EQ(second->troubles().size(), 0u);
  return dying.writes();
}

std::multiset<std::string> undisturbed() {
  SagaWorld world;
  play(world, 0, Death::before_the_write, 3);
  return effects(world);
}

TEST(SagaDeath, at_whichever_write_it_dies_each_event_has_one_effect) {
  const auto expected = undisturbed();
  ASSERT_EQ(expected.count(R"(Order-late Cancelled{"order":"late","reason":"not paid"})"), 1u);
  ASSERT_EQ(expected.count(R"(Purse-late Refunded{"order":"late"})"), 1u);
  std::uint64_t deaths = 0;
  for (const auto death : {Death::before_the_write, Death::after_the_write}) {
    for (const std::uint64_t every : {1u, 3u, 256u}) {
      bool died = true;
      for (std::uint64_t at = 1; died; ++at) {
        SagaWorld world;
        died = play(world, at, death, every) >= at;
        EXPECT_EQ(effects(world), expected) << "died at write " << at << ", checkpoint every " << every;
        deaths += died ? 1 : 0;
      }
    }
  }
  EXPECT_GT(deaths, 100u);
}

TEST(SagaDeath, also_when_its_checkpoint_dies_with_it) {
  const auto expected = undisturbed();
  bool died = true;
  for (std::uint64_t at = 1; died; ++at) {
    SagaWorld world;
    died = play(world, at, Death::after_the_write, 3, Memory::lost) >= at;
    EXPECT_EQ(effects(world), expected) << "died at write " << at;
  }
}

TEST(SagaDeath, dying_again_and_again_it_comes_to_the_end) {
  const auto expected = undisturbed();
  SagaWorld world;
  for (const auto& [order, amount] : amounts) world.place(order, amount);
  int lives = 0;
  for (bool done = false; !done; ++lives) {
    ASSERT_LT(lives, 200) << "no progress";
    DyingStore dying(world.store(), 2, lives % 2 == 0 ? Death::before_the_write : Death::after_the_write);
    const auto worker = world.worker(dying);
    run(*worker);
    done = !dying.dead();
    if (lives == 20) world.clock.advance(minutes(15));
    if (done && lives < 20) done = false;
  }
  const auto last = world.worker();
  run(*last);
  EXPECT_EQ(effects(world), expected);
}

}  // namespace
}  // namespace stele::test

// world_test.cpp - worlds in which everything holds, however hard they are shaken, and worlds with a mistake in them,
// which is found and named.
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "domain/orders.hpp"
#include "engine/store_fixture.hpp"
#include "stele/world.hpp"

namespace stele::test {
namespace {

using orders::Order;
using orders::Payment;
using orders::Purse;
using Done = result<void>;

// Few orders, so that people get in each other's way.
std::string some_order(World& w) { return "o-" + std::to_string(w.below(40)); }

// Some cost nothing and wait for ever, some nobody can pay, some are charged and never confirmed.
Done place_some(World& w) {
  const int amount = w.one_of(std::vector<int>{50, 50, 0, 99, 150});
  STELE_TRY(const auto placed, w.send<Order>(orders::Place{some_order(w), amount}));
  if (!placed.accepted()) return Error(errc::corrupt, "an order was refused");
  return {};
}
// Somebody who pays on his own, for something else.
Done charge_some(World& w) {
  STELE_TRY([[maybe_unused]] const auto charged,
            w.send<Purse>(orders::Charge{"test-" + std::to_string(w.below(5)), 5}));
  return {};
}

// An order that is open is neither charged for good nor forgotten.
Done everything_is_settled(World& w) {
  for (int i = 0; i < 40; ++i) {
    const std::string id = "o-" + std::to_string(i);
    STELE_TRY(const auto order, Repository<Order>(w.store()).load(id));
    if (std::holds_alternative<Order::Open>(order.state)) return Error(errc::corrupt, id + " is left open");
    // A purse does not look whether it was charged before: that it is once is the saga's promise.
    STELE_TRY(const auto purse, Repository<Purse>(w.store()).load(id));
    if (purse.state.charged > 99 || purse.events_read > 2)
      return Error(errc::corrupt, id + " was charged twice");
  }
  return {};
}

// A read model without a database: how many orders were placed and paid for. What it counts may be made to depend on
// more than the events.
class Tally final : public ProjectionTarget {
 public:
  explicit Tally(bool forgets) : forgets_(forgets) {}
  [[nodiscard]] std::vector<std::string> shows() const {
    std::vector<std::string> lines;
    for (const auto& [type, count] : counts_) lines.push_back(type + " " + std::to_string(count));
    return lines;
  }

  [[nodiscard]] const std::string& name() const override { return name_; }
  [[nodiscard]] int version() const override { return 1; }
  [[nodiscard]] const Query& events() const override { return query_; }
  [[nodiscard]] std::string note() const override { return {}; }
  result<Checkpoint> checkpoint() override { return at_; }
  result<void> reset() override {
    counts_.clear();
    at_ = {};
    return {};
  }
  result<void> begin() override {
    next_ = counts_;
    return {};
  }
  result<void> apply(const EventView& event) override {
    ++next_[std::string(event.type)];
    return {};
  }
  result<std::vector<std::string>> commit(const Checkpoint& now) override {
    counts_ = next_;
    if (!forgets_) at_ = now;
    return std::vector<std::string>();
  }
  void rollback() override {}
  void passed(Position position) override { at_.position = position; }

 private:
  const bool forgets_;
  const std::string name_ = "tally";
  const Query query_ = Query::of({{"Placed", "Charged"}, {}, {}, {}});
  Checkpoint at_;
  std::map<std::string, std::uint64_t> counts_;
  std::map<std::string, std::uint64_t> next_;
};

Worlds& with_tally(Worlds& worlds, bool forgets = false) {
  return worlds.projection(
      [forgets] { return result<std::shared_ptr<ProjectionTarget>>(std::make_shared<Tally>(forgets)); },
      [](ProjectionTarget& target) { return static_cast<Tally&>(target).shows(); });
}

Worlds orders_world(const std::string& name) {
  Worlds worlds = world(name);
  worlds.saga<Payment>()
      .people(place_some)
      .people(charge_some)
      .in_the_end("all orders are settled", everything_is_settled);
  with_tally(worlds).seeds(sanitized ? 2 : 6).steps(120);
  return worlds;
}

// ---- What holds

TEST(WorldTest, a_world_is_a_few_words) {
  // [world]
  const WorldReport report = world("orders")
                                 .saga<Payment>()
                                 .people(place_some)
                                 .people(charge_some)
                                 .in_the_end("all orders are settled", everything_is_settled)
                                 .run();
  // [/world]
  EXPECT_EQ(report.failed, 0u);
  EXPECT_EQ(report.seeds, 5u);
}

TEST(WorldTest, orders_are_settled_whatever_happens) {
  const WorldReport report = orders_world("orders").run();
  EXPECT_EQ(report.failed, 0u);
  EXPECT_GT(report.lives, report.seeds * 3) << "processes die";
  EXPECT_GT(report.repeats, 0u);
  EXPECT_GT(report.meddled, 0u);
  EXPECT_GT(report.timers, 0u);
  EXPECT_EQ(report.steps, report.seeds * 120);
}

TEST(WorldTest, the_same_seed_is_the_same_world) {
  const auto run = [](std::uint64_t seed) { return orders_world("orders").seeds(1, seed).run(); };
  const auto once = run(7);
  const auto again = run(7);
  EXPECT_EQ(once.digest, again.digest);
  EXPECT_EQ(once.lives, again.lives);
  EXPECT_EQ(once.repeats, again.repeats);
  EXPECT_NE(run(8).digest, once.digest);
}

TEST(WorldTest, a_quiet_world_has_one_life) {
  const auto report = orders_world("orders").dies_every(0).seeds(1).run();
  EXPECT_EQ(report.failed, 0u);
  EXPECT_EQ(report.lives, 1u);
}

TEST(WorldTest, seeds_and_steps_come_from_the_environment) {
  ::setenv("STELE_WORLD_SEED", "3", 1);
  ::setenv("STELE_WORLD_STEPS", "5", 1);
  const auto one = orders_world("orders").run();
  ::unsetenv("STELE_WORLD_SEED");
  ::setenv("STELE_WORLD_SEEDS", "2", 1);
  const auto two = orders_world("orders").run();
  ::unsetenv("STELE_WORLD_SEEDS");
  ::unsetenv("STELE_WORLD_STEPS");
  EXPECT_EQ(one.seeds, 1u);
  EXPECT_EQ(one.steps, 5u);
  EXPECT_EQ(two.seeds, 2u);
  EXPECT_EQ(two.steps, 10u);
}

// ---- What does not

TEST(WorldTest, a_claim_that_does_not_hold_is_told_with_the_seed) {
  const auto lose = [] {
    const auto report = world("orders")
                            .people(place_some)
                            .always("there is no order",
                                    [](World& w) -> Done {
                                      if (w.store().head().position == Position{}) return {};
                                      return Error(errc::corrupt, "there is one");
                                    })
                            .seeds(1, 5)
                            .run();
    EXPECT_EQ(report.failed, 1u);
  };
  EXPECT_NONFATAL_FAILURE(lose(), "there is no order: corrupt: there is one");
  EXPECT_NONFATAL_FAILURE(lose(), "STELE_WORLD_SEED=5");
}

TEST(WorldTest, a_handler_that_drops_the_key_is_found) {
  int placed = 0;
  const auto run = [&] {
    (void)world("orders")
        .begins([&](World&) -> Done {
          placed = 0;
          return {};
        })
        .people([&](World& w) -> Done {
          const std::string id = "o-" + std::to_string(placed++);
          return w.ask([&](EventStore& store, const Context&, const HandleOptions& options) -> Done {
            STELE_TRY([[maybe_unused]] const auto done,
                      handle<Purse>(store, orders::Charge{id, 5}, {}, options));
            return {};
          });
        })
        .in_the_end("each purse is charged once",
                    [&](World& w) -> Done {
                      for (int i = 0; i < placed; ++i) {
                        STELE_TRY(const auto purse,
                                  Repository<Purse>(w.store()).load("o-" + std::to_string(i)));
                        if (purse.state.charged > 5)
                          return Error(errc::corrupt, "o-" + std::to_string(i) + " twice");
                      }
                      return {};
                    })
        .seeds(1)
        .run();
  };
  EXPECT_NONFATAL_FAILURE(run(), "each purse is charged once: corrupt: o-");
}

TEST(WorldTest, a_projection_that_does_not_remember_where_it_was_is_found) {
  const auto run = [] {
    Worlds worlds = world("orders");
    worlds.people(place_some);
    with_tally(worlds, true).seeds(1).run();
  };
  EXPECT_NONFATAL_FAILURE(run(), "projection tally shows something else than when it is built anew");
}

// It does not answer its own timer.
struct Forgetful {
  static constexpr std::string_view name = "Forgetful";
  using Reacts = events<orders::Placed>;
  using Reaction = reaction<Order>;
  static std::string route(const orders::Placed& e) { return e.order; }
  struct State {};
  static Reaction on(const orders::Placed&, const State&) {
    return Reaction().schedule("soon", std::chrono::minutes(5));
  }
};
static_assert(saga<Forgetful>);

TEST(WorldTest, a_saga_that_gets_stuck_is_told_with_its_instance_and_reason) {
  const auto run = [] { (void)world("orders").saga<Forgetful>().people(place_some).seeds(1).run(); };
  EXPECT_NONFATAL_FAILURE(run(), "Forgetful has no on_timer()");
}

// Every timer schedules the next.
struct Restless {
  static constexpr std::string_view name = "Restless";
  using Reacts = events<orders::Placed>;
  using Reaction = reaction<Order>;
  static std::string route(const orders::Placed&) { return "one"; }
  struct State {};
  static Reaction on(const orders::Placed&, const State&) {
    return Reaction().schedule("tick", std::chrono::hours(200));
  }
  static Reaction on_timer(const TimerFired&, const State&) {
    return Reaction().schedule("tick", std::chrono::hours(200));
  }
};
static_assert(saga<Restless>);

TEST(WorldTest, timers_that_never_end_are_found) {
  const auto run = [] { (void)world("orders").saga<Restless>().people(place_some).seeds(1).steps(3).run(); };
  EXPECT_NONFATAL_FAILURE(run(), "timers are scheduled without end");
}

TEST(WorldTest, rules_that_throw_are_told_and_end_nothing_else) {
  const auto run = [] {
    (void)world("orders")
        .people([](World&) -> Done { throw std::runtime_error("nobody is at home"); })
        .seeds(1)
        .run();
  };
  EXPECT_NONFATAL_FAILURE(run(), "nobody is at home");
}

}  // namespace
}  // namespace stele::test

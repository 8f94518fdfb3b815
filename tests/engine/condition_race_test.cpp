// Write skew: many deciders at once, each appending under a condition over a random query that overlaps the others'.
// Whatever was accepted must be what some serial order allows, and the log is that order.
//
// STELE_CONDITION_DECISIONS sets how many decisions are made; a million is the long form.
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "random_queries.hpp"
#include "store_fixture.hpp"

namespace stele::test {
namespace {

class ConditionRace : public StoreTest {};

std::uint64_t decisions_to_make() {
  const auto* asked = std::getenv("STELE_CONDITION_DECISIONS");
  if (asked != nullptr) return std::strtoull(asked, nullptr, 10);
  return sanitized ? 5'000 : 50'000;
}

struct Made {
  AppendCondition condition;
  Position first;  // accepted at
  Position refused_for;
};

// What one thread decides: it looks at where the log ends, thinks, and appends.
class Decider {
 public:
  Decider(EventStore& store, std::uint64_t seed, std::uint64_t decisions)
      : store_(store), dice_(seed), left_(decisions) {}

  void run() {
    for (; left_ > 0; --left_) decide_once();
  }
  [[nodiscard]] const std::vector<Made>& made() const { return made_; }

 private:
  void decide_once() {
    const auto asked = random_event(dice_);
    auto made = event(asked.type, {}, Uuid::random());
    made.tags = asked.tags;
    auto request = write(asked.stream, {made});
    const auto head = store_.head().position.value();
    // Mostly of what was seen just now, sometimes of long ago, or of nothing at all.
    const auto back =
        dice_.one_in(10) ? dice_.below(head + 1) : dice_.skewed(std::min<std::uint64_t>(head + 1, 6));
    if (!dice_.one_in(10)) request.condition = AppendCondition{random_query(dice_), Position(head - back)};
    const auto condition = request.condition;
    const auto answer = store_.append(std::move(request));
    if (answer) {
      if (condition) made_.push_back({*condition, answer->first, {}});
      return;
    }
    ASSERT_EQ(answer.error().kind(), errc::conflict) << answer.error().to_string();
    const auto position = std::strtoull(std::string(*answer.error().fact("position")).c_str(), nullptr, 10);
    made_.push_back({*condition, {}, Position(position)});
  }

  EventStore& store_;
  Dice dice_;
  std::uint64_t left_;
  std::vector<Made> made_;
};

// Whether an event in (after, before) matches, straight from the events.
bool any_match(const std::vector<Asked>& log, const Query& query, Position after, Position before) {
  for (auto at = after.next(); at < before; at = at.next())
    if (log[at.value() - 1].matches(query)) return true;
  return false;
}

TEST_F(ConditionRace, no_decision_is_accepted_that_a_serial_order_could_not_explain) {
  constexpr std::uint64_t threads = 8;
  const auto decisions = decisions_to_make();
  std::vector<Decider> deciders;
  for (std::uint64_t i = 0; i < threads; ++i) deciders.emplace_back(*store_, i + 1, decisions / threads);
  {
    std::vector<std::jthread> running;
    for (auto& decider : deciders) running.emplace_back([&decider] { decider.run(); });
  }
  std::vector<Asked> log;
  for (const auto& read : this->log()) log.push_back({read.stream, read.type, read.tags});
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;
  for (const auto& decider : deciders) {
    for (const auto& [condition, first, refused_for] : decider.made()) {
      if (first > Position{}) {
        ++accepted;
        ASSERT_FALSE(any_match(log, condition.fail_if, condition.after, first)) << "at " << first.value();
      } else {
        ++refused;
        ASSERT_GT(refused_for, condition.after);
        ASSERT_TRUE(log.at(refused_for.value() - 1).matches(condition.fail_if)) << refused_for.value();
      }
    }
  }
  EXPECT_GT(accepted, decisions / 20);
  EXPECT_GT(refused, decisions / 20);
}

// Two seats may be booked as long as one is left: the classic that expected versions of single streams let through.
TEST_F(ConditionRace, of_many_who_saw_the_last_seat_free_one_gets_it) {
  constexpr int rounds = sanitized ? 20 : 200;
  for (int round = 0; round < rounds; ++round) {
    const auto seat = "seat:" + std::to_string(round);
    QueryItem item;
    item.types = {"Booked"};
    item.tags = {seat};
    std::atomic<int> won{0};
    std::vector<std::jthread> takers;
    const auto after = store_->head().position;
    for (int i = 0; i < 4; ++i) {
      takers.emplace_back([&, i] {
        auto booked = event("Booked");
        booked.tags = {seat};
        auto request = write("Customer-" + std::to_string(i), {booked});
        request.condition = AppendCondition{Query::of(item), after};
        if (store_->append(std::move(request))) ++won;
      });
    }
    takers.clear();
    ASSERT_EQ(won, 1) << seat;
  }
}

}  // namespace
}  // namespace stele::test

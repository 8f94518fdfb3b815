// random_queries.hpp - events and queries that meet often enough to matter: few names, all kinds of items,
// names that never occur.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "naive_part.hpp"

namespace stele::test {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}
  std::uint64_t below(std::uint64_t n) { return random_() % n; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  // Small numbers more often than large ones.
  std::uint64_t skewed(std::uint64_t n) { return below(below(n) + 1); }
  std::string name(const char* prefix, std::uint64_t of) { return prefix + std::to_string(skewed(of)); }

 private:
  std::mt19937_64 random_;
};

inline Asked random_event(Dice& dice) {
  Asked event;
  event.stream = dice.name("Cat", 4) + (dice.one_in(8) ? "" : "-" + std::to_string(dice.skewed(6)));
  event.type = dice.name("T", 8);
  while (dice.one_in(2) && event.tags.size() < 4) {
    auto tag = dice.name("tag:", 10);
    if (std::ranges::find(event.tags, tag) == event.tags.end()) event.tags.push_back(std::move(tag));
  }
  return event;
}

inline QueryItem random_item(Dice& dice) {
  QueryItem item;
  const auto kinds = 1 + dice.below(15);
  if ((kinds & 1) != 0)
    for (auto i = dice.below(3) + 1; i > 0; --i) item.types.push_back(dice.name("T", 10));
  if ((kinds & 2) != 0)
    for (auto i = dice.skewed(3) + 1; i > 0; --i) item.tags.push_back(dice.name("tag:", 12));
  if ((kinds & 12) == 4)
    for (auto i = dice.below(3) + 1; i > 0; --i)
      item.streams.push_back(dice.name("Cat", 5) + "-" + std::to_string(dice.skewed(7)));
  if ((kinds & 8) != 0)
    for (auto i = dice.below(2) + 1; i > 0; --i) item.categories.push_back(dice.name("Cat", 5));
  if ((kinds & 12) == 12 && dice.one_in(3)) item.streams = {"Cat0-0", "Cat1-1"};
  return item;
}

inline Query random_query(Dice& dice) {
  Query query;
  query.items.emplace();
  for (auto i = dice.skewed(4) + 1; i > 0; --i) query.items->push_back(random_item(dice));
  return query;
}

}  // namespace stele::test

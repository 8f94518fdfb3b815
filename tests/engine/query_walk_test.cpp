// A query walked through the index of one part, or several, against looking at every event.
#include "naive_part.hpp"
#include "random_queries.hpp"
#include "store_fixture.hpp"

namespace stele::test {
namespace {

using engine::beyond;
using engine::Extent;
using engine::Parts;
using engine::PartWalk;
using engine::precedes;

struct RandomLog {
  std::vector<Asked> events;  // events[i] has position i + 1
  Parts parts;
};

RandomLog random_log(Dice& dice, std::size_t most) {
  RandomLog log;
  const auto count = dice.below(most) + 1;
  for (std::size_t i = 0; i < count; ++i) log.events.push_back(random_event(dice));
  const auto block = dice.one_in(4) ? engine::Postings::block_positions : dice.below(5) + 1;
  for (std::size_t begin = 0; begin < count;) {
    const auto end = std::min<std::size_t>(count, begin + 1 + dice.below(most));
    const auto at = log.events.begin();
    log.parts.push_back(std::make_shared<NaivePart>(
        Position(begin + 1),
        std::vector<Asked>(at + static_cast<std::ptrdiff_t>(begin), at + static_cast<std::ptrdiff_t>(end)),
        block));
    begin = end;
  }
  return log;
}

std::vector<std::uint64_t> expected_of(const RandomLog& log, const Query& query, const Extent& rows) {
  std::vector<std::uint64_t> found;
  for (auto at = rows.first; at <= rows.last; at = at.next())
    if (log.events[at.value() - 1].matches(query)) found.push_back(at.value());
  return found;
}

// Through all of `rows`, bounded by steps of `step` positions, as a reader does it.
std::vector<std::uint64_t> walked(PartWalk walk, Direction way, std::uint64_t step) {
  std::vector<std::uint64_t> found;
  const auto rows = walk.rows();
  const auto end = far_end(way, rows);
  for (auto at = near_end(way, rows); !precedes(way, end, at);) {
    auto bound = way == Direction::forward ? Position(at.value() + step)
                                           : Position(at.value() - std::min(at.value() - 1, step));
    if (precedes(way, end, bound)) bound = end;
    const auto next = must(walk.seek(at, bound));
    if (next) found.push_back(next->value());
    at = beyond(way, next.value_or(bound));
  }
  return found;
}

Extent random_rows(Dice& dice, const Extent& within) {
  Extent rows = within;
  if (dice.one_in(2)) rows.first = Position(within.first.value() + dice.below(within.size()));
  if (dice.one_in(2)) rows.last = Position(rows.first.value() + dice.below(rows.size()));
  return rows;
}

TEST(QueryWalk, finds_what_looking_at_every_event_finds_both_ways_from_anywhere) {
  constexpr int rounds = sanitized ? 1'000 : 10'000;
  std::uint64_t matches = 0;
  for (int seed = 0; seed < rounds; ++seed) {
    Dice dice(static_cast<std::uint64_t>(seed));
    const auto log = random_log(dice, dice.one_in(20) ? 700 : 60);
    for (const auto& part : log.parts) {
      const auto query = random_query(dice);
      const auto rows = random_rows(dice, {part->first(), part->last()});
      const auto step = dice.one_in(3) ? 1 + dice.below(5) : std::uint64_t{1000};
      auto expected = expected_of(log, query, rows);
      matches += expected.size();
      for (const auto way : {Direction::forward, Direction::backward}) {
        auto walk = must(PartWalk::compile(part, query, rows, way));
        EXPECT_LE(walk.estimate(), rows.size());
        ASSERT_EQ(walked(std::move(walk), way, step), expected) << "seed " << seed;
        std::ranges::reverse(expected);
      }
    }
  }
  EXPECT_GT(matches, std::uint64_t{rounds}) << "the queries hardly ever match";
}

TEST(QueryWalk, the_newest_match_behind_a_position_is_found_over_any_number_of_parts) {
  constexpr int rounds = sanitized ? 1'000 : 10'000;
  int none = 0;
  for (int seed = 0; seed < rounds; ++seed) {
    Dice dice(static_cast<std::uint64_t>(seed) << 32);
    const auto log = random_log(dice, 60);
    const auto query = dice.one_in(20) ? Query::all() : random_query(dice);
    const Position last(1 + dice.below(log.events.size()));
    const Position after(dice.below(last.value() + 1));
    const auto all = expected_of(log, query, {after.next(), last});
    const auto found = must(newest_match(log.parts, query, after, last));
    ASSERT_EQ(found.has_value(), !all.empty()) << "seed " << seed;
    if (found) {
      ASSERT_EQ(found->value(), all.back()) << "seed " << seed;
    } else {
      ++none;
    }
  }
  EXPECT_GT(none, rounds / 20);
  EXPECT_LT(none, rounds - rounds / 20);
}

TEST(QueryWalk, the_part_of_a_position_is_the_one_that_holds_it) {
  Dice dice(1);
  const auto log = random_log(dice, 60);
  EXPECT_EQ(part_of(log.parts, Position(0)), nullptr);
  for (std::size_t at = 1; at <= log.events.size(); ++at) {
    const auto part = part_of(log.parts, Position(at));
    ASSERT_NE(part, nullptr);
    EXPECT_TRUE((Extent{part->first(), part->last()}.holds(Position(at))));
  }
  EXPECT_EQ(part_of(log.parts, Position(log.events.size() + 1)), nullptr);
}

// A block whose types exclude the wanted one is never decoded.
class CountedPostings final : public engine::Postings {
 public:
  CountedPostings(std::unique_ptr<engine::Postings> inner, int& decoded)
      : inner_(std::move(inner)), decoded_(decoded) {}
  [[nodiscard]] std::uint64_t count() const override { return inner_->count(); }
  [[nodiscard]] Position first() const override { return inner_->first(); }
  [[nodiscard]] Position last() const override { return inner_->last(); }
  [[nodiscard]] engine::TypeMask types() const override { return inner_->types(); }
  [[nodiscard]] Revision first_revision() const override { return {}; }
  [[nodiscard]] std::size_t blocks() const override { return inner_->blocks(); }
  result<Block> block(std::size_t index) const override { return inner_->block(index); }
  result<std::size_t> decode(std::size_t index, std::span<Position, block_positions> into) const override {
    ++decoded_;
    return inner_->decode(index, into);
  }

 private:
  std::unique_ptr<engine::Postings> inner_;
  int& decoded_;
};

TEST(QueryWalk, blocks_without_the_wanted_types_are_passed_undecoded) {
  std::vector<NaivePostings::Entry> entries;
  for (std::uint64_t i = 1; i <= 1000; ++i) entries.push_back({Position(i), i == 500 ? 2u : 1u});
  for (const auto way : {Direction::forward, Direction::backward}) {
    int decoded = 0;
    engine::PostingsWalk walk(
        std::make_unique<CountedPostings>(std::make_unique<NaivePostings>(entries, 10), decoded), 2, way);
    const Extent all{Position(1), Position(1000)};
    const auto found = must(walk.seek(near_end(way, all), far_end(way, all)));
    ASSERT_TRUE(found.has_value());
    EXPECT_GE(found->value(), 491u);
    EXPECT_LE(found->value(), 500u);
    EXPECT_EQ(decoded, 1);
    const Position behind(way == Direction::forward ? 501 : 490);
    EXPECT_FALSE(must(walk.seek(behind, far_end(way, all))).has_value());
    EXPECT_EQ(decoded, 1);
  }
}

TEST(QueryWalk, a_far_jump_decodes_only_the_block_it_lands_in) {
  std::vector<NaivePostings::Entry> entries;
  for (std::uint64_t i = 1; i <= 100'000; ++i) entries.push_back({Position(2 * i), 1});
  int decoded = 0;
  engine::PostingsWalk walk(
      std::make_unique<CountedPostings>(std::make_unique<NaivePostings>(entries, 128), decoded), 0,
      Direction::forward);
  const Position end(200'000);
  EXPECT_EQ(must(walk.seek(Position(1), end)), Position(2));
  EXPECT_EQ(must(walk.seek(Position(150'001), end)), Position(150'002));
  EXPECT_EQ(must(walk.seek(Position(199'999), end)), end);
  EXPECT_LE(decoded, 3);
}

}  // namespace
}  // namespace stele::test

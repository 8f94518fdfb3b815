// A part of the index that cannot be read: it is made anew and asked again, and where that fails the log itself
// answers. Nothing is missed and nothing is believed.
#include "bare_log.hpp"
#include "engine/reader/cursors.hpp"
#include "engine/writer/condition.hpp"

namespace stele::test {
namespace {

using engine::IndexPart;

Error broken() { return {errc::corrupt, "a page of the index does not match its checksum"}; }

// Knows where events lie, and nothing else any more.
class BrokenPart final : public IndexPart {
 public:
  explicit BrokenPart(std::shared_ptr<const engine::Part> whole) : whole_(std::move(whole)) {}
  [[nodiscard]] Position first() const override { return whole_->first(); }
  [[nodiscard]] Position last() const override { return whole_->last(); }
  result<engine::Location> location(Position position) const override { return whole_->location(position); }
  result<std::unique_ptr<engine::Postings>> postings(engine::TermKind /*kind*/, std::string_view /*name*/,
                                                     Position /*until*/) const override {
    return broken();
  }
  result<std::optional<engine::ColumnName>> find_name(engine::ColumnKind kind,
                                                      std::string_view name) const override {
    if (name == "T0") return broken();
    return whole_->find_name(kind, name);
  }
  result<void> codes(engine::ColumnKind /*kind*/, Position /*from*/,
                     std::span<std::uint32_t> /*into*/) const override {
    return broken();
  }
  result<std::optional<Position>> find_id(const Uuid& id) const override { return whole_->find_id(id); }
  result<std::vector<std::string>> streams(std::string_view /*prefix*/, std::string_view /*after*/,
                                           std::size_t /*limit*/) const override {
    return broken();
  }
  result<std::optional<engine::StreamEnd>> stream_end(std::string_view /*stream*/) const override {
    return broken();
  }
  result<engine::TimeBracket> around(Timestamp /*time*/) const override { return broken(); }
  [[nodiscard]] bool sealed() const override { return true; }

 private:
  std::shared_ptr<const engine::Part> whole_;
};

class QueryDamage : public testing::TestWithParam<std::uint64_t> {
 protected:
  QueryDamage() {
    for (int i = 0; i < 4; ++i) log.add_segment();
    const auto parts = log.index.parts();
    whole = (*parts)[1];
    const engine::Index::Parts with{std::make_shared<BrokenPart>(whole)};
    EXPECT_TRUE(log.index.replace(std::span(&whole, 1), with));
    query = random_query(dice);
  }
  void heal_with(bool possible) {
    log.index.set_rebuild([this, possible](const engine::Part& damaged) -> result<engine::Index::Parts> {
      ++rebuilt;
      EXPECT_EQ(damaged.first(), whole->first());
      if (!possible) return Error(errc::corrupt, "the log is damaged, too");
      return engine::Index::Parts{whole};
    });
  }
  void expect_right_answers() {
    std::vector<std::uint64_t> expected;
    for (std::uint64_t at = 1; at <= log.events.size(); ++at)
      if (log.events[at - 1].matches(query)) expected.push_back(at);
    engine::ReadState state{log.index, log.segments};
    state.plan = engine::Plan::forced_index;
    for (const auto direction : {Direction::forward, Direction::backward}) {
      const auto cursor =
          open_log_cursor(state, {.query = query, .from = {}, .direction = direction}, log.visibility.head());
      std::vector<std::uint64_t> found;
      for (const auto& read : drain(*cursor, 3)) found.push_back(read.position.value());
      EXPECT_EQ(found, expected);
      std::ranges::reverse(expected);
    }
  }

  Dice dice{GetParam()};
  BareLog log{dice};
  std::shared_ptr<const engine::Part> whole;
  Query query;
  int rebuilt = 0;
};

TEST_P(QueryDamage, is_healed_on_the_way) {
  heal_with(true);
  expect_right_answers();
  EXPECT_LE(rebuilt, 1);
}

TEST_P(QueryDamage, that_cannot_be_healed_is_read_around) {
  heal_with(false);
  expect_right_answers();
}

TEST_P(QueryDamage, never_lets_a_condition_pass_unseen) {
  const AppendCondition condition{query, Position(0)};
  heal_with(false);
  const auto blind = engine::decide_condition(log.index, condition, {});
  EXPECT_TRUE(blind || blind.error().kind() == errc::corrupt || blind.error().kind() == errc::conflict);
  heal_with(true);
  const auto seen = engine::decide_condition(log.index, condition, {});
  const bool matches = std::ranges::any_of(log.events, [&](const Asked& one) { return one.matches(query); });
  EXPECT_EQ(seen.has_value(), !matches);
  EXPECT_FALSE(blind && matches);
}

INSTANTIATE_TEST_SUITE_P(Seeds, QueryDamage, testing::Range<std::uint64_t>(1, sanitized ? 10 : 60));

}  // namespace
}  // namespace stele::test

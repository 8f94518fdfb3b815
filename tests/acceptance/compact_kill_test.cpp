// compact_kill_test.cpp - `stele compact` ended by SIGKILL at random moments, round after round on one directory:
// what the streams keep is there and unchanged, at its old positions.
//
// STELE_KILL_ROUNDS sets the number of rounds.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "stele/store.hpp"
#include "support/kill_moment.hpp"
#include "support/process.hpp"
#include "support/temp_directory.hpp"

namespace stele::test {
namespace {

#ifdef STELE_SANITIZED
constexpr int usual_compactions = 10;
#else
constexpr int usual_compactions = 40;
#endif
constexpr std::uint64_t stream_count = 50;
constexpr std::uint64_t events_each = 40;

int compactions() {
  const char* wish = std::getenv("STELE_KILL_ROUNDS");
  return wish ? std::atoi(wish) : usual_compactions;
}

std::string stream_name(std::uint64_t number) { return "Stream-" + std::to_string(number); }

class CompactKill : public testing::Test {
 protected:
  // Every stream has events in every part of the log.
  void fill() {
    const auto store = open_store();
    for (std::uint64_t i = 0; i < stream_count * events_each; ++i) {
      AppendRequest request;
      request.writes.push_back({stream_name(i % stream_count), {}, {}});
      auto& event = request.writes.back().events.emplace_back();
      event.type = "Noted";
      event.data = '"' + std::to_string(i) + std::string(1500, 'x') + '"';
      store->append_async(std::move(request), [](const auto& done) { EXPECT_TRUE(done); });
    }
  }
  std::unique_ptr<EventStore> open_store() {
    auto store = open(directory(), {.access = Access::read_write, .create = true, .segment_bytes = 64 << 10});
    EXPECT_TRUE(store) << store.error().to_string();
    return *std::move(store);
  }
  [[nodiscard]] std::string directory() const { return (dir_ / "store").string(); }

  // One more stream loses a quarter of what it had in the beginning.
  void truncate(std::uint64_t round) {
    const auto stream = round % stream_count;
    before_.resize(stream_count);
    before_[stream] = std::min(events_each - 1, before_[stream] + events_each / 4);
    const auto store = open_store();
    EXPECT_TRUE(
        set_retention(*store, stream_name(stream),
                      {.truncate_before = Revision(before_[stream]), .max_count = {}, .max_age = {}}));
  }
  // False: it had ended before the signal came.
  bool compact_and_kill(std::mt19937_64& dice) {
    Process process({"compact", "--dir", directory(), "--min-gain", "1"});
    return moment_.kill(process, dice);
  }
  void check() {
    const auto store = open_store();
    std::vector<std::uint64_t> kept(stream_count);
    const auto cursor = store->read({.query = Query::all(), .from = {}});
    ASSERT_TRUE(cursor);
    for (;;) {
      const auto events = (*cursor)->next_batch(500);
      ASSERT_TRUE(events) << events.error().to_string();
      if (events->empty()) break;
      for (const auto& event : *events) {
        if (event.type != "Noted") continue;
        const auto number = event.position.value() - 1;
        ASSERT_EQ(event.stream, stream_name(number % stream_count));
        ASSERT_EQ(event.revision.value(), number / stream_count);
        ASSERT_TRUE(event.data.starts_with('"' + std::to_string(number) + 'x'));
        if (event.revision.value() >= before_[number % stream_count]) ++kept[number % stream_count];
      }
    }
    for (std::uint64_t i = 0; i < stream_count; ++i) ASSERT_EQ(kept[i], events_each - before_[i]) << i;
  }

  TempDirectory dir_;
  KillMoment moment_;
  std::vector<std::uint64_t> before_;  // per stream: the first revision that is kept
};

TEST_F(CompactKill, nothing_that_is_kept_is_ever_lost) {
  constexpr std::uint64_t seed = 11;
  std::mt19937_64 dice(seed);
  std::cout << "seed " << seed << ", " << compactions() << " rounds\n";
  fill();
  int killed = 0;
  for (int round = 0; round < compactions() && !HasFatalFailure(); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    truncate(static_cast<std::uint64_t>(round));
    killed += compact_and_kill(dice) ? 1 : 0;
    check();
  }
  std::cout << killed << " of them killed on the way\n";
  EXPECT_GT(killed, compactions() / 4);
  Process last({"compact", "--dir", directory(), "--min-gain", "1"});
  EXPECT_EQ(last.wait(), 0);
  check();
}

}  // namespace
}  // namespace stele::test

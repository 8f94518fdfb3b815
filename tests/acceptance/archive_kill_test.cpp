// archive_kill_test.cpp - `stele archive` ended by SIGKILL at random moments, compressing and moving to one archive
// after another: every event is there and unchanged, at its old position.
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
constexpr int usual_archivings = 6;
#else
constexpr int usual_archivings = 25;
#endif
constexpr std::uint64_t archived_events = 1500;

int archivings() {
  const char* wish = std::getenv("STELE_KILL_ROUNDS");
  return wish ? std::atoi(wish) : usual_archivings;
}

class ArchiveKill : public testing::Test {
 protected:
  [[nodiscard]] std::string path(const std::string& name) const { return (dir_ / name).string(); }
  std::unique_ptr<EventStore> open_store() {
    auto store =
        open(path("store"), {.access = Access::read_write, .create = true, .segment_bytes = 64 << 10});
    EXPECT_TRUE(store) << store.error().to_string();
    return *std::move(store);
  }
  static std::string data_of(std::uint64_t number) {
    return '"' + std::to_string(number) + std::string(1000, 'x') + '"';
  }
  // Segments that are still plain, in every round.
  void append_some(std::uint64_t count) {
    const auto store = open_store();
    for (std::uint64_t i = 0; i < count; ++i, ++appended_) {
      AppendRequest request;
      request.writes.push_back({"Stream-" + std::to_string(appended_ % 20), {}, {}});
      auto& event = request.writes.back().events.emplace_back();
      event.type = "Noted";
      event.data = data_of(appended_);
      store->append_async(std::move(request), [](const auto& done) { EXPECT_TRUE(done); });
    }
  }
  // False: it had ended before the signal came.
  bool archive_and_kill(std::mt19937_64& dice, int round) {
    std::vector<std::string> words{"archive", "--dir", path("store")};
    if (round % 3 != 1) words.emplace_back("--compress");
    if (round % 3 != 0) words.insert(words.end(), {"--to", path("cold")});
    Process process(words);
    return moment_.kill(process, dice);
  }
  void check() {
    const auto store = open_store();
    const auto cursor = store->read({.query = Query::all(), .from = {}});
    ASSERT_TRUE(cursor);
    std::uint64_t number = 0;
    for (;;) {
      const auto events = (*cursor)->next_batch(500);
      ASSERT_TRUE(events) << events.error().to_string();
      if (events->empty()) break;
      for (const auto& event : *events) {
        ASSERT_EQ(event.position.value(), number + 1);
        ASSERT_EQ(event.data, data_of(number));
        ++number;
      }
    }
    ASSERT_EQ(number, appended_);
  }

  TempDirectory dir_;
  KillMoment moment_;
  std::uint64_t appended_ = 0;
};

TEST_F(ArchiveKill, no_event_is_ever_lost) {
  constexpr std::uint64_t seed = 23;
  std::mt19937_64 dice(seed);
  std::cout << "seed " << seed << ", " << archivings() << " rounds\n";
  append_some(archived_events);
  int killed = 0;
  for (int round = 0; round < archivings() && !HasFatalFailure(); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    killed += archive_and_kill(dice, round) ? 1 : 0;
    check();
    append_some(150);
  }
  std::cout << killed << " of them killed on the way\n";
  EXPECT_GT(killed, archivings() / 4);
  Process last({"archive", "--dir", path("store"), "--to", path("cold")});
  EXPECT_EQ(last.wait(), 0);
  check();
}

}  // namespace
}  // namespace stele::test

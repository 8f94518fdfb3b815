// Many writers and readers at once: one winner per version, dense positions, no reader ever skips.
#include <atomic>
#include <set>
#include <thread>

#include "store_fixture.hpp"

namespace stele::test {
namespace {

class StoreRace : public StoreTest {};

TEST_F(StoreRace, of_a_thousand_threads_with_the_same_expected_version_exactly_one_succeeds) {
  append("Seat-1", "Offered");
  std::atomic<bool> go{false};
  std::atomic<int> won{0};
  std::atomic<int> lost{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 1000; ++i) {
    threads.emplace_back([&] {
      go.wait(false);
      const auto answer =
          store_->append(write("Seat-1", {event("Taken")}, ExpectedVersion::exact(Revision(0))));
      if (answer) {
        ++won;
      } else if (answer.error().kind() == errc::conflict && answer.error().fact("actual") == "1") {
        ++lost;
      }
    });
  }
  go.store(true);
  go.notify_all();
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(won, 1);
  EXPECT_EQ(lost, 999);
  EXPECT_EQ(store_->head().position, Position(2));
}

// Follows the log until `count` events have passed; every position must be the next one.
void expect_dense_feed(EventStore& store, std::uint64_t count, std::size_t batch) {
  const auto subscription = must(store.subscribe(Query::all(), Position(0)));
  std::uint64_t seen = 0;
  while (seen < count) {
    const auto got = must(subscription->next_batch(batch, std::chrono::seconds(20)));
    ASSERT_FALSE(got.events.empty() && !got.caught_up);
    for (const auto& view : got.events) ASSERT_EQ(view.position.value(), ++seen);
    ASSERT_EQ(got.position.value(), seen);
    ASSERT_LE(got.position, store.head().durable);
  }
}

TEST_F(StoreRace, sixty_four_writers_leave_dense_positions_and_every_reader_sees_them_in_order) {
  constexpr std::uint64_t writers = 64;
  constexpr std::uint64_t each = sanitized ? 200 : 10'000;
  std::vector<std::thread> readers;
  for (std::size_t batch : {1u, 100u, 4096u}) {
    readers.emplace_back([&, batch] { expect_dense_feed(*store_, writers * each, batch); });
  }
  std::vector<std::vector<std::uint64_t>> given(writers);
  std::vector<std::thread> threads;
  for (std::uint64_t w = 0; w < writers; ++w) {
    threads.emplace_back([&, w] {
      const auto name = "W-" + std::to_string(w);
      for (std::uint64_t i = 0; i < each; ++i) {
        const auto expected = i == 0 ? ExpectedVersion::no_stream() : ExpectedVersion::exact(Revision(i - 1));
        given[w].push_back(must(store_->append(write(name, {event("X")}, expected))).first.value());
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (auto& reader : readers) reader.join();
  std::set<std::uint64_t> all;
  for (const auto& positions : given) all.insert(positions.begin(), positions.end());
  EXPECT_EQ(all.size(), writers * each);
  EXPECT_EQ(*all.begin(), 1u);
  EXPECT_EQ(*all.rbegin(), writers * each);
}

TEST_F(StoreRace, blocking_and_asynchronous_appends_mix_while_segments_roll) {
  constexpr int rounds = sanitized ? 300 : 3000;
  std::atomic<int> pending{rounds};
  std::thread async([&] {
    for (int i = 0; i < rounds; ++i) {
      store_->append_async(write("async", {event("X", std::string(700, 'a'))}),
                           [&](result<AppendResult> answer) {
                             EXPECT_TRUE(answer.has_value());
                             pending.fetch_sub(1);
                             pending.notify_all();
                           });
    }
  });
  std::vector<std::thread> blocking;
  for (int t = 0; t < 4; ++t) {
    blocking.emplace_back([&, t] {
      for (int i = 0; i < rounds / 4; ++i)
        append("blocking-" + std::to_string(t), "X", std::string(700, 'b'));
    });
  }
  async.join();
  for (auto& thread : blocking) thread.join();
  for (auto left = pending.load(); left > 0; left = pending.load()) pending.wait(left);
  reopen();
  EXPECT_EQ(store_->head().position, Position(2 * rounds));
  EXPECT_EQ(stream("async").size(), static_cast<std::size_t>(rounds));
  std::uint64_t next = 1;
  for (const auto& read : log()) ASSERT_EQ(read.position.value(), next++);
}

}  // namespace
}  // namespace stele::test

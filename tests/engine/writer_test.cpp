// The writer when appends overlap and the disk fails: what is told, to whom, and not before it is true.
#include <atomic>
#include <deque>

#include "machine.hpp"

namespace stele::test {
namespace {

// An asynchronous append whose answer can be waited for.
class Pending {
 public:
  void start(EventStore& store, AppendRequest request) {
    store.append_async(std::move(request), [this](result<AppendResult> answer) {
      answer_.emplace(std::move(answer));
      told_.fetch_add(1);
      told_.notify_all();
    });
  }
  const result<AppendResult>& wait() {
    told_.wait(0);
    return *answer_;
  }
  [[nodiscard]] int told() const { return told_.load(); }

 private:
  std::atomic<int> told_{0};
  std::optional<result<AppendResult>> answer_;
};

TEST(Writer, a_refusal_that_rests_on_a_staged_append_is_told_when_that_is_durable) {
  Machine machine(1);
  const auto store = must(machine.open());
  for (std::uint64_t i = 1; i <= 100; ++i) {
    const auto name = "A-" + std::to_string(i);
    Pending first;
    first.start(*store, write(name, {event("X")}, ExpectedVersion::no_stream()));
    const auto refused = store->append(write(name, {event("Y")}, ExpectedVersion::no_stream()));
    ASSERT_EQ(refused.error().kind(), errc::conflict);
    ASSERT_EQ(store->head().position, Position(i)) << "the reason of the refusal is not visible yet";
    ASSERT_EQ(must(store->stream_info(name)).events, 1u);
    ASSERT_TRUE(first.wait().has_value());
  }
}

TEST(Writer, a_refusal_whose_reason_may_be_lost_is_no_conflict) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Machine machine(seed);
    const auto store = must(machine.open());
    must(store->append(write("A-0", {event("X")})));
    machine.disk.fail_sync(1, EIO);
    Pending first;
    first.start(*store, write("A-1", {event("X")}, ExpectedVersion::no_stream()));
    const auto refused = store->append(write("A-1", {event("Y")}, ExpectedVersion::no_stream()));
    ASSERT_FALSE(refused);
    // Committed together or not, the stream that was in the way has never been seen by anyone.
    ASSERT_NE(refused.error().kind(), errc::conflict) << refused.error().to_string();
    ASSERT_TRUE(refused.error().kind() == errc::unavailable || refused.error().kind() == errc::read_only)
        << refused.error().to_string();
    ASSERT_EQ(first.wait().error().kind(), errc::unavailable);
    ASSERT_EQ(store->stream_info("A-1").error().kind(), errc::not_found);
  }
}

TEST(Writer, a_repeated_append_whose_first_time_may_be_lost_is_unknown_too) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Machine machine(seed);
    const auto store = must(machine.open());
    must(store->append(write("A-0", {event("X")})));
    machine.disk.fail_sync(1, EIO);
    const auto request = write("A-1", {event("X", "1", Uuid::random())});
    Pending first;
    first.start(*store, request);
    const auto again = store->append(request);
    ASSERT_FALSE(again);
    ASSERT_EQ(first.wait().error().kind(), errc::unavailable);
    // Staged beside the first: unknown like it. Later: the store takes nothing any more.
    if (again.error().kind() != errc::read_only) {
      ASSERT_EQ(again.error().kind(), errc::unavailable);
      ASSERT_NE(again.error().message().find("it is not known"), std::string::npos)
          << again.error().message();
    }
  }
}

TEST(Writer, an_asynchronous_append_after_a_failed_sync_is_told_that_the_store_takes_no_more) {
  Machine machine(2);
  const auto store = must(machine.open());
  must(store->append(write("A-1", {event("X")})));
  machine.disk.fail_sync(1, EIO);
  EXPECT_EQ(store->append(write("A-1", {event("X")})).error().kind(), errc::unavailable);
  for (int i = 0; i < 3; ++i) {
    Pending late;
    late.start(*store, write("A-1", {event("X")}));
    EXPECT_EQ(late.wait().error().kind(), errc::read_only);
    EXPECT_FALSE(late.wait().error().help().empty());
    EXPECT_EQ(late.told(), 1);
  }
  EXPECT_EQ(store->head().position, Position(1));
}

TEST(Writer, a_full_disk_is_told_to_asynchronous_appends_and_is_not_the_end) {
  Machine machine(3);
  const auto store = must(machine.open());
  must(store->append(write("A-1", {event("X", "first")})));
  machine.disk.set_free_bytes(0);
  std::uint64_t kept = 1;
  bool full = false;
  for (int i = 0; i < 200 && !full; ++i) {
    Pending one;
    one.start(*store, write("A-1", {event("X", std::string(2'000, 'x'))}));
    full = !one.wait();
    if (full) {
      EXPECT_EQ(one.wait().error().kind(), errc::disk_full);
    } else {
      ++kept;
    }
  }
  EXPECT_TRUE(full);
  EXPECT_EQ(store->head().position.value(), kept);
  machine.disk.set_free_bytes(~std::uint64_t{0});
  Pending again;
  again.start(*store, write("A-1", {event("X", std::string(2'000, 'x'))}));
  EXPECT_EQ(must(again.wait()).first.value(), kept + 1);
}

TEST(Writer, closing_the_store_completes_every_pending_append) {
  Machine machine(4);
  constexpr std::uint64_t count = 300;
  for (int life = 1; life <= 5; ++life) {
    std::deque<Pending> pending(count);
    auto store = must(machine.open());
    const auto before = store->head().position.value();
    for (auto& one : pending) one.start(*store, write("A-1", {event("X", std::string(500, 'x'))}));
    store.reset();
    for (std::uint64_t i = 0; i < count; ++i) {
      ASSERT_EQ(pending[i].told(), 1) << i;
      ASSERT_EQ(must(pending[i].wait()).first.value(), before + i + 1);
    }
    store = must(machine.open());
    ASSERT_EQ(store->head().position.value(), before + count) << "told, and not there";
  }
}

TEST(Writer, a_frame_larger_than_a_segment_gets_one_of_its_own) {
  Machine machine(5);
  auto store = must(machine.open());
  const std::string large(300'000, 'l');
  for (int i = 0; i < 3; ++i) {
    must(store->append(write("A-1", {event("Small")})));
    must(store->append(write("A-1", {event("Large", large)})));
  }
  const auto all = drain(*must(store->read({})));
  ASSERT_EQ(all.size(), 6u);
  for (std::size_t i = 1; i < 6; i += 2) EXPECT_TRUE(all[i].data == large);
  store.reset();
  store = must(machine.open());
  EXPECT_TRUE(drain(*must(store->read({}))) == all);
}

}  // namespace
}  // namespace stele::test

// Appends that meet: while one makes a segment or is on its way to the disk, others queue. Each gets its own answer,
// whatever becomes of those before it, and nobody is left behind.
#include <algorithm>
#include <cerrno>
#include <deque>
#include <latch>
#include <memory>
#include <thread>

#include "held_disk.hpp"

namespace stele::test {
namespace {

using Answer = result<AppendResult>;

// A store whose syncs can be held, and threads that append to it.
class WriterQueue : public testing::Test {
 protected:
  WriterQueue() { reopen(); }
  ~WriterQueue() override {
    gate_.open();
    for (auto& thread : threads_) thread.join();
  }
  void reopen() {
    store_.reset();
    store_ = must(engine::EmbeddedStore::open(
        world_, "/store", {.access = Access::read_write, .create = true, .segment_bytes = 64 << 10}));
  }
  // Its sync is under way, and waits, when this returns.
  void hold(AppendRequest request) {
    gate_.close();
    start({std::move(request)});
    gate_.wait_until_reached();
  }
  // A thread for each request; all of them run, though not all may have come to their append.
  void start(std::vector<AppendRequest> requests) {
    // Theirs as well: a thread may still be looking at it when the others have gone on.
    const auto running = std::make_shared<std::latch>(static_cast<std::ptrdiff_t>(requests.size()) + 1);
    for (auto& request : requests) {
      auto& answer = answers_.emplace_back(Error(errc::invalid, "not answered"));
      threads_.emplace_back([this, running, &answer, asked = std::move(request)] {
        running->arrive_and_wait();
        answer = store_->append(asked);
      });
    }
    running->arrive_and_wait();
    for (int i = 0; i < 200; ++i) std::this_thread::yield();
  }
  // What they were told, in the order they were started.
  const std::deque<Answer>& let_go() {
    gate_.open();
    for (auto& thread : threads_) thread.join();
    threads_.clear();
    return answers_;
  }
  std::vector<RecordedEvent> everything() { return drain(*must(store_->read({}))); }

  Machine machine_{11};
  SyncGate gate_;
  HeldDisk held_{machine_.disk, gate_};
  io::World world_{held_, machine_.clock, machine_.random};
  std::unique_ptr<engine::EmbeddedStore> store_;
  std::deque<Answer> answers_;
  std::vector<std::thread> threads_;
};

TEST_F(WriterQueue, all_that_wait_for_the_first_segment_get_their_own_answers) {
  hold(write("first", {event("X")}));
  std::vector<AppendRequest> requests;
  for (int i = 0; i < 6; ++i) {
    requests.push_back(write("own-" + std::to_string(i), {event("X"), event("Y")}));
    requests.push_back(write("nobody", {event("X")}, ExpectedVersion::exists()));
    requests.push_back(write("one", {event("X")}, ExpectedVersion::no_stream()));
  }
  start(std::move(requests));
  EXPECT_EQ(store_->head().position, Position{}) << "seen before it was durable";
  const auto& answers = let_go();
  EXPECT_EQ(must(answers[0]).first, Position(1));
  int ones = 0;
  for (std::size_t i = 0; i < 6; ++i) {
    const auto own = must(answers[1 + 3 * i]);
    EXPECT_EQ(own.last.value(), own.first.value() + 1);
    EXPECT_EQ(must(store_->stream_info("own-" + std::to_string(i))).first_position, own.first);
    EXPECT_EQ(answers[2 + 3 * i].error().fact("stream"), "nobody");
    if (answers[3 + 3 * i]) {
      ++ones;
    } else {
      EXPECT_EQ(answers[3 + 3 * i].error().fact("actual"), "0");
    }
  }
  EXPECT_EQ(ones, 1);
  EXPECT_EQ(store_->head().position, Position(1 + 12 + 1));
  EXPECT_EQ(everything().size(), 14u);
}

TEST_F(WriterQueue, the_same_ids_in_the_queue_are_written_once_and_other_content_under_them_is_invalid) {
  hold(write("first", {event("X")}));
  const auto id = Uuid::random();
  std::vector<AppendRequest> requests;
  for (int i = 0; i < 12; ++i) requests.push_back(write("A-1", {event("X", std::to_string(i % 2), id)}));
  start(std::move(requests));
  const auto& answers = let_go();
  const auto kept = must(store_->find_event(id));
  int firsts = 0;
  for (std::size_t i = 0; i < 12; ++i) {
    const auto& answer = answers[1 + i];
    ASSERT_EQ(answer.has_value(), kept.data == std::to_string(i % 2)) << i;
    if (!answer) {
      EXPECT_EQ(answer.error().kind(), errc::invalid);
      EXPECT_EQ(answer.error().fact("id"), to_string(id));
      continue;
    }
    firsts += answer->was_duplicate ? 0 : 1;
    EXPECT_EQ(answer->first, kept.position);
    EXPECT_EQ(answer->revisions, (std::vector<StreamRevision>{{"A-1", Revision(0)}}));
    EXPECT_EQ(answer->recorded_at, kept.recorded_at);
  }
  EXPECT_EQ(firsts, 1);
  EXPECT_EQ(store_->head().position, Position(2));
}

// The large ones find no room behind what is on its way: one of them waits for it with the turn, the rest queue.
TEST_F(WriterQueue, a_sync_that_fails_is_told_to_all_who_queued_behind_it) {
  must(store_->append(write("before", {event("X")})));
  hold(write("lost", {event("X")}));
  std::vector<AppendRequest> requests;
  for (int i = 0; i < 12; ++i)
    requests.push_back(
        write("queued-" + std::to_string(i), {event("X", std::string(i % 2 ? 20 : 70'000, 'q'))}));
  start(std::move(requests));
  machine_.disk.fail_sync(1, EIO);
  const auto& answers = let_go();
  EXPECT_EQ(answers[0].error().kind(), errc::unavailable);
  for (std::size_t i = 1; i < answers.size(); ++i) {
    ASSERT_FALSE(answers[i]) << i;
    const auto kind = answers[i].error().kind();
    EXPECT_TRUE(kind == errc::unavailable || kind == errc::read_only) << answers[i].error().to_string();
  }
  EXPECT_EQ(store_->append(write("late", {event("X")})).error().kind(), errc::read_only);
  EXPECT_EQ(store_->head().position, Position(1));
  reopen();
  EXPECT_LE(store_->head().position, Position(2));
  EXPECT_TRUE(must(store_->list_streams("queued-", "", 20)).empty())
      << "the batch behind it went to the disk";
}

TEST_F(WriterQueue, a_disk_that_fills_up_refuses_who_finds_no_room_and_the_next_ones_go_on) {
  hold(write("held", {event("X", std::string(1'000, 'h'))}));
  std::vector<AppendRequest> requests;
  for (int i = 0; i < 8; ++i)
    requests.push_back(write("large-" + std::to_string(i), {event("X", std::string(28'000, 'l'))}));
  start(std::move(requests));
  machine_.disk.set_free_bytes(0);
  const auto& answers = let_go();
  must(answers[0]);
  std::vector<std::uint64_t> positions;
  for (std::size_t i = 1; i < answers.size(); ++i) {
    if (answers[i]) {
      positions.push_back(answers[i]->first.value());
    } else {
      EXPECT_EQ(answers[i].error().kind(), errc::disk_full) << answers[i].error().to_string();
    }
  }
  std::ranges::sort(positions);
  EXPECT_EQ(positions, (std::vector<std::uint64_t>{2, 3})) << "two fit behind the first";
  machine_.disk.set_free_bytes(~std::uint64_t{0});
  EXPECT_EQ(must(store_->append(write("again", {event("X", std::string(28'000, 'a'))}))).first, Position(4));
  const auto before = everything();
  reopen();
  EXPECT_TRUE(everything() == before);
  EXPECT_EQ(before.size(), 4u);
}

TEST_F(WriterQueue, a_condition_counts_what_is_staged_and_its_refusal_waits_for_that) {
  must(store_->append(write("first", {event("X")})));
  hold(write("second", {event("X")}));
  auto taken = event("Taken");
  taken.tags = {"seat:1"};
  auto guarded = write("B-1", {event("Asked")});
  guarded.condition = AppendCondition{Query::of({{}, {"seat:1"}, {}, {}}), Position(1)};
  std::atomic<int> told{0};
  store_->append_async(write("A-1", {taken}), [&](const Answer& answer) {
    EXPECT_EQ(must(answer).first, Position(3));
    told.fetch_add(1);
    told.notify_all();
  });
  store_->append_async(guarded, [&](const Answer& answer) {
    EXPECT_EQ(answer.error().kind(), errc::conflict);
    EXPECT_EQ(answer.error().fact("position"), "3");
    EXPECT_EQ(store_->head().position, Position(3)) << "what it conflicts with cannot be seen yet";
    told.fetch_add(1);
    told.notify_all();
  });
  EXPECT_EQ(told.load(), 0) << "answered while the disk still works on the batch before";
  (void)let_go();
  for (auto seen = told.load(); seen < 2; seen = told.load()) told.wait(seen);
  EXPECT_EQ(store_->stream_info("B-1").error().kind(), errc::not_found);
}

TEST_F(WriterQueue, segments_roll_under_many_threads_and_every_answer_names_its_own_events) {
  constexpr int rounds = sanitized ? 12 : 60;
  std::atomic<std::uint64_t> written{0};
  for (int t = 0; t < 8; ++t) {
    threads_.emplace_back([&, t] {
      const auto name = "T-" + std::to_string(t);
      for (int i = 0; i < rounds; ++i) {
        const auto id = Uuid::random();
        const auto size = static_cast<std::size_t>((i * 7919 + t * 104'729) % 25'000);
        const auto request = write(name, {event("X", std::string(size, 'x'), id)}, ExpectedVersion::any());
        const auto answer = must(store_->append(request));
        written.fetch_add(1);
        EXPECT_EQ(answer.revisions.front().revision.value(), static_cast<std::uint64_t>(i));
        EXPECT_EQ(must(store_->find_event(id)).position, answer.first);
        if (i % 3 == 0) {
          EXPECT_TRUE(must(store_->append(request)).was_duplicate);
        }
        if (i % 4 == 0) {
          const auto refused = store_->append(write(name, {event("X")}, ExpectedVersion::no_stream()));
          EXPECT_EQ(refused.error().fact("actual"), std::to_string(i));
        }
      }
    });
  }
  (void)let_go();
  EXPECT_GT(must(machine_.disk.list("/store/log")).size(), sanitized ? 8u : 40u) << "too few segments";
  const auto before = everything();
  EXPECT_EQ(before.size(), written.load());
  reopen();
  EXPECT_TRUE(everything() == before);
  EXPECT_TRUE(store_->recovery().damages.empty());
}

TEST_F(WriterQueue, a_thread_that_mixes_asynchronous_and_blocking_appends_gets_them_in_its_order) {
  constexpr std::uint64_t rounds = sanitized ? 100 : 800;
  std::atomic<std::uint64_t> pending{0};
  for (int t = 0; t < 4; ++t) {
    threads_.emplace_back([&, name = "T-" + std::to_string(t)] {
      for (std::uint64_t i = 0; i < rounds; ++i) {
        auto request = write(name, {event("X", std::to_string(i))});
        if (i % 3 != 0) {
          EXPECT_EQ(must(store_->append(std::move(request))).revisions.front().revision.value(), i);
          continue;
        }
        pending.fetch_add(1);
        store_->append_async(std::move(request), [&pending, i](const Answer& answer) {
          EXPECT_EQ(must(answer).revisions.front().revision.value(), i);
          pending.fetch_sub(1);
          pending.notify_all();
        });
      }
    });
  }
  (void)let_go();
  for (auto left = pending.load(); left > 0; left = pending.load()) pending.wait(left);
  for (int t = 0; t < 4; ++t) {
    const auto events = drain(*must(store_->read_stream({"T-" + std::to_string(t), {}, {}, no_limit})));
    ASSERT_EQ(events.size(), rounds);
    for (std::uint64_t i = 0; i < rounds; ++i) ASSERT_EQ(events[i].data, std::to_string(i)) << t;
  }
}

}  // namespace
}  // namespace stele::test

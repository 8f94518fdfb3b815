// The next segment is prepared while one fills up; and whoever stages for others is let go after a while.
#include <algorithm>
#include <list>
#include <thread>

#include "machine.hpp"

namespace stele::test {
namespace {

const std::filesystem::path spare_file{"/store/spare.seg.tmp"};

// Work beside the callers, done when a test says so.
class ByHand final : public io::Background {
 public:
  std::unique_ptr<Job> add(std::string_view name, Step step) override {
    jobs_.emplace_back(name, std::move(step));
    return std::make_unique<Added>(jobs_, std::prev(jobs_.end()));
  }
  // Until nothing of that name has anything to do.
  void run(std::string_view name) {
    for (auto& [known, step] : jobs_) {
      while (known == name && step()) {
      }
    }
  }

 private:
  using Jobs = std::list<std::pair<std::string, Step>>;
  class Added final : public Job {
   public:
    Added(Jobs& jobs, Jobs::iterator job) : jobs_(jobs), job_(job) {}
    ~Added() override { jobs_.erase(job_); }
    Added(const Added&) = delete;
    Added& operator=(const Added&) = delete;

   private:
    Jobs& jobs_;
    Jobs::iterator job_;
  };
  Jobs jobs_;
};

class SpareSegment : public testing::Test {
 protected:
  SpareSegment() { store_ = open_store(); }
  std::unique_ptr<engine::EmbeddedStore> open_store() {
    return must(engine::EmbeddedStore::open(
        world_, "/store", {.access = Access::read_write, .create = true, .segment_bytes = 64 << 10}));
  }
  // About a sixth of a segment.
  void append_some() { must(store_->append(write("s-1", {event("Noted", std::string(10'000, 'x'))}))); }
  bool spare_is_there() { return must(machine_.disk.exists(spare_file)); }
  std::size_t segments() {
    const auto names = must(machine_.disk.list("/store/log"));
    return static_cast<std::size_t>(
        std::ranges::count_if(names, [](const auto& name) { return name.ends_with(".seg"); }));
  }

  Machine machine_{1};
  ByHand by_hand_;
  io::World world_{machine_.disk, machine_.clock, machine_.random, &by_hand_};
  std::unique_ptr<engine::EmbeddedStore> store_;
};

TEST_F(SpareSegment, is_made_when_one_is_half_full_used_by_the_next_and_removed_at_the_end) {
  append_some();
  by_hand_.run("fill");
  EXPECT_FALSE(spare_is_there());
  for (int i = 0; i < 3; ++i) append_some();
  by_hand_.run("fill");
  ASSERT_TRUE(spare_is_there());
  by_hand_.run("fill");  // one is enough
  while (segments() == 1) append_some();
  EXPECT_FALSE(spare_is_there()) << "it is the next segment now";
  for (int i = 0; i < 4; ++i) append_some();
  by_hand_.run("fill");
  ASSERT_TRUE(spare_is_there());
  const auto head = store_->head().position;
  store_.reset();
  EXPECT_FALSE(spare_is_there());
  store_ = open_store();
  EXPECT_EQ(drain(*must(store_->read({.query = Query::all(), .from = {}}))).size(), head.value());
}

TEST_F(SpareSegment, makes_the_change_of_segments_shorter) {
  const auto writes_of_a_change = [this](bool prepared) {
    for (const auto now = segments(); segments() == now;) {
      if (prepared) by_hand_.run("fill");
      const auto before = machine_.disk.counts();
      append_some();
      if (segments() > now) return machine_.disk.counts().writes - before.writes;
    }
    return std::uint64_t{0};
  };
  const auto without = writes_of_a_change(false);
  const auto with = writes_of_a_change(true);
  EXPECT_LT(with, without) << "the zeros were written before";
}

TEST_F(SpareSegment, one_that_is_left_by_a_crash_is_removed_and_one_that_cannot_be_made_is_done_without) {
  for (int i = 0; i < 4; ++i) append_some();
  by_hand_.run("fill");
  ASSERT_TRUE(spare_is_there());
  machine_.disk.kill();
  store_.reset();
  store_ = open_store();
  EXPECT_FALSE(spare_is_there());
  machine_.disk.set_free_bytes(100);
  by_hand_.run("fill");
  EXPECT_FALSE(spare_is_there());
  machine_.disk.set_free_bytes(~std::uint64_t{0});
  while (segments() == 1) append_some();
  EXPECT_EQ(must(store_->stream_info("s-1")).events, store_->head().position.value());
}

TEST_F(SpareSegment, a_frame_that_is_larger_than_it_gets_a_segment_of_its_own_size) {
  for (int i = 0; i < 4; ++i) append_some();
  by_hand_.run("fill");
  must(store_->append(write("s-2", {event("Large", std::string(300'000, 'y'))})));
  store_.reset();
  store_ = open_store();
  EXPECT_EQ(drain(*must(store_->read_stream({.stream = "s-2", .from = {}}))).front().data.size(), 300'000u);
}

TEST(SpareSegmentCrash, power_cuts_around_the_change_of_segments_lose_nothing_acknowledged) {
  for (std::uint64_t cut = 1; cut < 40; ++cut) {
    SCOPED_TRACE("cut " + std::to_string(cut));
    Machine machine(cut);
    ByHand by_hand;
    const io::World world{machine.disk, machine.clock, machine.random, &by_hand};
    const OpenOptions options{.access = Access::read_write, .create = true, .segment_bytes = 64 << 10};
    auto store = must(engine::EmbeddedStore::open(world, "/store", options));
    const auto request = [] { return write("s-1", {event("Noted", std::string(10'000, 'x'))}); };
    for (int i = 0; i < 4; ++i) must(store->append(request()));
    machine.disk.stop_at_change(cut);
    by_hand.run("fill");
    std::uint64_t acknowledged = 4;
    while (acknowledged < 12 && store->append(request())) ++acknowledged;
    machine.disk.crash(cut * 31);
    machine.disk.clear_plans();
    store.reset();
    store = must(engine::EmbeddedStore::open(world, "/store", options));
    ASSERT_TRUE(store->recovery().damages.empty()) << to_string(store->recovery().damages.front());
    ASSERT_GE(store->head().position.value(), acknowledged);
    must(store->append(request()));
  }
}

TEST(WriterTurns, those_who_are_refused_again_and_again_keep_nobody_from_an_answer) {
  Machine machine(4);
  const auto store = must(machine.open());
  must(store->append(write("taken", {event("X")})));
  constexpr int refusals = sanitized ? 300 : 3000;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&store] {
      for (int n = 0; n < refusals; ++n) {
        const auto answer = store->append(write("taken", {event("X")}, ExpectedVersion::no_stream()));
        ASSERT_EQ(answer.error().kind(), errc::conflict);
      }
    });
  }
  for (int n = 0; n < 100; ++n) must(store->append(write("own", {event("X")})));
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(must(store->stream_info("own")).events, 100u);
}

}  // namespace
}  // namespace stele::test

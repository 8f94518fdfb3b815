// few_files_test.cpp - a process that may open no more files: what needs one is refused, nothing is lost, and it goes
// on by itself when there are some again.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "store_fixture.hpp"

namespace stele::test {
namespace {

// All file descriptors but a few are taken.
class FewFiles : public testing::Test {
 protected:
  void SetUp() override {
#ifdef STELE_SANITIZED
    GTEST_SKIP() << "sanitizers open files themselves when they check a type";
#endif
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    auto few = before_;
    few.rlim_cur = std::min<rlim_t>(before_.rlim_cur, 100);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  }
  void TearDown() override {
    release();
    if (before_.rlim_cur > 0) ::setrlimit(RLIMIT_NOFILE, &before_);
  }
  void take_all_but(std::size_t free) {
    for (int taken = open_any(); taken >= 0; taken = open_any()) taken_.push_back(taken);
    for (; free > 0 && !taken_.empty(); --free) {
      ::close(taken_.back());
      taken_.pop_back();
    }
  }
  void release() {
    for (const int taken : taken_) ::close(taken);
    taken_.clear();
  }
  static result<AppendResult> append(EventStore& store) {
    return store.append(write("s-1", {event("Happened", '"' + std::string(5000, 'x') + '"')}));
  }
  result<std::unique_ptr<EventStore>> open_store() {
    return open(directory_ / "store",
                {.access = Access::read_write, .create = true, .segment_bytes = 64 << 10});
  }
  static std::uint64_t events_read(EventStore& store) {
    const auto cursor = must(store.read({}));
    std::uint64_t count = 0;
    for (auto events = must(cursor->next_batch(100)); !events.empty();
         events = must(cursor->next_batch(100))) {
      count += events.size();
    }
    return count;
  }

  TempDirectory directory_;

 private:
  static int open_any() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

  rlimit before_{};
  std::vector<int> taken_;
};

// Each step of beginning a segment is the first that finds none.
TEST_F(FewFiles, a_segment_that_cannot_begin_refuses_appends_loses_none_and_begins_later) {
  auto store = must(open_store());
  std::uint64_t acknowledged = 0;
  std::uint64_t refused = 0;
  for (std::size_t free = 0; free < 8; ++free) {
    SCOPED_TRACE(free);
    take_all_but(free);
    for (int tries = 0; tries < 40; ++tries) {
      const auto done = append(*store);
      if (done) {
        ++acknowledged;
        continue;
      }
      EXPECT_EQ(done.error().kind(), errc::busy) << done.error().to_string();
      EXPECT_NE(done.error().help().find("ulimit -n"), std::string::npos) << done.error().to_string();
      ++refused;
      break;
    }
    EXPECT_EQ(events_read(*store), acknowledged) << "reading goes on";
    release();
    const auto later = append(*store);
    ASSERT_TRUE(later) << "appends go on by themselves: " << later.error().to_string();
    ASSERT_EQ(later->last.value(), ++acknowledged);
  }
  EXPECT_GT(refused, 1U);
  store.reset();
  store = must(open_store());
  EXPECT_EQ(events_read(*store), acknowledged);
}

TEST_F(FewFiles, a_store_that_cannot_be_opened_says_why_and_is_opened_later) {
  {
    auto store = must(open_store());
    ASSERT_TRUE(append(*store));
  }
  for (std::size_t free = 0; free < 6; ++free) {
    take_all_but(free);
    const auto refused = open_store();
    release();
    if (refused) continue;
    EXPECT_EQ(refused.error().kind(), errc::busy) << refused.error().to_string();
  }
  auto store = must(open_store());
  EXPECT_EQ(events_read(*store), 1U);
  EXPECT_TRUE(append(*store));
}

}  // namespace
}  // namespace stele::test

// visibility_test.cpp - whoever has written reads it, however slow the projector; and, when asked for by hand, how long
// it takes from an append to the row, beside what the disk takes.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <thread>

#include "tally.hpp"

namespace stele::test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

int number_from(const char* variable, int otherwise) {
  const char* text = std::getenv(variable);
  return text ? std::atoi(text) : otherwise;
}

// STELE_RYW_TRIES: 100000 for the full run.
TEST(ReadYourWrites, none_is_stale_however_slow_the_projector_is) {
#ifdef STELE_SANITIZED
  const int tries = number_from("STELE_RYW_TRIES", 80);
#else
  const int tries = number_from("STELE_RYW_TRIES", 400);
#endif
  const TempDirectory dir;
  const auto store = stele::open(dir.path() / "store");
  ASSERT_TRUE(store);
  const auto target = open_tally(dir);
  Runner runner(**store, target, {.hold_back = 500us});
  runner.start();
  constexpr int writers = 8;
  std::atomic<int> stale = 0;
  std::atomic<int> tried = 0;
  {
    std::vector<std::jthread> all;
    for (int t = 0; t < writers; ++t)
      all.emplace_back([&, t] {
        const std::string stream = "s-" + std::to_string(t);
        for (int i = 1; i <= tries / writers; ++i) {
          const Position written = add(**store, stream, 1);
          ASSERT_TRUE(runner.wait(written, 60s));
          auto snapshot = target->snapshot();
          ASSERT_TRUE(snapshot);
          std::int64_t total = 0;
          ASSERT_TRUE(snapshot->first("SELECT total FROM tally WHERE stream = ?", {stream},
                                      [&](const SqlRow& row) { total = row.integer(0); }));
          stale += total == i ? 0 : 1;
          ++tried;
        }
      });
  }
  EXPECT_EQ(stale, 0);
  EXPECT_EQ(tried, tries / writers * writers);
}

std::chrono::microseconds median_fsync(const std::filesystem::path& folder) {
  const int file = ::open((folder / "probe").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  const std::string page(4096, 'x');
  std::vector<std::chrono::microseconds> took;
  for (int i = 0; i < 101; ++i) {
    const auto before = Clock::now();
    EXPECT_EQ(::pwrite(file, page.data(), page.size(), 0), static_cast<ssize_t>(page.size()));
    EXPECT_EQ(::fdatasync(file), 0);
    took.push_back(std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - before));
  }
  ::close(file);
  std::ranges::nth_element(took, took.begin() + 50);
  return took[50];
}

void print_way(const char* name, const LatencyHistogram& way) {
  std::printf("  %-10s p50 <= %lld us  p99 <= %lld us\n", name,
              static_cast<long long>(way.quantile(0.5).count()),
              static_cast<long long>(way.quantile(0.99).count()));
}

// By hand: open loop at a stated rate, from the moment the append was due, so that a stall counts in full.
TEST(VisibilityFigures, DISABLED_append_to_visible) {
  const int rate = number_from("STELE_APPENDS_PER_SECOND", 1000);
  const int seconds = number_from("STELE_SECONDS", 20);
  const TempDirectory dir;
  const auto store = stele::open(dir.path() / "store");
  ASSERT_TRUE(store);
  const auto target = open_tally(dir);
  Runner runner(**store, target);
  runner.start();
  std::printf("fdatasync of 4 KiB: median %lld us\n",
              static_cast<long long>(median_fsync(dir.path()).count()));
  const auto appends = static_cast<std::size_t>(rate * seconds);
  std::vector<Clock::duration> took(appends);
  std::atomic<std::size_t> seen = 0;
  const auto began = Clock::now();
  for (std::size_t i = 0; i < appends; ++i) {
    const auto due = began + i * std::chrono::nanoseconds(1'000'000'000 / rate);
    std::this_thread::sleep_until(due);
    (*store)->append_async(one("s-" + std::to_string(i % 100), "Added", 1), [&, i, due](auto done) {
      runner.notify_at(done->last, [&, i, due](const result<Position>&) {
        took[i] = Clock::now() - due;
        ++seen;
      });
    });
  }
  ASSERT_TRUE(runner.wait((*store)->head().position, 60s));
  while (seen < appends) std::this_thread::yield();
  std::ranges::sort(took);
  const auto at = [&](double q) {
    const auto place = static_cast<std::size_t>(q * static_cast<double>(appends - 1));
    return static_cast<long long>(std::chrono::duration_cast<std::chrono::microseconds>(took[place]).count());
  };
  std::printf("%d appends/s for %d s, due to visible: p50 %lld us  p90 %lld us  p99 %lld us  max %lld us\n",
              rate, seconds, at(0.5), at(0.9), at(0.99), at(1));
  print_way("delivered", runner.timeline().delivered);
  print_way("applied", runner.timeline().applied);
  print_way("visible", runner.timeline().visible);
}

}  // namespace
}  // namespace stele::test

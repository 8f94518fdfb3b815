// real_disk_test.cpp - what only the operating system can show: other processes, full devices, permissions.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "io/world.hpp"
#include "support/temp_directory.hpp"

namespace stele::io {
namespace {

class RealDisk : public ::testing::Test {
 protected:
  // Runs `child` in a process of its own; its result is the exit code.
  template <class Child>
  static int in_other_process(Child child) {
    const auto pid = ::fork();
    if (pid == 0) ::_exit(child());
    int status = 0;
    EXPECT_EQ(::waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  }

  test::TempDirectory directory_;
  Disk& disk_ = real_world().disk;
};

TEST_F(RealDisk, another_process_is_told_who_holds_the_lock) {
  const auto path = directory_.path() / "LOCK";
  const auto mine = disk_.lock(path);
  ASSERT_TRUE(mine.has_value());
  const auto pid = std::to_string(::getpid());
  EXPECT_EQ(in_other_process([&] {
              const auto theirs = disk_.lock(path);
              if (theirs || theirs.error().kind() != errc::busy) return 1;
              if (theirs.error().fact("pid") != pid) return 2;
              return theirs.error().fact("since").value_or("unknown") == "unknown" ? 3 : 0;
            }),
            0);
}

TEST_F(RealDisk, a_lock_ends_with_the_process_however_it_ends) {
  const auto path = directory_.path() / "LOCK";
  EXPECT_EQ(in_other_process([&] {
              const auto theirs = disk_.lock(path);
              ::raise(SIGKILL);
              return theirs ? 0 : 1;
            }),
            1000 + SIGKILL);
  EXPECT_TRUE(disk_.lock(path).has_value());
}

TEST_F(RealDisk, a_page_is_shared_between_processes_and_wakes_across) {
  const auto path = directory_.path() / "page";
  const auto page = *disk_.shared_page(path, true);
  const auto before = page->sequence();
  EXPECT_EQ(in_other_process([&] {
              const auto theirs = disk_.shared_page(path, true);
              if (!theirs) return 1;
              (*theirs)->store(5, 77);
              (*theirs)->notify();
              return 0;
            }),
            0);
  EXPECT_TRUE(page->wait(before, std::chrono::seconds(20)));
  EXPECT_EQ(page->load(5), 77u);
}

TEST_F(RealDisk, a_short_page_file_is_no_page_for_a_reader_and_is_made_whole_by_a_writer) {
  const auto path = directory_.path() / "page";
  std::ofstream(path) << "short";
  EXPECT_EQ(disk_.shared_page(path, false).error().kind(), errc::not_found);
  EXPECT_TRUE(disk_.shared_page(path, true).has_value());
  EXPECT_EQ(std::filesystem::file_size(path), SharedPage::bytes);
}

TEST_F(RealDisk, no_space_left_is_disk_full) {
  auto full = disk_.open("/dev/full", Mode::write);
  ASSERT_TRUE(full.has_value());
  const auto written = (*full)->write_at(0, "x");
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().kind(), errc::disk_full);
  EXPECT_NE(written.error().message().find("/dev/full"), std::string::npos);
  EXPECT_FALSE(written.error().help().empty());
}

TEST_F(RealDisk, a_file_size_limit_is_disk_full) {
  EXPECT_EQ(in_other_process([&] {
              ::signal(SIGXFSZ, SIG_IGN);
              const rlimit small{.rlim_cur = 4096, .rlim_max = 4096};
              if (::setrlimit(RLIMIT_FSIZE, &small) != 0) return 1;
              auto file = disk_.open(directory_.path() / "a", Mode::create);
              if (!file || !(*file)->write_at(0, std::string(4096, 'x'))) return 2;
              const auto more = (*file)->write_at(4000, std::string(4096, 'y'));
              return !more && more.error().kind() == errc::disk_full ? 0 : 3;
            }),
            0);
}

TEST_F(RealDisk, a_relative_path_in_the_current_directory_works) {
  EXPECT_EQ(in_other_process([&] {
              if (::chdir(directory_.path().c_str()) != 0) return 1;
              if (!replace_file(disk_, "here", "bytes")) return 2;
              return disk_.list("") && disk_.list("")->size() == 1 ? 0 : 3;
            }),
            0);
}

TEST(RealWorld, clocks_go_forward_and_randomness_differs) {
  auto& world = real_world();
  const auto before = world.clock.monotonic();
  EXPECT_GE(world.clock.monotonic(), before);
  EXPECT_GT(world.clock.now(), Timestamp(std::chrono::microseconds(1'700'000'000'000'000)));
  EXPECT_NE(world.random.next(), world.random.next());
}

}  // namespace
}  // namespace stele::io

// disk_contract_test.cpp - what every Disk promises, asked of the real one and of the simulated one alike.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>

#include "io/simulated/memory_disk.hpp"
#include "io/world.hpp"
#include "support/temp_directory.hpp"

namespace stele::io {
namespace {

// A disk and a directory on it to play in.
struct Playground {
  virtual ~Playground() = default;
  virtual Disk& disk() = 0;
  virtual std::filesystem::path root() = 0;
};

struct RealPlayground final : Playground {
  Disk& disk() override { return real_world().disk; }
  std::filesystem::path root() override { return directory.path(); }
  test::TempDirectory directory;
};

struct MemoryPlayground final : Playground {
  MemoryPlayground() { EXPECT_TRUE(memory.make_directory("root").has_value()); }
  Disk& disk() override { return memory; }
  std::filesystem::path root() override { return "root"; }
  simulated::MemoryDisk memory;
};

using MakePlayground = std::function<std::unique_ptr<Playground>()>;

class DiskContract : public ::testing::TestWithParam<std::pair<const char*, MakePlayground>> {
 protected:
  std::unique_ptr<File> open(const std::string& name, Mode mode) {
    auto opened = disk_.open(root_ / name, mode);
    EXPECT_TRUE(opened.has_value()) << (opened ? "" : opened.error().to_string());
    return opened ? *std::move(opened) : nullptr;
  }

  errc open_error(const std::string& name, Mode mode) {
    return disk_.open(root_ / name, mode).error().kind();
  }

  std::unique_ptr<Playground> playground_ = GetParam().second();
  Disk& disk_ = playground_->disk();
  const std::filesystem::path root_ = playground_->root();
};

TEST_P(DiskContract, bytes_are_where_they_were_put) {
  const auto file = open("a", Mode::create);
  ASSERT_TRUE(file->write_at(3, "hello").has_value());
  EXPECT_EQ(*file->size(), 8u);
  EXPECT_EQ(*read_whole(*file, 100), std::string("\0\0\0hello", 8));
  const std::array<std::string_view, 4> pieces{"one", "", "two", "three"};
  ASSERT_TRUE(file->write_at(8, pieces).has_value());
  ASSERT_TRUE(file->sync_data().has_value());
  ASSERT_TRUE(file->sync_all().has_value());
  file->drop_cache();
  EXPECT_EQ(read_whole(*open("a", Mode::read), 100)->substr(8), "onetwothree");
  EXPECT_EQ(file->path(), root_ / "a");
}

TEST_P(DiskContract, many_pieces_arrive_in_order) {
  const auto file = open("a", Mode::create);
  std::vector<std::string> texts;
  std::string whole;
  for (int i = 0; i < 1000; ++i) whole += texts.emplace_back(std::to_string(i) + ",");
  const std::vector<std::string_view> pieces(texts.begin(), texts.end());
  ASSERT_TRUE(file->write_at(0, pieces).has_value());
  EXPECT_EQ(*read_whole(*file, 1 << 20), whole);
}

TEST_P(DiskContract, reading_is_short_only_at_the_end) {
  const auto file = open("a", Mode::create);
  ASSERT_TRUE(file->write_at(0, "0123456789").has_value());
  std::array<char, 6> into{};
  EXPECT_EQ(*file->read_at(2, into), 6u);
  EXPECT_EQ(std::string_view(into.data(), 6), "234567");
  EXPECT_EQ(*file->read_at(8, into), 2u);
  EXPECT_EQ(*file->read_at(10, into), 0u);
  EXPECT_EQ(*file->read_at(1u << 30, into), 0u);
}

TEST_P(DiskContract, resizing_cuts_and_grows_with_zeros) {
  const auto file = open("a", Mode::create);
  ASSERT_TRUE(file->write_at(0, "0123456789").has_value());
  ASSERT_TRUE(file->resize(4).has_value());
  ASSERT_TRUE(file->resize(6).has_value());
  EXPECT_EQ(*read_whole(*file, 100), std::string("0123\0\0", 6));
}

TEST_P(DiskContract, allocated_room_reads_as_zeros_and_keeps_what_is_there) {
  const auto file = open("a", Mode::create);
  ASSERT_TRUE(file->write_at(0, "0123").has_value());
  ASSERT_TRUE(file->allocate(2, 4).has_value());
  EXPECT_EQ(*read_whole(*file, 100), std::string("0123\0\0", 6));
  ASSERT_TRUE(file->allocate(0, 3).has_value());
  EXPECT_EQ(*file->size(), 6u);
}

TEST_P(DiskContract, modes_say_what_must_be_there) {
  EXPECT_EQ(open_error("a", Mode::read), errc::not_found);
  EXPECT_EQ(open_error("a", Mode::write), errc::not_found);
  open("a", Mode::create);
  EXPECT_EQ(open_error("a", Mode::create), errc::invalid);
  EXPECT_EQ(open_error("nowhere/a", Mode::create), errc::not_found);
  EXPECT_FALSE(open("a", Mode::read)->write_at(0, "x").has_value());
}

TEST_P(DiskContract, errors_name_the_path_and_the_reason) {
  const auto missing = disk_.open(root_ / "absent", Mode::read);
  ASSERT_FALSE(missing.has_value());
  EXPECT_NE(missing.error().message().find((root_ / "absent").string()), std::string::npos);
  EXPECT_NE(missing.error().message().find("No such file"), std::string::npos);
  EXPECT_EQ(missing.error().fact("path"), (root_ / "absent").string());
}

TEST_P(DiskContract, names_are_listed_sorted_renamed_and_removed) {
  for (const auto* name : {"c", "a", "b"}) open(name, Mode::create);
  ASSERT_TRUE(disk_.make_directory(root_ / "d" / "e").has_value());
  ASSERT_TRUE(disk_.make_directory(root_ / "d" / "e").has_value());
  EXPECT_EQ(*disk_.list(root_), (std::vector<std::string>{"a", "b", "c", "d"}));
  EXPECT_EQ(*disk_.list(root_ / "d"), (std::vector<std::string>{"e"}));
  ASSERT_TRUE(open("a", Mode::write)->write_at(0, "was a").has_value());
  ASSERT_TRUE(disk_.rename(root_ / "a", root_ / "b").has_value());
  EXPECT_EQ(*read_whole(*open("b", Mode::read), 100), "was a");
  EXPECT_FALSE(*disk_.exists(root_ / "a"));
  EXPECT_TRUE(*disk_.exists(root_ / "d"));
  ASSERT_TRUE(disk_.remove(root_ / "b").has_value());
  EXPECT_EQ(disk_.remove(root_ / "b").error().kind(), errc::not_found);
  EXPECT_EQ(disk_.rename(root_ / "b", root_ / "x").error().kind(), errc::not_found);
  EXPECT_EQ(disk_.list(root_ / "nowhere").error().kind(), errc::not_found);
  EXPECT_TRUE(disk_.sync_directory(root_).has_value());
  EXPECT_EQ(disk_.sync_directory(root_ / "nowhere").error().kind(), errc::not_found);
}

TEST_P(DiskContract, a_file_is_replaced_whole_even_over_a_left_over_try) {
  ASSERT_TRUE(replace_file(disk_, root_ / "m", "first").has_value());
  ASSERT_TRUE(open("m.tmp", Mode::create)->write_at(0, "a longer left-over").has_value());
  ASSERT_TRUE(replace_file(disk_, root_ / "m", "second").has_value());
  EXPECT_EQ(*read_whole(*open("m", Mode::read), 100), "second");
  EXPECT_EQ(*disk_.list(root_), std::vector<std::string>{"m"});
}

TEST_P(DiskContract, a_lock_has_one_holder_even_within_a_process) {
  auto first = disk_.lock(root_ / "LOCK");
  ASSERT_TRUE(first.has_value());
  for (int i = 0; i < 3; ++i) {
    const auto second = disk_.lock(root_ / "LOCK");
    ASSERT_FALSE(second.has_value());
    EXPECT_EQ(second.error().kind(), errc::busy);
    EXPECT_TRUE(second.error().fact("pid").has_value());
  }
  first->reset();
  EXPECT_TRUE(disk_.lock(root_ / "LOCK").has_value());
}

TEST_P(DiskContract, there_is_free_space) { EXPECT_GT(*disk_.free_bytes(root_), 0u); }

TEST_P(DiskContract, a_shared_page_is_seen_by_all_who_map_it) {
  EXPECT_EQ(disk_.shared_page(root_ / "page", false).error().kind(), errc::not_found);
  const auto writer = *disk_.shared_page(root_ / "page", true);
  const auto reader = *disk_.shared_page(root_ / "page", false);
  writer->store(0, 42);
  writer->store(SharedPage::words - 1, ~std::uint64_t{0});
  EXPECT_EQ(reader->load(0), 42u);
  EXPECT_EQ(reader->load(SharedPage::words - 1), ~std::uint64_t{0});
  EXPECT_EQ(reader->load(1), 0u);
}

TEST_P(DiskContract, a_notification_wakes_and_a_timeout_ends_a_wait) {
  const auto writer = *disk_.shared_page(root_ / "page", true);
  const auto reader = *disk_.shared_page(root_ / "page", false);
  const auto before = reader->sequence();
  EXPECT_FALSE(reader->wait(before, std::chrono::microseconds(500)));
  EXPECT_FALSE(reader->wait(before, std::chrono::microseconds(0)));
  writer->notify();
  EXPECT_TRUE(reader->wait(before, std::chrono::seconds(20)));

  std::atomic<int> rounds{0};
  std::thread waiter([&] {
    for (auto seen = reader->sequence(); rounds < 200; seen = reader->sequence()) {
      const auto value = reader->load(0);
      if (value > static_cast<std::uint64_t>(rounds)) {
        rounds = static_cast<int>(value);
      } else {
        reader->wait(seen, std::chrono::seconds(20));
      }
    }
  });
  for (std::uint64_t i = 1; i <= 200; ++i) {
    writer->store(0, i);
    writer->notify();
  }
  waiter.join();
  EXPECT_EQ(rounds, 200);
}

std::string name_of(const ::testing::TestParamInfo<DiskContract::ParamType>& parameter) {
  return parameter.param.first;
}

const std::pair<const char*, MakePlayground> real{"real", [] { return std::make_unique<RealPlayground>(); }};
const std::pair<const char*, MakePlayground> memory{"simulated",
                                                    [] { return std::make_unique<MemoryPlayground>(); }};
INSTANTIATE_TEST_SUITE_P(Both, DiskContract, ::testing::Values(real, memory), name_of);

}  // namespace
}  // namespace stele::io

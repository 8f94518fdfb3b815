// index_files_test.cpp - a directory of index files and a log: which files are believed, which are not and why, what is
// left when the rest is removed. No store; the log is only what its segments' headers say.
#include "engine/index/index_files.hpp"

#include <gtest/gtest.h>

#include <cerrno>

#include "base/bytes.hpp"
#include "base/crc32c.hpp"
#include "engine/index/merge.hpp"
#include "index_random_log.hpp"

namespace stele::engine::testing {
namespace {

constexpr std::uint64_t events_each = 10;

// A log of five segments with ten events each, and index files for any of their neighbours.
class LogAndFiles {
 public:
  LogAndFiles() {
    EXPECT_TRUE(files.make_directory());
    for (std::uint64_t i = 0; i < 5; ++i) {
      log.push_back({.input = i, .header = {}, .size = 9000});
      log.back().header.store = index_store;
      log.back().header.first = Position(1 + i * events_each);
      log.back().header.salt = 100 + i;
    }
  }

  // A file for segments [begin, end), counted from 0; its name.
  std::string make(std::size_t begin, std::size_t end) {
    std::vector<std::shared_ptr<const SealedPart>> parts;
    std::filesystem::path path;
    for (auto i = begin; i < end; ++i) {
      path = seal_segment(i);
      if (end - begin > 1) parts.push_back(open_sealed(disk, path));
    }
    if (end - begin == 1) return path.filename().string();
    const SealedPart* damaged = nullptr;
    const auto merged = merge(parts, {disk, index_directory, index_store}, damaged);
    EXPECT_TRUE(merged && *merged);
    for (const auto& part : parts) EXPECT_TRUE(disk.remove(part->file().path()));
    return (**merged).filename().string();
  }
  // What is believed, as the segments each file begins and ends with: "0-2 3-3".
  [[nodiscard]] std::string believed() const {
    const auto parts = files.trusted(*files.list(), log);
    if (!parts) return parts.error().to_string();
    std::string text;
    for (const auto& part : *parts) {
      text += (text.empty() ? "" : " ") + std::to_string((part->first().value() - 1) / events_each) + "-" +
              std::to_string((part->last().value() - 1) / events_each);
    }
    return text;
  }
  [[nodiscard]] std::filesystem::path path_of(const std::string& name) const {
    return index_directory / name;
  }

  io::simulated::MemoryDisk disk;
  IndexFiles files{disk, index_directory, index_store};
  std::vector<LogSegment> log;

 private:
  std::filesystem::path seal_segment(std::size_t number) {
    const auto& header = log[number].header;
    ActivePart part(header.first);
    for (std::uint64_t i = 0; i < events_each; ++i) {
      part.begin_frame(0, {});
      part.begin_write(Revision(number * events_each + i));
      part.add_event(Uuid::random(), "T", 4096 + i * 100);
      part.end_write("A-1");
      part.end_frame(4196 + i * 100);
    }
    const CoveredSegment covered{header.first, part.end(), header.salt, part.frames(), events_each};
    return *seal(part, covered, {disk, index_directory, index_store});
  }
};

TEST(IndexFilesOfALog, the_widest_is_believed_and_what_lies_inside_or_across_it_is_not) {
  LogAndFiles made;
  EXPECT_EQ(made.believed(), "");
  const auto across = made.make(2, 4);
  EXPECT_EQ(made.believed(), "2-3") << "segments in front of it are scanned";
  const auto wide = made.make(0, 3);
  made.make(1, 2);
  made.make(0, 1);
  EXPECT_EQ(made.believed(), "0-2");
  made.make(3, 4);
  EXPECT_EQ(made.believed(), "0-2 3-3");
  // A merge that was finished but whose inputs were not removed yet: either of the two is enough.
  ASSERT_TRUE(made.disk.remove(made.path_of(wide)));
  EXPECT_EQ(made.believed(), "0-0 1-1 2-3");
  ASSERT_TRUE(made.disk.remove(made.path_of(across)));
  EXPECT_EQ(made.believed(), "0-0 1-1 3-3");
}

TEST(IndexFilesOfALog, one_that_covers_the_last_segment_is_not_believed_for_it_may_grow) {
  LogAndFiles made;
  made.make(4, 5);
  EXPECT_EQ(made.believed(), "");
  made.make(3, 5);
  made.make(0, 2);
  EXPECT_EQ(made.believed(), "0-1");
  auto next = made.log.back();
  next.header.first = Position(51);
  made.log.push_back(next);
  EXPECT_EQ(made.believed(), "0-1 3-4") << "the one that was the last is followed by another now";
}

TEST(IndexFilesOfALog, a_damaged_wide_file_leaves_the_narrow_ones_to_be_believed) {
  LogAndFiles made;
  const auto wide = made.make(0, 3);
  for (std::size_t i = 0; i < 3; ++i) made.make(i, i + 1);
  EXPECT_EQ(made.believed(), "0-2");
  const auto good = made.disk.bytes(made.path_of(wide));
  made.disk.put(made.path_of(wide), good.substr(0, good.size() / 2));
  EXPECT_EQ(made.believed(), "0-0 1-1 2-2");
  made.disk.put(made.path_of(wide), "");
  EXPECT_EQ(made.believed(), "0-0 1-1 2-2");
  made.disk.put(made.path_of(wide), good);
  EXPECT_EQ(made.believed(), "0-2");
}

TEST(IndexFilesOfALog, every_segment_must_be_the_one_that_was_indexed) {
  LogAndFiles made;
  made.make(0, 3);
  ASSERT_EQ(made.believed(), "0-2");
  const auto log = made.log;
  made.log[1].header.salt ^= 1;
  EXPECT_EQ(made.believed(), "") << "another segment in the same place";
  made.log = log;
  made.log[2].size = 5095;
  EXPECT_EQ(made.believed(), "") << "cut short by a byte";
  made.log[2].size = 5096;
  EXPECT_EQ(made.believed(), "0-2");
  made.log.erase(made.log.begin() + 1);
  EXPECT_EQ(made.believed(), "") << "one is missing";
  made.log = log;
  made.log[3].header.first = Position(32);
  EXPECT_EQ(made.believed(), "") << "the next one begins elsewhere";
}

TEST(IndexFilesOfALog, a_segment_with_gaps_must_have_the_end_and_the_events_that_were_indexed) {
  LogAndFiles made;
  made.make(1, 2);
  auto& header = made.log[1].header;
  header.incompatible |= log::feature_gaps;
  header.last = Position(20);
  header.events = events_each;
  header.end = 5096;
  EXPECT_EQ(made.believed(), "1-1");
  header.events = events_each - 1;
  EXPECT_EQ(made.believed(), "") << "compacted once more since";
  header.events = events_each;
  header.end = 5000;
  EXPECT_EQ(made.believed(), "");
}

TEST(IndexFilesOfALog, a_file_under_another_name_or_of_another_store_or_format_is_not_believed) {
  LogAndFiles made;
  const auto name = made.make(1, 2);
  const auto good = made.disk.bytes(made.path_of(name));
  ASSERT_TRUE(made.disk.remove(made.path_of(name)));
  made.disk.put(made.path_of(layout::file_name(Position(11), Position(30))), good);
  made.disk.put(made.path_of(layout::file_name(Position(21), Position(30))), good);
  made.disk.put(made.path_of("copy of " + name), good);
  EXPECT_EQ(made.believed(), "");
  EXPECT_EQ(made.files.open(layout::file_name(Position(21), Position(30))).error().kind(), errc::corrupt);
  EXPECT_EQ(made.files.open(name).error().kind(), errc::not_found);
  const IndexFiles other(made.disk, index_directory, Uuid::random());
  made.disk.put(made.path_of(name), good);
  EXPECT_TRUE(made.files.open(name));
  EXPECT_EQ(other.open(name).error().kind(), errc::corrupt);
  // Headers of later versions, with checksums that are right.
  for (const auto at : {layout::header_minor, layout::header_major}) {
    auto later = good;
    base::store_le<std::uint16_t>(later.data() + at, layout::major + 1);
    const auto sum = base::crc32c(
        std::string_view(later).substr(layout::header_major, layout::page_bytes - layout::header_major));
    base::store_le<std::uint32_t>(later.data() + layout::header_crc, sum);
    made.disk.put(made.path_of(name), later);
    EXPECT_EQ(made.believed(), at == layout::header_minor ? "1-1" : "");
  }
}

TEST(IndexFilesOfALog, what_the_disk_cannot_read_is_not_believed_whatever_the_reason) {
  LogAndFiles made;
  made.make(0, 1);
  made.make(1, 2);
  made.disk.fail_read(1, EIO);
  EXPECT_EQ(made.believed(), "1-1") << "the bytes of the first are gone: it is made anew";
  made.disk.fail_read(2, EMFILE);
  const auto fewer = made.files.trusted(*made.files.list(), made.log);
  ASSERT_TRUE(fewer);
  EXPECT_LT(fewer->size(), 2u);
}

TEST(IndexFilesOfALog, only_what_is_an_index_file_by_name_is_ever_removed) {
  LogAndFiles made;
  const auto kept = made.make(0, 2);
  const auto left_over = made.make(0, 1);
  for (const auto* name : {"README", "notes.txt", "00000000000000000001.seg"}) {
    made.disk.put(made.path_of(name), "somebody else's");
  }
  made.disk.put(made.path_of(left_over + ".tmp"), "half");
  made.disk.put(made.path_of("garbage.idx"), "");
  ASSERT_TRUE(made.files.remove_all_but({kept}));
  EXPECT_EQ(*made.files.list(),
            (std::vector<std::string>{kept, "00000000000000000001.seg", "README", "notes.txt"}));
}

TEST(IndexFilesOfALog, a_directory_that_is_not_there_is_empty_and_one_that_was_made_survives_a_power_cut) {
  io::simulated::MemoryDisk disk;
  ASSERT_TRUE(disk.make_directory("/store"));
  ASSERT_TRUE(disk.sync_directory("/"));
  const IndexFiles files(disk, "/store/index", index_store);
  EXPECT_TRUE((*files.list()).empty());
  EXPECT_TRUE(files.remove_all_but({}));
  EXPECT_FALSE(*disk.exists("/store/index"));
  ASSERT_TRUE(files.make_directory());
  disk.crash(1);
  EXPECT_TRUE(*disk.exists("/store/index"));
  const auto changes = disk.counts().changes;
  EXPECT_TRUE(files.make_directory());
  EXPECT_EQ(disk.counts().changes, changes) << "once is enough";
}

}  // namespace
}  // namespace stele::engine::testing

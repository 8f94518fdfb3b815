// Compressed segments as bytes: where every field stands, that they read like the plain ones, and that no damage and
// no lie in them is ever taken for frames.
#include <gtest/gtest.h>
#include <zstd.h>

#include <random>

#include "base/bytes.hpp"
#include "base/crc32c.hpp"
#include "engine/log/open_segment.hpp"
#include "engine/log/packed_file.hpp"
#include "log_builder.hpp"

namespace stele::engine::log {
namespace {

const std::filesystem::path packed_path{"/log/00000000000000000001.seg"};

// A segment of three blocks and a bit, in both forms.
class Packed : public ::testing::Test {
 protected:
  Packed() { pack_frames(20); }

  void pack_frames(int frames, std::uint32_t block_bytes = smallest_block) {
    testing::SegmentBuilder builder(1);
    for (int i = 0; i < frames; ++i) builder.frame(3, 0, 150);
    plain_ = builder.image();
    header_ = builder.header();
    header_.last = Position(builder.next().value() - 1);
    header_.events = header_.last.value();
    header_.end = plain_.size();
    stored_ = packed_from(plain_, block_bytes);
    stored_header_ = *parse_header(stored_).header;
  }
  std::string packed_from(const std::string& image, std::uint32_t block_bytes) {
    io::simulated::MemoryDisk scratch;
    const auto file = *scratch.open("/packed", io::Mode::create);
    const auto bytes = pack(io::BytesSource(image), header_, {*file, block_bytes});
    EXPECT_TRUE(bytes) << bytes.error().to_string();
    auto packed = scratch.bytes("/packed");
    EXPECT_EQ(packed.size(), *bytes);
    return packed;
  }
  // Opened as the store would.
  std::shared_ptr<io::File> opened() {
    disk_.put(packed_path, stored_);
    return *open_segment(disk_, packed_path);
  }
  [[nodiscard]] std::size_t entry(std::size_t block) const {
    return static_cast<std::size_t>(stored_header_.table) + block * block_entry_bytes;
  }
  // Reads all of the frames, block by block.
  std::vector<errc> errors_of_blocks() {
    std::vector<errc> errors;
    const auto file = opened();
    for (std::uint64_t at = segment_header_bytes; at < header_.end; at += stored_header_.block_bytes) {
      std::string bytes(std::min<std::uint64_t>(stored_header_.block_bytes, header_.end - at), '\0');
      const auto got = file->read_at(at, bytes);
      if (!got) errors.push_back(got.error().kind());
      EXPECT_TRUE(!got || bytes == plain_.substr(at, bytes.size())) << at;
    }
    return errors;
  }

  io::simulated::MemoryDisk disk_;
  SegmentHeader header_;
  SegmentHeader stored_header_;
  std::string plain_;
  std::string stored_;
};

// Changing any of these makes compressed segments unreadable: see docs/log-format.md.
TEST_F(Packed, every_field_is_where_the_page_says) {
  const auto number = [this](std::size_t at) { return base::load_le<std::uint64_t>(stored_.data() + at); };
  const auto small = [this](std::size_t at) { return base::load_le<std::uint32_t>(stored_.data() + at); };
  for (const std::size_t copy : {0u, 2048u}) {
    EXPECT_EQ(base::load_le<std::uint16_t>(stored_.data() + copy + 14), 2u);
    EXPECT_EQ(small(copy + 24), 2u);
    EXPECT_EQ(number(copy + 80), 60u);
    EXPECT_EQ(number(copy + 88), 60u);
    EXPECT_EQ(number(copy + 96), plain_.size());
    EXPECT_EQ(small(copy + 104), smallest_block);
    EXPECT_EQ(small(copy + 108), 4u);
    EXPECT_EQ(number(copy + 112), stored_.size() - 4 * 16);
  }
  const auto table = static_cast<std::size_t>(number(112));
  EXPECT_EQ(number(table), 4096u);
  for (std::size_t block = 0; block < 4; ++block) {
    const auto begin = number(table + 16 * block);
    const auto end = block == 3 ? table : number(table + 16 * (block + 1));
    const auto bytes = std::string_view(stored_).substr(begin, end - begin);
    const auto raw = std::string_view(plain_).substr(4096 + block * 4096, 4096);
    EXPECT_EQ(small(table + 16 * block + 8), base::crc32c(bytes));
    EXPECT_EQ(small(table + 16 * block + 12), base::crc32c(raw));
    std::string inflated(raw.size(), '\0');
    EXPECT_EQ(ZSTD_decompress(inflated.data(), inflated.size(), bytes.data(), bytes.size()), raw.size());
    EXPECT_EQ(inflated, raw);
  }
  EXPECT_EQ(stored_header_.salt, header_.salt);
}

TEST_F(Packed, reads_like_the_plain_one_anywhere) {
  const auto file = opened();
  EXPECT_EQ(*file->size(), plain_.size());
  EXPECT_LT(stored_.size(), plain_.size() / 2);
  std::mt19937_64 dice(7);
  for (int i = 0; i < 2000; ++i) {
    const auto at = segment_header_bytes + dice() % (plain_.size() - segment_header_bytes + 100);
    std::string bytes(dice() % 9000, '\0');
    const auto got = file->read_at(at, bytes);
    ASSERT_TRUE(got) << got.error().to_string();
    const auto wanted = at < plain_.size() ? plain_.substr(at, bytes.size()) : std::string();
    ASSERT_EQ(bytes.substr(0, *got), wanted) << at;
  }
}

TEST_F(Packed, a_read_across_the_header_gives_both) {
  std::string bytes(5000, '\0');
  EXPECT_EQ(*opened()->read_at(4000, bytes), 5000u);
  EXPECT_EQ(bytes.substr(0, 96), stored_.substr(4000, 96));
  EXPECT_EQ(bytes.substr(96), plain_.substr(4096, 4904));
}

TEST_F(Packed, what_does_not_get_smaller_is_kept_as_it_is) {
  std::mt19937_64 dice(3);
  for (auto at = std::size_t{segment_header_bytes}; at < plain_.size(); ++at)
    plain_[at] = static_cast<char>(dice());
  stored_ = packed_from(plain_, smallest_block);
  stored_header_ = *parse_header(stored_).header;
  EXPECT_EQ(stored_.size(), plain_.size() + 4 * block_entry_bytes);
  EXPECT_TRUE(errors_of_blocks().empty());
}

TEST_F(Packed, no_changed_byte_is_ever_read_as_frames) {
  const auto whole = stored_;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    stored_ = whole;
    stored_[at] = static_cast<char>(stored_[at] ^ 0x10);
    if (at < segment_header_bytes) {
      EXPECT_FALSE(parse_header(stored_).damage.empty()) << at;
      if (at % 97 != 0) continue;
      EXPECT_TRUE(errors_of_blocks().empty()) << at;  // the other copy stands for it
      continue;
    }
    const auto errors = errors_of_blocks();
    ASSERT_FALSE(errors.empty()) << at;
    EXPECT_EQ(errors.front(), errc::corrupt) << at;
  }
}

TEST_F(Packed, a_table_that_points_elsewhere_is_refused) {
  for (const std::uint64_t lie :
       {0ull, 4095ull, ~0ull, static_cast<unsigned long long>(stored_header_.table)}) {
    auto bytes = stored_;
    base::store_le<std::uint64_t>(bytes.data() + entry(1), lie);
    std::swap(bytes, stored_);
    EXPECT_GE(errors_of_blocks().size(), 1u) << lie;
    std::swap(bytes, stored_);
  }
}

TEST_F(Packed, a_block_that_would_inflate_to_more_is_refused_before_it_does) {
  // A good block, checksums and all, of a hundred times the size.
  const std::string bomb(std::size_t{400} << 10, 'x');
  std::string packed(ZSTD_compressBound(bomb.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), bomb.data(), bomb.size(), 3));
  const auto room = base::load_le<std::uint64_t>(stored_.data() + entry(1)) - segment_header_bytes;
  ASSERT_LT(packed.size(), room);
  packed.resize(room, '\0');
  stored_.replace(segment_header_bytes, room, packed);
  base::store_le<std::uint32_t>(stored_.data() + entry(0) + entry_packed_crc, base::crc32c(packed));
  EXPECT_EQ(errors_of_blocks(), std::vector{errc::corrupt});
}

TEST_F(Packed, a_file_that_was_cut_short_counts_for_nothing) {
  stored_.resize(stored_.size() - 1);
  EXPECT_EQ(*opened()->size(), segment_header_bytes);
  EXPECT_FALSE(errors_of_blocks().empty());
}

TEST_F(Packed, headers_that_make_no_sense_are_damage) {
  const auto refused = [this](const auto& change) {
    auto header = stored_header_;
    change(header);
    auto bytes = stored_.substr(0, segment_header_bytes);
    for (const std::size_t copy : {0u, 2048u}) {
      base::store_le<std::uint32_t>(bytes.data() + copy + 24, header.incompatible);
      base::store_le<std::uint64_t>(bytes.data() + copy + 96, header.end);
      base::store_le<std::uint32_t>(bytes.data() + copy + 104, header.block_bytes);
      base::store_le<std::uint32_t>(bytes.data() + copy + 108, header.blocks);
      base::store_le<std::uint64_t>(bytes.data() + copy + 112, header.table);
      base::store_le<std::uint32_t>(bytes.data() + copy + 8,
                                    base::crc32c(std::string_view(bytes).substr(copy + 12, 2048 - 12)));
    }
    return !parse_header(bytes).header.has_value();
  };
  EXPECT_FALSE(refused([](SegmentHeader&) {}));
  EXPECT_TRUE(refused([](SegmentHeader& h) { h.block_bytes = 0; }));
  EXPECT_TRUE(refused([](SegmentHeader& h) { h.block_bytes = 5000; }));
  EXPECT_TRUE(refused([](SegmentHeader& h) { h.block_bytes = 1u << 31; }));
  EXPECT_TRUE(refused([](SegmentHeader& h) { ++h.blocks; }));
  EXPECT_TRUE(refused([](SegmentHeader& h) { h.table = 100; }));
  EXPECT_TRUE(refused([](SegmentHeader& h) { h.table = ~0ull; }));
  EXPECT_TRUE(refused([](SegmentHeader& h) { h.end = 100; }));
  EXPECT_TRUE(refused([](SegmentHeader& h) { h.incompatible |= feature_archived; }));
  // With a feature that nobody knows yet it is newer, not damaged.
  EXPECT_FALSE(refused([](SegmentHeader& h) {
    h.incompatible |= 64;
    h.block_bytes = 7;
  }));
}

TEST_F(Packed, an_archived_header_says_where) {
  header_.minor = cold_minor;
  header_.incompatible = feature_archived | feature_gaps;
  header_.archive = "/mnt/cold";
  const auto bytes = encode_header(header_);
  EXPECT_EQ(base::load_le<std::uint16_t>(bytes.data() + 120), 9u);
  EXPECT_EQ(bytes.substr(122, 9), "/mnt/cold");
  EXPECT_EQ(base::load_le<std::uint32_t>(bytes.data() + 24), 5u);
  EXPECT_EQ(parse_header(bytes).header, header_);
  EXPECT_FALSE(refuse(header_, true));
  header_.incompatible |= 8;
  EXPECT_TRUE(refuse(header_, false));
}

TEST_F(Packed, nothing_is_written_to_it) {
  const auto file = opened();
  EXPECT_EQ(file->write_at(8192, "x").error().kind(), errc::read_only);
  EXPECT_EQ(file->resize(10).error().kind(), errc::read_only);
  EXPECT_FALSE(file->map());
}

TEST_F(Packed, frames_that_go_through_many_sizes_of_blocks_are_recovered) {
  for (const std::uint32_t size : {4u << 10, 64u << 10, 1u << 20}) {
    pack_frames(60, size);
    const auto file = opened();
    testing::SegmentBuilder behind(header_.last.value() + 1);
    const io::BytesSource next(behind.image());
    const auto report =
        recover({testing::store_id,
                 {{packed_path.filename().string(), file.get(), {}}, {behind.name(), &next, {}}},
                 {}});
    ASSERT_TRUE(report) << report.error().to_string();
    EXPECT_TRUE(report->damages.empty()) << to_string(report->damages.front());
    EXPECT_EQ(report->events, 180u);
    EXPECT_EQ(report->last, header_.last);
  }
}

TEST_F(Packed, of_a_damaged_block_only_its_own_frames_are_lost) {
  pack_frames(60);
  stored_[static_cast<std::size_t>(base::load_le<std::uint64_t>(stored_.data() + entry(5))) + 3] ^= 0x20;
  const auto file = opened();
  testing::SegmentBuilder behind(header_.last.value() + 1);
  const io::BytesSource next(behind.image());
  const auto report =
      recover({testing::store_id,
               {{packed_path.filename().string(), file.get(), {}}, {behind.name(), &next, {}}},
               {}});
  ASSERT_TRUE(report) << report.error().to_string();
  ASSERT_FALSE(report->damages.empty());
  std::uint64_t lost = 0;
  for (const auto& damage : report->damages) {
    if (damage.first > Position{}) lost += damage.last.value() - damage.first.value() + 1;
  }
  EXPECT_GT(lost, 0u);
  EXPECT_LT(lost, 30u);
  EXPECT_EQ(report->events + lost, 180u);
  EXPECT_NE(to_string(report->damages.back()).find("block 5"), std::string::npos);
}

TEST_F(Packed, it_is_never_the_last_segment) {
  const auto file = opened();
  const auto report = recover({testing::store_id, {{packed_path.filename().string(), file.get(), {}}}, {}});
  ASSERT_TRUE(report) << report.error().to_string();
  ASSERT_EQ(report->damages.size(), 1u);
  EXPECT_EQ(report->last, header_.last);
}

TEST(BlockCache, holds_no_more_than_it_may_and_forgets_the_oldest) {
  BlockCache cache(3000);
  const auto file = cache.new_file();
  const auto other = cache.new_file();
  EXPECT_NE(file, other);
  for (std::uint64_t block = 0; block < 3; ++block)
    cache.keep(file, block, std::make_shared<std::string>(1000, static_cast<char>('a' + block)));
  EXPECT_EQ(cache.find(other, 0), nullptr);
  ASSERT_NE(cache.find(file, 0), nullptr);  // asked for: 1 is the oldest now
  cache.keep(file, 3, std::make_shared<std::string>(1000, 'd'));
  EXPECT_EQ(cache.bytes(), 3000u);
  EXPECT_EQ(cache.find(file, 1), nullptr);
  EXPECT_EQ(cache.find(file, 0)->front(), 'a');
  cache.keep(file, 9, std::make_shared<std::string>(4000, 'x'));  // larger than all of it
  EXPECT_EQ(cache.find(file, 9), nullptr);
  EXPECT_EQ(cache.bytes(), 3000u);
}

}  // namespace
}  // namespace stele::engine::log

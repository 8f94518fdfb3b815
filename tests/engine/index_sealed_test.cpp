// index_sealed_test.cpp - a part in memory and the same one in a file answer alike, whatever the history was; and a
// file with any byte changed answers right or says that it is damaged.
#include <gtest/gtest.h>

#include <random>

#include "base/bytes.hpp"
#include "base/crc32c.hpp"
#include "index_random_log.hpp"
#include "store_fixture.hpp"

namespace stele::engine::testing {
namespace {

using stele::test::sanitized;

std::uint32_t always_the_same(TermKind, std::string_view) { return 0x80001234; }
std::uint32_t one_of_two(TermKind kind, std::string_view name) {
  return (hash_name(static_cast<std::uint64_t>(kind), name) & 1) * 0xFFFFFFFFu;
}

TEST(SealedPart, answers_like_the_part_in_memory_whatever_the_history) {
  for (std::uint64_t seed = 1; seed <= (sanitized ? 100 : 4000); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomLog log(seed);
    io::simulated::MemoryDisk disk;
    if (log.draw(2) == 0) (void)log.segment(1, 20);  // so that it does not begin at 1
    const auto part = log.segment(1, seed % 50 == 0 ? 3000 : 60);
    const auto file = sealed(*part, log, disk);
    const auto middle =
        Position(part->first().value() + log.draw(part->last().value() - part->first().value() + 1));
    ASSERT_EQ(answers_of(*part, log, part->last()), answers_of(*file, log, part->last()));
    ASSERT_EQ(answers_of(*part, log, middle), answers_of(*file, log, middle));
    ASSERT_EQ(times_of(*part), times_of(*file));
    ASSERT_EQ(file->last_recorded_at(), part->last_recorded_at());
    ASSERT_EQ(file->segments(), std::vector{log.covered(*part)});
    ASSERT_TRUE(file->file().verify());
  }
}

TEST(SealedPart, answers_stay_exact_when_every_name_has_the_same_hash) {
  for (const auto hash : {always_the_same, one_of_two}) {
    RandomLog log(77);
    io::simulated::MemoryDisk disk;
    const auto part = log.segment(300, 400);
    const auto file = sealed(*part, log, disk, hash);
    EXPECT_EQ(answers_of(*part, log, part->last()), answers_of(*file, log, part->last()));
  }
}

// Whoever appends brings ids that are in no file: to say so must not cost a page of each.
TEST(SealedPart, new_ids_are_answered_without_a_look_at_the_table) {
  RandomLog log(5);
  io::simulated::MemoryDisk disk;
  const auto part = log.segment(2000, 2100);
  const auto file = sealed(*part, log, disk);
  const auto path = file->file().path();
  auto bytes = disk.bytes(path);
  const auto& ids = file->file().place(layout::Section::ids);
  const auto begin = (ids.offset + layout::page_bytes - 1) / layout::page_bytes * layout::page_bytes;
  for (auto at = begin; at + layout::page_bytes <= ids.offset + ids.size; at += layout::page_bytes) {
    bytes[at] ^= 1;  // not the last one, which the filter shares
  }
  disk.put(path, bytes);
  const auto damaged = SealedPart::open(**disk.open(path, io::Mode::read), hash_term);
  ASSERT_TRUE(damaged);
  int looked = 0;
  std::mt19937_64 random(5);
  for (int i = 0; i < 10'000; ++i) {
    std::array<std::uint8_t, 16> any{};
    for (auto& byte : any) byte = static_cast<std::uint8_t>(random());
    const auto found = (*damaged)->find_id(Uuid(any));
    if (!found) ++looked;
    if (found) {
      EXPECT_FALSE(found->has_value());
    }
  }
  EXPECT_LT(looked, 50) << "of ten thousand";
  int refused = 0;
  for (const auto& [id, row] : part->ids().entries()) {
    if (!(*damaged)->find_id(id)) ++refused;
  }
  EXPECT_GT(refused, 1000) << "those that are there are looked for in the table";
}

TEST(SealedPart, rows_without_an_event_stay_empty) {
  RandomLog log(1);
  ActivePart part(Position(1));
  part.begin_frame(0, {});
  part.begin_write(Revision(0));
  part.add_event(Uuid::random(), log.universe().types[0], 4096);
  part.end_write(log.universe().streams[0]);
  part.end_frame(5000);
  part.add_nothing(Position(300));
  io::simulated::MemoryDisk disk;
  const auto file = sealed(part, log, disk);
  EXPECT_EQ(answers_of(part, log, Position(300)), answers_of(*file, log, Position(300)));
  EXPECT_EQ((*file->location(Position(2))).offset, 0u);
  std::vector<std::uint32_t> codes(3);
  ASSERT_TRUE(file->codes(ColumnKind::category, Position(1), codes));
  EXPECT_EQ(codes, (std::vector<std::uint32_t>{0, Part::no_code, Part::no_code}));
}

TEST(SealedPart, many_names_widen_the_codes) {
  for (const std::uint32_t names : {254u, 255u, 70'000u}) {
    if (sanitized && names > 1000) continue;
    ActivePart part(Position(1));
    for (std::uint32_t i = 0; i < names; ++i) {
      part.begin_frame(0, {});
      part.begin_write(Revision(0));
      part.add_event(Uuid::from_name({}, std::to_string(i)), "T" + std::to_string(i), 4096 + i);
      part.end_write("S" + std::to_string(i));
      part.end_frame(5000 + i);
    }
    io::simulated::MemoryDisk disk;
    const auto file = sealed(part, RandomLog(1), disk);
    EXPECT_EQ(file->file().place(layout::Section::types).parameter, names < 255      ? 1u
                                                                    : names < 65'535 ? 2u
                                                                                     : 4u);
    std::vector<std::uint32_t> codes(names);
    ASSERT_TRUE(file->codes(ColumnKind::category, Position(1), codes));
    for (std::uint32_t i = 0; i < names; i += 37) {
      const auto found = *file->find_name(ColumnKind::category, "S" + std::to_string(i));
      ASSERT_TRUE(found);
      EXPECT_EQ(found->first, Position(i + 1));
      EXPECT_EQ(codes[i], found->code);
      EXPECT_EQ((*file->postings(TermKind::stream, "S" + std::to_string(i), Position(names)))->first(),
                Position(i + 1));
      EXPECT_FALSE(*file->find_name(ColumnKind::type, "T" + std::to_string(i) + "x"));
    }
  }
}

TEST(SealedPart, opening_reads_the_header_and_the_checksums_only) {
  RandomLog log(5);
  io::simulated::MemoryDisk disk;
  const auto part = log.segment(2000, 2500);
  const auto path = sealed(*part, log, disk)->file().path();
  auto bytes = disk.bytes(path);
  const auto terms = open_sealed(disk, path)->file().place(layout::Section::terms);
  bytes[terms.offset + terms.size / 2] ^= 1;
  disk.put(path, bytes);
  const auto file = open_sealed(disk, path);
  EXPECT_FALSE(file->file().verify());
  EXPECT_TRUE(file->location(Position(1)));
}

TEST(SealedPart, with_any_byte_changed_it_answers_right_or_says_that_it_is_damaged) {
  RandomLog log(11);
  io::simulated::MemoryDisk disk;
  const auto part = log.segment(150, 200);
  const auto path = sealed(*part, log, disk)->file().path();
  const auto good = disk.bytes(path);
  std::size_t refused = 0;
  std::size_t noticed = 0;
  for (std::size_t at = 0; at < good.size(); at += sanitized ? 7 : 1) {
    auto bytes = good;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << at % 8));
    disk.put(path, bytes);
    const auto opened = SealedPart::open(**disk.open(path, io::Mode::read));
    if (!opened) {
      ASSERT_EQ(opened.error().kind(), errc::corrupt);
      ++refused;
      continue;
    }
    const auto verified = (*opened)->file().verify();
    ASSERT_FALSE(verified) << "byte " << at;
    ++noticed;
    (*opened)->bind({0});
    for (const auto& stream : log.universe().streams) {
      const auto right = *part->postings(TermKind::stream, stream, part->last());
      const auto asked = (*opened)->postings(TermKind::stream, stream, part->last());
      ASSERT_TRUE(asked || asked.error().kind() == errc::corrupt);
      if (!asked) continue;
      ASSERT_EQ(*asked == nullptr, right == nullptr);
      if (right) {
        ASSERT_EQ((*asked)->count(), right->count());
      }
    }
    for (const auto& id : log.ids()) {
      const auto asked = (*opened)->find_id(id);
      ASSERT_TRUE(asked ? *asked == *part->find_id(id) : asked.error().kind() == errc::corrupt);
    }
  }
  EXPECT_GE(refused, layout::page_bytes / (sanitized ? 7 : 1));
  EXPECT_GT(noticed, 0u);
}

TEST(SealedPart, with_its_checksums_made_right_again_nonsense_is_still_no_crash) {
  RandomLog log(13);
  io::simulated::MemoryDisk disk;
  const auto part = log.segment(200, 300);
  const auto path = sealed(*part, log, disk)->file().path();
  const auto good = disk.bytes(path);
  for (std::uint64_t round = 0; round < (sanitized ? 200u : 3000u); ++round) {
    auto bytes = good;
    const auto header = *layout::parse_header(bytes);
    const auto sums = header.sections.back().second;
    for (int i = 0; i < 4; ++i) {
      bytes[layout::page_bytes + log.draw(sums.offset - layout::page_bytes)] =
          static_cast<char>(log.draw(256));
    }
    for (std::uint64_t page = 1; page * layout::page_bytes < sums.offset; ++page) {
      const auto sum =
          base::crc32c(std::string_view(bytes).substr(page * layout::page_bytes, layout::page_bytes));
      base::store_le<std::uint32_t>(bytes.data() + sums.offset + (page - 1) * 4, sum);
    }
    auto fixed = header;
    fixed.pages_crc = base::crc32c(std::string_view(bytes).substr(sums.offset, sums.size));
    bytes.replace(0, layout::page_bytes, layout::encode_header(fixed));
    disk.put(path, bytes);
    const auto opened = SealedPart::open(**disk.open(path, io::Mode::read));
    if (!opened) continue;
    (*opened)->bind(std::vector<std::uint32_t>((*opened)->segments().size(), 0));
    for (const auto& stream : log.universe().streams) {
      const auto postings = (*opened)->postings(TermKind::stream, stream, Position(100));
      if (!postings || !*postings) continue;
      std::array<Position, Postings::block_positions> decoded{};
      for (std::size_t b = 0; b < (*postings)->blocks(); ++b) {
        if ((*postings)->block(b)) (void)(*postings)->decode(b, decoded);
      }
    }
    (void)(*opened)->streams("", "c1", 100);
    (void)(*opened)->find_name(ColumnKind::type, "T1");
    for (const auto& id : log.ids()) (void)(*opened)->find_id(id);
  }
}

}  // namespace
}  // namespace stele::engine::testing

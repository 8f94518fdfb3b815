// index_format_test.cpp - the format is frozen: every offset as documented, and the documented example as written.
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <regex>

#include "engine/index/inspect_index.hpp"
#include "index_random_log.hpp"
#include "log_builder.hpp"
#include "store_fixture.hpp"

namespace stele::engine::testing {
namespace {

std::filesystem::path write_example(io::Disk& disk) {
  ActivePart part(Position(1));
  part.begin_frame(0, log::testing::day_one + std::chrono::seconds(1));
  part.begin_write(Revision(0));
  part.add_event(*parse_uuid("0192f0c1-2d3e-7000-8000-000000000001"), "AccountOpened", 4189);
  part.add_tag("account:1");
  part.add_event(*parse_uuid("0192f0c1-2d3e-7000-8000-000000000002"), "Scanned", 4277);
  part.end_write("Account-1");
  part.end_frame(4352);
  EXPECT_TRUE(disk.make_directory(index_directory));
  const CoveredSegment segment{Position(1), 4352, 0x1122334455667788, 1, 2};
  return *seal(part, segment, {disk, index_directory, index_store, nullptr, hash_term});
}

// The lines of sixteen bytes that are not all zeros, as the page shows them.
std::vector<std::string> lines_of(std::string_view bytes) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < bytes.size(); at += 16) {
    const auto row = bytes.substr(at, 16);
    if (row.find_first_not_of('\0') == std::string_view::npos) continue;
    char text[32];
    std::snprintf(text, sizeof text, "%08zx ", at);
    std::string line = text;
    for (const auto byte : row) {
      std::snprintf(text, sizeof text, " %02x", static_cast<unsigned>(static_cast<unsigned char>(byte)));
      line += text;
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

std::vector<std::string> documented_index_lines() {
  std::ifstream page(std::string(STELE_SOURCE_DIR) + "/docs/index-format.md");
  EXPECT_TRUE(page.good()) << "docs/index-format.md is there";
  const std::regex shape("^[0-9a-f]{8} ( [0-9a-f]{2})+$");
  std::vector<std::string> lines;
  for (std::string text; std::getline(page, text);) {
    if (std::regex_match(text, shape)) lines.push_back(text);
  }
  return lines;
}

TEST(IndexFormat, the_documented_example_is_what_is_written) {
  io::simulated::MemoryDisk disk;
  const auto lines = lines_of(disk.bytes(write_example(disk)));
  std::string all;
  for (const auto& line : lines) all += line + '\n';
  EXPECT_EQ(documented_index_lines(), lines) << all;
}

TEST(IndexFormat, every_offset_is_where_the_page_says) {
  EXPECT_EQ(layout::page_bytes, 4096u);
  EXPECT_EQ(layout::section_alignment, 64u);
  EXPECT_EQ(layout::header_crc, 8u);
  EXPECT_EQ(layout::header_major, 12u);
  EXPECT_EQ(layout::header_minor, 14u);
  EXPECT_EQ(layout::header_store, 16u);
  EXPECT_EQ(layout::header_first, 32u);
  EXPECT_EQ(layout::header_last, 40u);
  EXPECT_EQ(layout::header_time, 48u);
  EXPECT_EQ(layout::header_size, 56u);
  EXPECT_EQ(layout::header_pages, 64u);
  EXPECT_EQ(layout::header_count, 68u);
  EXPECT_EQ(layout::header_table, 72u);
  EXPECT_EQ(layout::table_entry, 24u);
  EXPECT_EQ(layout::segment_entry, 40u);
  EXPECT_EQ(layout::name_entry, 24u);
  EXPECT_EQ(layout::skip_entry, 24u);
  EXPECT_EQ(layout::id_entry, 20u);
  EXPECT_EQ(layout::time_entry, 12u);
  EXPECT_EQ(static_cast<std::uint32_t>(layout::Section::segments), 1u);
  EXPECT_EQ(static_cast<std::uint32_t>(layout::Section::terms), 7u);
  EXPECT_EQ(static_cast<std::uint32_t>(layout::Section::ids), 11u);
  EXPECT_EQ(static_cast<std::uint32_t>(layout::Section::id_filter), 12u);
  EXPECT_EQ(static_cast<std::uint32_t>(layout::Section::checksums), 14u);
}

TEST(IndexFormat, hashes_never_change) {
  EXPECT_EQ(hash_name(0, ""), hash_name(0, ""));
  EXPECT_NE(hash_name(0, "a"), hash_name(1, "a"));
  EXPECT_NE(hash_name(0, std::string(8, '\0')), hash_name(0, std::string(9, '\0')));
  EXPECT_EQ(hash_term(TermKind::stream, "Account-1"), 0xb4bd2bdeu);
  EXPECT_EQ(hash_term(TermKind::tag, "Account-1"), 0x5c5927ffu);
  EXPECT_EQ(hash_id(index_store), 0xb275830fu);
  EXPECT_EQ(mask_of_type("AccountOpened"), TypeMask{1} << 46);
}

TEST(IndexFormat, names_of_files_are_read_as_they_are_written) {
  EXPECT_EQ(layout::file_name(Position(1), Position(250)), "00000000000000000001-00000000000000000250.idx");
  EXPECT_EQ(layout::parse_file_name("00000000000000000001-00000000000000000250.idx"),
            std::pair(Position(1), Position(250)));
  for (const auto* wrong :
       {"", "x", "00000000000000000001-00000000000000000250.idx.tmp",
        "00000000000000000000-00000000000000000250.idx", "00000000000000000251-00000000000000000250.idx",
        "0000000000000000000a-00000000000000000250.idx"}) {
    EXPECT_FALSE(layout::parse_file_name(wrong)) << wrong;
  }
}

TEST(IndexFormat, a_file_is_shown_with_what_it_covers_and_what_is_wrong) {
  io::simulated::MemoryDisk disk;
  const auto path = write_example(disk);
  std::string text;
  const auto out = [&text](std::string_view line) { text += std::string(line) + '\n'; };
  EXPECT_EQ(*inspect_index_file(**disk.open(path, io::Mode::read), log::InspectForm::text, out), "");
  EXPECT_NE(text.find("first=1 last=2"), std::string::npos) << text;
  EXPECT_NE(text.find("section name=term_hashes"), std::string::npos) << text;
  auto bytes = disk.bytes(path);
  bytes[5000] ^= 1;
  disk.put(path, bytes);
  EXPECT_NE(*inspect_index_file(**disk.open(path, io::Mode::read), log::InspectForm::ndjson, out), "");
  bytes[20] ^= 1;
  disk.put(path, bytes);
  EXPECT_NE(*inspect_index_file(**disk.open(path, io::Mode::read), log::InspectForm::ndjson, out), "");
}

}  // namespace
}  // namespace stele::engine::testing

// log_format_test.cpp - the format is frozen: every offset as documented, and the documented example as written.
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <regex>

#include "engine/log/frame_layout.hpp"
#include "engine/log/segment.hpp"
#include "engine/log/watermark.hpp"
#include "log_builder.hpp"

namespace stele::engine::log {
namespace {

constexpr std::uint64_t example_salt = 0x1122334455667788;

SegmentHeader example_header() {
  SegmentHeader header;
  header.store = testing::store_id;
  header.first = Position(1);
  header.salt = example_salt;
  header.created_at = testing::day_one;
  header.capacity = 256ull << 20;
  return header;
}

std::string example_frame() {
  NewEvent opened;
  opened.id = *parse_uuid("0192f0c1-2d3e-7000-8000-000000000001");
  opened.type = "AccountOpened";
  opened.data = R"({"owner":"Ada"})";
  opened.metadata = "{}";
  opened.tags = {"account:1"};
  NewEvent scanned;
  scanned.id = *parse_uuid("0192f0c1-2d3e-7000-8000-000000000002");
  scanned.type = "Scanned";
  scanned.data = "\x01\x02\x03";
  scanned.content_type = "image/png";
  const StreamWrite write{"Account-1", {}, {opened, scanned}};
  auto frame = encode({&write, 1});
  const Revision revision(0);
  seal(frame, {.first = Position(1),
               .recorded_at = testing::day_one + std::chrono::seconds(1),
               .durable = Position(0),
               .first_revisions = {&revision, 1},
               .salt = example_salt,
               .offset = segment_header_bytes});
  return frame.bytes;
}

// Offset and bytes of each line of the page's example.
std::vector<std::pair<std::size_t, std::string>> documented_lines() {
  std::ifstream page(std::string(STELE_SOURCE_DIR) + "/docs/log-format.md");
  EXPECT_TRUE(page.good()) << "docs/log-format.md is there";
  const std::regex shape("^([0-9a-f]{8})  ((?:[0-9a-f]{2} ?)+)$");
  std::vector<std::pair<std::size_t, std::string>> lines;
  for (std::string text; std::getline(page, text);) {
    std::smatch match;
    if (!std::regex_match(text, match, shape)) continue;
    std::string bytes;
    const auto hex = match[2].str();
    for (std::size_t at = 0; at + 2 <= hex.size(); at += 3) {
      bytes += static_cast<char>(std::stoi(hex.substr(at, 2), nullptr, 16));
    }
    lines.emplace_back(std::stoul(match[1].str(), nullptr, 16), bytes);
  }
  return lines;
}

TEST(LogFormat, the_documented_example_is_what_is_written) {
  const auto image = encode_header(example_header()) + example_frame();
  const auto lines = documented_lines();
  ASSERT_EQ(lines.size(), 21u);
  for (const auto& [offset, bytes] : lines)
    EXPECT_EQ(image.substr(offset, bytes.size()), bytes) << std::hex << offset;
  EXPECT_EQ(lines.back().first + lines.back().second.size(), image.size()) << "the frame is shown to its end";
}

TEST(LogFormat, the_documented_example_is_read) {
  std::string image(segment_header_bytes, '\0');
  for (const auto& [offset, bytes] : documented_lines()) {
    if (image.size() < offset + bytes.size()) image.resize(offset + bytes.size());
    image.replace(offset, bytes.size(), bytes);
  }
  EXPECT_EQ(parse_header(image).header, example_header());
  const auto parsed =
      parse_frame(std::string_view(image).substr(segment_header_bytes), example_salt, segment_header_bytes);
  ASSERT_EQ(parsed.status, FrameStatus::ok) << parsed.reason;
  FrameEvents events(parsed.frame);
  ASSERT_TRUE(events.next());
  EXPECT_EQ(events.offset(), 93u);
  EXPECT_EQ(events.event().data, R"({"owner":"Ada"})");
  ASSERT_TRUE(events.next());
  EXPECT_EQ(events.event().content_type, "image/png");
  EXPECT_FALSE(events.next());
}

// Changing any of these makes every existing store unreadable: that is a new major version, not an edit here.
TEST(LogFormat, every_offset_is_where_the_page_says) {
  using namespace layout;
  EXPECT_EQ((std::array{magic, header_crc, total_size, event_count, write_count, flags, first, recorded_at,
                        durable, body_sum, body_size, reserved, frame_header_bytes}),
            (std::array<std::size_t, 13>{0, 4, 8, 12, 16, 20, 24, 32, 40, 48, 52, 56, 64}));
  EXPECT_EQ((std::array{write_crc, name_length, write_events, write_header_bytes}),
            (std::array<std::size_t, 4>{0, 4, 8, 12}));
  EXPECT_EQ((std::array{record_crc, record_size, record_back, record_index, record_write, type_length,
                        event_id, content_code, content_length, tags_length, metadata_length, data_length,
                        record_header_bytes}),
            (std::array<std::size_t, 13>{0, 4, 8, 12, 16, 18, 20, 36, 37, 38, 40, 44, 48}));
  EXPECT_EQ((std::array{WatermarkWords::magic, WatermarkWords::store, WatermarkWords::durable,
                        WatermarkWords::segment, WatermarkWords::offset, WatermarkWords::check}),
            (std::array<std::size_t, 6>{0, 1, 3, 4, 5, 6}));
  EXPECT_EQ(content_codes[1], "application/json");
  EXPECT_EQ(content_codes[2], "application/octet-stream");
  EXPECT_EQ(segment_header_bytes, 4096u);
  EXPECT_EQ(format_major, 1);
}

TEST(LogFormat, every_byte_of_the_segment_header_counts) {
  const auto whole = encode_header(example_header());
  for (std::size_t at = 0; at < whole.size(); ++at) {
    auto bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x08);
    const auto parsed = parse_header(bytes);
    EXPECT_EQ(parsed.header, example_header()) << at;
    EXPECT_FALSE(parsed.damage.empty()) << at;
  }
}

}  // namespace
}  // namespace stele::engine::log

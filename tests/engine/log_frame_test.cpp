// log_frame_test.cpp - what goes into a frame comes out, and nothing else does.
#include <gtest/gtest.h>

#include "engine/log/frame.hpp"
#include "engine/log/frame_layout.hpp"
#include "io/simulated/seeded_random.hpp"
#include "log_builder.hpp"

namespace stele::engine::log {
namespace {

using testing::day_one;
using testing::id_of;

NewEvent rich_event(std::uint64_t number) {
  NewEvent event;
  event.id = id_of(number);
  event.type = "MoneyDeposited";
  event.data = std::string("{\"amount\":\"12.50\"}\0binary", 25);
  event.metadata = R"({"userId":"u1"})";
  event.tags = {"account:1", "", "currency:EUR"};
  event.content_type = number % 3 == 0   ? "text/plain"
                       : number % 3 == 1 ? "application/json"
                                         : "application/octet-stream";
  return event;
}

constexpr std::uint64_t salt = 0x1122334455667788;
constexpr std::uint64_t place = 4096;

EncodedFrame two_writes() {
  const std::vector<StreamWrite> writes{{"Account-1", {}, {rich_event(1), rich_event(2)}},
                                        {"Account-22", {}, {rich_event(3)}}};
  auto frame = encode(writes);
  const std::array<Revision, 2> revisions{Revision(7), Revision(0)};
  seal(frame, {.first = Position(100),
               .recorded_at = day_one,
               .durable = Position(98),
               .first_revisions = revisions,
               .salt = salt,
               .offset = place});
  return frame;
}

TEST(LogFrame, everything_that_was_encoded_is_read_back) {
  const auto frame = two_writes();
  const auto parsed = parse_frame(frame.bytes, salt, place);
  ASSERT_EQ(parsed.status, FrameStatus::ok) << parsed.reason;
  EXPECT_EQ(parsed.frame.first(), Position(100));
  EXPECT_EQ(parsed.frame.last(), Position(102));
  EXPECT_EQ(parsed.frame.durable(), Position(98));
  EXPECT_EQ(parsed.frame.recorded_at(), day_one);

  std::vector<RecordedEvent> seen;
  std::vector<std::uint32_t> offsets;
  for (FrameEvents events(parsed.frame); events.next();) {
    seen.push_back(events.event().to_owned());
    offsets.push_back(events.offset());
  }
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_EQ(offsets, frame.event_offsets);
  for (std::size_t i = 0; i < seen.size(); ++i) {
    const auto expected = rich_event(i + 1);
    EXPECT_EQ(seen[i].id, expected.id);
    EXPECT_EQ(seen[i].type, expected.type);
    EXPECT_EQ(seen[i].data, expected.data);
    EXPECT_EQ(seen[i].metadata, expected.metadata);
    EXPECT_EQ(seen[i].tags, expected.tags);
    EXPECT_EQ(seen[i].content_type, expected.content_type);
    EXPECT_EQ(seen[i].position, Position(100 + i));
    EXPECT_EQ(seen[i].recorded_at, day_one);
  }
  EXPECT_EQ(seen[1].stream, "Account-1");
  EXPECT_EQ(seen[1].revision, Revision(8));
  EXPECT_EQ(seen[2].stream, "Account-22");
  EXPECT_EQ(seen[2].revision, Revision(0));
}

TEST(LogFrame, a_record_is_read_alone_and_finds_its_frame) {
  const auto frame = two_writes();
  const auto bytes = std::string_view(frame.bytes);
  const auto record = parse_record(bytes.substr(frame.event_offsets[2]));
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->back, frame.event_offsets[2]);
  EXPECT_EQ(record->index, 2u);
  EXPECT_EQ(record->write, 1u);
  const auto front = parse_front(bytes.substr(0, 200), salt, place);
  ASSERT_EQ(front.status, FrameStatus::ok) << front.reason;
  const auto second = find_write(bytes.substr(0, 200), front.front, record->write);
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->write.stream, "Account-22");
  EXPECT_EQ(second->first_event, 2u);
  EXPECT_EQ(find_write(bytes, front.front, 0)->write.first_revision, Revision(7));
  EXPECT_FALSE(find_write(bytes, front.front, 2)) << "there are two writes";
}

TEST(LogFrame, a_write_is_not_found_where_any_header_before_it_is_damaged_or_missing) {
  const auto frame = two_writes();
  const auto front = parse_front(frame.bytes, salt, place).front;
  const auto begin = frame_header_bytes + 8 * front.writes;
  const auto records = frame.event_offsets[0];
  for (auto at = begin; at < records; ++at) {
    auto bytes = frame.bytes.substr(0, records);
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    EXPECT_FALSE(find_write(bytes, front, 1)) << "byte " << at;
    EXPECT_FALSE(find_write(std::string_view(frame.bytes).substr(0, at), front, 1)) << "cut at " << at;
  }
  EXPECT_TRUE(find_write(std::string_view(frame.bytes).substr(0, records), front, 1).has_value());
}

TEST(LogFrame, a_frame_elsewhere_or_of_another_segment_does_not_parse) {
  const auto frame = two_writes();
  EXPECT_EQ(parse_frame(frame.bytes, salt, place + 8).status, FrameStatus::bad);
  EXPECT_EQ(parse_frame(frame.bytes, salt + 1, place).status, FrameStatus::bad);
}

TEST(LogFrame, every_single_bit_counts) {
  const auto frame = two_writes();
  for (std::size_t bit = 0; bit < frame.bytes.size() * 8; ++bit) {
    auto bytes = frame.bytes;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_EQ(parse_frame(bytes, salt, place).status, FrameStatus::bad) << "bit " << bit;
  }
}

TEST(LogFrame, a_frame_cut_anywhere_asks_for_more_and_is_never_taken_for_a_shorter_one) {
  const auto frame = two_writes();
  for (std::size_t size = 1; size < frame.bytes.size(); ++size) {
    const auto parsed = parse_frame(std::string_view(frame.bytes).substr(0, size), salt, place);
    EXPECT_NE(parsed.status, FrameStatus::ok) << size;
    EXPECT_GT(parsed.needed, size);
  }
}

TEST(LogFrame, zeros_are_blank_and_not_damage) {
  EXPECT_EQ(parse_frame(std::string(4096, '\0'), salt, place).status, FrameStatus::blank);
  EXPECT_EQ(parse_frame({}, salt, place).status, FrameStatus::blank);
}

// The body of another frame under a good header: every checksum inside is right, only the sum tells.
TEST(LogFrame, a_body_under_the_wrong_header_is_noticed) {
  auto one = two_writes();
  const StreamWrite other{"Account-1", {}, {rich_event(1)}};
  const StreamWrite same_shape{"Account-2", {}, {rich_event(1)}};
  auto a = encode({&other, 1});
  auto b = encode({&same_shape, 1});
  const Revision revision(0);
  seal(a, {.first = Position(1),
           .recorded_at = day_one,
           .durable = {},
           .first_revisions = {&revision, 1},
           .salt = salt,
           .offset = place});
  const auto front = layout::front_bytes(1);
  ASSERT_EQ(a.bytes.size(), b.bytes.size());
  const auto mixed = a.bytes.substr(0, front) + b.bytes.substr(front);
  const auto parsed = parse_frame(mixed, salt, place);
  EXPECT_EQ(parsed.status, FrameStatus::bad);
  EXPECT_TRUE(parsed.front.has_value());
  EXPECT_STREQ(parsed.reason, "frame body does not belong to its header");
}

// Garbage, and frames with garbage in them whose checksums were made right again: parsing must stay inside.
TEST(LogFrame, garbage_is_survived) {
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    io::simulated::SeededRandom random(seed);
    auto bytes = two_writes().bytes;
    for (auto flips = 1 + random.below(6); flips > 0; --flips) {
      bytes[static_cast<std::size_t>(random.below(bytes.size()))] = static_cast<char>(random.below(256));
    }
    const auto writes = base::load_le<std::uint32_t>(bytes.data() + layout::write_count);
    const auto front = layout::front_bytes(std::min(writes, 30u));
    base::store_le<std::uint32_t>(bytes.data(), frame_magic);
    base::store_le<std::uint32_t>(
        bytes.data() + layout::header_crc,
        base::crc32c(std::string_view(bytes).substr(8, front - 8), layout::place_seed(salt, place)));
    bytes.resize(bytes.size() - static_cast<std::size_t>(random.below(16)));
    bytes.shrink_to_fit();
    const auto parsed = parse_frame(bytes, salt, place);
    if (parsed.status == FrameStatus::ok) {
      for (FrameEvents events(parsed.frame); events.next();)
        EXPECT_LE(events.offset() + events.size(), bytes.size());
    }
    (void)parse_record(bytes);
    if (parsed.front) (void)find_write(bytes, *parsed.front, parsed.front->writes - 1);
  }
}

TEST(LogFrame, a_record_with_a_tag_that_leaves_it_is_damaged) {
  const auto frame = two_writes();
  auto record = frame.bytes.substr(frame.event_offsets[0]);
  record.resize(claimed_record_size(record));
  const auto tags = record_header_bytes + std::string_view("MoneyDeposited").size();
  base::store_le<std::uint16_t>(record.data() + tags, 60000);
  base::store_le<std::uint32_t>(record.data(), base::crc32c(std::string_view(record).substr(4)));
  EXPECT_FALSE(parse_record(record).has_value());
}

}  // namespace
}  // namespace stele::engine::log

// One segment rewritten: as bytes, without a store. What the format promises, and what recovery makes of every way
// in which such a file can be hurt.
#include <gtest/gtest.h>

#include <random>

#include "engine/log/frame_layout.hpp"
#include "engine/log/rewrite.hpp"
#include "log_builder.hpp"

namespace stele::engine::log {
namespace {

constexpr std::uint64_t new_salt = 0x0102'0304'0506'0708;

bool keeps_all(const EventView&) { return true; }

// A segment and what became of it.
struct Rewriting {
  explicit Rewriting(const testing::SegmentBuilder& from)
      : before(from.image()), source{nullptr, from.header(), Position(from.next().value() - 1)} {}

  result<SegmentHeader> run(const Keep& keep) {
    const io::BytesSource bytes(before);
    source.bytes = &bytes;
    image.assign(segment_header_bytes, '\0');
    const auto sink = [this](std::uint64_t offset, std::string_view frames) -> result<void> {
      EXPECT_EQ(offset, image.size()) << "pieces come in order";
      image += frames;
      return {};
    };
    auto header = rewrite(source, new_salt, testing::day_one, keep, sink);
    if (header) image.replace(0, segment_header_bytes, encode_header(*header));
    return header;
  }
  [[nodiscard]] testing::File file() const { return {segment_name(source.header.first), image}; }

  std::string before;
  ClosedSegment source;
  std::string image;
};

struct Seen {
  Position position;
  Revision revision;
  std::string data;
  Timestamp at;
  bool operator==(const Seen&) const = default;
};

std::vector<Seen> events_in(const std::vector<testing::File>& files, RecoveryReport* report = nullptr) {
  std::vector<Seen> seen;
  const auto recovered =
      testing::recover_files(files, 0, [&](std::size_t, std::uint64_t, const FrameView& frame) {
        for (FrameEvents events(frame); events.next();) {
          const auto& event = events.event();
          seen.push_back({event.position, event.revision, std::string(event.data), event.recorded_at});
        }
      });
  EXPECT_TRUE(recovered) << recovered.error().to_string();
  if (report != nullptr && recovered) *report = *recovered;
  return seen;
}

testing::SegmentBuilder sample() {
  testing::SegmentBuilder segment(1);
  segment.frame(3, 0).frame(1, 0).frame(5, 3, 300).frame(2, 4).zeros(8192);
  return segment;
}

TEST(CompactRewrite, the_header_fields_stand_where_the_page_says) {
  Rewriting rewriting(sample());
  const auto header = rewriting.run([](const EventView& event) { return event.position.value() % 2 == 0; });
  ASSERT_TRUE(header);
  const auto& bytes = rewriting.image;
  for (const std::size_t copy : {std::size_t{0}, std::size_t{2048}}) {
    EXPECT_EQ(base::load_le<std::uint16_t>(bytes.data() + copy + 12), 1u);  // format 1.1
    EXPECT_EQ(base::load_le<std::uint16_t>(bytes.data() + copy + 14), 1u);
    EXPECT_EQ(base::load_le<std::uint32_t>(bytes.data() + copy + 24), 1u);  // gaps
    EXPECT_EQ(base::load_le<std::uint64_t>(bytes.data() + copy + 48), 1u);
    EXPECT_EQ(base::load_le<std::uint64_t>(bytes.data() + copy + 72), bytes.size());
    EXPECT_EQ(base::load_le<std::uint64_t>(bytes.data() + copy + 80), 11u);  // last position
    EXPECT_EQ(base::load_le<std::uint64_t>(bytes.data() + copy + 88), 5u);   // events
    EXPECT_EQ(base::load_le<std::uint64_t>(bytes.data() + copy + 96), bytes.size());
  }
  EXPECT_EQ(parse_header(bytes).header, *header);
  EXPECT_FALSE(refuse(*header, true));
  auto newer = *header;
  newer.incompatible |= 8;
  EXPECT_TRUE(refuse(newer, false)) << "a feature that is not known is not guessed at";
}

TEST(CompactRewrite, whatever_is_dropped_the_rest_is_what_it_was) {
  std::mt19937_64 random(11);
  const auto segment = sample();
  const auto all = events_in({{segment.name(), segment.image()}});
  ASSERT_EQ(all.size(), 11u);
  for (std::uint64_t mask = 0; mask < (1u << 11); ++mask) {
    const auto keep = [mask](const EventView& event) {
      return (mask >> (event.position.value() - 1) & 1) != 0;
    };
    Rewriting rewriting(segment);
    const auto header = rewriting.run(keep);
    ASSERT_TRUE(header);
    RecoveryReport report;
    const auto seen = events_in({rewriting.file()}, &report);
    std::vector<Seen> expected;
    for (const auto& event : all) {
      if ((mask >> (event.position.value() - 1) & 1) != 0) expected.push_back(event);
    }
    ASSERT_EQ(seen, expected) << mask;
    EXPECT_TRUE(report.damages.empty()) << to_string(report.damages.front());
    EXPECT_EQ(report.last, Position(11)) << "the end stays where it was";
    EXPECT_FALSE(report.torn);
    EXPECT_LE(rewriting.image.size(), segment.image().size());
  }
}

TEST(CompactRewrite, a_rewritten_segment_can_be_rewritten_again) {
  Rewriting first(sample());
  ASSERT_TRUE(first.run([](const EventView& event) { return event.position.value() > 2; }));
  const auto header = *parse_header(first.image).header;
  const io::BytesSource bytes(first.image);
  std::string again(segment_header_bytes, '\0');
  const auto second = rewrite(
      {&bytes, header, header.last}, new_salt + 1, testing::day_one,
      [](const EventView& event) { return event.position.value() > 6; },
      [&again](std::uint64_t, std::string_view frames) -> result<void> {
        again += frames;
        return {};
      });
  ASSERT_TRUE(second) << second.error().to_string();
  again.replace(0, segment_header_bytes, encode_header(*second));
  const auto seen = events_in({{segment_name(Position(1)), again}});
  ASSERT_EQ(seen.size(), 5u);
  EXPECT_EQ(seen.front().position, Position(7));
  EXPECT_EQ(second->last, Position(11));
}

TEST(CompactRewrite, events_of_several_streams_keep_their_writes_and_revisions) {
  std::vector<StreamWrite> writes;
  for (const auto* name : {"a", "b", "c"})
    writes.push_back({name, {}, testing::events_of({std::string(name) + "0", std::string(name) + "1"})});
  std::uint64_t number = 1;
  for (auto& one : writes) {
    for (auto& event : one.events) event.id = testing::id_of(number++);
  }
  writes[1].events[1].tags = {"x", "y"};
  writes[1].events[1].metadata = R"({"why":"because"})";
  auto frame = encode(writes);
  const std::vector<Revision> revisions{Revision(10), Revision(20), Revision(30)};
  testing::SegmentBuilder segment(1);
  seal(frame, {.first = Position(1),
               .recorded_at = testing::day_one,
               .durable = Position(0),
               .first_revisions = revisions,
               .salt = segment.header().salt,
               .offset = segment_header_bytes});
  segment.bytes(frame.bytes).skip(6);
  Rewriting rewriting(segment);
  ASSERT_TRUE(
      rewriting.run([](const EventView& event) { return event.stream != "a" && event.data != "c0"; }));
  std::vector<std::string> told;
  ASSERT_TRUE(
      testing::recover_files({rewriting.file()}, 0, [&](std::size_t, std::uint64_t, const FrameView& made) {
        for (FrameEvents events(made); events.next();) {
          const auto& event = events.event();
          told.push_back(std::to_string(event.position.value()) + std::string(event.stream) +
                         std::to_string(event.revision.value()) + std::string(event.metadata) +
                         (event.tags.contains("y") ? "y" : ""));
        }
      }));
  EXPECT_EQ(told, (std::vector<std::string>{"3b20", R"(4b21{"why":"because"}y)", "6c31"}));
}

TEST(CompactRewrite, what_was_written_is_compared_with_what_it_was_made_of) {
  const auto keep = [](const EventView& event) { return event.position.value() != 4; };
  Rewriting rewriting(sample());
  const auto header = rewriting.run(keep);
  ASSERT_TRUE(header);
  const io::BytesSource before(rewriting.before);
  rewriting.source.bytes = &before;
  const auto check = [&](const std::string& image, const Keep& kept) {
    const io::BytesSource bytes(image);
    return check_rewritten(rewriting.source, {&bytes, *header, rewriting.source.last}, kept);
  };
  EXPECT_TRUE(check(rewriting.image, keep));
  EXPECT_FALSE(check(rewriting.image, keeps_all));
  EXPECT_FALSE(check(rewriting.image, [](const EventView&) { return false; }));
  auto hurt = rewriting.image;
  hurt.back() = static_cast<char>(hurt.back() ^ 1);
  EXPECT_FALSE(check(hurt, keep));
}

TEST(CompactRewrite, a_segment_that_is_not_whole_is_left_alone) {
  auto damaged = sample();
  damaged.image()[segment_header_bytes + 200] ^= 1;
  EXPECT_EQ(Rewriting(damaged).run(keeps_all).error().kind(), errc::corrupt);
  Rewriting cut(sample());
  cut.source.last = Position(40);  // the next segment begins behind what this one holds
  EXPECT_EQ(cut.run(keeps_all).error().kind(), errc::corrupt);
}

// ---- Recovery of a hurt one

class HurtRewritten : public ::testing::Test {
 protected:
  HurtRewritten() : rewriting_(sample()) {
    EXPECT_TRUE(rewriting_.run([](const EventView& event) { return event.position.value() != 6; }));
  }
  RecoveryReport recover(std::string image, std::uint64_t known = 0) {
    testing::SegmentBuilder next(12);
    next.frame(2, 11);
    auto report = testing::recover_files(
        {{segment_name(Position(1)), std::move(image)}, {next.name(), next.image()}}, known);
    EXPECT_TRUE(report);
    return report ? *std::move(report) : RecoveryReport{};
  }
  Rewriting rewriting_;
};

TEST_F(HurtRewritten, a_whole_one_has_gaps_and_no_damage) {
  const auto report = recover(rewriting_.image);
  EXPECT_TRUE(report.damages.empty());
  EXPECT_EQ(report.last, Position(13));
  EXPECT_EQ(report.events, 12u);
}

TEST_F(HurtRewritten, every_flipped_bit_is_damage_and_never_a_gap) {
  for (std::size_t at = segment_header_bytes; at < rewriting_.image.size(); ++at) {
    auto image = rewriting_.image;
    image[at] = static_cast<char>(image[at] ^ 4);
    const auto report = recover(std::move(image));
    ASSERT_FALSE(report.damages.empty()) << at;
    EXPECT_EQ(report.last, Position(13));
    std::uint64_t lost = 0;
    for (const auto& damage : report.damages) {
      ASSERT_LE(damage.last, Position(11)) << at;
      if (damage.first > Position{}) lost += damage.last.value() - damage.first.value() + 1;
    }
    EXPECT_GE(lost + report.events, 12u) << "what is not read is told, at " << at;
  }
}

TEST_F(HurtRewritten, a_lost_tail_is_damage_wherever_it_was_cut) {
  for (auto size = rewriting_.image.size() - 1; size >= segment_header_bytes; size -= 7) {
    const auto report = recover(rewriting_.image.substr(0, size));
    ASSERT_FALSE(report.damages.empty()) << size;
    EXPECT_EQ(report.damages.back().last, Position(11)) << size;
  }
}

TEST_F(HurtRewritten, a_frame_that_was_cut_out_is_missed_by_its_count) {
  Rewriting less(sample());
  const auto header = less.run([](const EventView& event) { return event.position.value() < 10; });
  ASSERT_TRUE(header);
  auto claims = *header;
  claims.events = 11;
  less.image.replace(0, segment_header_bytes, encode_header(claims));
  const auto report = recover(less.image);
  ASSERT_EQ(report.damages.size(), 1u);
  EXPECT_NE(report.damages.front().reason.find("9 events, its header says 11"), std::string::npos);
}

TEST_F(HurtRewritten, one_copy_of_the_header_is_enough) {
  auto image = rewriting_.image;
  image[100] = static_cast<char>(image[100] ^ 1);
  const auto report = recover(image);
  EXPECT_EQ(report.damages.size(), 1u);
  EXPECT_EQ(report.events, 12u);
}

TEST_F(HurtRewritten, as_the_last_file_it_is_not_the_end_of_a_log_that_went_on) {
  const auto report = testing::recover_files({rewriting_.file()}, 13);
  ASSERT_TRUE(report);
  ASSERT_EQ(report->damages.size(), 1u);
  EXPECT_EQ(report->damages.front().first, Position(12));
  EXPECT_EQ(report->damages.front().last, Position(13));
  EXPECT_TRUE(testing::recover_files({rewriting_.file()}, 11)->damages.empty());
}

TEST_F(HurtRewritten, gaps_are_allowed_nowhere_else) {
  testing::SegmentBuilder segment(1);
  segment.frame(2, 0).skip(1).frame(2, 2);
  EXPECT_EQ(testing::recover_one(segment).damages.size(), 1u);
}

TEST(CompactRewrite, an_empty_one_stands_for_its_positions) {
  Rewriting rewriting(sample());
  const auto header = rewriting.run([](const EventView&) { return false; });
  ASSERT_TRUE(header);
  EXPECT_EQ(rewriting.image.size(), segment_header_bytes);
  RecoveryReport report;
  EXPECT_TRUE(events_in({rewriting.file()}, &report).empty());
  EXPECT_TRUE(report.damages.empty());
  EXPECT_EQ(report.last, Position(11));
}

}  // namespace
}  // namespace stele::engine::log

// index_parts_test.cpp - one part at its borders: lists that end where a block does, columns that grow wider, names as
// long as they may be, what merging keeps. Parts of a whole index are index_many_parts_test.cpp's business.
#include <gtest/gtest.h>

#include "engine/index/merge.hpp"
#include "engine/index/section_writers.hpp"
#include "index_random_log.hpp"
#include "store_fixture.hpp"

namespace stele::engine::testing {
namespace {

// A part that is written by hand: every event is a frame of its own, 100 bytes long.
class HandPart {
 public:
  explicit HandPart(std::uint64_t first) : part_(std::make_shared<ActivePart>(Position(first))) {}

  HandPart& add(std::string_view stream, std::uint64_t revision, std::string_view type,
                const std::vector<std::string>& tags = {}, const Uuid& id = Uuid::random()) {
    part_->begin_frame(0, Timestamp(std::chrono::seconds(part_->last().value())));
    part_->begin_write(Revision(revision));
    part_->add_event(id, type, end_);
    for (const auto& tag : tags) part_->add_tag(tag);
    part_->end_write(stream);
    part_->end_frame(end_ += 100);
    return *this;
  }
  HandPart& skip_to(std::uint64_t last) {
    part_->add_nothing(Position(last));
    return *this;
  }
  [[nodiscard]] const ActivePart& in_memory() const { return *part_; }
  [[nodiscard]] std::shared_ptr<SealedPart> in_file(io::Disk& disk) const {
    return sealed(*part_, RandomLog(1), disk);
  }

 private:
  std::shared_ptr<ActivePart> part_;
  std::uint64_t end_ = 4096;
};

using HandInputs = std::vector<std::shared_ptr<const SealedPart>>;

std::shared_ptr<SealedPart> merged_by_hand(const HandInputs& parts, io::Disk& disk) {
  const SealedPart* damaged = nullptr;
  const auto path = merge(parts, {disk, index_directory, index_store, nullptr, hash_term}, damaged);
  EXPECT_TRUE(path && *path);
  return open_sealed(disk, **path);
}

// The n-th position of a list, found the way stream reads find it.
std::uint64_t nth_position(const Postings& postings, std::uint64_t ordinal) {
  const auto place = *static_cast<const IndexPostings&>(postings).place_of(ordinal);
  std::array<Position, Postings::block_positions> decoded{};
  EXPECT_LT(place.skip, *postings.decode(place.block, decoded));
  return decoded[place.skip].value();
}

// What a list of events 11, 13, 15, ... says to a reader who sees `count` of them.
void expect_odd_list(const Postings& postings, std::uint64_t count) {
  EXPECT_EQ(postings.count(), count);
  EXPECT_EQ(postings.first(), Position(11));
  EXPECT_EQ(postings.last(), Position(9 + 2 * count));
  EXPECT_EQ(postings.first_revision(), Revision(5)) << "where a reader stops does not move where it begins";
  ASSERT_EQ(postings.blocks(), (count + 127) / 128);
  const auto last = *postings.block(postings.blocks() - 1);
  EXPECT_EQ(last.count, count - (postings.blocks() - 1) * 128);
  EXPECT_EQ(last.last, postings.last()) << "the last block ends where the list does";
  for (const std::uint64_t ordinal : {0u, 126u, 127u, 128u, 129u, 255u, 256u}) {
    if (ordinal >= count) continue;
    EXPECT_EQ(nth_position(postings, ordinal), 11 + 2 * ordinal);
  }
}

TEST(IndexPartBorders, lists_end_in_front_of_at_and_behind_the_end_of_a_block) {
  for (const std::uint64_t events : {1u, 127u, 128u, 129u, 255u, 256u, 257u}) {
    SCOPED_TRACE(events);
    HandPart made(11);
    for (std::uint64_t i = 0; i < events; ++i) {
      made.add("A-1", 5 + i, "X");
      made.add("B-1", i, "Y");
    }
    io::simulated::MemoryDisk disk;
    const auto file = made.in_file(disk);
    for (const IndexPart* part :
         {static_cast<const IndexPart*>(&made.in_memory()), static_cast<const IndexPart*>(file.get())}) {
      for (const std::uint64_t seen : {1u, 127u, 128u, 129u, 255u, 256u, 257u}) {
        if (seen > events) continue;
        // The event behind is another stream's: seeing it changes nothing.
        expect_odd_list(**part->postings(TermKind::stream, "A-1", Position(9 + 2 * seen)), seen);
        expect_odd_list(**part->postings(TermKind::stream, "A-1", Position(10 + 2 * seen)), seen);
      }
      EXPECT_EQ(*part->postings(TermKind::stream, "A-1", Position(10)), nullptr);
      EXPECT_EQ(*part->postings(TermKind::stream, "B-1", Position(11)), nullptr);
    }
  }
}

TEST(IndexPartBorders, a_block_has_the_types_of_its_own_events_only) {
  HandPart made(1);
  ASSERT_NE(mask_of_type("Common"), mask_of_type("Rare"));
  for (std::uint64_t i = 0; i < 300; ++i) made.add("A-1", i, i == 128 ? "Rare" : "Common", {"t"});
  io::simulated::MemoryDisk disk;
  const auto file = made.in_file(disk);
  for (const auto kind : {TermKind::stream, TermKind::tag}) {
    const auto* const name = kind == TermKind::stream ? "A-1" : "t";
    const auto in_memory = *made.in_memory().postings(kind, name, Position(300));
    const auto in_file = *file->postings(kind, name, Position(300));
    for (const auto* postings : {in_memory.get(), in_file.get()}) {
      EXPECT_EQ((*postings->block(0)).types, mask_of_type("Common"));
      EXPECT_EQ((*postings->block(1)).types, mask_of_type("Common") | mask_of_type("Rare"));
      EXPECT_EQ((*postings->block(2)).types, mask_of_type("Common"));
      EXPECT_EQ(postings->types(), mask_of_type("Common") | mask_of_type("Rare"));
    }
  }
}

TEST(IndexPartBorders, codes_get_wider_before_one_of_them_looks_like_no_event) {
  for (const auto& [names, width] :
       {std::pair(1u, 1u), {254u, 1u}, {255u, 2u}, {256u, 2u}, {65'534u, 2u}, {65'535u, 4u}, {65'536u, 4u}}) {
    EXPECT_EQ(code_width(names), width) << names;
  }
  for (const std::uint64_t names : {254u, 255u, 256u, 257u}) {
    SCOPED_TRACE(names);
    HandPart made(1);
    for (std::uint64_t i = 0; i < names; ++i) made.add("S" + std::to_string(i), 0, "T");
    made.skip_to(names + 3);
    io::simulated::MemoryDisk disk;
    const auto file = made.in_file(disk);
    std::vector<std::uint32_t> codes(names + 3);
    ASSERT_TRUE(file->codes(ColumnKind::category, Position(1), codes));
    const auto none = static_cast<std::uint64_t>(std::ranges::count(codes, Part::no_code));
    EXPECT_EQ(none, 3u);
    for (std::uint64_t i = 0; i < names; ++i) {
      const auto found = *file->find_name(ColumnKind::category, "S" + std::to_string(i));
      ASSERT_TRUE(found);
      EXPECT_EQ(codes[i], found->code);
    }
  }
}

TEST(IndexPartBorders, the_longest_names_are_found_in_a_file_also_when_their_lists_are_long) {
  const std::string stream = "A-" + std::string(Limits::stream_name_bytes - 2, 's');
  const std::string type(Limits::event_type_bytes, 't');
  const std::string tag(Limits::tag_bytes, 'g');
  HandPart made(1'000'000'000'000);
  for (std::uint64_t i = 0; i < 200; ++i) made.add(stream, (std::uint64_t{1} << 60) + i, type, {tag});
  io::simulated::MemoryDisk disk;
  const auto file = made.in_file(disk);
  const auto list = *file->postings(TermKind::stream, stream, file->last());
  ASSERT_TRUE(list);
  EXPECT_EQ(list->count(), 200u);
  EXPECT_EQ(list->first_revision(), Revision(std::uint64_t{1} << 60));
  EXPECT_EQ((*file->postings(TermKind::tag, tag, file->last()))->count(), 200u);
  EXPECT_EQ((**file->find_name(ColumnKind::type, type)).count, 200u);
  EXPECT_EQ(*file->postings(TermKind::stream, stream.substr(0, stream.size() - 1), file->last()), nullptr);
  EXPECT_EQ(*file->streams("A-", "", 10), std::vector{stream});
}

TEST(IndexPartMerge, columns_together_get_wider_and_rows_without_an_event_stay_without) {
  io::simulated::MemoryDisk disk;
  HandPart one(1);
  for (std::uint64_t i = 0; i < 200; ++i) one.add("S" + std::to_string(i), 0, "T");
  HandPart two(203);
  for (std::uint64_t i = 0; i < 200; ++i) two.add("R" + std::to_string(i), 0, "T");
  const auto all = merged_by_hand({one.skip_to(202).in_file(disk), two.in_file(disk)}, disk);
  EXPECT_EQ(all->file().place(layout::Section::categories).parameter, 2u);
  EXPECT_EQ(all->file().place(layout::Section::types).parameter, 1u);
  std::vector<std::uint32_t> codes(402);
  for (const auto kind : {ColumnKind::type, ColumnKind::category}) {
    ASSERT_TRUE(all->codes(kind, Position(1), codes));
    EXPECT_EQ(std::ranges::count(codes, Part::no_code), 2);
    EXPECT_EQ(codes[200], Part::no_code);
    EXPECT_EQ(codes[201], Part::no_code);
  }
  EXPECT_EQ(codes[199], (**all->find_name(ColumnKind::category, "S199")).code);
  EXPECT_EQ(codes[202], (**all->find_name(ColumnKind::category, "R0")).code);
  const auto type = **all->find_name(ColumnKind::type, "T");
  EXPECT_EQ(type.count, 400u);
  EXPECT_EQ(type.first, Position(1));
  EXPECT_EQ(type.last, Position(402));
  EXPECT_EQ((*all->location(Position(201))).offset, 0u);
}

TEST(IndexPartMerge, the_newest_part_of_a_stream_says_whether_it_has_ended) {
  io::simulated::MemoryDisk disk;
  HandPart one(1);
  one.add("goes-on", 0, "X").add("goes-on", 1, "$tombstone").add("ended-1", 0, "$tombstone");
  HandPart two(4);
  two.add("goes-on", 2, "X").add("ended-2", 0, "X").add("ended-2", 1, "$tombstone");
  const auto all = merged_by_hand({one.in_file(disk), two.in_file(disk)}, disk);
  EXPECT_FALSE((*all->stream_end("goes-on"))->ended);
  EXPECT_TRUE((*all->stream_end("ended-1"))->ended);
  EXPECT_TRUE((*all->stream_end("ended-2"))->ended);
  EXPECT_FALSE(all->stream_end("nobody")->has_value());
}

TEST(IndexPartMerge, an_id_that_stands_twice_is_found_where_it_stood_first) {
  io::simulated::MemoryDisk disk;
  const auto twice = Uuid::random();
  const auto once = Uuid::random();
  HandPart one(1);
  one.add("A", 0, "X").add("A", 1, "X", {}, twice);
  HandPart two(3);
  two.add("A", 2, "X", {}, twice).add("A", 3, "X", {}, once).add("A", 4, "X", {}, once);
  const auto all = merged_by_hand({one.in_file(disk), two.in_file(disk)}, disk);
  EXPECT_EQ(*all->find_id(twice), Position(2));
  EXPECT_EQ(*all->find_id(once), Position(4));
  const auto& ids = all->file().place(layout::Section::ids);
  EXPECT_EQ(ids.size, 3 * layout::id_entry + ((std::size_t{1} << ids.parameter) + 1) * 4) << "each once";
}

TEST(IndexPartMerge, long_lists_keep_revisions_types_and_places_over_blocks_that_are_not_full) {
  io::simulated::MemoryDisk disk;
  HandPart one(1);
  for (std::uint64_t i = 0; i < 3000; ++i) one.add("A", 40 + i, "Common");
  HandPart two(3001);
  for (std::uint64_t i = 0; i < 3000; ++i) two.add("A", 3040 + i, "Rare");
  const auto all = merged_by_hand({one.in_file(disk), two.in_file(disk)}, disk);
  const auto list = *all->postings(TermKind::stream, "A", Position(6000));
  ASSERT_TRUE(list);
  EXPECT_EQ(list->count(), 6000u);
  EXPECT_EQ(list->first_revision(), Revision(40));
  ASSERT_EQ(list->blocks(), 48u) << "24 of each, the last of each not full";
  EXPECT_EQ((*list->block(23)).types, mask_of_type("Common"));
  EXPECT_EQ((*list->block(23)).count, 3000u - 23 * 128);
  EXPECT_EQ((*list->block(24)).types, mask_of_type("Rare"));
  EXPECT_EQ(list->types(), mask_of_type("Common") | mask_of_type("Rare"));
  for (const std::uint64_t ordinal : {0u, 127u, 128u, 2943u, 2944u, 2999u, 3000u, 3127u, 3128u, 5999u}) {
    EXPECT_EQ(nth_position(*list, ordinal), ordinal + 1);
  }
  for (const std::uint64_t head : {2944u, 2999u, 3000u, 3001u, 3128u, 3129u}) {
    const auto cut = *all->postings(TermKind::stream, "A", Position(head));
    EXPECT_EQ(cut->count(), head);
    EXPECT_EQ(cut->last(), Position(head));
    EXPECT_EQ(nth_position(*cut, head - 1), head);
  }
}

}  // namespace
}  // namespace stele::engine::testing

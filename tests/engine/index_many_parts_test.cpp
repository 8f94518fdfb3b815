// index_many_parts_test.cpp - an index of many parts, some in memory and some in files: what is asked of the whole of
// it does not depend on where a part stands; parts are replaced and made anew while it is asked.
#include <gtest/gtest.h>

#include <map>

#include "engine/index/index.hpp"
#include "engine/index/seal.hpp"
#include "index_random_log.hpp"

namespace stele::engine::testing {
namespace {

// An index and a model of it, filled with frames of one write each.
class ManyParts {
 public:
  Index index;
  io::simulated::MemoryDisk disk;

  void add(const std::string& stream, std::uint32_t segment, const std::string& type = "X",
           const Uuid& id = Uuid::random()) {
    const std::vector<StreamWrite> writes{
        {stream, {}, {NewEvent{.id = id, .type = type, .data = "1", .metadata = "", .tags = {}}}}};
    const std::vector<Revision> revisions{Revision(model[stream].size())};
    const auto first = index.last().next();
    auto frame = log::encode(writes);
    log::seal(frame, {.first = first,
                      .recorded_at = Timestamp(std::chrono::seconds(first.value() * 10)),
                      .durable = {},
                      .first_revisions = revisions,
                      .salt = 1,
                      .offset = offset_});
    index.add(segment, offset_, first, writes, revisions, frame);
    offset_ += frame.bytes.size();
    model[stream].push_back(first.value());
  }

  // The part with this number moves into a file.
  std::shared_ptr<const Part> seal_part(std::size_t number) {
    const auto old = (*index.parts())[number];
    auto file = file_of(static_cast<const ActivePart&>(*old));
    EXPECT_TRUE(index.replace(std::span(&old, 1), {file}));
    return file;
  }
  std::shared_ptr<SealedPart> file_of(const ActivePart& part) {
    EXPECT_TRUE(disk.make_directory(index_directory));
    const CoveredSegment covered{part.first(), part.end(), 1, part.frames(),
                                 part.last().value() - part.first().value() + 1};
    const auto path = *seal(part, covered, {disk, index_directory, index_store});
    auto sealed_part = *SealedPart::open(**disk.open(path, io::Mode::read));
    sealed_part->bind({part.segment()});
    return sealed_part;
  }

  [[nodiscard]] std::vector<std::string> expected(const std::string& prefix, const std::string& after,
                                                  std::size_t limit, std::uint64_t head) const {
    std::vector<std::string> names;
    for (const auto& [name, positions] : model) {
      if (name > after && name.starts_with(prefix) && positions.front() <= head && names.size() < limit) {
        names.push_back(name);
      }
    }
    return names;
  }
  std::map<std::string, std::vector<std::uint64_t>> model;

 private:
  std::uint64_t offset_ = 4096;
};

// Compares everything that is asked by stream name with the model, as a reader at `head` sees it.
void expect_model(const ManyParts& made, std::uint64_t head) {
  for (const auto& [name, positions] : made.model) {
    SCOPED_TRACE(name);
    const auto behind = std::ranges::upper_bound(positions, head);
    const auto seen = static_cast<std::uint64_t>(behind - positions.begin());
    EXPECT_EQ(*made.index.next_revision(name, Position(head)), Revision(seen));
    const auto info = *made.index.info(name, Position(head));
    ASSERT_EQ(info.has_value(), seen > 0);
    if (seen == 0) continue;
    EXPECT_EQ(info->events, seen);
    EXPECT_EQ(info->first_position, Position(positions.front()));
    EXPECT_EQ(info->last_position, Position(positions[seen - 1]));
    const auto found = *made.index.positions(name, Revision(seen / 2), 100, Position(head));
    ASSERT_EQ(found.size(), seen - seen / 2);
    for (std::size_t i = 0; i < found.size(); ++i) EXPECT_EQ(found[i].value(), positions[seen / 2 + i]);
  }
  for (const std::string prefix : {"", "a", "b-", "c-1", "nobody"}) {
    for (const std::string after : {"", "a-3", "b-", "c-1", "c-9"}) {
      for (const std::size_t limit : {0u, 1u, 3u, 100u}) {
        const auto listed = *made.index.list(prefix, after, limit, Position(head));
        std::vector<std::string> names;
        for (const auto& info : listed) names.push_back(info.stream);
        EXPECT_EQ(names, made.expected(prefix, after, limit, head))
            << prefix << ", " << after << ", " << limit;
      }
    }
  }
}

TEST(IndexOfManyParts, answers_the_same_whichever_of_them_stand_in_files) {
  ManyParts made;
  std::mt19937_64 random(5);
  for (std::uint32_t segment = 0; segment < 7; ++segment) {
    for (int i = 0; i < 25; ++i) {
      made.add(std::string(1, static_cast<char>('a' + random() % 3)) + "-" +
                   std::to_string(random() % (2 + segment)),
               segment);
    }
  }
  ASSERT_EQ(made.index.parts()->size(), 7u);
  expect_model(made, 175);
  for (const std::size_t number : {3u, 0u, 5u, 1u, 2u, 4u}) {
    made.seal_part(number);
    for (const std::uint64_t head : {1u, 25u, 26u, 99u, 150u, 175u}) expect_model(made, head);
  }
  EXPECT_EQ((*made.index.location(Position(25))).segment, 0u);
  EXPECT_EQ((*made.index.location(Position(26))).segment, 1u);
  EXPECT_EQ((*made.index.location(Position(151))).segment, 6u);
}

TEST(IndexOfManyParts, an_id_written_twice_is_the_older_event_wherever_the_two_stand) {
  ManyParts made;
  const auto id = Uuid::random();
  made.add("A", 0);
  made.add("A", 1, "X", id);
  made.add("A", 2, "X", id);
  made.add("A", 3);
  EXPECT_EQ(*made.index.find_id(id), Position(2));
  made.seal_part(2);
  EXPECT_EQ(*made.index.find_id(id), Position(2)) << "the newer one alone stands in a file";
  made.seal_part(1);
  made.seal_part(0);
  EXPECT_EQ(*made.index.find_id(id), Position(2));
  EXPECT_EQ(*made.index.find_id(Uuid::random()), std::nullopt);
}

TEST(IndexOfManyParts, a_stream_has_ended_when_its_newest_event_says_so_to_those_who_see_it) {
  ManyParts made;
  made.add("opened-again", 0, "$tombstone");  // 1
  made.add("ended", 0);                       // 2
  made.add("ended", 1, "$tombstone");         // 3
  made.add("opened-again", 2);                // 4
  made.add("other", 3);                       // 5
  const auto check = [&made] {
    EXPECT_FALSE(*made.index.ended("opened-again", Position(5)));
    EXPECT_TRUE(*made.index.ended("ended", Position(5)));
    EXPECT_TRUE(*made.index.ended("ended", Position(3)));
    EXPECT_FALSE(*made.index.ended("ended", Position(2)));
    EXPECT_FALSE(*made.index.ended("nobody", Position(5)));
  };
  check();
  for (const std::size_t number : {1u, 0u, 2u}) {
    made.seal_part(number);
    check();
  }
}

TEST(IndexOfManyParts, a_time_is_bracketed_across_the_borders_of_parts) {
  ManyParts made;
  for (std::uint32_t segment = 0; segment < 4; ++segment) {
    for (int i = 0; i < 3; ++i)
      made.add("A", segment);  // event n at n * 10 s; each part knows its first one's time
  }
  const auto check = [&made](std::int64_t seconds, std::uint64_t after, std::uint64_t before) {
    const auto bracket = *made.index.around(Timestamp(std::chrono::seconds(seconds)));
    EXPECT_EQ(bracket.after, Position(after)) << seconds;
    EXPECT_EQ(bracket.before, Position(before)) << seconds;
  };
  for (int sealed_parts = 0; sealed_parts < 4; ++sealed_parts) {
    check(9, 0, 1);
    check(10, 1, 4);
    check(39, 1, 4);
    check(40, 4, 7);
    check(99, 7, 10);
    check(100, 10, 13);
    check(9000, 10, 13);
    if (sealed_parts < 3) made.seal_part(static_cast<std::size_t>(sealed_parts));
  }
}

TEST(IndexReplace, refuses_parts_that_are_not_there_any_more_and_leaves_the_list_as_it_is) {
  ManyParts made;
  for (std::uint32_t segment = 0; segment < 4; ++segment) made.add("A", segment);
  const auto before = made.index.parts();
  const auto first = (*before)[0];
  const auto file = made.seal_part(0);
  const auto now = made.index.parts();
  EXPECT_EQ(now->front(), file);
  EXPECT_EQ(now->size(), 4u);
  EXPECT_FALSE(made.index.replace(std::span(&first, 1), {file})) << "it was replaced already";
  const Index::Parts stale{(*before)[0], (*before)[1]};
  EXPECT_FALSE(made.index.replace(stale, stale)) << "one of the two is not there";
  EXPECT_EQ(made.index.parts(), now);
  // Who holds the old list goes on with it.
  EXPECT_EQ((*before)[0], first);
  EXPECT_TRUE(first->location(Position(1)));
}

TEST(IndexHeal, makes_a_damaged_part_anew_once_and_passes_on_what_keeps_it_from_that) {
  ManyParts made;
  made.add("A", 0);
  made.add("B", 1);
  const auto whole = (*made.index.parts())[0];
  const auto path = made.file_of(static_cast<const ActivePart&>(*whole))->file().path();
  make_nonsense(made.disk, path);
  const std::shared_ptr<const Part> damaged = open_sealed(made.disk, path);
  ASSERT_TRUE(made.index.replace(std::span(&whole, 1), {damaged}));

  const auto asked = [&made] { return made.index.next_revision("A"); };
  const auto alone = asked();
  ASSERT_FALSE(alone);
  EXPECT_EQ(alone.error().kind(), errc::corrupt);
  made.index.set_rebuild(
      [](const Part&) -> result<Index::Parts> { return Error(errc::unavailable, "the log is away"); });
  EXPECT_EQ(asked().error().kind(), errc::unavailable);
  EXPECT_EQ(made.index.parts()->front(), damaged) << "until it is made anew it stays";

  int rebuilt = 0;
  made.index.set_rebuild([&](const Part& part) -> result<Index::Parts> {
    EXPECT_EQ(&part, damaged.get());
    ++rebuilt;
    return Index::Parts{whole};
  });
  EXPECT_EQ(*asked(), Revision(1));
  EXPECT_EQ(made.index.parts()->front(), whole);
  EXPECT_TRUE(made.index.heal(*damaged)) << "it is not in use any more";
  EXPECT_EQ(rebuilt, 1);
}

}  // namespace
}  // namespace stele::engine::testing

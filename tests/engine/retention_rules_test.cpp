// Retention as readers and writers see it: what is hidden, what numbering and expected versions go by, what is
// refused. Nothing is dropped from the log here.
#include <chrono>

#include "engine/retention/deletions.hpp"
#include "event/retention.hpp"
#include "machine.hpp"

namespace stele::test {
namespace {

using std::chrono::seconds;

constexpr auto stays = [](std::optional<std::uint64_t> before, std::optional<std::uint64_t> count = {},
                          std::optional<seconds> age = {}) {
  Retention keep;
  if (before) keep.truncate_before = Revision(*before);
  keep.max_count = count;
  keep.max_age = age;
  return keep;
};

class Keeping : public testing::Test {
 protected:
  Keeping() : store_(must(machine_.open())) {}

  void reopen() {
    store_.reset();
    store_ = must(machine_.open());
  }
  // Events numbered in their data, one append each.
  void fill(const std::string& stream, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) must(append(stream));
  }
  result<AppendResult> append(const std::string& stream, ExpectedVersion expected = {},
                              std::string type = "Counted") {
    return store_->append(write(stream, {event(std::move(type))}, expected));
  }
  std::vector<std::uint64_t> revisions(const StreamRead& read) {
    std::vector<std::uint64_t> found;
    for (const auto& event : drain(*must(store_->read_stream(read)))) found.push_back(event.revision.value());
    return found;
  }
  std::vector<std::uint64_t> revisions(const std::string& stream) {
    return revisions(StreamRead{.stream = stream, .from = {}, .limit = no_limit});
  }
  errc refused(const std::string& stream) {
    const auto answer = store_->read_stream({.stream = stream, .from = {}, .limit = no_limit});
    EXPECT_FALSE(answer) << stream << " can be read";
    return answer ? errc::unavailable : answer.error().kind();
  }
  void keep(const std::string& stream, const Retention& what) { must(set_retention(*store_, stream, what)); }

  Machine machine_{7};
  std::unique_ptr<EventStore> store_;
};

using Revisions = std::vector<std::uint64_t>;

TEST_F(Keeping, a_stream_without_retention_keeps_everything) {
  fill("order-1", 3);
  EXPECT_EQ(must(retention(*store_, "order-1")), Retention{});
  EXPECT_EQ(revisions("order-1"), (Revisions{0, 1, 2}));
}

TEST_F(Keeping, what_lies_before_the_truncation_is_hidden_at_once_forward_and_backward) {
  fill("order-1", 6);
  keep("order-1", stays(2));
  EXPECT_EQ(revisions("order-1"), (Revisions{2, 3, 4, 5}));
  EXPECT_EQ(revisions(StreamRead{.stream = "order-1", .from = {}, .direction = Direction::backward}),
            (Revisions{5, 4, 3, 2}));
  EXPECT_EQ(revisions(StreamRead{.stream = "order-1", .from = Revision(3), .direction = Direction::backward}),
            (Revisions{3, 2}));
  EXPECT_EQ(revisions(StreamRead{.stream = "order-1", .from = Revision(1), .direction = Direction::backward}),
            Revisions{});
  EXPECT_EQ(revisions(StreamRead{.stream = "order-1", .from = Revision(0), .limit = 2}), (Revisions{2, 3}));
  EXPECT_EQ(revisions(StreamRead{.stream = "order-1", .from = Revision(4)}), (Revisions{4, 5}));
  EXPECT_EQ(revisions(StreamRead{.stream = "order-1", .from = Revision(9)}), Revisions{});
}

TEST_F(Keeping, a_count_keeps_the_last_ones_as_the_stream_grows) {
  fill("order-1", 2);
  keep("order-1", stays({}, 3));
  EXPECT_EQ(revisions("order-1"), (Revisions{0, 1}));
  fill("order-1", 3);
  EXPECT_EQ(revisions("order-1"), (Revisions{2, 3, 4}));
  const auto info = must(store_->stream_info("order-1"));
  EXPECT_EQ(info.last_revision, Revision(4));
  EXPECT_EQ(info.events, 3u);
  EXPECT_EQ(info.first_position, Position(4));  // one position is the metadata's
}

TEST_F(Keeping, an_age_counts_from_the_moment_of_reading) {
  fill("order-1", 2);
  machine_.clock.advance(seconds(100));
  fill("order-1", 2);
  keep("order-1", stays({}, {}, seconds(150)));
  EXPECT_EQ(revisions("order-1"), (Revisions{0, 1, 2, 3}));
  machine_.clock.advance(seconds(60));
  EXPECT_EQ(revisions("order-1"), (Revisions{2, 3}));
  machine_.clock.advance(seconds(90));
  EXPECT_EQ(revisions("order-1"), (Revisions{2, 3}));  // exactly as old as may be
  machine_.clock.advance(seconds(1));
  EXPECT_EQ(refused("order-1"), errc::not_found);
  must(append("order-1", ExpectedVersion::exact(Revision(3))));
  EXPECT_EQ(revisions("order-1"), (Revisions{4}));
}

TEST_F(Keeping, the_strictest_rule_decides_and_loosening_shows_events_again) {
  fill("order-1", 10);
  keep("order-1", stays(4, 3));
  EXPECT_EQ(revisions("order-1"), (Revisions{7, 8, 9}));
  keep("order-1", stays(8, 5));
  EXPECT_EQ(revisions("order-1"), (Revisions{8, 9}));
  keep("order-1", {});
  EXPECT_EQ(revisions("order-1").size(), 10u);
}

TEST_F(Keeping, a_deleted_stream_is_not_found_and_its_numbering_goes_on) {
  fill("order-1", 3);
  must(delete_stream(*store_, "order-1"));
  EXPECT_EQ(refused("order-1"), errc::not_found);
  EXPECT_EQ(store_->stream_info("order-1").error().kind(), errc::not_found);
  EXPECT_EQ(delete_stream(*store_, "order-1").error().kind(), errc::not_found);
  reopen();
  EXPECT_EQ(refused("order-1"), errc::not_found);
  const auto again = must(append("order-1", ExpectedVersion::no_stream()));
  EXPECT_EQ(again.revisions.front().revision, Revision(3));
  EXPECT_EQ(revisions("order-1"), (Revisions{3}));
  EXPECT_EQ(append("order-1", ExpectedVersion::no_stream()).error().kind(), errc::conflict);
}

TEST_F(Keeping, expected_versions_of_a_deleted_stream_know_its_last_revision) {
  fill("order-1", 3);
  must(delete_stream(*store_, "order-1"));
  const auto exists = append("order-1", ExpectedVersion::exists());
  ASSERT_FALSE(exists);
  EXPECT_EQ(exists.error().kind(), errc::conflict);
  EXPECT_EQ(exists.error().fact("actual"), "no_stream");
  EXPECT_EQ(append("order-1", ExpectedVersion::exact(Revision(1))).error().kind(), errc::conflict);
  EXPECT_TRUE(append("order-1", ExpectedVersion::exact(Revision(2))));
  EXPECT_TRUE(append("order-1", ExpectedVersion::exists()));
}

TEST_F(Keeping, deleting_expects_what_it_is_told_to) {
  fill("order-1", 3);
  EXPECT_EQ(delete_stream(*store_, "order-1", ExpectedVersion::exact(Revision(1))).error().kind(),
            errc::conflict);
  EXPECT_EQ(delete_stream(*store_, "order-1", ExpectedVersion::no_stream()).error().kind(), errc::conflict);
  EXPECT_EQ(delete_stream(*store_, "nobody").error().kind(), errc::not_found);
  EXPECT_EQ(revisions("order-1").size(), 3u);
  EXPECT_TRUE(delete_stream(*store_, "order-1", ExpectedVersion::exact(Revision(2))));
  EXPECT_EQ(refused("order-1"), errc::not_found);
}

TEST_F(Keeping, a_deletion_that_is_not_durable_yet_counts_for_the_next_append) {
  fill("order-1", 3);
  // Both are staged before the first is on the disk, or one after the other: the outcome is the same.
  AppendRequest deletion = write("$$order-1", {event("$metadata", R"({"$tb":3})")});
  store_->append_async(std::move(deletion), [](const auto& answer) { EXPECT_TRUE(answer); });
  store_->append_async(write("order-1", {event("Again")}, ExpectedVersion::no_stream()),
                       [](const auto& answer) { EXPECT_TRUE(answer) << answer.error().to_string(); });
  must(store_->append(write("other", {event("Last")})));
  EXPECT_EQ(revisions("order-1"), (Revisions{3}));
}

TEST_F(Keeping, a_tombstoned_stream_is_gone_for_good) {
  fill("order-1", 3);
  const auto end = must(tombstone_stream(*store_, "order-1", ExpectedVersion::exact(Revision(2))));
  EXPECT_EQ(end.revisions.front().revision, Revision(3));
  for (int life = 0; life < 2; ++life) {
    EXPECT_EQ(refused("order-1"), errc::gone);
    EXPECT_EQ(refused("$$order-1"), errc::not_found);
    EXPECT_EQ(append("order-1").error().kind(), errc::gone);
    EXPECT_EQ(append("order-1", ExpectedVersion::exact(Revision(3))).error().kind(), errc::gone);
    EXPECT_EQ(tombstone_stream(*store_, "order-1").error().kind(), errc::gone);
    EXPECT_EQ(delete_stream(*store_, "order-1").error().kind(), errc::gone);
    EXPECT_EQ(set_retention(*store_, "order-1", stays(1)).error().kind(), errc::gone);
    reopen();
  }
}

TEST_F(Keeping, a_repeated_append_to_a_stream_ended_since_gets_its_first_answer) {
  auto request = write("order-1", {event("Placed", "{}", Uuid::random())});
  const auto first = must(store_->append(request));
  must(tombstone_stream(*store_, "order-1"));
  const auto second = must(store_->append(request));
  EXPECT_TRUE(second.was_duplicate);
  EXPECT_EQ(second.first, first.first);
}

TEST_F(Keeping, a_check_of_an_ended_stream_fails_unless_it_expects_nothing) {
  fill("order-1", 1);
  must(tombstone_stream(*store_, "order-1"));
  auto request = write("other", {event("Noted")});
  request.also_expect.push_back({"order-1", ExpectedVersion::exists()});
  EXPECT_EQ(store_->append(request).error().kind(), errc::gone);
  request.also_expect.front().expected = ExpectedVersion::any();
  EXPECT_TRUE(store_->append(request));
}

TEST_F(Keeping, members_of_others_in_the_metadata_stay_as_they_are) {
  must(store_->append(
      write("$$order-1", {event("$metadata", R"({"owner":"ada","$tb":1,"n":1.50,"$acl":{"$r":["a"]}})")})));
  keep("order-1", stays({}, 7));
  EXPECT_EQ(must(retention(*store_, "order-1")), stays({}, 7));
  const auto events = drain(*must(store_->read_stream({.stream = "$$order-1", .from = {}})));
  ASSERT_EQ(events.size(), 1u);  // of metadata only the newest is shown
  EXPECT_EQ(events.front().revision, Revision(1));
  EXPECT_EQ(events.front().data, R"({"$maxCount":7,"owner":"ada","n":1.50,"$acl":{"$r":["a"]}})");
}

TEST_F(Keeping, retention_may_be_set_before_the_stream_exists_and_expects_versions_of_the_metadata) {
  must(set_retention(*store_, "order-1", stays({}, 1), ExpectedVersion::no_stream()));
  EXPECT_EQ(refused("order-1"), errc::not_found);
  EXPECT_EQ(set_retention(*store_, "order-1", stays({}, 2), ExpectedVersion::no_stream()).error().kind(),
            errc::conflict);
  must(set_retention(*store_, "order-1", stays({}, 2), ExpectedVersion::exact(Revision(0))));
  must(set_retention(*store_, "order-1", stays({}, 2), ExpectedVersion::exists()));
  fill("order-1", 5);
  EXPECT_EQ(revisions("order-1"), (Revisions{3, 4}));
}

TEST_F(Keeping, a_change_that_others_overtake_is_made_again_of_what_they_left) {
  int tries = 0;
  const auto change = [&](const SeenMetadata& seen) -> result<Retention> {
    STELE_TRY(auto wanted, parse_retention(seen.data.empty() ? "{}" : seen.data));
    if (++tries == 1) keep("s", stays(3));
    wanted.max_count = 7;
    return wanted;
  };
  must(change_retention(*store_, "s", change));
  EXPECT_EQ(tries, 2);
  EXPECT_EQ(must(retention(*store_, "s")), stays(3, 7)) << "both";
}

TEST_F(Keeping, a_change_that_expects_a_version_is_tried_once_and_its_own_error_ends_it) {
  int tries = 0;
  const auto change = [&](const SeenMetadata&) -> result<Retention> {
    if (++tries == 1) keep("s", stays(3));
    return stays(5);
  };
  const auto answer = change_retention(*store_, "s", change, ExpectedVersion::no_stream());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind(), errc::conflict);
  EXPECT_EQ(tries, 1);
  const auto refusing = [](const SeenMetadata&) -> result<Retention> { return Error(errc::invalid, "no"); };
  EXPECT_EQ(change_retention(*store_, "s", refusing).error().kind(), errc::invalid);
  EXPECT_EQ(must(retention(*store_, "s")), stays(3));
}

TEST_F(Keeping, values_that_make_no_sense_are_refused_wherever_they_come_from) {
  for (const auto* data :
       {"", "7", "[]", R"({"$maxCount":0})", R"({"$maxCount":"3"})", R"({"$maxCount":1.5})", R"({"$tb":-1})",
        R"({"$tb":18446744073709551615})", R"({"$maxAge":0})", R"({"$maxAge":1e3})"}) {
    const auto answer = store_->append(write("$$order-1", {event("$metadata", data)}));
    ASSERT_FALSE(answer) << data;
    EXPECT_EQ(answer.error().kind(), errc::invalid) << data;
  }
  EXPECT_EQ(set_retention(*store_, "order-1", stays({}, 0)).error().kind(), errc::invalid);
  EXPECT_EQ(set_retention(*store_, "order-1", stays({}, {}, seconds(-1))).error().kind(), errc::invalid);
  EXPECT_EQ(set_retention(*store_, "$$order-1", stays(1)).error().kind(), errc::invalid);
  EXPECT_EQ(set_retention(*store_, "$all", stays(1)).error().kind(), errc::invalid);
  EXPECT_EQ(store_->head().position, Position{});
}

TEST_F(Keeping, of_the_store_s_own_names_only_metadata_streams_can_be_written) {
  EXPECT_EQ(append("$order").error().kind(), errc::invalid);
  EXPECT_EQ(append("$$").error().kind(), errc::invalid);
  EXPECT_EQ(append("$$$$order").error().kind(), errc::invalid);
  EXPECT_EQ(append("$$order-1").error().kind(), errc::invalid);  // not of type $metadata
  EXPECT_TRUE(store_->append(write("$$order-1", {event("$metadata")})));
  EXPECT_EQ(store_->append(write("a", {event("$tombstone"), event("After")})).error().kind(), errc::invalid);
  EXPECT_TRUE(store_->append(write("a", {event("Before"), event("$tombstone")})));
}

TEST_F(Keeping, the_largest_truncation_means_everything_until_then) {
  fill("order-1", 3);
  must(store_->append(write("$$order-1", {event("$metadata", R"({"$tb":9223372036854775807})")})));
  EXPECT_EQ(refused("order-1"), errc::not_found);
  must(append("order-1", ExpectedVersion::no_stream()));
  must(append("order-1"));
  EXPECT_EQ(revisions("order-1"), (Revisions{3, 4}));
}

TEST_F(Keeping, lists_show_what_can_be_read) {
  for (const auto* name : {"a", "b", "c", "d", "e"}) fill(name, 2);
  keep("b", stays(1));
  must(delete_stream(*store_, "c"));
  must(tombstone_stream(*store_, "d"));
  const auto names = [this](std::string_view prefix, std::string_view after, std::size_t limit) {
    std::string all;
    for (const auto& info : must(store_->list_streams(prefix, after, limit))) {
      all += info.stream + std::to_string(info.events) + ' ';
    }
    return all;
  };
  EXPECT_EQ(names("", "", 10), "a2 b1 e2 ");
  EXPECT_EQ(names("", "", 2), "a2 b1 ");
  EXPECT_EQ(names("", "b", 1), "e2 ");
  EXPECT_EQ(names("", "", 0), "");
  EXPECT_EQ(names("$$", "", 10), "$$b1 $$c1 ");
}

TEST_F(Keeping, the_log_shows_hidden_events_until_they_are_compacted) {
  fill("order-1", 3);
  must(delete_stream(*store_, "order-1"));
  EXPECT_EQ(drain(*must(store_->read({.query = Query::all(), .from = {}}))).size(), 4u);
}

TEST_F(Keeping, a_writer_forgets_the_metadata_that_everyone_can_read) {
  engine::Index index;
  engine::Segments segments;
  engine::Visibility visibility;
  const engine::ReadState state{index, segments};
  engine::StagedDeletions deletions(state, machine_.clock, visibility);
  for (std::uint64_t i = 1; i <= 5000; ++i) {
    visibility.publish(Position(i - 1));
    deletions.staged({{"$$s" + std::to_string(i), {}, {event("$metadata", R"({"$tb":1})")}}}, Position(i));
    ASSERT_LE(deletions.remembered(), 1024u);
  }
}

}  // namespace
}  // namespace stele::test

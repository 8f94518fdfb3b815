// Retention at its edges: the last moment, the last event, the end of the stream and beyond it, streams that are not
// there. The rules in general are retention_rules_test.cpp.
#include <chrono>

#include "machine.hpp"

namespace stele::test {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

using Kept = std::vector<std::uint64_t>;

class KeptAtTheEdge : public testing::Test {
 protected:
  KeptAtTheEdge() : store_(must(machine_.open())) {}
  result<AppendResult> add(const std::string& stream, ExpectedVersion expected = {}) {
    return store_->append(write(stream, {event("Counted")}, expected));
  }
  void add_many(const std::string& stream, int count) {
    for (int i = 0; i < count; ++i) must(add(stream));
  }
  // Revisions that can be read, the errors not_found and gone as {404} and {410}.
  Kept kept(const StreamRead& read, std::size_t batch = 100) {
    const auto cursor = store_->read_stream(read);
    if (!cursor) return {cursor.error().kind() == errc::gone ? 410u : 404u};
    Kept found;
    for (const auto& event : drain(**cursor, batch)) found.push_back(event.revision.value());
    return found;
  }
  Kept kept(const std::string& stream) { return kept({stream, {}, Direction::forward, no_limit}); }
  Kept backward(const std::string& stream, std::optional<Revision> from, std::uint64_t limit,
                std::size_t batch) {
    return kept({stream, from, Direction::backward, limit}, batch);
  }
  void rule(const std::string& stream, std::optional<std::uint64_t> before,
            std::optional<std::uint64_t> count = {}, std::optional<seconds> age = {}) {
    Retention keep{{}, count, age};
    if (before) keep.truncate_before = Revision(*before);
    must(set_retention(*store_, stream, keep));
  }
  std::string listed(std::size_t limit = 100) {
    std::string all;
    for (const auto& info : must(store_->list_streams("", "", limit)))
      all += info.stream + ":" + std::to_string(info.events) + "@" +
             std::to_string(info.first_position.value()) + " ";
    return all;
  }

  Machine machine_{41};
  std::unique_ptr<EventStore> store_;
};

TEST_F(KeptAtTheEdge, an_age_ends_one_microsecond_after_it_is_reached_wherever_one_looks) {
  add_many("old", 2);  // at 0
  machine_.clock.advance(microseconds(1));
  add_many("old", 1);
  rule("old", {}, {}, seconds(10));
  machine_.clock.advance(seconds(10) - microseconds(1));
  EXPECT_EQ(kept("old"), (Kept{0, 1, 2}));
  EXPECT_EQ(must(store_->stream_info("old")).events, 3u);
  machine_.clock.advance(microseconds(1));
  EXPECT_EQ(kept("old"), (Kept{2}));
  EXPECT_EQ(backward("old", {}, no_limit, 1), (Kept{2}));
  EXPECT_EQ(must(store_->stream_info("old")).first_position, Position(3));
  EXPECT_EQ(listed(), "old:1@3 ");
  machine_.clock.advance(microseconds(1));
  EXPECT_EQ(kept("old"), (Kept{404}));
  EXPECT_EQ(store_->stream_info("old").error().kind(), errc::not_found);
  EXPECT_EQ(listed(), "");
  EXPECT_EQ(add("old", ExpectedVersion::no_stream()).error().fact("actual"), "2") << "age deletes no stream";
  must(add("old", ExpectedVersion::exists()));
  EXPECT_EQ(kept("old"), (Kept{3}));
}

TEST_F(KeptAtTheEdge, a_clock_that_steps_back_shows_again_what_was_too_old) {
  add_many("old", 1);
  const auto start = machine_.clock.now();
  rule("old", {}, {}, seconds(5));
  machine_.clock.advance(seconds(6));
  EXPECT_EQ(kept("old"), (Kept{404}));
  machine_.clock.set(start);
  EXPECT_EQ(kept("old"), (Kept{0}));
}

TEST_F(KeptAtTheEdge, a_count_of_one_keeps_the_last_and_nothing_else) {
  rule("a", {}, 1);
  for (std::uint64_t last = 0; last < 4; ++last) {
    must(add("a"));
    EXPECT_EQ(kept("a"), (Kept{last}));
    EXPECT_EQ(backward("a", {}, no_limit, 10), (Kept{last}));
    EXPECT_EQ(must(store_->stream_info("a")).events, 1u);
  }
  EXPECT_EQ(backward("a", Revision(2), no_limit, 10), Kept{}) << "what lies before it is gone";
  must(delete_stream(*store_, "a"));
  EXPECT_EQ(kept("a"), (Kept{404}));
  must(add("a", ExpectedVersion::no_stream()));
  EXPECT_EQ(kept("a"), (Kept{4}));
  EXPECT_EQ(must(retention(*store_, "a")).max_count, 1u) << "deleting changes no other rule";
}

TEST_F(KeptAtTheEdge, a_count_as_large_as_the_stream_hides_nothing_and_one_less_hides_one) {
  add_many("a", 3);
  rule("a", {}, 4);
  EXPECT_EQ(kept("a"), (Kept{0, 1, 2}));
  rule("a", {}, 3);
  EXPECT_EQ(kept("a"), (Kept{0, 1, 2}));
  rule("a", {}, 2);
  EXPECT_EQ(kept("a"), (Kept{1, 2}));
}

TEST_F(KeptAtTheEdge, a_truncation_beyond_the_end_also_hides_what_comes_until_there) {
  add_many("a", 2);
  rule("a", 4);
  EXPECT_EQ(kept("a"), (Kept{404}));
  EXPECT_EQ(must(add("a", ExpectedVersion::no_stream())).revisions[0].revision, Revision(2));
  EXPECT_EQ(kept("a"), (Kept{404}));
  EXPECT_EQ(must(add("a", ExpectedVersion::exact(Revision(2)))).revisions[0].revision, Revision(3));
  EXPECT_EQ(kept("a"), (Kept{404}));
  EXPECT_EQ(listed(), "");
  must(add("a", ExpectedVersion::no_stream()));
  EXPECT_EQ(kept("a"), (Kept{4}));
  EXPECT_EQ(add("a", ExpectedVersion::no_stream()).error().fact("actual"), "4");
  EXPECT_EQ(listed(), "a:1@6 ");
}

TEST_F(KeptAtTheEdge, metadata_of_a_stream_that_is_not_there_is_empty_until_it_is_set) {
  EXPECT_EQ(must(retention(*store_, "nobody")), Retention{});
  EXPECT_EQ(kept("$$nobody"), (Kept{404}));
  EXPECT_EQ(store_->head().position, Position{}) << "asking writes nothing";
  rule("nobody", 0, 2, seconds(3));
  EXPECT_EQ(must(retention(*store_, "nobody")), (Retention{Revision(0), 2, seconds(3)}));
  EXPECT_EQ(kept("$$nobody"), (Kept{0}));
  rule("nobody", {}, 2);
  EXPECT_EQ(kept("$$nobody"), (Kept{1})) << "only the newest";
  EXPECT_EQ(must(store_->stream_info("$$nobody")).events, 1u);
  EXPECT_EQ(kept("nobody"), (Kept{404}));
  EXPECT_EQ(listed(), "");
}

TEST_F(KeptAtTheEdge, a_tombstone_is_refused_unless_it_fits_and_ever_after) {
  add_many("a", 2);
  EXPECT_EQ(tombstone_stream(*store_, "a", ExpectedVersion::exact(Revision(0))).error().kind(),
            errc::conflict);
  EXPECT_EQ(tombstone_stream(*store_, "a", ExpectedVersion::no_stream()).error().kind(), errc::conflict);
  EXPECT_EQ(kept("a"), (Kept{0, 1}));
  must(tombstone_stream(*store_, "a", ExpectedVersion::exists()));
  const auto head = store_->head().position;
  for (const auto expected : {ExpectedVersion::any(), ExpectedVersion::no_stream(), ExpectedVersion::exists(),
                              ExpectedVersion::exact(Revision(2))}) {
    EXPECT_EQ(tombstone_stream(*store_, "a", expected).error().kind(), errc::gone) << to_string(expected);
    EXPECT_EQ(add("a", expected).error().kind(), errc::gone) << to_string(expected);
  }
  EXPECT_EQ(kept("a"), (Kept{410}));
  EXPECT_EQ(store_->stream_info("a").error().kind(), errc::gone);
  EXPECT_EQ(store_->head().position, head);
  EXPECT_EQ(listed(), "");
}

TEST_F(KeptAtTheEdge, a_stream_deleted_again_and_again_goes_on_numbering) {
  for (std::uint64_t life = 0; life < 5; ++life) {
    const auto fits = life % 2 == 0 || life == 0 ? ExpectedVersion::no_stream()
                                                 : ExpectedVersion::exact(Revision(2 * life - 1));
    ASSERT_EQ(must(add("a", fits)).revisions[0].revision, Revision(2 * life));
    must(add("a", ExpectedVersion::exact(Revision(2 * life))));
    ASSERT_EQ(kept("a"), (Kept{2 * life, 2 * life + 1}));
    ASSERT_EQ(backward("a", {}, 1, 1), (Kept{2 * life + 1}));
    must(delete_stream(*store_, "a", ExpectedVersion::exact(Revision(2 * life + 1))));
    ASSERT_EQ(kept("a"), (Kept{404}));
    ASSERT_EQ(add("a", ExpectedVersion::exists()).error().fact("actual"), "no_stream");
    if (life == 2) {
      store_.reset();
      store_ = must(machine_.open());
    }
  }
}

TEST_F(KeptAtTheEdge, a_truncated_stream_is_read_backward_down_to_its_first_event_in_any_steps) {
  add_many("a", 9);
  rule("a", 4);
  for (const std::size_t batch : {1u, 2u, 3u, 5u, 100u}) {
    EXPECT_EQ(backward("a", {}, no_limit, batch), (Kept{8, 7, 6, 5, 4})) << batch;
    EXPECT_EQ(backward("a", Revision(99), 4, batch), (Kept{8, 7, 6, 5})) << batch;
    EXPECT_EQ(backward("a", Revision(5), no_limit, batch), (Kept{5, 4})) << batch;
    EXPECT_EQ(backward("a", Revision(4), no_limit, batch), (Kept{4})) << batch;
    EXPECT_EQ(backward("a", Revision(3), no_limit, batch), Kept{}) << batch;
    EXPECT_EQ(backward("a", {}, 0, batch), Kept{}) << batch;
  }
}

TEST_F(KeptAtTheEdge, lists_fill_their_pages_past_what_is_hidden) {
  for (char name = 'a'; name <= 'l'; ++name) add_many(std::string(1, name), 2);
  for (const auto* name : {"a", "b", "c", "f", "g", "l"}) must(delete_stream(*store_, name));
  rule("e", 1);
  EXPECT_EQ(listed(3), "d:2@7 e:1@10 h:2@15 ");
  EXPECT_EQ(listed(), "d:2@7 e:1@10 h:2@15 i:2@17 j:2@19 k:2@21 ");
}

}  // namespace
}  // namespace stele::test

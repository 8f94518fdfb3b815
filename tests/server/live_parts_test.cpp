// live_parts_test.cpp - the pieces behind event streams: their text form, the bounded buffer, the hub.
#include <gmock/gmock.h>

#include <condition_variable>
#include <mutex>

#include "server/http/wire.hpp"
#include "server/live/hub.hpp"
#include "server/live/live_stream.hpp"
#include "server/live/sse.hpp"
#include "stele/store.hpp"
#include "support/temp_directory.hpp"

namespace stele::server {
namespace {

using testing::ElementsAre;

TEST(Sse, a_message_is_fields_and_an_empty_line) {
  std::string out;
  append_sse(out, {.data = "a\nb", .event = "e", .id = "7"});
  EXPECT_EQ(out, "id: 7\nevent: e\ndata: a\ndata: b\n\n");
  out.clear();
  append_sse(out, {.data = "", .event = "", .id = ""});
  EXPECT_EQ(out, "data: \n\n");
}

TEST(Sse, nothing_a_sender_says_can_become_another_field) {
  std::string out;
  append_sse(out, {.data = "x\rid: 9", .event = "e\ndata: y", .id = "1\n\n"});
  EXPECT_EQ(out, "id: 1  \nevent: e data: y\ndata: x id: 9\n\n");
}

TEST(Wire, a_line_break_in_a_header_value_stays_in_the_value) {
  std::string out;
  append_head(out, Response::json(200, "").header("X", "a\r\nSet-Cookie: b"), {});
  EXPECT_NE(out.find("X: a  Set-Cookie: b\r\n"), std::string::npos);
}

TEST(Wire, answers_without_a_body_have_no_length) {
  for (const int status : {204, 304}) {
    Response response;
    response.status = status;
    std::string out;
    append_head(out, response, {});
    EXPECT_EQ(out.find("Content-Length"), std::string::npos) << status;
  }
}

TEST(Wire, chunks_carry_their_length_in_hexadecimal_and_are_never_empty) {
  std::string out;
  append_chunk(out, std::string(26, 'x'));
  append_chunk(out, "");
  EXPECT_EQ(out, "1a\r\n" + std::string(26, 'x') + "\r\n");
}

// A loop that is never started: the test takes on the loop's side itself.
class LiveStreamTest : public testing::Test {
 protected:
  ~LiveStreamTest() override { workers_.stop(); }
  Loop loop_{std::chrono::milliseconds(1000)};
  Workers workers_{1, 10};
  std::shared_ptr<LiveStream> stream_ = std::make_shared<LiveStream>(loop_, workers_, 10, [] {});
};

TEST_F(LiveStreamTest, it_never_holds_more_than_its_limit) {
  EXPECT_TRUE(stream_->send_frame("12345"));
  EXPECT_TRUE(stream_->send_frame("67890"));
  EXPECT_FALSE(stream_->send_frame("x"));
  EXPECT_EQ(stream_->take(), "1234567890");
  EXPECT_FALSE(stream_->send_frame("x")) << "what was taken has not left yet";
  EXPECT_EQ(stream_->take(), "");
  EXPECT_TRUE(stream_->send_frame("x"));
}

TEST_F(LiveStreamTest, something_larger_than_the_buffer_passes_alone) {
  EXPECT_TRUE(stream_->send_frame(std::string(50, 'x')));
  EXPECT_FALSE(stream_->send_frame("y"));
  EXPECT_EQ(stream_->take().size(), 50U);
}

TEST_F(LiveStreamTest, room_is_told_once_after_it_was_full) {
  int told = 0;
  stream_->on_room([&] { ++told; });
  EXPECT_TRUE(stream_->send_frame("1234567890"));
  EXPECT_EQ(stream_->take().size(), 10U);
  EXPECT_EQ(stream_->take(), "");  // left, but nobody was turned away
  EXPECT_TRUE(stream_->send_frame("1234567890"));
  EXPECT_FALSE(stream_->send_frame("x"));
  EXPECT_EQ(stream_->take().size(), 10U);
  EXPECT_EQ(stream_->take(), "");
  EXPECT_EQ(stream_->take(), "");
  workers_.stop();
  EXPECT_EQ(told, 1);
}

TEST_F(LiveStreamTest, only_the_latest_of_latest_messages_leaves) {
  stream_->send_latest({.data = "1", .event = {}, .id = {}});
  stream_->send_latest({.data = "2", .event = {}, .id = {}});
  EXPECT_EQ(stream_->take(), "data: 2\n\n");
  EXPECT_EQ(stream_->take(), "");
}

TEST_F(LiveStreamTest, a_client_that_left_is_told_to_the_sender_once) {
  int closed = 0;
  stream_->on_close([&] { ++closed; });
  stream_->client_gone();
  stream_->client_gone();
  EXPECT_FALSE(stream_->send_frame("x"));
  EXPECT_FALSE(stream_->open());
  stream_->on_close([&] { ++closed; });  // too late: told at once
  workers_.stop();
  EXPECT_EQ(closed, 2);
}

// Collects positions; has room for `room` of them.
class Collector final : public Subscriber {
 public:
  explicit Collector(std::size_t room = 1000) : room_(room) {}
  bool offer(Position at, std::string_view) override {
    const std::lock_guard lock(mutex_);
    if (seen_.size() == room_) return false;
    seen_.push_back(at.value());
    changed_.notify_all();
    return true;
  }
  void lost() override {
    const std::lock_guard lock(mutex_);
    lost_ = true;
    changed_.notify_all();
  }
  std::vector<std::uint64_t> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return seen_.size() >= count; });
    return seen_;
  }
  void wait_until_lost() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return lost_; });
  }

 private:
  const std::size_t room_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::uint64_t> seen_;
  bool lost_ = false;
};

class HubTest : public testing::Test {
 protected:
  HubTest() : store_(*open(directory_ / "store")), hub_(*store_) { hub_.start(); }
  ~HubTest() override { hub_.stop(); }

  void append(const std::string& stream, const std::string& type = "T", std::vector<std::string> tags = {}) {
    NewEvent event;
    event.type = type;
    event.data = "1";
    event.tags = std::move(tags);
    AppendRequest request;
    request.writes.push_back({stream, ExpectedVersion::any(), {std::move(event)}});
    ASSERT_TRUE(store_->append(std::move(request)));
  }

  test::TempDirectory directory_;
  std::unique_ptr<EventStore> store_;
  Hub hub_;
};

TEST_F(HubTest, who_joins_behind_the_head_gets_what_lies_between) {
  append("a");
  append("a");
  const auto early = std::make_shared<Collector>();
  ASSERT_TRUE(hub_.join(early, Query::all(), Position(1)));
  EXPECT_THAT(early->wait_for(1), ElementsAre(2));
  append("a");
  EXPECT_THAT(early->wait_for(2), ElementsAre(2, 3));
  const auto late = std::make_shared<Collector>();
  ASSERT_TRUE(hub_.join(late, Query::all(), Position(0)));
  append("a");
  EXPECT_THAT(late->wait_for(4), ElementsAre(1, 2, 3, 4));
}

TEST_F(HubTest, who_joins_in_the_future_does_not_move_the_others_there) {
  append("a");
  const auto ahead = std::make_shared<Collector>();
  ASSERT_TRUE(hub_.join(ahead, Query::all(), Position(999'999)));
  const auto late = std::make_shared<Collector>();
  ASSERT_TRUE(hub_.join(late, Query::all(), Position(0)));
  append("a");
  EXPECT_THAT(late->wait_for(2), ElementsAre(1, 2));
}

TEST_F(HubTest, an_event_that_matches_in_several_ways_comes_once) {
  QueryItem types;
  types.types = {"T", "U"};
  QueryItem tags;
  tags.tags = {"x"};
  QueryItem streams;
  streams.streams = {"a", "b"};
  Query query;
  query.items = std::vector{types, tags, streams};
  const auto member = std::make_shared<Collector>();
  ASSERT_TRUE(hub_.join(member, query, Position(0)));
  append("a", "T", {"x", "y"});
  append("c", "V");
  append("b", "V");
  append("c", "V", {"x"});
  EXPECT_THAT(member->wait_for(3), ElementsAre(1, 3, 4));
}

TEST_F(HubTest, who_has_no_room_is_let_go_and_the_others_stay) {
  const auto small = std::make_shared<Collector>(2);
  const auto large = std::make_shared<Collector>();
  ASSERT_TRUE(hub_.join(small, Query::all(), Position(0)));
  ASSERT_TRUE(hub_.join(large, Query::all(), Position(0)));
  for (int i = 0; i < 5; ++i) append("a");
  small->wait_until_lost();
  EXPECT_THAT(small->wait_for(2), ElementsAre(1, 2));
  EXPECT_THAT(large->wait_for(5), ElementsAre(1, 2, 3, 4, 5));
}

TEST_F(HubTest, who_left_gets_nothing_more) {
  const auto gone = std::make_shared<Collector>();
  const auto stays = std::make_shared<Collector>();
  ASSERT_TRUE(hub_.join(gone, Query::all(), Position(0)));
  ASSERT_TRUE(hub_.join(stays, Query::all(), Position(0)));
  append("a");
  EXPECT_THAT(gone->wait_for(1), ElementsAre(1));
  hub_.leave(gone);
  hub_.leave(gone);
  append("a");
  stays->wait_for(2);
  EXPECT_THAT(gone->wait_for(1), ElementsAre(1));
}

TEST_F(HubTest, a_mover_runs_once_when_the_head_is_past_its_mark) {
  std::mutex mutex;
  std::condition_variable changed;
  int ran = 0;
  const auto note = [&] {
    const std::lock_guard lock(mutex);
    ++ran;
    changed.notify_all();
  };
  hub_.when_head_passes(Position(0), note);
  append("a");
  append("a");
  hub_.when_head_passes(Position(1), note);  // has happened already
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return ran == 2; });
  EXPECT_EQ(ran, 2);
}

}  // namespace
}  // namespace stele::server

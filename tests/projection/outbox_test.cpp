// outbox_test.cpp - effects outside the store: once per event as far as that is possible, and never for the past.
#include "stele/outbox.hpp"

#include <gtest/gtest.h>

#include "stele/decider.hpp"
#include "tally.hpp"

namespace letters {

struct Joined {
  std::string who;
};
STELE_EVENT(Joined, 1, who);

// What a provider of letters keeps: it drops a key that it has seen.
struct Postbox {
  std::vector<std::string> keys;
  std::vector<std::string> people;
  int failures = 0;
};

// [effect]
struct Welcome {
  static constexpr std::string_view name = "welcome";
  using Events = stele::events<Joined>;
  std::shared_ptr<Postbox> post;

  stele::result<void> perform(const Joined& e, const stele::EffectKey& key) {
    if (e.who == "nobody" && post->failures-- > 0)
      return stele::Error(stele::errc::invalid, "no such address");
    post->keys.push_back(key.text);
    post->people.push_back(e.who);
    return {};
  }
};
// [/effect]

// One event for both, until they were told apart.
struct Moved {
  std::string street;
};
STELE_EVENT(Moved, 1, street);
struct Renamed {
  std::string name;
};
STELE_EVENT(Renamed, 1, name);
struct Changed {
  std::string street;
  std::string name;
};
STELE_EVENT(Changed, 1, street, name);
inline std::tuple<Moved, Renamed> upcast(const Changed& old) {
  return {Moved{old.street}, Renamed{old.name}};
}
STELE_WAS(Moved, Changed);
STELE_WAS(Renamed, Changed);

struct Notice {
  static constexpr std::string_view name = "notice";
  using Events = stele::events<Moved, Renamed>;
  std::shared_ptr<Postbox> post;
  stele::result<void> perform(const auto&, const stele::EffectKey& key) {
    post->keys.push_back(key.text);
    return {};
  }
};

}  // namespace letters

namespace stele::test {
namespace {

using letters::Welcome;
using Strings = std::vector<std::string>;

class OutboxTest : public testing::Test {
 protected:
  OutboxTest() { reopen(); }
  void reopen() {
    runner_.reset();
    store_.reset();
    auto opened = open(directory_ / "store");
    ASSERT_TRUE(opened) << opened.error().to_string();
    store_ = std::move(*opened);
  }
  Position join(const std::string& who) {
    AppendRequest request;
    NewEvent event;
    event.type = "Joined";
    event.data = to_json(letters::Joined{who});
    request.writes.push_back({"Club-1", {}, {event}});
    auto appended = store_->append(std::move(request));
    EXPECT_TRUE(appended);
    return appended ? appended->last : Position{};
  }
  std::shared_ptr<Outbox> outbox(OutboxOptions options = {}) {
    auto opened = Outbox::of(*store_, Welcome{post_}, options);
    EXPECT_TRUE(opened) << opened.error().to_string();
    return opened ? *opened : nullptr;
  }
  void start(OutboxOptions options = {}) {
    RunnerOptions running;
    running.tries = 2;
    running.first_pause = std::chrono::microseconds(10);
    outbox_ = outbox(options);
    runner_ = std::make_unique<Runner>(*store_, outbox_, running);
    runner_->start();
  }
  result<Position> wait() { return runner_->wait(store_->head().position, std::chrono::minutes(1)); }

  TempDirectory directory_;
  std::unique_ptr<EventStore> store_;
  std::shared_ptr<letters::Postbox> post_ = std::make_shared<letters::Postbox>();
  std::shared_ptr<Outbox> outbox_;
  std::unique_ptr<Runner> runner_;
};

TEST_F(OutboxTest, what_happened_before_it_existed_is_the_past) {
  join("ada");
  start();
  join("bob");
  ASSERT_TRUE(wait());
  EXPECT_EQ(post_->people, Strings{"bob"});
  EXPECT_EQ(post_->keys, Strings{"welcome/2"});
}

TEST_F(OutboxTest, it_begins_where_it_is_told_to_and_only_the_first_time) {
  join("ada");
  join("bob");
  start({.begin_after = Position(1)});
  ASSERT_TRUE(wait());
  reopen();
  start({.begin_after = Position(0)});
  ASSERT_TRUE(wait());
  EXPECT_EQ(post_->people, Strings{"bob"});
}

TEST_F(OutboxTest, restarts_repeat_nothing_and_lose_nothing) {
  start();
  join("ada");
  ASSERT_TRUE(wait());
  reopen();
  join("bob");
  start();
  ASSERT_TRUE(wait());
  reopen();
  start();
  join("eve");
  ASSERT_TRUE(wait());
  EXPECT_EQ(post_->people, (Strings{"ada", "bob", "eve"}));
}

TEST_F(OutboxTest, a_failure_repeats_neither_what_was_done_before_it_nor_is_passed_over) {
  post_->failures = 2;
  start();
  runner_->stop();
  join("ada");
  join("nobody");
  join("eve");
  runner_->start();
  EXPECT_EQ(wait().error().kind(), errc::unavailable) << "it has stopped at the letter it cannot send";
  EXPECT_EQ(post_->people, Strings{"ada"});
  runner_->start();
  ASSERT_TRUE(wait());
  EXPECT_EQ(post_->people, (Strings{"ada", "nobody", "eve"}));
}

TEST_F(OutboxTest, an_effect_can_be_given_up) {
  post_->failures = 1000;
  start();
  join("nobody");
  join("eve");
  EXPECT_FALSE(wait());
  ASSERT_TRUE(outbox_->skip(Position(1)));
  runner_->start();
  ASSERT_TRUE(wait());
  EXPECT_EQ(post_->people, Strings{"eve"});
}

TEST_F(OutboxTest, dying_between_the_effect_and_its_record_repeats_it_with_the_same_key) {
  start();
  const Position position = join("ada");
  ASSERT_TRUE(wait());
  runner_.reset();
  ASSERT_TRUE(store_->records().put("outbox", "welcome", "0 0 " + to_string(Uuid{})));
  start();
  ASSERT_TRUE(runner_->wait(position, std::chrono::minutes(1)));
  EXPECT_EQ(post_->keys, (Strings{"welcome/1", "welcome/1"}));
}

// A provider that drops repeated keys would drop the second effect otherwise.
TEST_F(OutboxTest, an_event_that_became_two_has_two_effects_with_two_keys) {
  AppendRequest request;
  NewEvent event;
  event.type = "Changed";
  event.data = to_json(letters::Changed{"Elm 1", "ada"});
  request.writes.push_back({"Club-1", {}, {event}});
  ASSERT_TRUE(store_->append(std::move(request)));
  auto opened = Outbox::of(*store_, letters::Notice{post_}, {.begin_after = Position{}});
  ASSERT_TRUE(opened) << opened.error().to_string();
  runner_ = std::make_unique<Runner>(*store_, *opened, RunnerOptions{});
  runner_->start();
  ASSERT_TRUE(wait());
  EXPECT_EQ(post_->keys, (Strings{"notice/1", "notice/1/1"}));
}

TEST_F(OutboxTest, over_another_log_it_goes_on_at_the_head) {
  join("ada");
  join("bob");
  ASSERT_TRUE(store_->records().put("outbox", "welcome", "900 900 " + to_string(Uuid{})));
  start();
  ASSERT_TRUE(wait());  // it has looked at the log by then
  join("eve");
  ASSERT_TRUE(wait());
  EXPECT_EQ(post_->people, Strings{"eve"});
  EXPECT_NE(outbox_->note().find("goes on at position 2"), std::string::npos) << outbox_->note();
}

TEST_F(OutboxTest, a_record_that_cannot_be_read_is_an_error_and_not_a_guess) {
  for (const std::string_view text : {"", "7", "7 7", "7 7 x", "x 7 y"}) {
    ASSERT_TRUE(store_->records().put("outbox", "welcome", text));
    const auto opened = Outbox::of(*store_, Welcome{post_});
    ASSERT_FALSE(opened) << text;
    EXPECT_EQ(opened.error().kind(), errc::corrupt);
  }
}

TEST_F(OutboxTest, an_outbox_needs_a_name_and_a_query) {
  const auto nothing = [](const EventView&, const EffectKey&) -> result<void> { return {}; };
  EXPECT_EQ(Outbox::open(*store_, "", Query::all(), nothing).error().kind(), errc::invalid);
  EXPECT_EQ(Outbox::open(*store_, "x", Query{std::vector<QueryItem>{}}, nothing).error().kind(),
            errc::invalid);
}

}  // namespace
}  // namespace stele::test

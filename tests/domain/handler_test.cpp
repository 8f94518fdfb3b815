// handler_test.cpp - commands against a real store: loading, racing, repeating, refusing.
#include "stele/handler.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <random>
#include <thread>

#include "domain/library.hpp"
#include "domain/meddling_store.hpp"
#include "engine/store_fixture.hpp"

namespace {

using namespace library;
using stele::Context;
using stele::ExpectedVersion;
using stele::handle;
using stele::HandleOptions;
using stele::Revision;
using stele::test::must;

class HandlerTest : public stele::test::StoreTest {
 protected:
  HandlerTest() : meddling_(*store_) {
    options_without_sleep_.pause = [this](std::chrono::microseconds time) { pauses_.push_back(time); };
  }

  template <class C>
  stele::Handled<Book> accepted(const C& command, const Context& context = {}) {
    auto handled = must(handle<Book>(meddling_, command, context, options_without_sleep_));
    EXPECT_TRUE(handled.accepted()) << stele::content_json(*handled.refusal);
    return handled;
  }
  std::uint64_t head() { return store_->head().position.value(); }

  stele::test::MeddlingStore meddling_;
  HandleOptions options_without_sleep_;
  std::vector<std::chrono::microseconds> pauses_;
};

TEST_F(HandlerTest, an_accepted_command_answers_with_events_state_and_place) {
  accepted(RegisterBook{"b1", "Emma"});
  const auto lent =
      accepted(LendBook{"b1", "ada"}, {.user = "librarian", .at = *stele::parse_time("2026-03-01")});
  EXPECT_EQ(lent.revision, Revision(1));
  EXPECT_EQ(lent.appended->last.value(), 2u);
  EXPECT_EQ(lent.appended->revisions.at(0).stream, "Book-b1");
  EXPECT_EQ(lent.tries, 1u);
  EXPECT_EQ(lent.events_read, 1u);
  EXPECT_EQ(std::get<Book::Lent>(lent.state).reader, "ada");
  EXPECT_EQ(std::get<BookLent>(lent.events.at(0)).due_at, stele::parse_time("2026-03-15"));
}

TEST_F(HandlerTest, events_say_who_and_why_and_which_version) {
  accepted(RegisterBook{"b1", "Emma"});
  accepted(LendBook{"b1", "ada"}, {.user = "librarian",
                                   .correlation_id = "corr-1",
                                   .causation_id = "cause-1",
                                   .traceparent = "00-abc-def-01",
                                   .idempotency_key = "key-1"});
  const auto events = stream("Book-b1");
  EXPECT_EQ(events[1].data.substr(0, 27), R"({"book":"b1","reader":"ada")");
  const std::string& metadata = events[1].metadata;
  EXPECT_TRUE(metadata.starts_with(
      R"({"userId":"librarian","correlationId":"corr-1","causationId":"cause-1","traceparent":"00-abc-def-01",)"
      R"("command":"LendBook","schemaVersion":3,"idempotencyKey":")"))
      << metadata;
  EXPECT_EQ(metadata.find("key-1"), std::string::npos) << "the key itself is nobody's business";
  EXPECT_EQ(events[0].metadata.find("schemaVersion"), std::string::npos);
  EXPECT_NE(events[0].metadata.find("correlationId"), std::string::npos) << "there is always one";
  EXPECT_EQ(events[1].tags, std::vector<std::string>{"book:b1"});
}

TEST_F(HandlerTest, a_refused_command_leaves_no_trace) {
  const auto refused = must(handle<Book>(*store_, LendBook{"b9", "ada"}));
  ASSERT_FALSE(refused.accepted());
  EXPECT_EQ(stele::type_name(*refused.refusal), "NoSuchBook");
  EXPECT_EQ(stele::content_json(*refused.refusal), R"({"book":"b9"})");
  EXPECT_FALSE(refused.appended);
  EXPECT_EQ(head(), 0u);
}

TEST_F(HandlerTest, a_decision_without_events_is_accepted_and_appends_nothing) {
  accepted(RegisterBook{"b1", "Emma"});
  const auto again = accepted(RegisterBook{"b1", "Emma"});
  EXPECT_FALSE(again.appended);
  EXPECT_TRUE(again.events.empty());
  EXPECT_EQ(again.revision, Revision(0));
  EXPECT_EQ(head(), 1u);
}

TEST_F(HandlerTest, several_events_of_one_decision_are_one_append) {
  accepted(RegisterBook{"b1", "Emma"});
  accepted(LendBook{"b1", "ada"});
  const auto passed = accepted(PassOnBook{"b1", "eve"});
  EXPECT_EQ(passed.events.size(), 2u);
  EXPECT_EQ(passed.revision, Revision(3));
  EXPECT_EQ(passed.appended->last.value() - passed.appended->first.value(), 1u);
  EXPECT_EQ(std::get<Book::Lent>(passed.state).times_lent, 2);
}

TEST_F(HandlerTest, a_conflict_is_decided_again_on_what_is_new) {
  accepted(RegisterBook{"b1", "Emma"});
  meddling_.before_append = [&](const auto&) {
    meddling_.before_append = nullptr;
    (void)must(handle<Book>(*store_, LendBook{"b1", "eve"}));
  };
  const auto late = must(handle<Book>(meddling_, LendBook{"b1", "ada"}, {}, options_without_sleep_));
  ASSERT_FALSE(late.accepted());
  EXPECT_EQ(std::get<AlreadyLent>(*late.refusal).to, "eve");
  EXPECT_EQ(late.tries, 2u);
  EXPECT_EQ(pauses_.size(), 1u);
}

TEST_F(HandlerTest, tries_are_bounded_and_the_pauses_grow_at_random) {
  accepted(RegisterBook{"b1", "Emma"});
  meddling_.before_append = [&](const auto&) { append("Book-b1", "BookLent", "{}"); };
  meddling_.before_append = [&](const auto&) {
    const auto info = must(store_->stream_info("Book-b1"));
    if (info.events % 2 == 1) (void)must(handle<Book>(*store_, LendBook{"b1", "eve"}));
    (void)must(handle<Book>(*store_, ReturnBook{"b1", 1}));
  };
  options_without_sleep_.max_tries = 4;
  options_without_sleep_.jitter_seed = 1;
  const auto lost = handle<Book>(meddling_, LendBook{"b1", "ada"}, {}, options_without_sleep_);
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().kind(), stele::errc::conflict);
  EXPECT_EQ(lost.error().fact("tries"), "4");
  EXPECT_EQ(meddling_.appends, 5);
  const auto first = pauses_;
  pauses_.clear();
  EXPECT_FALSE(handle<Book>(meddling_, LendBook{"b1", "ada"}, {}, options_without_sleep_));
  EXPECT_EQ(first.size(), 3u);
  EXPECT_EQ(pauses_, first) << "the same seed pauses the same way";
}

TEST_F(HandlerTest, an_expected_version_is_held_against_the_stream_without_retry) {
  accepted(RegisterBook{"b1", "Emma"});
  options_without_sleep_.expected = ExpectedVersion::exact(Revision(4));
  const auto wrong = handle<Book>(meddling_, LendBook{"b1", "ada"}, {}, options_without_sleep_);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().kind(), stele::errc::conflict);
  EXPECT_EQ(wrong.error().fact("stream"), "Book-b1");
  EXPECT_EQ(wrong.error().fact("expected"), "4");
  EXPECT_EQ(wrong.error().fact("actual"), "0");
  EXPECT_TRUE(pauses_.empty());
  options_without_sleep_.expected = ExpectedVersion::exact(Revision(0));
  EXPECT_TRUE(must(handle<Book>(meddling_, LendBook{"b1", "ada"}, {}, options_without_sleep_)).accepted());
}

TEST_F(HandlerTest, a_policy_refuses_commands_that_do_not_say_who_sends_them) {
  options_without_sleep_.policy = stele::require_user;
  const auto nobody = handle<Book>(meddling_, RegisterBook{"b1", "Emma"}, {}, options_without_sleep_);
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().kind(), stele::errc::denied);
  EXPECT_EQ(meddling_.appends, 0);
  EXPECT_TRUE(accepted(RegisterBook{"b1", "Emma"}, {.user = "ada"}).accepted());
}

// ---- Repeats

TEST_F(HandlerTest, a_repeat_gets_the_first_answer_and_has_no_effect) {
  accepted(RegisterBook{"b1", "Emma"});
  const Context once{.idempotency_key = "key-1"};
  const auto first = accepted(LendBook{"b1", "ada"}, once);
  accepted(ReturnBook{"b1", 3});
  const auto second = accepted(LendBook{"b1", "ada"}, once);
  EXPECT_FALSE(first.repeated);
  EXPECT_TRUE(second.repeated);
  EXPECT_EQ(second.appended->last, first.appended->last);
  EXPECT_EQ(second.appended->revisions, first.appended->revisions);
  EXPECT_EQ(second.appended->recorded_at, first.appended->recorded_at);
  EXPECT_EQ(second.revision, first.revision);
  EXPECT_EQ(std::get<Book::Lent>(second.state).reader, "ada") << "the state as it was then";
  EXPECT_EQ(stele::content_json(second.events.at(0)), stele::content_json(first.events.at(0)));
  EXPECT_EQ(head(), 3u);
}

TEST_F(HandlerTest, a_repeat_is_recognised_after_a_restart) {
  const Context once{.idempotency_key = "key-1"};
  (void)must(handle<Book>(*store_, RegisterBook{"b1", "Emma"}, once));
  reopen();
  const auto again = must(handle<Book>(*store_, RegisterBook{"b1", "Emma"}, once));
  EXPECT_TRUE(again.repeated);
  EXPECT_EQ(again.revision, Revision(0));
  EXPECT_EQ(head(), 1u);
}

TEST_F(HandlerTest, a_repeat_that_would_be_refused_today_still_gets_the_first_answer) {
  accepted(RegisterBook{"b1", "Emma"});
  const Context once{.idempotency_key = "key-1"};
  accepted(LendBook{"b1", "ada"}, once);
  EXPECT_TRUE(accepted(LendBook{"b1", "ada"}, once).repeated) << "decided anew it would be AlreadyLent";
}

TEST_F(HandlerTest, a_key_belongs_to_one_command) {
  accepted(RegisterBook{"b1", "Emma"}, {.idempotency_key = "key-1"});
  for (const auto& other : {LendBook{"b1", "ada"}, LendBook{"b2", "eve"}}) {
    const auto refused = handle<Book>(*store_, other, {.idempotency_key = "key-1"});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind(), stele::errc::invalid);
    EXPECT_EQ(refused.error().fact("command"), "RegisterBook");
  }
  EXPECT_FALSE(handle<Book>(*store_, RegisterBook{"b1", "Persuasion"}, {.idempotency_key = "key-1"}));
  EXPECT_EQ(head(), 1u);
}

TEST_F(HandlerTest, a_lost_reply_is_found_again) {
  meddling_.after_append = [&](auto) -> stele::result<stele::AppendResult> {
    meddling_.after_append = nullptr;
    return stele::Error(stele::errc::timeout, "the reply was lost");
  };
  const Context once{.idempotency_key = "key-1"};
  const auto lost = handle<Book>(meddling_, RegisterBook{"b1", "Emma"}, once, options_without_sleep_);
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().kind(), stele::errc::timeout);
  EXPECT_TRUE(accepted(RegisterBook{"b1", "Emma"}, once).repeated);
  EXPECT_EQ(head(), 1u);
}

TEST_F(HandlerTest, two_with_one_key_at_the_same_time_have_one_effect) {
  accepted(RegisterBook{"b1", "Emma"});
  const Context once{.idempotency_key = "key-1"};
  meddling_.before_append = [&](const auto&) {
    meddling_.before_append = nullptr;
    (void)must(handle<Book>(*store_, LendBook{"b1", "ada"}, once));
  };
  const auto late = accepted(LendBook{"b1", "ada"}, once);
  EXPECT_TRUE(late.repeated || late.appended->was_duplicate);
  EXPECT_EQ(late.revision, Revision(1));
  EXPECT_EQ(head(), 2u);
}

// ---- Histories that cannot be

TEST_F(HandlerTest, an_impossible_history_is_refused_with_stream_revision_and_type) {
  append("Book-b1", "BookRegistered", R"({"book":"b1","title":"Emma"})");
  append("Book-b1", "BookReturned", R"({"book":"b1","days":1})");
  const auto refused = handle<Book>(*store_, LendBook{"b1", "ada"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), stele::errc::corrupt);
  EXPECT_EQ(refused.error().fact("stream"), "Book-b1");
  EXPECT_EQ(refused.error().fact("revision"), "1");
  EXPECT_EQ(refused.error().fact("type"), "BookReturned");
}

TEST_F(HandlerTest, a_foreign_event_in_the_stream_is_not_passed_over) {
  append("Book-b1", "FineCharged");
  const auto refused = handle<Book>(*store_, LendBook{"b1", "ada"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), stele::errc::corrupt);
  EXPECT_NE(refused.error().message().find("Book knows no event of this type"), std::string::npos);
}

TEST_F(HandlerTest, what_rules_throw_is_an_error_and_no_crash) {
  accepted(RegisterBook{"b1", "Emma"});
  accepted(LendBook{"b1", "ada"});
  const auto thrown = handle<Book>(*store_, ReturnBook{"b1", -1});
  ASSERT_FALSE(thrown);
  EXPECT_EQ(thrown.error().kind(), stele::errc::invalid);
  const auto evolved = handle<Book>(*store_, ReturnBook{"b1", 99'999});
  ASSERT_FALSE(evolved);
  EXPECT_EQ(evolved.error().kind(), stele::errc::invalid);
  const auto unwritable = handle<Book>(*store_, RegisterBook{"b2", "\xff"});
  ASSERT_FALSE(unwritable);
  EXPECT_NE(unwritable.error().message().find("UTF-8"), std::string::npos);
  EXPECT_FALSE(handle<Book>(*store_, RegisterBook{"b2", "Emma"}, {.user = "\xff"}));
  EXPECT_EQ(head(), 2u);
}

// ---- Loading

TEST_F(HandlerTest, an_aggregate_is_loaded_as_it_is_and_as_it_was) {
  const stele::Repository<Book> books(*store_);
  EXPECT_FALSE(must(books.load("b1")).revision);
  accepted(RegisterBook{"b1", "Emma"});
  accepted(LendBook{"b1", "ada"});
  accepted(ReturnBook{"b1", 3});
  const auto now = must(books.load("b1"));
  EXPECT_EQ(now.revision, Revision(2));
  EXPECT_EQ(now.events_read, 3u);
  EXPECT_TRUE(std::holds_alternative<Book::OnShelf>(now.state));
  const auto then = must(books.load("b1", Revision(1)));
  EXPECT_EQ(then.events_read, 2u);
  EXPECT_EQ(std::get<Book::Lent>(then.state).reader, "ada");
}

TEST_F(HandlerTest, loading_equals_a_fold_of_a_random_history) {
  const unsigned seed = 11;
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::map<std::string, std::vector<Book::Events::any>> reference;
  for (int i = 0; i < 300; ++i) {
    const std::string book = "b" + std::to_string(random() % 5);
    auto& history = reference[book];
    const std::string reader = "r" + std::to_string(random() % 100);
    auto note = [&](const stele::Handled<Book>& done) {
      history.insert(history.end(), done.events.begin(), done.events.end());
    };
    switch (random() % 4) {
      case 0:
        note(must(handle<Book>(*store_, RegisterBook{book, "t"})));
        break;
      case 1:
        note(must(handle<Book>(*store_, LendBook{book, reader})));
        break;
      case 2:
        note(must(handle<Book>(*store_, ReturnBook{book, 1})));
        break;
      default:
        note(must(handle<Book>(*store_, PassOnBook{book, reader})));
    }
  }
  for (const auto& [book, history] : reference) {
    const auto loaded = must(stele::Repository<Book>(*store_).load(book));
    const auto folded = must(stele::replay<Book>(history));
    EXPECT_EQ(loaded.events_read, history.size());
    ASSERT_EQ(loaded.state.index(), folded.index()) << book;
    if (const auto* lent = std::get_if<Book::Lent>(&folded)) {
      EXPECT_EQ(std::get<Book::Lent>(loaded.state).reader, lent->reader);
      EXPECT_EQ(std::get<Book::Lent>(loaded.state).times_lent, lent->times_lent);
    }
  }
}

// ---- Races

TEST_F(HandlerTest, racing_commands_lose_no_update) {
  constexpr int threads = 4;
  const int each = stele::test::sanitized ? 10 : 40;
  accepted(RegisterBook{"b1", "Emma"});
  accepted(LendBook{"b1", "nobody"});
  std::atomic<int> passed = 0;
  std::vector<std::thread> racing;
  for (int t = 0; t < threads; ++t)
    racing.emplace_back([&, t] {
      HandleOptions patient;
      patient.max_tries = 10'000;
      for (int i = 0; i < each; ++i) {
        auto done = handle<Book>(*store_, PassOnBook{"b1", "r" + std::to_string(t)}, {}, patient);
        if (done && done->accepted()) ++passed;
      }
    });
  for (auto& thread : racing) thread.join();
  EXPECT_EQ(passed, threads * each);
  const auto book = must(stele::Repository<Book>(*store_).load("b1"));
  EXPECT_EQ(std::get<Book::Lent>(book.state).times_lent, 1 + threads * each);
}

}  // namespace

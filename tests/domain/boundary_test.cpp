// boundary_test.cpp - decisions that rest on a query over the log: what was found, and what was not.
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>

#include "domain/customers.hpp"
#include "domain/meddling_store.hpp"
#include "domain/members.hpp"
#include "engine/store_fixture.hpp"

// A name is given back by an event that had another name, and another version, before.
namespace boundary {
struct NameFreed {
  std::string name;
  std::string why;
};
STELE_EVENT(NameFreed, 2, name, why);
namespace v1 {
struct NameDropped {
  std::string name;
};
STELE_EVENT(NameDropped, 1, name);
inline boundary::NameFreed upcast(const NameDropped& old) { return {old.name, ""}; }
}  // namespace v1
STELE_WAS(NameFreed, v1::NameDropped);
}  // namespace boundary

namespace {

using namespace members;
using stele::handle;
using stele::test::must;

class BoundaryTest : public stele::test::StoreTest {
 protected:
  BoundaryTest() : meddling_(*store_) {
    quick_.pause = [](std::chrono::microseconds) {};
  }
  std::uint64_t head() { return store_->head().position.value(); }

  stele::test::MeddlingStore meddling_;
  stele::HandleOptions quick_;
};

TEST_F(BoundaryTest, of_64_who_take_one_address_at_once_one_gets_it) {
  constexpr int takers = 64;
  std::latch all(takers);
  std::atomic<int> accepted = 0;
  std::atomic<int> refused = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < takers; ++i)
    threads.emplace_back([&, i] {
      all.arrive_and_wait();
      stele::HandleOptions patient;
      patient.max_tries = 1'000;
      const auto done = join(*store_, Join{"m" + std::to_string(i), " Ada@Example.org"}, {}, patient);
      if (!done) return;
      ++(done->accepted() ? accepted : refused);
      if (!done->accepted()) {
        EXPECT_EQ(stele::type_name(*done->refusal), "EmailTaken");
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(accepted, 1);
  EXPECT_EQ(refused, takers - 1);
  EXPECT_EQ(head(), 1u);
}

TEST_F(BoundaryTest, an_address_is_one_however_it_is_written_and_free_again_when_given_back) {
  EXPECT_TRUE(must(join(*store_, Join{"m1", "ada@x.org"})).accepted());
  EXPECT_FALSE(must(join(*store_, Join{"m2", "\tADA@x.org "})).accepted());
  EXPECT_TRUE(must(join(*store_, Join{"m2", "ada@y.org"})).accepted());
  EXPECT_TRUE(must(handle<Member>(*store_, Leave{"m1"})).accepted());
  EXPECT_TRUE(must(join(*store_, Join{"m3", "ada@x.org"})).accepted());
  EXPECT_FALSE(must(join(*store_, Join{"m1", "ada@x.org"})).accepted());
}

TEST_F(BoundaryTest, a_value_given_back_under_an_older_name_of_the_event_is_free) {
  const auto is_held = [&] {
    bool held = false;
    const auto look = [&](auto& work) -> stele::result<void> {
      STELE_TRY(held, work.template taken<boundary::NameFreed>("name", "ada"));
      return {};
    };
    (void)must(stele::transact<Member::Refusals>(*store_, Leave{"x"}, {}, {}, look));
    return held;
  };
  const auto happened = [&](std::string type) {
    auto tagged = stele::test::event(std::move(type));
    tagged.tags = {stele::unique_tag("name", "ada")};
    (void)must(store_->append(stele::test::write("Name-1", {tagged})));
  };
  EXPECT_FALSE(is_held());
  happened("NameChosen");
  EXPECT_TRUE(is_held());
  happened("NameDropped");
  EXPECT_FALSE(is_held());
  happened("NameChosen");
  happened("NameFreed");
  EXPECT_FALSE(is_held());
}

TEST_F(BoundaryTest, a_taker_who_was_slower_decides_again_and_is_told_why_not) {
  meddling_.before_append = [&](const auto& request) {
    ASSERT_TRUE(request.condition);
    meddling_.before_append = nullptr;
    EXPECT_TRUE(must(join(*store_, Join{"fast", "ada@x.org"})).accepted());
  };
  const auto slow = must(join(meddling_, Join{"slow", "ada@x.org"}, {}, quick_));
  EXPECT_EQ(slow.tries, 2u);
  EXPECT_EQ(stele::content_json(*slow.refusal), R"({"email":"ada@x.org"})");
}

TEST_F(BoundaryTest, others_who_write_something_else_are_no_conflict) {
  meddling_.before_append = [&](const auto&) {
    meddling_.before_append = nullptr;
    EXPECT_TRUE(must(join(*store_, Join{"other", "other@x.org"})).accepted());
  };
  EXPECT_EQ(must(join(meddling_, Join{"m1", "ada@x.org"}, {}, quick_)).tries, 1u);
}

TEST_F(BoundaryTest, a_repeat_gets_the_first_answer_though_the_value_is_taken_now) {
  const stele::Context once{.idempotency_key = "k"};
  EXPECT_TRUE(must(join(*store_, Join{"m1", "ada@x.org"}, once)).accepted());
  const auto again = must(join(*store_, Join{"m1", "ada@x.org"}, once));
  EXPECT_TRUE(again.repeated);
  EXPECT_TRUE(again.accepted());
  EXPECT_EQ(head(), 1u);
}

TEST_F(BoundaryTest, a_held_seat_is_free_again_when_its_time_is_over) {
  const auto noon = *stele::parse_time("2026-03-01T12:00Z");
  const auto at = [&](int minutes) { return stele::Context{.at = noon + std::chrono::minutes(minutes)}; };
  EXPECT_TRUE(must(book_seat(*store_, HoldSeat{"ada", "12A"}, at(0))).accepted());
  EXPECT_FALSE(must(book_seat(*store_, HoldSeat{"eve", "12A"}, at(14))).accepted());
  EXPECT_TRUE(must(book_seat(*store_, HoldSeat{"eve", "12B"}, at(14))).accepted()) << "another seat";
  EXPECT_TRUE(must(book_seat(*store_, HoldSeat{"eve", "12A"}, at(15))).accepted());
  EXPECT_FALSE(must(book_seat(*store_, BuySeat{"ada", "12A"}, at(16))).accepted()) << "too late";
  EXPECT_TRUE(must(book_seat(*store_, BuySeat{"eve", "12A"}, at(16))).accepted());
  EXPECT_FALSE(must(book_seat(*store_, HoldSeat{"ada", "12A"}, at(900))).accepted()) << "bought for good";
}

// ---- The query itself

TEST_F(BoundaryTest, finds_older_names_and_says_where_each_event_stands) {
  append("Customer-c1", "ContactChanged", R"({"street":"Elm 1","phone":"555"})");
  append("Customer-c2", "PhoneChanged", R"({"number":"777"})");
  append("Other-1", "PhoneChanged", R"({"number":"888"})");
  std::string found;
  const auto look = [&](auto& work) -> stele::result<void> {
    STELE_TRY(const auto phones, work.template query<customers::PhoneChanged>({.categories = {"Customer"}}));
    for (const auto& each : phones)
      found +=
          std::get<0>(each.event).number + "@" + std::to_string(each.position.value()) + each.stream + " ";
    return {};
  };
  const auto done = must(stele::transact<Member::Refusals>(*store_, Leave{"x"}, {}, {}, look));
  EXPECT_EQ(found, "555@1Customer-c1 777@2Customer-c2 ");
  EXPECT_FALSE(done.appended);
  EXPECT_EQ(done.events_read, 2u);
}

TEST_F(BoundaryTest, all_queries_of_one_try_see_the_same_log) {
  int tries = 0;
  const auto body = [&](auto& work) -> stele::result<void> {
    ++tries;
    STELE_TRY(const auto before, work.template query<SeatHeld>({.tags = {"seat:1"}}));
    if (tries == 1) (void)must(book_seat(*store_, HoldSeat{"eve", "2"}));
    STELE_TRY(const auto after, work.template query<SeatHeld>({.tags = {"seat:2"}}));
    EXPECT_EQ(after.size(), tries == 1 ? 0u : 1u) << "what came in between is seen by the next try";
    STELE_TRY(auto booking, work.template load<Booking>("ada"));
    work.ask(booking, HoldSeat{"ada", "1"});
    return {};
  };
  const auto done = must(stele::transact<Booking::Refusals>(*store_, HoldSeat{"ada", "1"}, {}, quick_, body));
  EXPECT_EQ(done.tries, 2u);
  EXPECT_EQ(tries, 2);
}

TEST_F(BoundaryTest, what_cannot_be_read_is_an_error) {
  append("Booking-x", "SeatHeld", "{}");
  const auto unreadable = [](auto& work) -> stele::result<void> {
    STELE_CHECK(work.template query<SeatHeld>());
    return {};
  };
  EXPECT_EQ(stele::transact<Booking::Refusals>(*store_, HoldSeat{}, {}, {}, unreadable).error().kind(),
            stele::errc::corrupt);
}

TEST(UniqueTag, hides_the_value_and_keeps_names_apart) {
  const auto tag = stele::unique_tag("email", "ada@x.org");
  EXPECT_EQ(tag, stele::unique_tag("email", "  ADA@X.ORG\n"));
  EXPECT_NE(tag, stele::unique_tag("phone", "ada@x.org"));
  EXPECT_NE(tag, stele::unique_tag("email", "ada@x.or"));
  EXPECT_EQ(tag.find("ada"), std::string::npos);
  EXPECT_EQ(stele::unique_tag("email", ""), stele::unique_tag("email", " \t"));
}

}  // namespace

// repeat_test.cpp - what a command is told when it comes again after a refusal, and where a stream stands that was
// deleted in between.
#include <gtest/gtest.h>

#include "domain/library.hpp"
#include "domain/meddling_store.hpp"
#include "engine/store_fixture.hpp"
#include "stele/handler.hpp"
#include "stele/snapshot.hpp"

namespace {

using namespace library;
using stele::Context;
using stele::handle;
using stele::HandleOptions;
using stele::Revision;
using stele::test::must;

const Context once{.user = "ada", .idempotency_key = "key-1"};

class RepeatTest : public stele::test::StoreTest {
 protected:
  template <class C>
  stele::Handled<Book> put(const C& command, const Context& context = {}, const HandleOptions& options = {}) {
    return must(handle<Book>(*store_, command, context, options));
  }
};

// ---- Refusals

TEST_F(RepeatTest, a_refused_command_is_refused_again_for_the_same_reason_whatever_has_happened_since) {
  const auto first = put(LendBook{"b1", "ada"}, once);
  EXPECT_FALSE(first.repeated);
  put(RegisterBook{"b1", "Emma"});
  const auto again = put(LendBook{"b1", "ada"}, once);
  ASSERT_FALSE(again.accepted()) << "decided anew it would be lent";
  EXPECT_TRUE(again.repeated);
  EXPECT_EQ(stele::type_name(*again.refusal), "NoSuchBook");
  EXPECT_EQ(stele::content_json(*again.refusal), stele::content_json(*first.refusal));
  EXPECT_TRUE(std::holds_alternative<Book::OnShelf>(again.state)) << "the aggregate as it is now";
  EXPECT_EQ(store_->head().position.value(), 1u);
}

TEST_F(RepeatTest, a_refusal_is_remembered_over_a_restart) {
  put(LendBook{"b1", "ada"}, once);
  reopen();
  put(RegisterBook{"b1", "Emma"});
  EXPECT_TRUE(put(LendBook{"b1", "ada"}, once).repeated);
  EXPECT_TRUE(put(LendBook{"b1", "ada"}, {.idempotency_key = "key-2"}).accepted())
      << "another key, another try";
}

TEST_F(RepeatTest, the_key_of_a_refused_command_belongs_to_it) {
  put(LendBook{"b1", "ada"}, once);
  const auto other = handle<Book>(*store_, LendBook{"b1", "eve"}, once);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().kind(), stele::errc::invalid);
  EXPECT_EQ(other.error().fact("command"), "LendBook");
}

TEST_F(RepeatTest, an_expected_version_is_not_looked_at_for_an_answer_that_was_given) {
  put(RegisterBook{"b1", "Emma"});
  HandleOptions at_zero;
  at_zero.expected = stele::ExpectedVersion::exact(Revision(0));
  EXPECT_FALSE(put(ReturnBook{"b1", 1}, once, at_zero).accepted());
  put(LendBook{"b1", "ada"});
  EXPECT_TRUE(put(ReturnBook{"b1", 1}, once, at_zero).repeated);
}

TEST_F(RepeatTest, without_a_key_or_when_it_is_not_wanted_nothing_is_remembered) {
  HandleOptions forget;
  forget.remember_refusals = {};
  EXPECT_FALSE(put(LendBook{"b1", "ada"}).accepted());
  EXPECT_FALSE(put(LendBook{"b1", "ada"}, once, forget).accepted());
  put(RegisterBook{"b1", "Emma"});
  EXPECT_TRUE(put(LendBook{"b1", "ada"}, once).accepted());
}

TEST_F(RepeatTest, what_is_older_than_it_is_to_be_remembered_is_forgotten) {
  HandleOptions options;
  options.remember_refusals = std::chrono::seconds(-3600);  // everything so far is older than this
  for (int i = 0; i < 300; ++i)
    put(LendBook{"b1", "ada"}, {.idempotency_key = "key-" + std::to_string(i)}, options);
  int remembered = 0;
  for (int i = 0; i < 300; i += i < 280 ? 20 : 1)
    remembered +=
        put(LendBook{"b1", "ada"}, {.idempotency_key = "key-" + std::to_string(i)}).repeated ? 1 : 0;
  EXPECT_LT(remembered, 14 + 20) << "all that were asked about";
  EXPECT_GT(remembered, 0);
}

TEST_F(RepeatTest, a_refusal_that_this_program_does_not_know_is_decided_anew) {
  put(LendBook{"b1", "ada"}, once);
  put(RegisterBook{"b1", "Emma"});
  // As an older program with another rule would have left it: the same record with another name in it.
  class OtherRule final : public stele::test::MeddlingStore, private stele::Records {
   public:
    using MeddlingStore::MeddlingStore;
    stele::Records& records() override { return *this; }

   private:
    stele::result<std::optional<std::string>> get(std::string_view space, std::string_view key) override {
      auto found = MeddlingStore::records().get(space, key);
      if (found && *found)
        if (const auto at = (*found)->find("NoSuchBook"); at != std::string::npos)
          (*found)->replace(at, 10, "NoSuchTome");
      return found;
    }
    stele::result<void> put(std::string_view, std::string_view, std::string_view) override { return {}; }
    stele::result<bool> insert(std::string_view, std::string_view, std::string_view) override {
      return false;
    }
    stele::result<void> erase(std::string_view, std::string_view) override { return {}; }
    stele::result<std::uint64_t> erase_older(std::string_view, stele::Timestamp) override {
      return std::uint64_t{0};
    }
  };
  OtherRule other(*store_);
  const auto anew = must(handle<Book>(other, LendBook{"b1", "ada"}, once));
  EXPECT_TRUE(anew.accepted());
  EXPECT_FALSE(anew.repeated);
}

TEST_F(RepeatTest, a_command_over_several_aggregates_repeats_its_refusal_without_deciding) {
  int asked = 0;
  const auto both = [&](auto& work) -> stele::result<void> {
    STELE_TRY(auto one, work.template load<Book>("b1"));
    STELE_TRY(auto two, work.template load<Book>("b2"));
    asked += work.ask(one, LendBook{"b1", "ada"}) && work.ask(two, LendBook{"b2", "ada"}) ? 1 : 0;
    return {};
  };
  const auto lend_both = [&] {
    return must(stele::transact<Book::Refusals>(*store_, LendBook{"both", "ada"}, once, {}, both));
  };
  put(RegisterBook{"b1", "Emma"});
  EXPECT_EQ(stele::content_json(*lend_both().refusal), R"({"book":"b2"})");
  put(RegisterBook{"b2", "Persuasion"});
  const auto again = lend_both();
  EXPECT_TRUE(again.repeated);
  EXPECT_EQ(stele::content_json(*again.refusal), R"({"book":"b2"})");
  EXPECT_EQ(asked, 0);
  EXPECT_EQ(store_->head().position.value(), 2u);
}

// ---- Deleted streams

TEST_F(RepeatTest, a_stream_that_was_deleted_goes_on_with_its_numbers_and_the_answer_says_so) {
  put(RegisterBook{"b1", "Emma"});
  put(LendBook{"b1", "ada"});
  must(stele::delete_stream(*store_, "Book-b1"));
  const auto anew = put(RegisterBook{"b1", "Emma"}, once);
  EXPECT_EQ(anew.revision, Revision(2));
  EXPECT_EQ(anew.appended->revisions.at(0).revision, Revision(2));
  const auto next = put(LendBook{"b1", "eve"});
  EXPECT_EQ(next.revision, Revision(3));
  EXPECT_EQ(must(stele::Repository<Book>(*store_).load("b1")).revision, Revision(3));
  const auto again = put(RegisterBook{"b1", "Emma"}, once);
  EXPECT_TRUE(again.repeated);
  EXPECT_EQ(again.revision, Revision(2));
}

TEST_F(RepeatTest, each_part_of_a_transaction_knows_where_it_stands_afterwards) {
  put(RegisterBook{"b1", "Emma"});
  must(stele::delete_stream(*store_, "Book-b1"));
  std::vector<stele::Part<Book>> parts;
  const auto both = [&](auto& work) -> stele::result<void> {
    parts.clear();
    for (const std::string id : {"b1", "b2"}) {
      STELE_TRY(auto part, work.template load<Book>(id));
      work.ask(part, RegisterBook{id, "T"});
      parts.push_back(part);
    }
    return {};
  };
  (void)must(stele::transact<Book::Refusals>(*store_, RegisterBook{"both", "T"}, {}, {}, both));
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(parts[0].revision(), Revision(1));
  EXPECT_EQ(parts[1].revision(), Revision(0));
}

}  // namespace

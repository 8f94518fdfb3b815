// Looking for events and states: the first bad one, what led to what, where something is, and what would have been.
#include <gmock/gmock.h>

#include <fstream>

#include "history/causes.hpp"
#include "history/fork.hpp"
#include "history/json_tree.hpp"
#include "history/retelling.hpp"
#include "history/search.hpp"
#include "list_source.hpp"
#include "stele/store.hpp"
#include "support/temp_directory.hpp"

namespace stele::history::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr auto raced = "BankAccount-acct-13";

Expression condition(const std::string& text) {
  auto parsed = Expression::parse(text);
  EXPECT_TRUE(parsed) << text;
  return *std::move(parsed);
}

// ---- The first where it holds

class BisectTest : public testing::Test {
 protected:
  ListSource source_ = bank_past();
  Fold fold_ = account_fold();
  std::unique_ptr<Timeline> timeline_ = *open_timeline(source_, fold_, raced);
  std::optional<KeptStep> first(const std::string& text, bool monotone = false) {
    return *first_where(*timeline_, condition(text), Revision(0), Revision(203), monotone);
  }
};

TEST_F(BisectTest, the_planted_race_is_found_with_its_states) {
  const auto found = first("balance < 0");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->event.revision, Revision(203));
  EXPECT_EQ(found->before, R"({"type":"Open","balance":"2900.00"})");
  EXPECT_EQ(found->after, R"({"type":"Open","balance":"-100.00"})");
  EXPECT_THAT(found->event.data, HasSubstr("concurrent withdrawal not caught"));
  EXPECT_THAT(found->event.metadata, HasSubstr("\"decidedAtVersion\":201"));
  EXPECT_EQ(step_at(*timeline_, Revision(201))->after, R"({"type":"Open","balance":"3400.00"})");
}

TEST_F(BisectTest, halving_finds_what_stays_bad) {
  EXPECT_EQ(first("balance < 0", true)->event.revision, Revision(203));
  EXPECT_EQ(first("version >= 77", true)->event.revision, Revision(77));
  EXPECT_FALSE(first("balance > 1000000", true));
  EXPECT_EQ(first("type = 'AccountCreated' or version > 0", true)->event.revision, Revision(0));
}

TEST_F(BisectTest, the_first_and_the_last_of_a_stretch_are_found) {
  EXPECT_EQ(first("metadata.decidedAtVersion = 201")->event.revision, Revision(202));
  const auto last = *last_where(*timeline_, condition("data.amount = 3200"), Revision(0), Revision(203));
  ASSERT_TRUE(last);
  EXPECT_EQ(last->event.revision, Revision(201));
  EXPECT_FALSE(*last_where(*timeline_, condition("balance < -1000"), Revision(0), Revision(203)));
}

TEST_F(BisectTest, all_accounts_are_swept_on_several_threads) {
  std::uint64_t looked = 0;
  const auto swept = sweep([&] { return std::make_unique<ListSource>(source_); }, fold_,
                           condition("balance < 0"), {.category = "BankAccount", .threads = 3});
  ASSERT_TRUE(swept);
  ASSERT_EQ(swept->found.size(), 1u);
  EXPECT_EQ(swept->found.front().event.stream, raced);
  EXPECT_TRUE(swept->complete);
  for (const auto& event : source_.events) looked += event.stream.starts_with("BankAccount-") ? 1u : 0u;
  EXPECT_EQ(swept->events, looked);
  EXPECT_TRUE(swept->unreadable.empty());
}

TEST_F(BisectTest, a_sweep_tells_what_it_could_not_fold_and_when_it_had_enough) {
  source_.add("BankAccount-broken", "MoneyDeposited", "{}");
  const auto make = [&] { return std::make_unique<ListSource>(source_); };
  const auto all = sweep(make, fold_, condition("balance < 0"), {.category = "BankAccount", .threads = 1});
  ASSERT_EQ(all->unreadable.size(), 1u);
  EXPECT_THAT(all->unreadable.front(), HasSubstr("BankAccount-broken"));
  const auto some = sweep(make, fold_, condition("balance >= 0"),
                          {.category = "BankAccount", .threads = 1, .most_found = 2});
  EXPECT_EQ(some->found.size(), 2u);
  EXPECT_FALSE(some->complete);
}

// Goes through all of the type in pieces of `most` events.
std::vector<std::string> in_pieces(EventSource& source, const Fold& fold, const std::string& text,
                                   std::uint64_t most, std::string after = "") {
  std::vector<std::string> out;
  SweepWalk walk(source, fold, condition(text), "BankAccount", after);
  while (!walk.ended()) {
    const auto verdict = walk.next(most);
    EXPECT_TRUE(verdict);
    if (!verdict) break;
    if (!*verdict) continue;
    EXPECT_EQ(walk.reached(), (*verdict)->stream);
    const auto& found = (*verdict)->found;
    out.push_back((*verdict)->stream + (found ? " v" + std::to_string(found->event.revision.value())
                                              : " " + (*verdict)->unreadable));
  }
  EXPECT_FALSE(*walk.next(most)) << "what has ended stays so";
  return out;
}

TEST_F(BisectTest, a_sweep_in_pieces_says_the_same_whatever_their_size) {
  source_.add("BankAccount-a", "MoneyDeposited", "{}");
  source_.add("BankAccountant-1", "Hired", "{}");
  const auto all = in_pieces(source_, fold_, "balance < 0", 1'000'000);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_THAT(all[0], testing::StartsWith("BankAccount-a "));
  EXPECT_EQ(all[1], std::string(raced) + " v203");
  for (const std::uint64_t most : {1u, 7u, 100u}) {
    EXPECT_EQ(in_pieces(source_, fold_, "balance < 0", most), all) << most;
  }
  EXPECT_THAT(in_pieces(source_, fold_, "balance < 0", 50, "BankAccount-a"), ElementsAre(all[1]));
  EXPECT_THAT(in_pieces(source_, fold_, "balance < 0", 50, raced), ElementsAre());
  SweepWalk walk(source_, fold_, condition("balance > 1000000"), "BankAccount", "BankAccount-a");
  ASSERT_TRUE(walk.next(10));
  EXPECT_EQ(walk.events(), 10u) << "no more than it was given";
}

TEST_F(BisectTest, a_condition_that_asks_for_no_state_makes_none) {
  source_.add("BankAccount-odd", "AccountCreated", R"({"accountId":"odd","owner":"Ada"})");
  source_.add("BankAccount-odd", "Nonsense", R"({"n":1})");
  source_.add("BankAccount-odd", "MoneyDeposited", R"({"accountId":"odd","amount":"1.00","description":""})");
  const auto odd = *open_timeline(source_, fold_, "BankAccount-odd");
  const auto first_of = [&](const std::string& text) {
    return first_where(*odd, condition(text), Revision(0), Revision(2));
  };
  EXPECT_EQ((*first_of("version = 0"))->after, R"({"type":"Open","balance":"0.00"})");
  ASSERT_TRUE(first_of("type = 'Never'")) << "nothing is folded to find nothing";
  EXPECT_FALSE(*first_of("type = 'Never'"));
  EXPECT_EQ(first_of("data.amount = 1").error().kind(), errc::corrupt) << "its states are shown";
  EXPECT_EQ(first_of("balance < 0").error().kind(), errc::corrupt);
  EXPECT_THAT(in_pieces(source_, fold_, "data.n = 1 or data.amount = 3000", 64),
              ElementsAre(std::string(raced) + " v203", testing::StartsWith("BankAccount-odd ")));
}

// ---- Causes

std::string caused(std::size_t cause, const std::string& correlation = "tx-1") {
  return R"({"correlationId":")" + correlation + R"(","causationId":")" +
         to_string(ListSource::id_numbered(cause)) + "\"}";
}

class CausesTest : public testing::Test {
 protected:
  CausesTest() {
    source_.add("Noise-1", "Before", "{}");
    source_.add("Order-1", "Placed", "{}", R"({"correlationId":"tx-1","userId":"ada"})",
                "2026-03-01T10:00:00Z");
    source_.add("Stock-1", "Reserved", R"({"sku":"p-1","n":2})", caused(2), "2026-03-01T10:00:00.003Z");
    source_.add("Noise-1", "Between", "{}", R"({"userId":"bob"})");
    source_.add("Payment-1", "Captured", R"({"amount":"109.97"})", caused(3), "2026-03-01T10:00:01Z");
    source_.add("Stock-2", "Reserved", "{}", caused(2), "2026-03-01T10:00:02Z");
    source_.add("Mail-1", "Sent", "{}", caused(5, "other"), "2026-03-01T10:00:03Z");
  }
  std::vector<std::string> tree(std::size_t of, const CausesLimits& limits = {}) {
    const auto causes = causes_of(source_, ListSource::id_numbered(of), limits);
    EXPECT_TRUE(causes);
    std::vector<std::string> out;
    for (const auto& each : causes->tree)
      out.push_back(std::string(each.depth, '.') + each.event.type +
                    (each.elapsed ? "+" + std::to_string(*each.elapsed) : "") + (each.asked ? "!" : ""));
    searched_ = searched_json(causes->searched);
    return out;
  }
  ListSource source_;
  std::string searched_;
};

TEST_F(CausesTest, the_whole_transaction_is_one_tree_wherever_one_asks) {
  EXPECT_THAT(tree(5), ElementsAre("Placed", ".Reserved+3000", "..Captured+997000!", "...Sent+2000000",
                                   ".Reserved+2000000"));
  EXPECT_EQ(searched_, R"({"from":2,"to":7,"events":6,"complete":true})");
  EXPECT_THAT(tree(2), ElementsAre("Placed!", ".Reserved+3000", "..Captured+997000", "...Sent+2000000",
                                   ".Reserved+2000000"));
}

TEST_F(CausesTest, an_event_without_a_transaction_stands_alone) {
  EXPECT_THAT(tree(1), ElementsAre("Before!"));
  EXPECT_EQ(causes_of(source_, ListSource::id_numbered(99)).error().kind(), errc::not_found);
}

TEST_F(CausesTest, a_limit_is_told) {
  EXPECT_THAT(tree(2, {.events = 2}), ElementsAre("Placed!", ".Reserved+3000"));
  EXPECT_EQ(searched_, R"({"from":2,"to":3,"events":2,"complete":false})");
}

TEST_F(CausesTest, events_that_cause_each_other_are_still_a_forest) {
  source_.add("Loop-1", "Self", "{}", caused(8, "loop"));
  EXPECT_THAT(tree(8), ElementsAre("Self!"));
  source_.add("Loop-1", "A", "{}", caused(10, "ring"));
  source_.add("Loop-1", "B", "{}", caused(9, "ring"));
  EXPECT_THAT(tree(9), ElementsAre("A!", ".B+0")) << "a ring begins with the first of it";
}

TEST_F(CausesTest, a_chain_is_shown_whole_or_said_to_go_on) {
  source_.add("Chain-1", "Link", "{}", R"({"correlationId":"chain"})");
  for (std::size_t i = 1; i < 150; ++i) source_.add("Chain-1", "Link", "{}", caused(7 + i, "chain"));
  EXPECT_EQ(tree(8).size(), 150u);
  EXPECT_THAT(searched_, HasSubstr("\"complete\":true"));
  EXPECT_EQ(tree(157).back(), std::string(100, '.') + "Link+0!");
  EXPECT_THAT(searched_, HasSubstr("\"complete\":false")) << "there are causes above the first one shown";
}

// ---- Finding

TEST_F(CausesTest, what_is_asked_for_must_all_be_so) {
  const auto find = [&](Search search) {
    if (search.to == Position()) search.to = Position(source_.events.size());
    search.from = std::max(search.from, Position(1));
    std::vector<std::string> out;
    const auto searched = find_events(source_, search, [&](const EventView& event) -> result<void> {
      out.push_back(std::to_string(event.position.value()));
      return {};
    });
    EXPECT_TRUE(searched);
    searched_ = searched_json(*searched);
    return out;
  };
  EXPECT_THAT(find({.text = "p-1"}), ElementsAre("3"));
  EXPECT_EQ(searched_, R"({"from":1,"to":7,"events":7,"complete":true})");
  EXPECT_THAT(find({.correlation = "tx-1"}), ElementsAre("2", "3", "5", "6"));
  EXPECT_THAT(find({.actor = "bob"}), ElementsAre("4"));
  EXPECT_THAT(find({.where = condition("data.amount > 100")}), ElementsAre("5"));
  EXPECT_THAT(find({.correlation = "tx-1", .where = condition("type = 'Reserved'")}), ElementsAre("3", "6"));
  EXPECT_THAT(
      find({.query = Query::of({.types = {"Reserved"}, .tags = {}, .streams = {}, .categories = {}})}),
      ElementsAre("3", "6"));
  EXPECT_THAT(find({.limit = 2}), ElementsAre("1", "2"));
  EXPECT_EQ(searched_, R"({"from":1,"to":2,"events":2,"complete":false})");
  EXPECT_THAT(find({.from = Position(4), .to = Position(5)}), ElementsAre("4", "5"));
}

// ---- What if

class ForkTest : public BisectTest {
 protected:
  Forked fork(std::vector<Edit> edits, std::string* bundle = nullptr) {
    auto forked = fork_history(source_, fold_, *source_.stream_info(raced), std::move(edits), {}, bundle);
    EXPECT_TRUE(forked) << forked.error().to_string();
    return forked ? *std::move(forked) : Forked();
  }
  Error refusal(std::vector<Edit> edits) {
    const auto forked = fork_history(source_, fold_, *source_.stream_info(raced), std::move(edits));
    EXPECT_FALSE(forked);
    return forked ? Error(errc::conflict, "it was done") : forked.error();
  }
};

TEST_F(ForkTest, without_the_race_the_money_is_there) {
  const auto forked = fork({*parse_drop("v203")});
  EXPECT_EQ(forked.real, R"({"type":"Open","balance":"-100.00"})");
  EXPECT_EQ(forked.forked, R"({"type":"Open","balance":"2900.00"})");
  EXPECT_EQ(forked.first_different, Revision(203));
  EXPECT_EQ(forked.forked_events, 203u);
  EXPECT_THAT(forked_json(forked),
              HasSubstr(R"("difference":[{"field":"balance","before":"-100.00","after":"2900.00"}])"));
}

TEST_F(ForkTest, other_data_and_one_more_event_are_folded_in_their_place) {
  const auto set = fork({*parse_set(R"(v202.amount="600.00")")});
  EXPECT_EQ(set.forked, R"({"type":"Open","balance":"-200.00"})");
  EXPECT_EQ(set.first_different, Revision(202));
  const auto insert = fork({*parse_insert(
      R"(v203 MoneyDeposited {"accountId":"acct-13","amount":"150.00","description":"a gift"})")});
  EXPECT_EQ(insert.forked, R"({"type":"Open","balance":"50.00"})");
  EXPECT_EQ(insert.forked_events, 205u);
  const auto behind = fork({*parse_insert(R"(v204 AccountClosed {"accountId":"acct-13"})")});
  EXPECT_EQ(behind.forked, R"({"type":"Closed"})");
  EXPECT_EQ(behind.first_different, Revision(204));
  EXPECT_EQ(source_.events.size(), bank_past().events.size()) << "nothing was written";
}

TEST_F(ForkTest, a_history_that_cannot_be_says_which_event) {
  const auto forked = fork({*parse_drop("v0")});
  EXPECT_EQ(forked.forked, R"({"type":"Missing"})");
  EXPECT_FALSE(forked.impossible.empty());
  EXPECT_EQ(forked.first_different, Revision(0));
}

TEST_F(ForkTest, edits_of_nothing_are_refused) {
  EXPECT_THAT(refusal({*parse_drop("v999")}).message(), HasSubstr("no version 999"));
  EXPECT_EQ(refusal({*parse_drop("v204")}).kind(), errc::invalid);
  for (const char* text : {"", "203", "v", "vx", "v203 "}) EXPECT_FALSE(parse_drop(text)) << text;
  for (const char* text : {"v203", "v203.=1", "v203.amount=", "v203.amount=one", "203.amount=1"})
    EXPECT_FALSE(parse_set(text)) << text;
  for (const char* text : {"v203", "v203 ", "v203 T {", "x T {}"}) EXPECT_FALSE(parse_insert(text)) << text;
}

TEST_F(ForkTest, a_bundle_replays_identically_somewhere_else_and_shows_what_was_touched) {
  std::string bundle;
  const auto forked = fork({*parse_drop("v100"), *parse_drop("v203")}, &bundle);
  const auto own = [&](const std::string&) -> result<const Fold*> { return &fold_; };
  const auto again = replay_bundle(bundle, own);
  ASSERT_TRUE(again) << again.error().to_string();
  EXPECT_TRUE(again->identical);
  EXPECT_EQ(again->events, forked.forked_events);
  const auto at = bundle.rfind("\"balance\":\"");
  bundle.replace(at + 11, 1, "9");
  const auto touched = replay_bundle(bundle, own);
  ASSERT_TRUE(touched);
  EXPECT_FALSE(touched->identical);
  EXPECT_EQ(touched->first_different, Revision(201));
  EXPECT_THAT(replayed_json(*touched), HasSubstr(R"("got":{"type":"Open")"));
  EXPECT_FALSE(replay_bundle("{}\n", own));
  EXPECT_FALSE(replay_bundle(bundle.substr(0, bundle.size() / 2), own));
}

TEST_F(ForkTest, a_declared_fold_goes_along_in_the_bundle) {
  const auto declared =
      declared_fold("[BankAccount.MoneyWithdrawn]\nadd = { spent = \"$data.amount\" }", "BankAccount");
  std::string bundle;
  ASSERT_TRUE(
      fork_history(source_, declared, *source_.stream_info(raced), {*parse_drop("v203")}, {}, &bundle));
  const auto nobody = [](const std::string&) -> result<const Fold*> {
    return Error(errc::not_found, "nobody");
  };
  const auto again = replay_bundle(bundle, nobody);
  ASSERT_TRUE(again) << again.error().to_string();
  EXPECT_TRUE(again->identical);
  EXPECT_EQ(again->fold, "test.toml");
}

TEST_F(ForkTest, two_folds_are_compared_to_the_first_event_that_parts_them) {
  const auto strict = declared_fold("[BankAccount.MoneyDeposited]\nadd = { n = 1 }", "BankAccount");
  const auto same = declared_fold("[BankAccount.MoneyDeposited]\nadd = { n = 1 }", "BankAccount");
  const auto other = declared_fold(
      "[BankAccount.MoneyDeposited]\nadd = { n = 1 }\n[BankAccount.MoneyWithdrawn]\nset = { w = "
      "\"$data.description\" }",
      "BankAccount");
  const auto info = *source_.stream_info(raced);
  EXPECT_FALSE(compare_folds(source_, info, strict, same)->first_different);
  const auto parted = compare_folds(source_, info, strict, other);
  ASSERT_TRUE(parted->first_different);
  EXPECT_THAT(parted->event, HasSubstr("MoneyWithdrawn"));
  EXPECT_THAT(parted->second, HasSubstr("\"w\":"));
}

// ---- As a test

TEST_F(ForkTest, the_race_becomes_a_test_that_todays_rules_refuse) {
  const auto test =
      retold_as_test(source_, fold_, *source_.stream_info(raced), Revision(203), "bank/account.hpp");
  ASSERT_TRUE(test) << test.error().to_string();
  EXPECT_THAT(*test, HasSubstr("today's rules decide otherwise; recorded was bank::MoneyWithdrawn."));
  EXPECT_THAT(*test, HasSubstr("TEST(BankAccount_acct_13, version_203) {"));
  EXPECT_THAT(
      *test,
      HasSubstr(R"(.when(told<bank::WithdrawMoney>(R"json({"accountId":"acct-13","amount":"3000.00")"));
  EXPECT_THAT(*test, HasSubstr(".then_refused(told<bank::InsufficientFunds>(R\"json({\"balance\":\"2900.00\","
                               "\"asked\":\"3000.00\"})json\"))"));
  const auto good = retold_as_test(source_, fold_, *source_.stream_info(raced), Revision(201));
  EXPECT_THAT(*good, HasSubstr("today's rules decide the same"));
  EXPECT_THAT(*good, HasSubstr(".then(told<bank::MoneyDeposited>("));
}

TEST_F(ForkTest, without_a_known_command_the_test_is_about_the_state) {
  ListSource source;
  source.add("BankAccount-1", "AccountCreated", R"({"accountId":"1","owner":"Ada"})");
  source.add("BankAccount-1", "AccountClosed", R"({"accountId":"1"})");
  const auto test = retold_as_test(source, fold_, *source.stream_info("BankAccount-1"), Revision(1));
  EXPECT_THAT(*test, HasSubstr("nothing says what was asked for"));
  EXPECT_THAT(*test, HasSubstr("EXPECT_EQ(stele::to_json(*state), R\"json({\"type\":\"Closed\"})json\");"));
  const auto declared = declared_fold("[BankAccount.X]", "BankAccount");
  EXPECT_EQ(
      retold_as_test(source, declared, *source.stream_info("BankAccount-1"), Revision(1)).error().kind(),
      errc::invalid);
}

TEST_F(ForkTest, what_a_log_says_cannot_leave_the_comment_of_a_test) {
  ListSource source;
  source.add("BankAccount-x", "AccountCreated", R"({"accountId":"x","owner":"Ada"})",
             R"({"command":"Open\n#error \\"})");
  const auto test =
      retold_as_test(source, fold_, *source.stream_info("BankAccount-x"), Revision(0), "bank/account.hpp");
  ASSERT_TRUE(test);
  EXPECT_THAT(*test, HasSubstr("// Open?#error ? was asked for"));
}

TEST(PluginFiles, what_is_none_is_refused) {
  EXPECT_EQ(load_plugin("/nowhere/rules.so").error().kind(), errc::not_found);
  EXPECT_EQ(load_plugin("/proc/self/exe").error().kind(), errc::invalid);
}

TEST(PluginFiles, two_builds_part_at_the_first_event_they_read_differently) {
  auto source = bank_past();
  const auto info = *source.stream_info(raced);
  const auto plain = load_plugin(STELE_PLUGIN_plain);
  ASSERT_TRUE(plain) << plain.error().to_string();
  ASSERT_EQ(plain->size(), 1u);
  EXPECT_EQ(plain->front().category, "BankAccount");
  const auto rules = account_fold();
  const auto same = compare_folds(source, info, plain->front(), rules);
  ASSERT_TRUE(same) << same.error().to_string();
  EXPECT_FALSE(same->first_different);
  EXPECT_EQ(same->events, 204u);
  const auto fee = *load_plugin(STELE_PLUGIN_fee);
  const auto parted = compare_folds(source, info, plain->front(), fee.front());
  ASSERT_TRUE(parted->first_different);
  const auto first_withdrawal = std::ranges::find_if(source.events, [](const RecordedEvent& event) {
    return event.stream == raced && event.type == "MoneyWithdrawn";
  });
  EXPECT_EQ(parted->first_different, first_withdrawal->revision);
  EXPECT_NE(parted->first, parted->second);
}

TEST(PluginFiles, a_plugged_fold_is_walked_like_any_other_and_says_what_it_refuses) {
  auto source = bank_past();
  source.add("BankAccount-x", "MoneyDeposited", "{}");
  const auto plain = *load_plugin(STELE_PLUGIN_plain);
  const auto timeline = *open_timeline(source, plain.front(), raced, {.spacing = 16});
  EXPECT_EQ(*timeline->state_at(Revision(203)), R"({"type":"Open","balance":"-100.00"})");
  EXPECT_EQ(*timeline->state_at(Revision(201)), R"({"type":"Open","balance":"3400.00"})");
  EXPECT_EQ(*timeline->state_at(std::nullopt), R"({"type":"Missing"})");
  const auto broken = *open_timeline(source, plain.front(), "BankAccount-x");
  EXPECT_EQ(broken->state_at(Revision(0)).error().kind(), errc::corrupt);
}

// ---- In a real store

TEST(StateOf, an_application_asks_its_own_library) {
  stele::test::TempDirectory directory;
  const auto store = *open(directory / "store");
  const auto append = [&](const std::string& type, const std::string& data, const std::string& time) {
    AppendRequest request;
    request.recorded_at = *parse_time(time);
    NewEvent event;
    event.type = type;
    event.data = data;
    request.writes.push_back({"BankAccount-1", ExpectedVersion::any(), {event}});
    ASSERT_TRUE(store->append(std::move(request)));
  };
  append("AccountCreated", R"({"accountId":"1","owner":"Ada"})", "2026-03-01T10:00:00Z");
  append("MoneyDeposited", R"({"accountId":"1","amount":"5.00","description":""})", "2026-03-01T11:00:00Z");
  const auto mine = stele::aggregates<bank::Account>();
  const auto then = state_of(*store, *mine, "BankAccount", "1", "2026-03-01T10:30Z");
  ASSERT_TRUE(then) << then.error().to_string();
  EXPECT_EQ(then->state, R"({"type":"Open","balance":"0.00"})");
  EXPECT_EQ(then->revision, Revision(0));
  EXPECT_EQ(then->newest, Revision(1));
  EXPECT_EQ(then->changed_at, *parse_time("2026-03-01T10:00Z"));
  EXPECT_EQ(state_of(*store, *mine, "BankAccount", "1")->state, R"({"type":"Open","balance":"5.00"})");
  EXPECT_EQ(state_of(*store, *mine, "BankAccount", "1", "MoneyDeposited -2h")->state,
            R"({"type":"Missing"})");
  EXPECT_EQ(state_of(*store, *mine, "Cart", "1").error().kind(), errc::not_found);
  EXPECT_EQ(state_of(*store, *mine, "BankAccount", "2").error().kind(), errc::not_found);
  StoreSource source(*store);
  std::uint64_t seen = 0;
  ASSERT_TRUE(source.read_log(Query::all(), Position(2), Position(9), [&](const EventView&) -> result<bool> {
    ++seen;
    return true;
  }));
  EXPECT_EQ(seen, 1u);
}

// Every third event is somebody else's; a stream that makes up so much of the log is read as the log.
TEST(StoreSourceTest, a_dense_stream_is_read_alike_from_everywhere) {
  stele::test::TempDirectory directory;
  const auto store = *open(directory / "store");
  constexpr std::uint64_t events = 9'000;
  for (std::uint64_t i = 0; i < events;) {
    AppendRequest request;
    std::vector<NewEvent> mine(200);
    for (auto& event : mine) {
      event.type = "Counted";
      event.data = std::to_string(i++);
    }
    request.writes.push_back({"Count-1", ExpectedVersion::any(), std::move(mine)});
    NewEvent other;
    other.type = "Else";
    request.writes.push_back({"Other-1", ExpectedVersion::any(), std::vector<NewEvent>(100, other)});
    ASSERT_TRUE(store->append(std::move(request)));
  }
  StoreSource source(*store);
  const auto read = [&](std::uint64_t from, std::uint64_t to, std::uint64_t enough = no_limit) {
    std::uint64_t taken = 0;
    const auto done = source.read_stream("Count-1", Revision(from), Revision(to),
                                         [&](const EventView& event) -> result<bool> {
                                           EXPECT_EQ(event.revision, Revision(from + taken));
                                           EXPECT_EQ(event.data, std::to_string(from + taken));
                                           return ++taken < enough;
                                         });
    EXPECT_TRUE(done);
    return taken;
  };
  EXPECT_EQ(read(0, events - 1), events);
  EXPECT_EQ(read(1'234, events - 1), events - 1'234);
  EXPECT_EQ(read(17, 8'000), 7'984u);
  EXPECT_EQ(read(17, 8'000, 5), 5u) << "as many as are wanted";
  EXPECT_EQ(read(1, events + 5'000), events - 1) << "as far as they exist";
  ASSERT_TRUE(
      set_retention(*store, "Count-1", {.truncate_before = Revision(1'000), .max_count = {}, .max_age = {}}));
  EXPECT_EQ(read(1'000, events - 1), events - 1'000);
}

}  // namespace
}  // namespace stele::history::test

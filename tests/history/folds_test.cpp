// Declared folds: what a TOML file does to a state, and how it is refused.
#include <gmock/gmock.h>

#include <fstream>

#include "history/json_tree.hpp"
#include "list_source.hpp"
#include "support/temp_directory.hpp"

namespace stele::history::test {
namespace {

using testing::HasSubstr;

constexpr auto bank_toml = R"(
[BankAccount.AccountCreated]
set = { status = "open", owner = "$data.owner", balance = "0.00", opened = "$time", tags = ["a", 1, true] }
[BankAccount.MoneyDeposited]
add = { balance = "$data.amount", bookings = 1 }
append = { movements = "$data" }
[BankAccount.MoneyWithdrawn]
add = { balance = "-$data.amount" }
[BankAccount.AddressChanged]
merge = { address = "$data.address" }
[BankAccount.NoteRemoved]
remove = ["note", "items.{data.id}"]
[BankAccount.NoteTaken]
set = { note = "$data.note", "items.{data.id}" = "$metadata.userId" }
)";

// The state behind events given as type and data.
std::string state_after(const std::string& toml,
                        const std::vector<std::pair<std::string, std::string>>& events) {
  ListSource source;
  for (const auto& [type, data] : events) source.add("BankAccount-1", type, data, R"({"userId":"ada"})");
  const auto fold = declared_fold(toml, "BankAccount");
  const auto timeline = *open_timeline(source, fold, "BankAccount-1");
  const auto state = timeline->state_at(timeline->extent().last);
  return state ? *state : state.error().to_string();
}

TEST(DeclaredFold, sets_and_adds_exactly) {
  EXPECT_EQ(
      state_after(bank_toml, {{"AccountCreated", R"({"owner":"Ada"})"}}),
      R"({"balance":"0.00","opened":"2026-03-01T10:00:00.000000Z","owner":"Ada","status":"open","tags":["a",1,true]})");
  EXPECT_THAT(state_after(bank_toml, {{"AccountCreated", R"({"owner":"Ada"})"},
                                      {"MoneyDeposited", R"({"amount":"0.10"})"},
                                      {"MoneyDeposited", R"({"amount":"0.20"})"},
                                      {"MoneyWithdrawn", R"({"amount":100})"}}),
              HasSubstr(R"("balance":"-99.70")"));
  EXPECT_EQ(state_after(bank_toml,
                        {{"MoneyDeposited", R"({"amount":1.50})"}, {"MoneyDeposited", R"({"amount":2})"}}),
            R"({"balance":3.50,"bookings":2,"movements":[{"amount":1.50},{"amount":2}]})");
}

TEST(DeclaredFold, merges_appends_and_removes) {
  EXPECT_EQ(state_after(bank_toml, {{"AddressChanged", R"({"address":{"city":"Bonn","zip":"1"}})"},
                                    {"AddressChanged", R"({"address":{"zip":null,"street":"x"}})"}}),
            R"({"address":{"city":"Bonn","street":"x"}})");
  EXPECT_EQ(state_after(bank_toml, {{"NoteTaken", R"({"note":"n","id":"a.b"})"}}),
            R"({"items":{"a.b":"ada"},"note":"n"})");
  EXPECT_EQ(state_after(bank_toml, {{"NoteTaken", R"({"note":"n","id":7})"}, {"NoteRemoved", R"({"id":7})"}}),
            R"({"items":{}})");
}

TEST(DeclaredFold, passes_over_what_it_does_not_name_or_find) {
  EXPECT_EQ(state_after(bank_toml, {{"Unheard", "{}"}, {"MoneyWithdrawn", "{}"}}), "{}");
  EXPECT_EQ(state_after(bank_toml, {{"MoneyDeposited", "not json"}}), R"({"bookings":1})");
}

TEST(DeclaredFold, says_which_event_it_cannot_take) {
  const auto refused = state_after(bank_toml, {{"MoneyDeposited", R"({"amount":"ten"})"}});
  EXPECT_THAT(refused,
              HasSubstr("corrupt: MoneyDeposited at version 0 of BankAccount-1: `add` needs numbers"));
}

TEST(DeclaredFold, agrees_with_the_rules_of_the_bank) {
  auto source = bank_past();
  const auto rules = account_fold();
  const auto fold = declared_fold(bank_toml, "BankAccount");
  const auto declared = *open_timeline(source, fold, "BankAccount-acct-13");
  const auto decided = *open_timeline(source, rules, "BankAccount-acct-13");
  for (const std::uint64_t revision : {1u, 50u, 150u, 203u}) {
    const auto a = *JsonTree::parse(*declared->state_at(Revision(revision)));
    const auto b = *JsonTree::parse(*decided->state_at(Revision(revision)));
    EXPECT_EQ(a.find("balance")->raw, b.find("balance")->raw) << revision;
  }
}

TEST(DeclaredFoldErrors, name_the_line_and_what_is_wrong) {
  const auto error = [](const std::string& toml) {
    const auto folds = declared_folds(toml, "f.toml");
    return folds ? std::string("none") : folds.error().message();
  };
  EXPECT_THAT(error("x = 1"), HasSubstr("f.toml, line 1: expected a table for each category"));
  EXPECT_THAT(error("[A]\nB = 2"), HasSubstr("line 2: an event type is a table"));
  EXPECT_THAT(error("[A.B]\nsett = {}"), HasSubstr("line 2: there is no `sett`"));
  EXPECT_THAT(error("[A.B]\nset = 1"), HasSubstr("`set` is a table"));
  EXPECT_THAT(error("[A.B]\nremove = 1"), HasSubstr("`remove` is a list"));
  EXPECT_THAT(error("[A.B]\nset = { x = 0.5 }"), HasSubstr("write decimals and times in quotes"));
  EXPECT_THAT(error("[A.B]\nset = { x = \"$state.y\" }"), HasSubstr("`state` is no place of an event"));
  EXPECT_THAT(error("[A.B]\nset = { x = \"-$data.y\" }"), HasSubstr("only `add` can take away"));
  EXPECT_THAT(error("[A.B]\nset = { \"x.{data.y\" = 1 }"), HasSubstr("a `{` has no `}`"));
  EXPECT_THAT(error("[A.B\n"), HasSubstr("line 1"));
  EXPECT_THAT(error("[A.B]\nset = { x = \"\xc3\xa9\", \"\xc3\xa9\" = '\xc3\xa9' } # \xc3\xa9"), "none");
  for (const char* broken : {"[.A]", "[\x02", "[A.\x01]", "= 1", "[A]\n. = 2", "[[A", "\xff", "\xc8\xa8 = 1",
                             "[A]\nB =3/7ve.H7'7')'\xc9\xbe]"}) {
    EXPECT_THAT(error(broken), HasSubstr("f.toml")) << broken;
  }
}

TEST(FoldsTest, the_first_one_added_is_asked_and_a_missing_one_names_the_others) {
  Folds folds;
  ASSERT_TRUE(folds.add_text("[BankAccount.X]\n", "mine"));
  folds.add(stele::aggregates<bank::Account>());
  EXPECT_EQ((*folds.find("BankAccount"))->name, "mine");
  const auto missing = folds.find("Cart");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind(), errc::not_found);
  EXPECT_THAT(missing.error().help(), HasSubstr("known are: BankAccount, BankAccount"));
  EXPECT_EQ(folds.add_file("/nowhere/folds.toml").error().kind(), errc::not_found);
  EXPECT_EQ(account_fold().name, "bank::Account");
}

TEST(FoldsTest, a_fold_file_stands_in_for_an_application) {
  stele::test::TempDirectory directory;
  const auto file = directory / "folds.toml";
  std::ofstream(file) << bank_toml;
  const auto aggregates = declared_aggregates(file);
  ASSERT_TRUE(aggregates) << aggregates.error().to_string();
  const auto* kind = (*aggregates)->find("BankAccount");
  ASSERT_NE(kind, nullptr);
  EXPECT_EQ(kind->rules, "fold file folds.toml");
  EXPECT_EQ(*kind->begin()->state(), "{}");
  EXPECT_EQ(kind->retell({}, "").error().kind(), errc::invalid);
  EXPECT_EQ(declared_aggregates(directory / "none").error().kind(), errc::not_found);
}

}  // namespace
}  // namespace stele::history::test

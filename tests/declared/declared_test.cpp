// declared_test.cpp - projections written in SQL: what is understood, what is refused and where, what they make of a
// log, now and in the past, and which event made which row.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "base/sqlite.hpp"
#include "declared/parameters.hpp"
#include "declared/shelf.hpp"
#include "stele/decider.hpp"
#include "support/temp_directory.hpp"

namespace stele::declared {
namespace {

using namespace std::chrono_literals;
using Outcome = Shelf::Creation::Outcome;
using testing::ElementsAre;
using testing::HasSubstr;

const std::string balances = R"(---
name: balances
version: 1
target: sqlite
category: BankAccount
lineage: on
---
CREATE TABLE balance(account TEXT PRIMARY KEY, owner TEXT, cents INTEGER NOT NULL, version INTEGER NOT NULL) STRICT;

@on AccountCreated
INSERT INTO balance VALUES(:key, :data.owner?, 0, :revision);

@on MoneyDeposited
UPDATE balance SET cents = cents + units(:data.amount, 2), version = :revision WHERE account = :key;

@on MoneyWithdrawn, FeeTaken
UPDATE balance SET cents = cents - units(:data.amount, 2), version = :revision WHERE account = :key;

@query balance(account text)
SELECT account, decimal(cents, 2) AS balance, version FROM balance WHERE account = :account;

@query richest(at_least units(2) = 0, most integer = 3)
SELECT account, decimal(cents, 2) AS balance FROM balance WHERE cents >= :at_least ORDER BY cents DESC, 1 LIMIT :most;

@query owned(owner text?)
SELECT json_group_array(account) AS "accounts:json", count(*) AS n FROM balance WHERE :owner IS NULL OR owner = :owner;
)";

// The smallest one that is right, with this in place of its only section.
std::string tiny(const std::string& sections,
                 const std::string& tables = "CREATE TABLE t(a INTEGER, b TEXT);") {
  return "---\nname: tiny\nversion: 1\n---\n" + tables + "\n" + sections;
}

NewEvent event_of(std::string type, std::string data, std::string metadata = "") {
  return {.id = {},
          .type = std::move(type),
          .data = std::move(data),
          .metadata = std::move(metadata),
          .tags = {}};
}

class Declared : public testing::Test {
 protected:
  Declared() { store_ = *open(directory_ / "store"); }
  ~Declared() override { shelf_.reset(); }

  void append(const std::string& stream, std::vector<NewEvent> events) {
    AppendRequest request;
    request.writes.push_back({stream, {}, std::move(events)});
    const auto done = store_->append(std::move(request));
    ASSERT_TRUE(done) << done.error().to_string();
  }
  Shelf& shelf(const std::filesystem::path& folder = {}) {
    if (!shelf_) {
      auto opened = Shelf::open(*store_, {.models = directory_ / "models", .folder = folder});
      if (!opened) throw std::runtime_error(opened.error().to_string());
      shelf_ = *std::move(opened);
    }
    return *shelf_;
  }
  std::shared_ptr<const Placed> placed(const std::string& text) {
    const auto created = shelf().create(text);
    if (!created) throw std::runtime_error(created.error().to_string());
    EXPECT_TRUE(created->placed->runner->wait(store_->head().position, 60s));
    return created->placed;
  }
  static std::string rows(const Placed& placed, const std::string& query,
                          const std::vector<std::pair<std::string, std::string>>& given = {},
                          std::optional<Position> as_of = {}) {
    const auto asked = ask(placed, *placed.compiled.query(query), given, as_of, 100);
    return asked ? asked->rows.json : asked.error().to_string();
  }
  void some_accounts() {
    append("BankAccount-a1", {event_of("AccountCreated", R"({"owner":"Ada"})"),
                              event_of("MoneyDeposited", R"({"amount":"10.50"})"),
                              event_of("MoneyDeposited", R"({"amount":0.10})")});
    append("BankAccount-a2", {event_of("AccountCreated", "{}"), event_of("MoneyDeposited", R"({"amount":7})"),
                              event_of("FeeTaken", R"({"amount":"0.07"})")});
    append("Other-a1", {event_of("MoneyDeposited", R"({"amount":"99"})")});
  }

  test::TempDirectory directory_;
  std::unique_ptr<EventStore> store_;
  std::unique_ptr<Shelf> shelf_;
};

// ---- What they make of a log

TEST_F(Declared, rows_follow_the_events_and_money_stays_exact) {
  some_accounts();
  const auto model = placed(balances);
  EXPECT_EQ(rows(*model, "balance", {{"account", "a1"}}),
            R"({"account":"a1","balance":"10.60","version":2})");
  EXPECT_EQ(rows(*model, "richest"),
            R"({"account":"a1","balance":"10.60"},{"account":"a2","balance":"6.93"})");
  EXPECT_EQ(rows(*model, "richest", {{"at_least", "6.94"}}), R"({"account":"a1","balance":"10.60"})");
  EXPECT_EQ(rows(*model, "owned"), R"({"accounts":["a1","a2"],"n":2})");
  EXPECT_EQ(rows(*model, "owned", {{"owner", "Ada"}}), R"({"accounts":["a1"],"n":1})");
  append("BankAccount-a2", {event_of("MoneyDeposited", R"({"amount":"1.00"})")});
  ASSERT_TRUE(model->runner->wait(store_->head().position, 60s));
  EXPECT_EQ(rows(*model, "balance", {{"account", "a2"}}), R"({"account":"a2","balance":"7.93","version":3})");
}

TEST_F(Declared, everything_that_an_event_has_is_a_parameter) {
  append(
      "Cat-k-1",
      {event_of("E", R"({"s":"x","n":9007199254740993,"d":1.10,"t":true,"o":{"l":[1,{"p":"q"}]},"z":null})",
                R"({"user":"u"})")});
  const auto model =
      placed(tiny("@on E\nINSERT INTO v VALUES(:stream), (:key), (:category), (:position), (:revision), "
                  "(:type), (:data.s), (:data.n),"
                  " (:data.d), (:data.t), (:data.o.l.1.p), (:data.o.l), (:data.z), (:data.none?), "
                  "(:metadata.user), (length(:id)),"
                  " (substr(:time, 1, 2)), (:metadata);\n"
                  "@query all\nSELECT json_group_array(v) AS \"v:json\" FROM v;\n",
                  "CREATE TABLE v(v ANY) STRICT;"));
  EXPECT_EQ(
      rows(*model, "all"),
      R"({"v":["Cat-k-1","k-1","Cat",1,0,"E","x",9007199254740993,"1.10",1,"q","[1,{\"p\":\"q\"}]",null,null,"u",)"
      R"(36,"20","{\"user\":\"u\"}"]})");
}

TEST_F(Declared, an_event_that_does_not_fit_stops_it_and_says_why) {
  append("A-1", {event_of("E", R"({"amuont":1})")});
  const auto created = shelf().create(tiny("@on E\nINSERT INTO t VALUES(:data.amount, '');\n"));
  ASSERT_TRUE(created);
  const auto waited = created->placed->runner->wait(Position(1), 60s);
  ASSERT_FALSE(waited);
  EXPECT_THAT(waited.error().to_string(), HasSubstr("the event has no data.amount"));
}

// ---- What is refused

TEST(DeclaredCheck, what_is_wrong_is_told_with_line_and_column) {
  struct Case {
    std::string text;
    const char* place;
    const char* what;
  };
  const std::string on = "@on E\nINSERT INTO t VALUES(1, '');\n";
  const Case cases[] = {
      {"name: x\n", "line 1 column 1", "the first line is `---`"},
      {"---\nname: x\n", "line 3 column 1", "does not end"},
      {"---\nname: x\nname: y\n---\n", "line 3 column 1", "given twice"},
      {"---\nnam: x\n---\n", "line 2 column 1", "there is no `nam`"},
      {"---\nversion: 0\n---\n", "line 2 column 1", "from 1 on"},
      {"---\ntarget: oracle\n---\n", "line 2 column 1", "only be sqlite"},
      {"---\nversion: 1\n---\n" + on, "line 1 column 1", "no `name`"},
      {tiny(""), "line 1 column 1", "no `@on` section"},
      {tiny("@onn E\n"), "line 6 column 1", "`@on EVENT` or `@query"},
      {tiny("@on \n"), "line 6 column 1", "at least one type"},
      {tiny(on + "@on E\nSELECT 1;"), "line 8 column 1", "two `@on` sections for E"},
      {tiny("@on E\n\n-- nothing\n"), "line 7 column 1", "holds no statement"},
      {tiny("@on E\nINSERT INTO u VALUES(1);"), "line 7 column 13", "no such table: u"},
      {tiny("@on E\nINSERT INTO t VALUES(1, '');\nUPDATE t SET c = 1;"), "line 8 column 14",
       "no such column: c"},
      {tiny("@on E\nINSERT INTO t VALUES(:dta.x, '');"), "line 7 column 22", "an event has no :dta.x"},
      {tiny("@on E\nINSERT INTO t VALUES(:stream.x, '');"), "line 7 column 22", "an event has no :stream.x"},
      {tiny("@on E\nINSERT INTO t VALUES(?, '');"), "line 7 column 22", "written :name"},
      {tiny("@on E\nINSERT INTO t VALUES(1, datetime('now'));"), "line 7 column 34", "'now'"},
      {tiny("@on E\nINSERT INTO t VALUES(1, date ( ));"), "line 7 column 25", "date()"},
      {tiny("@on E\nINSERT INTO t VALUES(random(), '');"), "line 7", "random"},
      {tiny("@on E\nINSERT INTO t VALUES(1, CURRENT_TIMESTAMP);"), "line 7", "CURRENT_TIMESTAMP"},
      {tiny("@on E\nSELECT 1;"), "line 7 column 1", "this only reads"},
      {tiny("@on E\nDELETE FROM sqlite_schema;"), "line 7", ""},
      {tiny("@on E\nUPDATE stele_checkpoint SET position = 0;"), "line 7 column 8", "no such table"},
      {tiny("@on E\nDROP TABLE t;"), "line 7 column 1", "may not do this"},
      {tiny("@on E\nATTACH 'x' AS y;"), "line 7 column 1", "may not do this"},
      {tiny("@on E\nPRAGMA synchronous=OFF;"), "line 7 column 1", "may not do this"},
      {tiny(on, "CREATE TABLE t(a, b)\nCREATE TABLE u(a);"), "line 6 column 1", "syntax error"},
      {tiny(on, "CREATE TABLE stele_x(a);"), "line 5 column 1", "may not do this"},
      {tiny(on, "PRAGMA journal_mode=OFF;"), "line 5 column 1", "may not do this"},
      {tiny(on, "CREATE TABLE t(a, b DEFAULT (:x));"), "line 5 column 30", "without parameters"},
      {tiny(on + "@query\nSELECT 1;"), "line 8 column 1", "`@query NAME(...)`"},
      {tiny(on + "@query 1q\nSELECT 1;"), "line 8 column 8", "a query has a name"},
      {tiny(on + "@query q(a)\nSELECT :a;"), "line 8 column 10", "`name type`"},
      {tiny(on + "@query q(a decimal)\nSELECT :a;"), "line 8 column 10", "`name type`"},
      {tiny(on + "@query q(as_of text)\nSELECT :as_of;"), "line 8 column 10", "already"},
      {tiny(on + "@query q(a text, a text)\nSELECT :a;"), "line 8 column 17", "there twice"},
      {tiny(on + "@query q(a text\nSELECT :a;"), "line 8 column 8", "parentheses"},
      {tiny(on + "@query q\nSELECT :b;"), "line 9 column 8", "no parameter b"},
      {tiny(on + "@query q(a text)\nSELECT 1;"), "line 9 column 1", "is not used"},
      {tiny(on + "@query q\nDELETE FROM t;"), "line 9 column 1", "may not do this"},
      {tiny(on + "@query q\nSELECT 1;\nSELECT 2;"), "line 10 column 1", "one statement"},
      {tiny(on + "@query q\nSELECT nix FROM t;"), "line 9 column 8", "no such column"},
      {tiny(on + "@query q\nSELECT 1;\n@query q\nSELECT 1;"), "line 10 column 8", "two queries called q"},
  };
  for (const auto& one : cases) {
    const auto compiled = compile(one.text, "x.sql");
    ASSERT_FALSE(compiled) << one.text;
    EXPECT_THAT(compiled.error().message(), HasSubstr(std::string("x.sql ") + one.place)) << one.text;
    EXPECT_THAT(compiled.error().message(), HasSubstr(one.what)) << one.text;
    EXPECT_EQ(compiled.error().kind(), errc::invalid);
  }
  EXPECT_FALSE(compile("---\nname: No Good\nversion: 1\n---\nCREATE TABLE t(a, b);" + on, "x.sql"));
  EXPECT_EQ(compile(std::string((1u << 20) + 1, ' '), "x.sql").error().kind(), errc::too_large);
  EXPECT_TRUE(compile(balances, "balances.sql"));
}

TEST(DeclaredCheck, names_are_found_outside_of_strings_and_comments_only) {
  const auto numbered =
      number_parameters("SELECT ':a', \":b\", [:c], `:d` -- :e\n, /* :f */ :g, :h.i.0.j?, :g, x::y", false);
  ASSERT_FALSE(numbered) << "a colon alone is no name";
  const auto good =
      number_parameters("SELECT 'it''s :a', \":b\", [:c] -- :e\n, /* :f */ :gg, :h.i.0.j?, :gg", false);
  ASSERT_TRUE(good);
  EXPECT_THAT(good->names, ElementsAre("gg", "h.i.0.j?"));
  EXPECT_EQ(good->sql, "SELECT 'it''s :a', \":b\", [:c] -- :e\n, /* :f */ ?1 , ?2       , ?1 ");
}

TEST_F(Declared, what_a_query_is_given_is_checked) {
  some_accounts();
  const auto model = placed(balances);
  EXPECT_THAT(rows(*model, "balance"), HasSubstr("`account` is missing"));
  EXPECT_THAT(rows(*model, "balance", {{"acount", "a1"}}), HasSubstr("no parameter `acount`"));
  EXPECT_THAT(rows(*model, "richest", {{"most", "x"}}), HasSubstr("give a whole number"));
  EXPECT_THAT(rows(*model, "richest", {{"at_least", "1.234"}}), HasSubstr("at most 2 decimals"));
  const auto few = ask(*model, *model->compiled.query("richest"), {}, {}, 1);
  ASSERT_TRUE(few);
  EXPECT_TRUE(few->rows.truncated);
  EXPECT_EQ(few->rows.count, 1u);
  const auto typed = placed(
      tiny("@on E\nINSERT INTO t VALUES(1, '');\n@query q(b boolean, t time)\nSELECT :b AS b, :t AS t;\n"));
  EXPECT_EQ(rows(*typed, "q", {{"b", "true"}, {"t", "2026-03-01"}}),
            R"({"b":1,"t":"2026-03-01T00:00:00.000000Z"})");
  EXPECT_THAT(rows(*typed, "q", {{"b", "maybe"}, {"t", "2026-03-01"}}), HasSubstr("true or false"));
}

// ---- The shelf

TEST_F(Declared, what_was_created_is_there_after_a_restart_until_it_is_dropped) {
  some_accounts();
  placed(balances);
  EXPECT_EQ(shelf().create(balances)->outcome, Outcome::unchanged);
  auto other_rules = balances;
  other_rules.replace(other_rules.find("@on MoneyWithdrawn, FeeTaken"), 28, "@on MoneyWithdrawn");
  EXPECT_EQ(shelf().create(other_rules).error().kind(), errc::conflict);
  shelf_.reset();
  const auto again = shelf().find("balances");
  ASSERT_TRUE(again);
  ASSERT_TRUE(again->runner->wait(store_->head().position, 60s));
  EXPECT_EQ(again->runner->status().applied, 0u) << "the model was there";
  EXPECT_EQ(rows(*again, "balance", {{"account", "a2"}}), R"({"account":"a2","balance":"6.93","version":2})");
  ASSERT_TRUE(shelf().drop("balances"));
  EXPECT_EQ(shelf().drop("balances").error().kind(), errc::not_found);
  EXPECT_FALSE(std::filesystem::exists(directory_ / "models" / "balances-v1.db"));
  EXPECT_EQ(shelf().create(balances)->outcome, Outcome::created) << "the name is free again";
  ASSERT_TRUE(shelf().drop("balances"));
  shelf_.reset();
  EXPECT_TRUE(shelf().all().empty());
}

TEST_F(Declared, a_folder_of_files_is_loaded_and_what_is_wrong_in_it_is_named) {
  some_accounts();
  const auto folder = directory_ / "projections";
  std::filesystem::create_directory(folder);
  std::ofstream(folder / "balances.sql") << balances;
  std::ofstream(folder / "README.md") << "not SQL";
  EXPECT_EQ(shelf(folder).all().size(), 1u);
  EXPECT_EQ(shelf().drop("balances").error().kind(), errc::conflict) << "it would come back";
  EXPECT_EQ(shelf().create(balances + " ").error().kind(), errc::conflict);
  shelf_.reset();
  std::ofstream(folder / "wrong.sql") << tiny("@on E\nINSERT INTO none VALUES(1);\n");
  const auto refused = Shelf::open(*store_, {.models = directory_ / "models", .folder = folder});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("wrong.sql line 7 column 13"));
  EXPECT_EQ(
      Shelf::open(*store_, {.models = directory_ / "models", .folder = directory_ / "none"}).error().kind(),
      errc::not_found);
}

TEST_F(Declared, another_rule_under_the_same_version_builds_the_model_anew) {
  some_accounts();
  placed(balances);
  ASSERT_TRUE(shelf().drop("balances"));
  shelf_.reset();
  auto doubled = balances;
  doubled.replace(doubled.find("cents + units(:data.amount, 2)"), 30, "cents + 2 * units(:data.amount, 2)");
  const auto model = placed(doubled);
  EXPECT_EQ(rows(*model, "balance", {{"account", "a1"}}),
            R"({"account":"a1","balance":"21.20","version":2})");
}

TEST_F(Declared, an_event_under_an_older_name_of_its_type_counts) {
  append("A-1", {event_of("Old", R"({"n":1})"), event_of("New", R"({"n":2})")});
  const auto compiled =
      compile(tiny("@on New\nINSERT INTO t VALUES(:data.n, :type);\n"), "x", {{"New", "Old"}, {"B"}});
  ASSERT_TRUE(compiled) << compiled.error().to_string();
  const auto model = *SqliteTarget::scratch(compiled->projection);
  ASSERT_TRUE(fold(*model, *store_, Position(2)));
  auto now = *model->snapshot();
  std::string found;
  ASSERT_TRUE(now.each("SELECT a, b FROM t ORDER BY a", {},
                       [&](const SqlRow& row) { found += row.json(0) + std::string(row.text(1)); }));
  EXPECT_EQ(found, "1Old2New");
}

// ---- The past

// Deposits and withdrawals at random; the balance of every account after every event is known.
class PastOfModels : public Declared {
 protected:
  static constexpr int accounts = 7;
#if defined(STELE_SANITIZED)
  static constexpr int events = 300;
  static constexpr int instants = 60;
#else
  static constexpr int events = 2000;
  static constexpr int instants = 334;  // of each of three projections
#endif
  PastOfModels() {
    for (int i = 0; i < accounts; ++i) {
      append(stream(i), {event_of("AccountCreated", "{}")});
      truth_.push_back(std::vector<std::int64_t>(static_cast<std::size_t>(i) + 1));
    }
    while (truth_.size() < static_cast<std::size_t>(events)) {
      std::vector<NewEvent> batch;
      const int account = static_cast<int>(random_() % accounts);
      for (int n = 0; n < 50; ++n) batch.push_back(change(account));
      append(stream(account), std::move(batch));
    }
  }
  static std::string stream(int account) { return "BankAccount-b" + std::to_string(account); }
  NewEvent change(int account) {
    const auto cents = static_cast<std::int64_t>(random_() % 10'000);
    const bool in = random_() % 3 > 0;
    auto next = truth_.back();
    next.resize(accounts);
    next[static_cast<std::size_t>(account)] += in ? cents : -cents;
    truth_.push_back(std::move(next));
    const auto text = std::to_string(cents);
    return event_of(in ? "MoneyDeposited" : "MoneyWithdrawn", R"({"amount":")" + std::to_string(cents / 100) +
                                                                  "." + (cents % 100 < 10 ? "0" : "") +
                                                                  std::to_string(cents % 100) + "\"}");
  }
  // "b0=12,b1=-3" as of a position, by the events alone.
  [[nodiscard]] std::string truth_at(std::uint64_t position) const {
    std::string out;
    if (position == 0) return out;
    const auto& sums = truth_[position - 1];
    for (std::size_t i = 0; i < sums.size(); ++i)
      out += (i > 0 ? "," : "") + std::string("b") + std::to_string(i) + "=" + std::to_string(sums[i]);
    return out;
  }

  std::mt19937_64 random_{2026};
  std::vector<std::vector<std::int64_t>> truth_;  // after each position
};

TEST_F(PastOfModels, an_answer_about_any_instant_is_that_of_a_replay_to_it) {
  const std::string all =
      "@query all\nSELECT coalesce(group_concat(account || '=' || cents), '') AS v FROM (SELECT"
      " account, cents FROM balance ORDER BY account);\n";
  const std::string counts =
      "---\nname: counts\nversion: 1\n---\nCREATE TABLE n(type TEXT PRIMARY KEY, n INTEGER) STRICT;\n"
      "@on AccountCreated, MoneyDeposited, MoneyWithdrawn\nINSERT INTO n VALUES(:type, 1)"
      " ON CONFLICT(type) DO UPDATE SET n = n + 1;\n"
      "@query all\nSELECT coalesce(sum(n), 0) AS n FROM n;\n";
  const std::string last =
      "---\nname: last\nversion: 1\n---\nCREATE TABLE l(one INTEGER PRIMARY KEY, p INTEGER) STRICT;\n"
      "@on MoneyWithdrawn\nINSERT OR REPLACE INTO l VALUES(1, :position);\n"
      "@query all\nSELECT coalesce(max(p), 0) AS p FROM l;\n";
  const auto first = placed(balances + all);
  const auto second = placed(counts);
  const auto third = placed(last);
  const auto head = store_->head().position.value();
  ASSERT_EQ(head, truth_.size());
  // Where the last withdrawal at or before each position stands.
  std::vector<std::uint64_t> withdrawals(head + 1);
  const auto cursor = *store_->read({.query = Query::all(), .from = {}});
  for (auto batch = *cursor->next_batch(1000); !batch.empty(); batch = *cursor->next_batch(1000))
    for (const auto& event : batch)
      withdrawals[event.position.value()] =
          event.type == "MoneyWithdrawn" ? event.position.value() : withdrawals[event.position.value() - 1];
  for (int i = 0; i < instants; ++i) {
    const auto at = random_() % (head + 1);
    const Position then(at);
    ASSERT_EQ(rows(*first, "all", {}, then), "{\"v\":\"" + truth_at(at) + "\"}") << at;
    ASSERT_EQ(rows(*second, "all", {}, then), "{\"n\":" + std::to_string(at) + "}") << at;
    ASSERT_EQ(rows(*third, "all", {}, then), "{\"p\":" + std::to_string(withdrawals[at]) + "}") << at;
  }
  EXPECT_EQ(rows(*second, "all"), "{\"n\":" + std::to_string(head) + "}") << "now is untouched";
  const auto counted = second->past->counts();
  EXPECT_EQ(counted.questions, static_cast<std::uint64_t>(instants));
  EXPECT_LT(counted.folded, static_cast<std::uint64_t>(instants) * head / 3)
      << "versions in memory spare most of it";
}

TEST_F(PastOfModels, versions_that_took_long_are_kept_in_a_bounded_number_of_files) {
  const auto compiled = *compile(balances, "balances.sql");
  const auto folder = directory_ / "past";
  const auto files = [&] {
    int count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
      count += entry.path().extension() == ".db" ? 1 : 0;
    return count;
  };
  const SqlitePast::Options options{.folder = folder, .in_memory = 1, .files = 2, .keep_after = 50};
  const auto sum_at = [](SqlitePast& past, std::uint64_t at) {
    std::int64_t sum = -1;
    const auto asked = past.ask(Position(at), [&](SqliteSnapshot& model) -> result<void> {
      EXPECT_EQ(model.position(), Position(at));
      STELE_CHECK(model.first("SELECT coalesce(sum(cents), 0) FROM balance", {},
                              [&](const SqlRow& row) { sum = row.integer(0); }));
      return {};
    });
    EXPECT_TRUE(asked) << asked.error().to_string();
    return sum;
  };
  const auto truth = [&](std::uint64_t at) {
    std::int64_t sum = 0;
    for (const auto cents : truth_[at - 1]) sum += cents;
    return sum;
  };
  {
    SqlitePast past(*store_, compiled.projection, options);
    for (const std::uint64_t at : {100u, 200u, 290u, 160u, 40u}) EXPECT_EQ(sum_at(past, at), truth(at)) << at;
    EXPECT_EQ(files(), 2);
    EXPECT_GE(past.counts().saved, 3u);
  }
  SqlitePast again(*store_, compiled.projection, options);
  EXPECT_EQ(sum_at(again, 295), truth(295));
  EXPECT_EQ(again.counts().loaded, 1u) << "what an earlier life has kept is begun with";
  EXPECT_LT(again.counts().folded, 295u);
  // Damage, and a model of another log, cost time and nothing else.
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.path().extension() == ".db")
      std::ofstream(entry.path(), std::ios::trunc) << "not a database at all";
  SqlitePast damaged(*store_, compiled.projection, options);
  EXPECT_EQ(sum_at(damaged, 295), truth(295));
  EXPECT_EQ(damaged.counts().loaded, 0u);
}

struct MoneyDeposited {
  std::string amount;
};
STELE_EVENT(MoneyDeposited, 1, amount);

struct Deposits {
  static constexpr std::string_view name = "deposits";
  static constexpr int version = 1;
  static constexpr std::string_view schema =
      "CREATE TABLE deposits(one INTEGER PRIMARY KEY, n INTEGER NOT NULL) STRICT; INSERT INTO deposits "
      "VALUES(1, 0)";
  using Events = stele::events<MoneyDeposited>;
  static result<void> project(SqliteModel& model, const MoneyDeposited&, const EventView&) {
    STELE_CHECK(model.run("UPDATE deposits SET n = n + 1", {}));
    return {};
  }
};

TEST_F(Declared, a_projection_in_cpp_is_asked_about_the_past_in_the_same_way) {
  for (const char* amount : {"1.00", "2.00", "3.00", "4.00"})
    append("A-1", {event_of("MoneyDeposited", R"({"amount":")" + std::string(amount) + "\"}")});
  std::int64_t deposits = 0;
  const auto row = [&](const SqlRow& found) { deposits = found.integer(0); };
  const auto before_the_last = [&]() -> result<void> {
    // [past]
    SqlitePast past(*store_, sqlite_projection<Deposits>(), {.folder = directory_ / "past"});
    STELE_TRY(const auto then, position_of(*store_, *parse_moment("-1")));
    return past.ask(then, [&](SqliteSnapshot& model) -> result<void> {
      STELE_CHECK(model.first("SELECT n FROM deposits", {}, row));
      return {};
    });
    // [/past]
  };
  const auto asked = before_the_last();
  ASSERT_TRUE(asked) << asked.error().to_string();
  EXPECT_EQ(deposits, 3) << "the last event of all is the fourth deposit";
}

// ---- Lineage

TEST_F(Declared, a_row_knows_the_events_that_made_it_and_an_event_its_rows) {
  some_accounts();
  const auto model = placed(balances);
  auto now = *model->target->snapshot();
  const auto row = *lineage_of_row(now, "balance", R"(["a1"])", 10);
  ASSERT_EQ(row.size(), 3u);
  EXPECT_EQ(row[0].position, Position(1));
  EXPECT_FALSE(row[0].before);
  EXPECT_EQ(row[0].after, R"({"account":"a1","owner":"Ada","cents":0,"version":0})");
  EXPECT_EQ(row[2].before, R"({"account":"a1","owner":"Ada","cents":1050,"version":1})");
  EXPECT_EQ(row[2].after, R"({"account":"a1","owner":"Ada","cents":1060,"version":2})");
  const auto event = *lineage_of_event(now, Position(6), 10);
  ASSERT_EQ(event.size(), 1u);
  EXPECT_EQ(event[0].key, R"(["a2"])");
  EXPECT_EQ(event[0].before, R"({"account":"a2","owner":null,"cents":700,"version":1})");
  EXPECT_EQ(event[0].after, R"({"account":"a2","owner":null,"cents":693,"version":2})");
  EXPECT_TRUE(lineage_of_event(now, Position(7), 10)->empty()) << "of another category";
  EXPECT_EQ(lineage_of_row(now, "balance", R"(["a1"])", 2)->size(), 2u);
}

TEST_F(Declared, lineage_follows_keys_that_change_rows_that_go_and_rows_without_a_key) {
  append("T-1", {event_of("Made", R"({"a":1,"b":"x"})"), event_of("Moved", R"({"a":1,"to":2})"),
                 event_of("Gone", R"({"a":2})"), event_of("Noted", R"({"n":"it's"})")});
  const auto model = placed(
      "---\nname: traced\nversion: 1\nlineage: on\n---\n"
      "CREATE TABLE pair(a INTEGER, b TEXT, bytes BLOB, PRIMARY KEY(b, a)) WITHOUT ROWID, STRICT;\n"
      "CREATE TABLE \"odd 'name'\"(n TEXT);\n"
      "@on Made\nINSERT INTO pair VALUES(:data.a, :data.b, x'00ff');\n"
      "@on Moved\nUPDATE pair SET a = :data.to WHERE a = :data.a;\n"
      "@on Gone\nDELETE FROM pair WHERE a = :data.a;\n"
      "@on Noted\nINSERT INTO \"odd 'name'\" VALUES(:data.n);\n");
  auto now = *model->target->snapshot();
  const auto old_row = *lineage_of_row(now, "pair", R"(["x",1])", 10);
  ASSERT_EQ(old_row.size(), 2u);
  EXPECT_EQ(old_row[0].after, R"({"a":1,"b":"x","bytes":"00FF"})");
  EXPECT_FALSE(old_row[1].after) << "it has moved away";
  const auto new_row = *lineage_of_row(now, "pair", R"(["x",2])", 10);
  ASSERT_EQ(new_row.size(), 2u);
  EXPECT_EQ(new_row[0].position, Position(2));
  EXPECT_EQ(new_row[1].position, Position(3));
  EXPECT_FALSE(new_row[1].after);
  const auto noted = *lineage_of_event(now, Position(4), 10);
  ASSERT_EQ(noted.size(), 1u);
  EXPECT_EQ(noted[0].table, "odd 'name'");
  EXPECT_EQ(noted[0].key, "[1]");
  EXPECT_EQ(lineage_of_event(now, Position(2), 10)->size(), 2u) << "one key left, one came";
}

}  // namespace
}  // namespace stele::declared

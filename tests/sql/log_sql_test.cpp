// log_sql_test.cpp - SQL over a log: the tables, what a condition spares, that the answer is the same either way, and
// that nothing can be changed or run on for ever.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <random>

#include "base/sqlite.hpp"
#include "base/sqlite_functions.hpp"
#include "event/event_json.hpp"
#include "sql/events_plan.hpp"
#include "sql/log_query.hpp"
#include "sql/row_text.hpp"
#include "support/temp_directory.hpp"

namespace stele::sql {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

const Timestamp sql_day = *parse_time("2026-03-01T00:00:00Z");

class LogSql : public testing::Test {
 protected:
  LogSql() { store_ = *open(directory_ / "store"); }
  ~LogSql() override { settle(); }

  void append(const std::string& stream, const std::string& type, const std::string& data,
              std::vector<std::string> tags = {}, const std::string& metadata = "",
              const std::string& content = std::string(json_content)) {
    NewEvent event{.id = {},
                   .type = type,
                   .data = data,
                   .metadata = metadata,
                   .tags = std::move(tags),
                   .content_type = content};
    AppendRequest request;
    request.recorded_at = sql_day + ++minutes_ * 1min;
    request.writes.push_back({stream, {}, {std::move(event)}});
    {
      const std::lock_guard lock(mutex_);
      ++waiting_;
    }
    store_->append_async(std::move(request), [this](result<AppendResult> done) {
      EXPECT_TRUE(done) << done.error().to_string();
      const std::lock_guard lock(mutex_);
      if (--waiting_ == 0) idle_.notify_all();
    });
  }
  // Many appends share one sync; a question is put when all of them are there.
  void settle() {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [&] { return waiting_ == 0; });
  }

  result<LogQuery> ask(const std::string& sql, QueryLimits limits = {},
                       std::vector<std::pair<std::string, Parameter>> parameters = {}) {
    settle();
    return LogQuery::open(source_(), {.sql = sql, .parameters = std::move(parameters), .limits = limits});
  }
  // Every row as an array, or the error.
  std::vector<std::string> rows(const std::string& sql, QueryLimits limits = {}) {
    auto query = ask(sql, limits);
    if (!query) return {query.error().to_string()};
    std::vector<std::string> all;
    while (true) {
      const auto more = query->next();
      if (!more) return {more.error().to_string()};
      if (!*more) break;
      all.emplace_back();
      append_row_array(all.back(), *query);
    }
    read_ = query->events_read();
    cut_ = query->cut_by();
    looks_ = query->looks();
    return all;
  }
  errc refused(const std::string& sql) {
    const auto query = ask(sql);
    if (query) ADD_FAILURE() << "accepted: " << sql;
    return query ? errc::unavailable : query.error().kind();
  }

  std::function<LogSource()> source_ = [this] { return LogSource{.store = store_.get()}; };
  test::TempDirectory directory_;
  std::unique_ptr<EventStore> store_;
  std::mutex mutex_;
  std::condition_variable idle_;
  int waiting_ = 0;
  std::int64_t minutes_ = 0;
  std::uint64_t read_ = 0;
  std::string cut_;
  std::vector<std::string> looks_;
};

// ---- The tables

TEST_F(LogSql, the_audit_question_is_answered_unchanged) {
  append("BankAccount-acct-42", "AccountCreated", R"({"accountId":"acct-42"})");
  append("BankAccount-acct-7", "MoneyDeposited", R"({"amount":"9.99"})");
  append("BankAccount-acct-42", "MoneyDeposited", R"({"amount":"10.50","description":"pay"})", {},
         R"({"userId":"u1","correlationId":"c1"})");
  EXPECT_THAT(rows("SELECT event_type, data->>'amount', data->>'description', metadata->>'userId',"
                   " metadata->>'correlationId', created_at FROM events"
                   " WHERE stream_id = 'BankAccount-acct-42' ORDER BY stream_position"),
              ElementsAre(R"(["AccountCreated",null,null,null,null,"2026-03-01T00:01:00.000000Z"])",
                          R"(["MoneyDeposited","10.50","pay","u1","c1","2026-03-01T00:03:00.000000Z"])"));
  EXPECT_EQ(read_, 2u) << "events of other streams are not read";
}

TEST_F(LogSql, every_column_says_what_was_stored) {
  append("Order-1", "Placed", R"({"n":1})", {"a:1", "b\"2"}, R"({"u":"x"})");
  EXPECT_THAT(
      rows("SELECT global_position, stream_id, stream_position, event_type, data, metadata, category, tags,"
           " content_type, recorded_type FROM events"),
      ElementsAre(R"([1,"Order-1",0,"Placed",{"n":1},{"u":"x"},"Order",["a:1","b\"2"],)"
                  R"("application/json","Placed"])"));
  EXPECT_THAT(rows("SELECT rowid, length(event_id), data_bytes, metadata_bytes FROM events"),
              ElementsAre(R"([1,36,{"base64":"eyJuIjoxfQ=="},{"base64":"eyJ1IjoieCJ9"}])"));
  EXPECT_THAT(rows("SELECT count(*) FROM events WHERE data IS NULL"), ElementsAre("[0]"));
}

TEST_F(LogSql, data_that_is_no_json_is_null_and_its_bytes_are_there) {
  append("S-1", "Binary", std::string("\0\1", 2), {}, "", std::string(binary_content));
  append("S-1", "Broken", "{oops");
  append("S-1", "Empty", "");
  append("S-1", "Good", R"({"amount":1})");
  EXPECT_THAT(rows("SELECT event_type, data->>'amount' FROM events ORDER BY global_position"),
              ElementsAre(R"(["Binary",null])", R"(["Broken",null])", R"(["Empty",null])", R"(["Good",1])"));
  EXPECT_THAT(rows("SELECT data_bytes FROM events WHERE event_type = 'Binary'"),
              ElementsAre(R"([{"base64":"AAE="}])"));
}

TEST_F(LogSql, numbers_are_never_rounded_where_they_are_asked_for_as_text) {
  append("S-1", "Paid",
         R"({"amount":0.1,"big":9007199254740993,"huge":123456789012345678901,"list":[1.10,{"x":"y"}]})");
  append("S-1", "Paid", R"({"amount":0.2})");
  EXPECT_THAT(rows("SELECT data->>'big', json_text(data,'$.huge'), json_text(data,'$.list[0]'),"
                   " json_text(data,'$.list[1].x'), json_text(data,'$.none') FROM events LIMIT 1"),
              ElementsAre(R"([9007199254740993,"123456789012345678901","1.10","y",null])"));
  EXPECT_THAT(
      rows("SELECT sum(units(json_text(data,'$.amount'), 2)), decimal(sum(units(json_text(data,'$.amount'),"
           " 2)), 2) FROM events"),
      ElementsAre(R"([30,"0.30"])"));
  EXPECT_THAT(rows("SELECT units(data->>'amount', 2) FROM events").front(), HasSubstr("not exact"));
  EXPECT_THAT(rows("SELECT units('1.234', 2)").front(), HasSubstr("at most 2 decimals"));
  EXPECT_THAT(rows("SELECT 0.1 + 0.2"), ElementsAre("[0.30000000000000004]"));
}

TEST_F(LogSql, streams_snapshots_and_checkpoints_are_tables) {
  for (int i = 0; i < 3; ++i) append("BankAccount-1", "Deposited", "{}");
  append("Order-9", "Placed", "{}");
  EXPECT_THAT(rows("SELECT * FROM streams ORDER BY stream_id"),
              ElementsAre(R"(["BankAccount-1","BankAccount",2,3,1,3])", R"(["Order-9","Order",0,1,4,4])"));
  EXPECT_THAT(rows("SELECT version FROM streams WHERE stream_id = 'Order-9'"), ElementsAre("[0]"));
  EXPECT_THAT(looks_, ElementsAre("streams: Order-9"));
  EXPECT_THAT(rows("SELECT version FROM streams WHERE stream_id = 'None'"), ElementsAre());
  EXPECT_THAT(rows("SELECT stream_id FROM streams WHERE stream_id LIKE 'Ord%'"),
              ElementsAre(R"(["Order-9"])"));
  ASSERT_TRUE(
      store_->records().put("snapshot", "BankAccount-1",
                            R"({"version":2,"shape":"s","revision":1,"position":2,"recorded_at":"r",)"
                            R"("taken_at":"2026-03-01T00:00:00.000000Z","state":{"balance":"7.00"}})"));
  EXPECT_THAT(
      rows("SELECT stream_id, stream_position, state->>'balance', created_at, schema_version FROM snapshots"),
      ElementsAre(R"(["BankAccount-1",1,"7.00","2026-03-01T00:00:00.000000Z",2])"));
  source_ = [this] {
    return LogSource{.store = store_.get(), .checkpoints = [] {
                       return std::vector<ProjectorCheckpoint>{{"summary", 1, Position(3), "live"}};
                     }};
  };
  EXPECT_THAT(rows("SELECT projector_name, last_position, state FROM projector_checkpoints"),
              ElementsAre(R"(["summary",3,"live"])"));
}

TEST_F(LogSql, a_stream_table_of_many_pages_is_complete) {
  for (int i = 0; i < 1203; ++i) append("Many-" + std::to_string(i), "Made", "{}");
  EXPECT_THAT(rows("SELECT count(*), count(DISTINCT stream_id), sum(events) FROM streams"),
              ElementsAre("[1203,1203,1203]"));
}

// ---- What a condition spares

TEST_F(LogSql, the_store_reads_only_what_the_conditions_leave) {
  for (int i = 0; i < 2000; ++i)
    append("Acc-" + std::to_string(i % 100), i % 50 == 0 ? "Rare" : "Common", "{}",
           i % 400 == 0 ? std::vector<std::string>{"vip"} : std::vector<std::string>{});
  append("Other-1", "Common", "{}");
  struct Case {
    const char* where;
    const char* count;
    std::uint64_t most;
  };
  const Case cases[] = {
      {"stream_id = 'Acc-7'", "[20]", 20},
      {"stream_id IN ('Acc-7','Acc-9')", "[40]", 40},
      {"stream_id = 'Acc-7' AND stream_position >= 15", "[5]", 5},
      {"stream_id = 'Acc-7' AND stream_position BETWEEN 3 AND 4", "[2]", 17},
      {"event_type = 'Rare'", "[40]", 40},
      {"event_type IN ('Rare','None')", "[40]", 40},
      {"category = 'Other'", "[1]", 1},
      {"stream_id LIKE 'Other-%'", "[1]", 1},
      {"stream_id GLOB 'Other-*'", "[1]", 1},
      {"has_tag(tags, 'vip')", "[5]", 5},
      {"has_tag(tags, 'vip') AND has_tag(tags, 'none')", "[0]", 0},
      {"global_position = 77", "[1]", 16},
      {"global_position > 1990", "[11]", 16},
      {"global_position < 5", "[4]", 16},
      {"global_position > 1990.5 AND global_position <= 1992.5", "[2]", 16},
      {"global_position IN (3, 900)", "[2]", 32},
      {"created_at >= '2026-03-02T09:00'", "[22]", 48},
      {"created_at < '2026-03-01T00:05:00'", "[4]", 16},
      {"event_type = 'Rare' AND stream_id = 'Acc-50'", "[20]", 20},
      {"stream_id = NULL", "[0]", 0},
      {"stream_id = 'Acc-7' AND event_type = 'None'", "[0]", 0},
      {"event_id = 'no id'", "[0]", 0},
      {"global_position < 0", "[0]", 0},
  };
  for (const auto& one : cases) {
    EXPECT_THAT(rows(std::string("SELECT count(*) FROM events WHERE ") + one.where), ElementsAre(one.count))
        << one.where;
    EXPECT_LE(read_, one.most) << one.where;
  }
  const auto id = rows("SELECT event_id FROM events WHERE global_position = 1234").front();
  EXPECT_THAT(rows("SELECT global_position FROM events WHERE event_id = '" + id.substr(2, 36) + "'"),
              ElementsAre("[1234]"));
  EXPECT_LE(read_, 16u);
}

TEST_F(LogSql, an_order_along_the_log_needs_no_sorting_and_ends_early) {
  for (int i = 0; i < 3000; ++i) append("A-" + std::to_string(i % 3), "T", "{}");
  EXPECT_THAT(rows("SELECT global_position FROM events ORDER BY global_position DESC LIMIT 2"),
              ElementsAre("[3000]", "[2999]"));
  EXPECT_LE(read_, 16u);
  EXPECT_THAT(
      rows(
          "SELECT stream_position FROM events WHERE stream_id = 'A-1' ORDER BY stream_position DESC LIMIT 2"),
      ElementsAre("[999]", "[998]"));
  EXPECT_LE(read_, 16u);
  EXPECT_THAT(looks_.front(), HasSubstr("backward"));
  EXPECT_THAT(rows("SELECT stream_position FROM events WHERE stream_id = 'A-1' AND stream_position < 500"
                   " ORDER BY stream_position DESC LIMIT 1"),
              ElementsAre("[499]"));
  EXPECT_LE(read_, 16u);
}

TEST_F(LogSql, types_are_found_under_todays_name_and_known_by_it) {
  append("C-1", "SignedUp", "{}");
  append("C-2", "CustomerRegistered", "{}");
  append("C-3", "Other", "{}");
  EXPECT_THAT(rows("SELECT global_position FROM events WHERE event_type = 'CustomerRegistered'"),
              ElementsAre("[2]"));
  source_ = [this] {
    return LogSource{.store = store_.get(),
                     .names = TypeNames({{"CustomerRegistered", "SignedUp", "Split"}, {"Half", "Split"}})};
  };
  EXPECT_THAT(
      rows("SELECT global_position, recorded_type FROM events WHERE event_type = 'CustomerRegistered'"),
      ElementsAre(R"([1,"SignedUp"])", R"([2,"CustomerRegistered"])"));
  EXPECT_EQ(read_, 2u);
  EXPECT_THAT(rows("SELECT event_type, count(*) FROM events GROUP BY 1 ORDER BY 1"),
              ElementsAre(R"(["CustomerRegistered",2])", R"(["Other",1])"));
  EXPECT_THAT(rows("SELECT count(*) FROM events WHERE recorded_type = 'SignedUp'"), ElementsAre("[1]"));
}

TEST_F(LogSql, an_answer_rests_on_one_moment_of_the_log) {
  append("A-1", "T", "{}");
  append("A-1", "T", "{}");
  auto query =
      ask("SELECT a.global_position FROM events a JOIN events b ON b.global_position >= a.global_position");
  ASSERT_TRUE(query);
  EXPECT_EQ(query->upto(), Position(2));
  ASSERT_TRUE(*query->next());
  append("A-1", "T", "{}");
  settle();
  int count = 1;
  while (*query->next()) ++count;
  EXPECT_EQ(count, 3);
  source_ = [this] { return LogSource{.store = store_.get(), .as_of = Position(2)}; };
  EXPECT_THAT(rows("SELECT count(*) FROM events"), ElementsAre("[2]"));
  EXPECT_THAT(rows("SELECT count(*) FROM streams").front(), HasSubstr("as it is now"));
}

// ---- The same answer, whoever does the work

TEST_F(LogSql, random_questions_are_answered_as_by_a_plain_table) {
  std::mt19937_64 random(42);
  const auto pick = [&](std::uint64_t n) { return random() % n; };
#if defined(STELE_SANITIZED)
  const int questions = 150;
#else
  const int questions = 600;
#endif
  for (int i = 0; i < 300; ++i)
    append(
        "Cat" + std::to_string(pick(3)) + "-" + std::to_string(pick(6)), "Type" + std::to_string(pick(4)),
        R"({"n":)" + std::to_string(pick(50)) + "}",
        pick(3) == 0 ? std::vector<std::string>{"t" + std::to_string(pick(3))} : std::vector<std::string>{});
  settle();
  // The copy: the same columns, without a store behind them.
  auto copy = *sqlite::Connection::open("copy", sqlite::Mode::memory);
  ASSERT_TRUE(
      copy.run("PRAGMA case_sensitive_like=ON; CREATE TABLE events(global_position INTEGER PRIMARY KEY,"
               " stream_id TEXT, stream_position INTEGER, event_type TEXT, created_at TEXT, category TEXT,"
               " data TEXT, event_id TEXT)"));
  {
    auto insert = *copy.prepare("INSERT INTO events VALUES(?,?,?,?,?,?,?,?)");
    const auto all = *store_->read({.query = Query::all(), .from = {}});
    for (auto batch = *all->next_batch(1000); !batch.empty(); batch = *all->next_batch(1000))
      for (const auto& e : batch) {
        const auto time = to_string(e.recorded_at);
        const auto id = to_string(e.id);
        insert.bind_all(static_cast<std::int64_t>(e.position.value()), e.stream,
                        static_cast<std::int64_t>(e.revision.value()), e.type, std::string_view(time),
                        category_of(e.stream), e.data, std::string_view(id));
        ASSERT_TRUE(insert.run());
      }
  }
  const auto number = [&](std::uint64_t below) {
    switch (pick(8)) {
      case 0:
        return std::to_string(pick(below)) + ".5";
      case 1:
        return "'" + std::to_string(pick(below)) + "'";
      case 2:
        return std::string(pick(2) == 0 ? "NULL" : "-1");
      default:
        return std::to_string(pick(below));
    }
  };
  const auto name = [&](const std::string& stem, std::uint64_t below) {
    return "'" + stem + std::to_string(pick(below)) + "'";
  };
  const auto time = [&] {
    auto text = to_string(sql_day + static_cast<std::int64_t>(pick(320)) * 1min);
    return "'" + text.substr(0, std::array<std::size_t, 6>{27, 19, 16, 13, 10, 20}[pick(6)]) + "'";
  };
  const char* compare[] = {"=", "<", "<=", ">", ">="};
  const std::function<std::string(int)> condition = [&](int depth) -> std::string {
    switch (pick(depth > 0 ? 13 : 10)) {
      case 0:
        return std::string("global_position ") + compare[pick(5)] + " " + number(310);
      case 1:
        return "stream_id = " +
               (pick(9) == 0 ? "7" : "'Cat" + std::to_string(pick(3)) + "-" + std::to_string(pick(7)) + "'");
      case 2:
        return "stream_id IN (" + name("Cat1-", 6) + "," + name("Cat2-", 6) + ",NULL)";
      case 3:
        return std::string("stream_position ") + compare[pick(5)] + " " + number(20);
      case 4:
        return "event_type " + std::string(pick(2) == 0 ? "= " : "<> ") + name("Type", 5);
      case 5:
        return "event_type IN (" + name("Type", 4) + "," + name("Type", 4) + ")";
      case 6:
        return "category = " + name("Cat", 4);
      case 7:
        return std::string("created_at ") + compare[pick(5)] + " " + time();
      case 8:
        return std::string("stream_id ") + (pick(2) == 0 ? "LIKE 'Cat" : "NOT LIKE 'Cat") +
               std::to_string(pick(3)) + std::array<const char*, 4>{"-%", "%", "-_", "-1"}[pick(4)] + "'";
      case 9:
        return "event_type = " + name("type", 4) + " COLLATE NOCASE";
      case 10:
        return "(" + condition(depth - 1) + " OR " + condition(depth - 1) + ")";
      case 11:
        return "NOT (" + condition(depth - 1) + ")";
      default:
        return "(" + condition(depth - 1) + " AND " + condition(depth - 1) + ")";
    }
  };
  const char* orders[] = {"global_position", "global_position DESC", "stream_id, global_position",
                          "created_at DESC, global_position DESC", "stream_position, global_position"};
  std::uint64_t spared = 0;
  for (int i = 0; i < questions; ++i) {
    std::string sql =
        "SELECT global_position, stream_id, stream_position, event_type, data->>'n' FROM events WHERE " +
        condition(2);
    for (std::uint64_t more = pick(3); more > 0; --more) sql += " AND " + condition(1);
    sql += std::string(" ORDER BY ") + orders[pick(5)];
    if (pick(3) == 0) sql += " LIMIT " + std::to_string(pick(20));
    std::vector<std::string> wanted;
    auto plain = copy.prepare(sql);
    ASSERT_TRUE(plain) << sql << plain.error().to_string();
    while (*plain->step())
      wanted.push_back("[" + std::string(plain->text(0)) + ",\"" + std::string(plain->text(1)) + "\"," +
                       std::string(plain->text(2)) + ",\"" + std::string(plain->text(3)) + "\"," +
                       std::string(plain->text(4)) + "]");
    ASSERT_EQ(rows(sql), wanted) << "seed 42, question " << i << ": " << sql;
    spared += read_ < 300 ? 1 : 0;
  }
  EXPECT_GT(spared, static_cast<std::uint64_t>(questions) / 4) << "conditions are worth something";
}

TEST_F(LogSql, tables_can_be_joined_grouped_and_walked_with_windows) {
  for (int i = 0; i < 6; ++i) append("Acc-" + std::to_string(i % 2), i < 2 ? "Opened" : "Paid", R"({"n":1})");
  EXPECT_THAT(rows("SELECT s.stream_id, count(*) FROM streams s JOIN events e ON e.stream_id = s.stream_id"
                   " WHERE e.event_type = 'Paid' GROUP BY 1 ORDER BY 1"),
              ElementsAre(R"(["Acc-0",2])", R"(["Acc-1",2])"));
  EXPECT_THAT(
      rows("SELECT stream_id, sum(data->>'n') OVER (PARTITION BY stream_id ORDER BY stream_position) n"
           " FROM events WHERE stream_id = 'Acc-0'"),
      ElementsAre(R"(["Acc-0",1])", R"(["Acc-0",2])", R"(["Acc-0",3])"));
  EXPECT_THAT(
      rows("SELECT count(*) FROM events a LEFT JOIN events b ON b.global_position = a.global_position + 1"
           " WHERE b.stream_id IS NULL"),
      ElementsAre("[1]"));
}

// ---- What is refused, and what is bounded

TEST_F(LogSql, nothing_can_be_changed_or_opened) {
  append("A-1", "T", "{}");
  for (const char* sql :
       {"DELETE FROM events", "UPDATE events SET data = '{}'", "INSERT INTO events VALUES(1)",
        "CREATE TABLE t(a)", "DROP TABLE events", "ATTACH '/tmp/stele-sql-attached.db' AS a",
        "VACUUM INTO '/tmp/stele-sql-copy.db'", "PRAGMA temp_store_directory='/tmp'",
        "PRAGMA case_sensitive_like=OFF", "PRAGMA journal_mode=WAL", "SELECT load_extension('x')", "BEGIN",
        "SAVEPOINT s", "CREATE TEMP TABLE t AS SELECT 1", "CREATE VIRTUAL TABLE f USING fts5(a)", "ANALYZE",
        "DETACH main"}) {
    const auto kind = refused(sql);
    EXPECT_TRUE(kind == errc::denied || kind == errc::invalid) << sql;
  }
  EXPECT_EQ(store_->head().position, Position(1));
  EXPECT_FALSE(std::filesystem::exists("/tmp/stele-sql-copy.db"));
  EXPECT_EQ(rows("SELECT name FROM pragma_table_info('events') WHERE name = 'stream_id'").size(), 1u);
}

TEST_F(LogSql, what_is_wrong_is_said_with_its_place) {
  const auto wrong = ask("SELECT stream_id\nFROM events WHERE stream_idd = 1");
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message(), HasSubstr("line 2 column 19: no such column: stream_idd"));
  EXPECT_EQ(wrong.error().fact("line"), "2");
  EXPECT_THAT(ask("SELECT 1; SELECT 2").error().message(), HasSubstr("one statement"));
  EXPECT_TRUE(ask("SELECT 1; -- and that is all\n"));
  EXPECT_EQ(refused(""), errc::invalid);
  EXPECT_EQ(refused("-- nothing"), errc::invalid);
  EXPECT_EQ(refused("SELECT ?"), errc::invalid);
  EXPECT_EQ(refused(std::string("SELECT '\0'", 10)), errc::invalid);
  EXPECT_EQ(refused("SELECT '\xff'"), errc::invalid);
  EXPECT_EQ(refused(std::string((1 << 20) + 1, ' ')), errc::too_large);
  EXPECT_THAT(rows("SELECT json_text('{', '$.a')").front(), HasSubstr("invalid"));
}

TEST_F(LogSql, parameters_have_names_and_all_of_them_values) {
  append("A-1", "T", R"({"n":2})");
  auto query = ask("SELECT :n + 1, :t, :r, :none FROM events WHERE stream_id = :s", {},
                   {{"n", std::int64_t{41}},
                    {"t", std::string("it's")},
                    {"r", 1.5},
                    {"none", {}},
                    {"s", std::string("A-1")}});
  ASSERT_TRUE(query) << query.error().to_string();
  ASSERT_TRUE(*query->next());
  std::string row;
  append_row_object(row, *query);
  EXPECT_EQ(row, R"({":n + 1":42,":t":"it's",":r":1.5,":none":null})");
  EXPECT_THAT(ask("SELECT :n").error().message(), HasSubstr("no value for the parameter :n"));
  EXPECT_THAT(ask("SELECT 1", {}, {{"n", {}}}).error().message(), HasSubstr("no parameter is called :n"));
}

TEST_F(LogSql, columns_of_the_same_name_are_told_apart) {
  const auto query = ask("SELECT 1 AS n, 2 AS n, 3 AS n");
  ASSERT_TRUE(query);
  EXPECT_THAT(query->columns(), ElementsAre("n", "n_2", "n_3"));
}

TEST_F(LogSql, a_limit_that_cuts_the_answer_is_named) {
  for (int i = 0; i < 20; ++i) append("A-1", "T", R"({"text":"0123456789"})");
  EXPECT_EQ(rows("SELECT 1 FROM events", {.rows = 20}).size(), 20u);
  EXPECT_EQ(cut_, "") << "there is no row behind the limit";
  EXPECT_EQ(rows("SELECT 1 FROM events", {.rows = 19}).size(), 19u);
  EXPECT_EQ(cut_, "row limit");
  EXPECT_EQ(rows("SELECT data FROM events", {.rows = 0, .bytes = 100}).size(), 3u);
  EXPECT_EQ(cut_, "size limit");
  EXPECT_EQ(rows("SELECT data FROM events", {.rows = 0, .bytes = 1}).size(), 1u) << "one row always fits";
}

TEST_F(LogSql, a_question_that_never_ends_is_ended) {
  append("A-1", "T", "{}");
  const std::string endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT ";
  const auto none = rows(endless + "max(i) FROM n", {.time = 20ms});
  EXPECT_THAT(none.front(), HasSubstr("no answer after 20 ms"));
  EXPECT_THAT(none.front(), HasSubstr("timeout"));
  EXPECT_FALSE(rows(endless + "i FROM n", {.rows = 0, .bytes = 0, .time = 20ms}).empty());
  EXPECT_EQ(cut_, "time limit");
  settle();
  auto given_up = LogQuery::open(
      source_(),
      {.sql = endless + "max(i) FROM n", .limits = {.time = 0ms}, .given_up = [] { return true; }});
  ASSERT_TRUE(given_up);
  EXPECT_EQ(given_up->next().error().kind(), errc::timeout);
}

// ---- Parts

TEST(TimesFor, a_bound_of_any_length_is_never_too_narrow) {
  const auto range = times_for(Comparison::at_least, "2026-03-01");
  EXPECT_EQ(range.first, sql_day);
  EXPECT_FALSE(range.last);
  EXPECT_EQ(times_for(Comparison::less, "2026-03-01T10").last, sql_day + 11h);
  EXPECT_EQ(times_for(Comparison::greater, "2026-03-01 10:00").first, sql_day)
      << "a blank sorts before the T";
  EXPECT_EQ(times_for(Comparison::greater, "2026-02-31").first, *parse_time("2026-02-01")) << "no such day";
  EXPECT_FALSE(times_for(Comparison::greater, "yesterday").first);
  EXPECT_FALSE(times_for(Comparison::greater, "").first);
}

TEST(Units, decimals_become_whole_units_or_nothing) {
  EXPECT_EQ(sqlite::units_of("12.5", 2), 1250);
  EXPECT_EQ(sqlite::units_of("-0.05", 2), -5);
  EXPECT_EQ(sqlite::units_of("7", 0), 7);
  EXPECT_EQ(sqlite::units_of("1.500", 2), 150) << "zeros at the end add nothing";
  EXPECT_EQ(sqlite::units_of("92233720368547758.07", 2), 9223372036854775807);
  for (const char* wrong :
       {"", "-", ".5", "5.", "1.234", "1e3", "+1", "1.2.3", "0x1", " 1", "92233720368547758.08"})
    EXPECT_EQ(sqlite::units_of(wrong, 2), std::nullopt) << wrong;
  EXPECT_EQ(sqlite::decimal_of(-5, 2), "-0.05");
  EXPECT_EQ(sqlite::decimal_of(1250, 2), "12.50");
  EXPECT_EQ(sqlite::decimal_of(7, 0), "7");
  EXPECT_EQ(sqlite::decimal_of(std::numeric_limits<std::int64_t>::min(), 3), "-9223372036854775.808");
}

}  // namespace
}  // namespace stele::sql

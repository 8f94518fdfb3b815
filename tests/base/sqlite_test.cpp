// sqlite_test.cpp - connections as the rooms above use them: what a permit lets through, statements in turn, copies,
// patience, and how values are written down.
#include "base/sqlite.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "base/sqlite_functions.hpp"
#include "support/temp_directory.hpp"

namespace stele::sqlite {
namespace {

using testing::HasSubstr;

class SqliteConnection : public testing::Test {
 protected:
  SqliteConnection() {
    EXPECT_TRUE(db_.run("CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT); CREATE TABLE stele_own(x)"));
  }
  // Empty when it may be prepared.
  std::string refusal(Permit permit, const std::string& sql) {
    db_.permit(permit);
    const auto prepared = db_.prepare(sql);
    db_.permit(Permit::everything);
    return prepared ? "" : std::string(to_string(prepared.error().kind()));
  }
  std::string one(const std::string& sql) {
    auto statement = db_.prepare(sql);
    if (!statement) return statement.error().message();
    const auto row = statement->step();
    if (!row) return row.error().message();
    std::string json;
    if (*row) append_json(json, statement->cell(0));
    return json;
  }

  Connection db_ = *Connection::open("test", Mode::memory);
};

TEST_F(SqliteConnection, a_permit_lets_through_what_it_says_and_nothing_else) {
  const std::string select = "SELECT a FROM t";
  const std::string change = "UPDATE t SET b = 'x'";
  const std::string table = "CREATE TABLE u(a)";
  for (const auto permit : {Permit::schema, Permit::changes, Permit::reading})
    EXPECT_EQ(refusal(permit, select), "");
  EXPECT_EQ(refusal(Permit::changes, change), "");
  EXPECT_EQ(refusal(Permit::schema, change), "denied");
  EXPECT_EQ(refusal(Permit::reading, change), "denied");
  EXPECT_EQ(refusal(Permit::schema, table), "");
  EXPECT_EQ(refusal(Permit::changes, table), "denied");
  EXPECT_EQ(refusal(Permit::reading, table), "denied");
  EXPECT_EQ(refusal(Permit::schema, "INSERT INTO t VALUES(1, 'first row')"), "");
  EXPECT_EQ(refusal(Permit::changes, "DELETE FROM stele_own"), "denied") << "a table of ours";
  EXPECT_EQ(refusal(Permit::schema, "CREATE TABLE stele_u(a)"), "denied");
  EXPECT_EQ(refusal(Permit::everything, "DELETE FROM stele_own"), "");
  for (const char* sql : {"ATTACH 'x' AS y", "PRAGMA journal_mode=OFF", "BEGIN", "DROP TABLE t", "VACUUM",
                          "CREATE TEMP TABLE v(a)", "ALTER TABLE t RENAME TO v", "SAVEPOINT s"})
    for (const auto permit : {Permit::schema, Permit::changes, Permit::reading})
      EXPECT_EQ(refusal(permit, sql), "denied") << sql;
}

TEST_F(SqliteConnection, functions_whose_answer_changes_are_for_reading_only) {
  for (const char* call :
       {"random()", "randomblob(4)", "last_insert_rowid()", "changes()", "current_timestamp"}) {
    const auto sql = "SELECT " + std::string(call);
    EXPECT_EQ(refusal(Permit::reading, sql), "") << call;
    EXPECT_NE(refusal(Permit::changes, sql), "") << call;
  }
  EXPECT_EQ(refusal(Permit::changes, "SELECT abs(-1), json_text('{}', '$.a'), units('1', 2)"), "");
}

TEST_F(SqliteConnection, statements_are_taken_one_after_the_other) {
  std::string_view rest = " SELECT 1; -- a remark\n SELECT 2 ;; /* the end */ ";
  std::string seen;
  while (true) {
    auto next = db_.prepare_next(rest);
    ASSERT_TRUE(next) << next.error().to_string();
    if (!*next) break;
    ASSERT_TRUE(*(*next)->step());
    seen += (*next)->text(0);
  }
  EXPECT_EQ(seen, "12");
  std::string_view wrong = "SELECT 1; SELECT nix FROM t";
  ASSERT_TRUE(db_.prepare_next(wrong));
  const auto refused = db_.prepare_next(wrong);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fact("sql_offset"), "8") << "counted from the statement";
}

TEST_F(SqliteConnection, a_copy_is_the_database_as_it_is_and_replaces_what_was_there) {
  ASSERT_TRUE(db_.run("INSERT INTO t VALUES(1, 'one')"));
  auto copy = *Connection::open("copy", Mode::memory);
  ASSERT_TRUE(copy.run("CREATE TABLE gone(a)"));
  ASSERT_TRUE(db_.copy_to(copy));
  ASSERT_TRUE(db_.run("DELETE FROM t"));
  auto select = *copy.prepare("SELECT b FROM t");
  ASSERT_TRUE(*select.step());
  EXPECT_EQ(select.text(0), "one");
  EXPECT_FALSE(copy.prepare("SELECT * FROM gone"));
  test::TempDirectory directory;
  auto file = *Connection::open((directory / "file.db").string(), Mode::read_write, Sync::normal);
  ASSERT_TRUE(copy.copy_to(file));
  EXPECT_TRUE(file.prepare("SELECT b FROM t"));
}

TEST_F(SqliteConnection, patience_ends_a_question_and_is_given_back) {
  const std::string endless =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
  db_.give_up_after(std::chrono::milliseconds(5));
  auto statement = *db_.prepare(endless);
  const auto late = statement.step();
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind(), errc::timeout);
  db_.give_up_after({});
  EXPECT_EQ(one("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) SELECT "
                "max(i) FROM n"),
            "50000");
}

TEST_F(SqliteConnection, values_are_written_as_they_are) {
  EXPECT_EQ(one("SELECT NULL"), "null");
  EXPECT_EQ(one("SELECT -9223372036854775808"), "-9223372036854775808");
  EXPECT_EQ(one("SELECT 0.1"), "0.1");
  EXPECT_EQ(one("SELECT 1e300 * 10"), "1e+301");
  EXPECT_EQ(one("SELECT 9e999"), "9e999");
  EXPECT_EQ(one("SELECT 'it''s \"so\"' || char(10)"), R"("it's \"so\"\n")");
  EXPECT_EQ(one("SELECT x'000102'"), R"({"base64":"AAEC"})");
  EXPECT_EQ(one("SELECT CAST(x'ff' AS TEXT)"), R"({"base64":"/w=="})") << "not UTF-8";
  std::string json;
  append_json(json, {.kind = Cell::Kind::json, .bytes = "{\"a\":\n1}"});
  EXPECT_EQ(json, "{\"a\": 1}");
  EXPECT_EQ(text_of({.kind = Cell::Kind::integer, .integer = 5}), "5");
  EXPECT_EQ(text_of({.kind = Cell::Kind::text, .bytes = "a\"b"}), "a\"b");
  EXPECT_EQ(text_of({.kind = Cell::Kind::blob, .bytes = "ab"}), "YWI=");
  EXPECT_EQ(text_of({}), "");
}

TEST_F(SqliteConnection, exact_numbers_pass_through_functions) {
  EXPECT_EQ(one(R"(SELECT json_text('{"a":[{"b":1.10}]}', '$.a[0].b'))"), "\"1.10\"");
  EXPECT_EQ(one(R"(SELECT json_text('{"a b":"x"}', '$."a b"'))"), "\"x\"");
  EXPECT_EQ(one(R"(SELECT json_text('{"a":null}', '$.a'))"), "null");
  EXPECT_EQ(one(R"(SELECT json_text('{"a":{"b":1}}', '$.a'))"), R"("{\"b\":1}")");
  EXPECT_EQ(one("SELECT json_text(NULL, '$.a')"), "null");
  EXPECT_THAT(one("SELECT json_text('{}', 'a')"), HasSubstr("is no path"));
  EXPECT_EQ(one("SELECT units('-12.5', 2)"), "-1250");
  EXPECT_EQ(one("SELECT units(7, 2)"), "700");
  EXPECT_EQ(one("SELECT units(NULL, 2)"), "null");
  EXPECT_THAT(one("SELECT units(7.5, 2)"), HasSubstr("not exact"));
  EXPECT_THAT(one("SELECT units('7', 19)"), HasSubstr("0 to 18"));
  EXPECT_EQ(one("SELECT decimal(-5, 3)"), "\"-0.005\"");
  EXPECT_THAT(one("SELECT decimal('5', 3)"), HasSubstr("whole numbers"));
}

TEST(JsonAt, a_path_leads_to_a_value_or_to_nothing) {
  const auto document = *JsonDocument::parse(R"({"a":{"b":[10,{"c":true}]},"x.y":1})");
  const auto root = document.root();
  EXPECT_EQ(json_at(root, "$")->raw(), root.raw());
  EXPECT_EQ(json_at(root, "$.a.b[1].c")->as_bool(), true);
  EXPECT_EQ(json_at(root, "$.\"x.y\"")->as_i64(), 1);
  for (const char* wrong :
       {"", "a", "$a", "$.a.c", "$.a.b[2]", "$.a.b[x]", "$.a.b[1", "$.\"x", "$..a", "$.a.b.0"})
    EXPECT_FALSE(json_at(root, wrong)) << wrong;
}

}  // namespace
}  // namespace stele::sqlite

// sql_test.cpp - `stele sql` over a directory and over a server in this process: the same rows, the same words.
#include "shell.hpp"
#include "stele/app.hpp"

namespace stele::cli::test {
namespace {

using testing::HasSubstr;

class SqlCommand : public testing::Test {
 protected:
  void SetUp() override {
    fill_small_store(directory.path("store"));
    shell.environment["STELE_DIR"] = directory.path("store");
  }
  // From now on the questions go to a server.
  void serve() {
    store = *open(directory.path("store"));
    ServerOptions options;
    options.port = 0;
    options.grace = std::chrono::milliseconds(200);
    options.models = directory.path("store") + "/models/declared";
    server = *Server::start(*store, nullptr, options);
    shell.environment = {{"STELE_URL", "http://127.0.0.1:" + std::to_string(server->port())}};
  }

  TempDirectory directory;
  Shell shell;
  std::unique_ptr<EventStore> store;
  std::unique_ptr<Server> server;
};

const std::string sums =
    "SELECT stream_id, count(*) AS n, data->>'owner' AS owner FROM events GROUP BY 1 ORDER BY 1";
const std::string sums_lines =
    "{\"stream_id\":\"Account-1\",\"n\":2,\"owner\":\"Ada\"}\n{\"stream_id\":\"Account-2\",\"n\":1,\"owner\":"
    "\"Bob\"}\n";

TEST_F(SqlCommand, a_directory_and_a_server_answer_the_same) {
  const auto local = shell({"sql", sums});
  EXPECT_EQ(local.out, sums_lines) << local.err;
  EXPECT_EQ(local.code, 0);
  serve();
  const auto remote = shell({"sql", sums});
  EXPECT_EQ(remote.out, sums_lines) << remote.err;
  EXPECT_EQ(
      shell({"sql", "SELECT data FROM events WHERE stream_id = :s", "--param", "s=Account-1", "-n", "1"}).out,
      "{\"data\":{\"owner\":\"Ada\"}}\n{\"$truncated\":{\"by\":\"row limit\",\"rows\":1}}\n");
  EXPECT_EQ(shell({"sql", "SELECT count(*) AS n FROM events", "--as-of", "p2"}).out, "{\"n\":2}\n");
}

TEST_F(SqlCommand, every_format_and_every_source_of_the_question) {
  EXPECT_EQ(shell({"sql", "-o", "csv"}, "SELECT 1 AS a, 'x,y' AS b").out, "a,b\r\n1,\"x,y\"\r\n");
  write_file(directory.path("q.sql"), "SELECT :n + 1 AS m, :t AS t");
  EXPECT_EQ(shell({"sql", "-f", directory.path("q.sql"), "--param", "n=41", "--param", "t=a=b"}).out,
            "{\"m\":42,\"t\":\"a=b\"}\n");
  EXPECT_THAT(shell({"sql", "SELECT event_type, data FROM events LIMIT 1", "-o", "table"}).out,
              HasSubstr("event_type  data"));
  EXPECT_EQ(shell({"sql", sums, "--fields", "n"}).out, "{\"n\":2}\n{\"n\":1}\n");
  EXPECT_EQ(shell({"sql", "SELECT count(*) AS n FROM events", "--as-of", "p1"}).out, "{\"n\":1}\n");
}

TEST_F(SqlCommand, the_plan_says_what_is_asked_of_the_store) {
  const auto plan = shell({"sql", "SELECT * FROM events WHERE stream_id = 'Account-2'", "--plan"});
  EXPECT_EQ(plan.out, "{\"look\":\"events: streams=Account-2 p1..p3\"}\n");
  EXPECT_THAT(plan.err, HasSubstr("1 row, 1 event read"));
}

TEST_F(SqlCommand, a_cut_answer_is_announced_on_both_ways) {
  const auto cut = shell({"sql", "SELECT event_type FROM events", "-n", "2"});
  EXPECT_THAT(cut.out, HasSubstr("{\"$truncated\":{\"by\":\"row limit\",\"rows\":2}}\n"));
  EXPECT_THAT(cut.err, HasSubstr("2 rows, and there are more: the row limit was reached"));
  EXPECT_EQ(cut.code, 0);
  const auto late =
      shell({"sql", "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT max(i) FROM n",
             "--timeout", "0.01"});
  EXPECT_EQ(late.code, 6);
  EXPECT_THAT(late.err, HasSubstr("no answer after 10 ms"));
}

TEST_F(SqlCommand, what_cannot_be_asked_has_its_exit_code) {
  EXPECT_EQ(shell({"sql", "DROP TABLE events"}).code, 4);
  EXPECT_EQ(shell({"sql", "SELECT x"}).code, 1);
  EXPECT_EQ(shell({"sql", "SELECT 1", "-f", "x"}).code, 2);
  EXPECT_EQ(shell({"sql", "SELECT 1", "--param", "x"}).code, 2);
  EXPECT_EQ(shell({"sql", "-f", directory.path("none.sql")}).code, 3);
  serve();
  EXPECT_EQ(shell({"sql", "DROP TABLE events"}).code, 4);
}

TEST_F(SqlCommand, a_projection_in_sql_is_created_asked_and_seen_in_the_directory) {
  write_file(directory.path("owners.sql"),
             "---\nname: owners\n---\nCREATE TABLE o(name TEXT, p INTEGER);\n"
             "@on Opened\nINSERT INTO o VALUES(:data.owner, :position);\n"
             "@query since(p integer = 0)\nSELECT name FROM o WHERE p >= :p ORDER BY p;\n");
  EXPECT_EQ(shell({"sql", "SELECT * FROM projector_checkpoints"}).out, "");
  EXPECT_EQ(shell({"projection", "create", directory.path("owners.sql")}).code, 2) << "a directory runs none";
  serve();
  const auto created = shell({"projection", "create", directory.path("owners.sql")});
  EXPECT_EQ(created.code, 0) << created.err;
  EXPECT_THAT(created.out, HasSubstr(R"({"name":"owners","version":1,"created":true)"));
  EXPECT_EQ(shell({"projection", "wait", "owners", "--timeout", "30"}).code, 0);
  EXPECT_EQ(shell({"projection", "ask", "owners", "since"}).out, "{\"name\":\"Ada\"}\n{\"name\":\"Bob\"}\n");
  EXPECT_EQ(shell({"projection", "ask", "owners", "since", "--param", "p=2"}).out, "{\"name\":\"Bob\"}\n");
  EXPECT_EQ(shell({"projection", "ask", "owners", "since", "--as-of", "p1", "-o", "csv"}).out,
            "name\r\nAda\r\n");
  EXPECT_EQ(shell({"projection", "ask", "owners", "none"}).code, 3);
  EXPECT_EQ(shell({"projection", "ask", "owners", "since", "--param", "p"}).code, 2);
  const std::string checkpoints = "SELECT projector_name, version, last_position FROM projector_checkpoints";
  const std::string wanted = "{\"projector_name\":\"owners\",\"version\":1,\"last_position\":3}\n";
  EXPECT_EQ(shell({"sql", checkpoints}).out, wanted);
  server.reset();
  store.reset();
  shell.environment = {{"STELE_DIR", directory.path("store")}};
  EXPECT_EQ(shell({"sql", checkpoints}).out, wanted);
}

}  // namespace
}  // namespace stele::cli::test

// POST and GET /v1/sql: the three forms of an answer, parameters, limits that are announced, what is refused.
#include <gmock/gmock.h>

#include "server_fixture.hpp"

namespace stele::test {
namespace {

using testing::HasSubstr;

class SqlApiTest : public ServerTest {
 protected:
  SqlApiTest() {
    app_.type_names({{"Paid", "PaymentMade"}});
    append("Acc-1", "Opened", R"({"owner":"Ada"})");
    append("Acc-1", "PaymentMade", R"({"amount":10.50})");
    append("Acc-2", "Paid", R"({"amount":7})");
    start(&app_);
  }
  Reply ask(const std::string& body, const std::string& accept = "application/json",
            const std::string& type = "application/json") {
    auto http = client();
    return http.send("POST", "/v1/sql", body, Headers{{"Content-Type", type}, {"Accept", accept}});
  }
  Reply get(const std::string& target) {
    auto http = client();
    return http.send("GET", target, "", Headers{});
  }

  App app_{"accounts", "1"};
};

TEST_F(SqlApiTest, a_question_is_answered_with_columns_and_rows) {
  const auto answer =
      ask(R"({"sql":"SELECT event_type, data FROM events WHERE stream_id = :s ORDER BY stream_position",)"
          R"("parameters":{"s":"Acc-1"}})");
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_THAT(answer.body,
              HasSubstr(R"({"columns":["event_type","data"],"rows":[["Opened",{"owner":"Ada"}],)"
                        R"(["Paid",{"amount":10.50}]],"count":2,"truncated":null,"events_read":2)"));
  EXPECT_THAT(answer.body, HasSubstr("events: streams=Acc-1"));
}

TEST_F(SqlApiTest, lines_and_csv_are_to_be_had) {
  const std::string body =
      R"({"sql":"SELECT event_type AS type, data->>'owner' AS owner FROM events LIMIT 2"})";
  EXPECT_THAT(ask(body, "application/x-ndjson").body,
              HasSubstr("{\"type\":\"Opened\",\"owner\":\"Ada\"}\n{\"type\":\"Paid\",\"owner\":null}\n"
                        "{\"$end\":{\"count\":2,\"truncated\":null"));
  EXPECT_EQ(ask(body, "text/csv").body, "type,owner\r\nOpened,Ada\r\nPaid,\r\n");
}

TEST_F(SqlApiTest, the_question_may_be_the_body_or_stand_in_the_address) {
  EXPECT_THAT(ask("SELECT count(*) AS n FROM events", "application/json", "application/sql").body,
              HasSubstr("\"rows\":[[3]]"));
  EXPECT_THAT(get("/v1/sql?q=SELECT%20count(*)%20AS%20n%20FROM%20events").body, HasSubstr("\"rows\":[[3]]"));
  EXPECT_THAT(get("/v1/sql?q=SELECT%20count(*)%20FROM%20events&as_of=p2").body, HasSubstr("\"rows\":[[2]]"));
  EXPECT_THAT(ask(R"({"sql":"SELECT count(*) FROM events","as_of":"p1"})").body, HasSubstr("\"rows\":[[1]]"));
}

TEST_F(SqlApiTest, todays_name_of_a_type_finds_its_older_ones) {
  EXPECT_THAT(ask(R"({"sql":"SELECT count(*) FROM events WHERE event_type = 'Paid'"})").body,
              HasSubstr("\"rows\":[[2]]"));
}

TEST_F(SqlApiTest, a_cut_answer_says_so) {
  const auto cut = ask(R"({"sql":"SELECT 1 FROM events","limit":2})");
  EXPECT_EQ(cut.at("/truncated"), "row limit");
  EXPECT_EQ(cut.header("stele-truncated"), "row limit");
  EXPECT_EQ(cut.at("/count"), "2");
  const auto late =
      ask(R"({"sql":"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT max(i) FROM n",)"
          R"("timeout_ms":10})");
  EXPECT_EQ(late.status, 503) << late.body;
  EXPECT_THAT(late.body, HasSubstr("no answer after 10 ms"));
}

TEST_F(SqlApiTest, what_is_wrong_is_refused_and_nothing_changes) {
  EXPECT_EQ(ask(R"({"sql":"DELETE FROM events"})").status, 403);
  const auto wrong = ask(R"({"sql":"SELECT nothing FROM events"})");
  EXPECT_EQ(wrong.status, 400);
  EXPECT_EQ(wrong.at("/column"), "8");
  EXPECT_EQ(ask("{}").status, 400);
  EXPECT_EQ(ask("[]").status, 400);
  EXPECT_EQ(ask(R"({"sql":"SELECT 1","rows":1})").status, 400) << "no such member";
  EXPECT_EQ(ask(R"({"sql":"SELECT 1","limit":0})").status, 400);
  EXPECT_EQ(ask(R"({"sql":"SELECT 1","timeout_ms":60001})").status, 400);
  EXPECT_EQ(ask(R"({"sql":"SELECT :a","parameters":{"a":[1]}})").status, 400);
  EXPECT_EQ(ask(R"({"sql":"SELECT 1","as_of":"yesterday"})").status, 400);
  EXPECT_EQ(get("/v1/sql").status, 400);
  EXPECT_EQ(get("/v1/sql?q=SELECT%201&limit=x").status, 400);
  EXPECT_EQ(head(), 3u);
}

}  // namespace
}  // namespace stele::test

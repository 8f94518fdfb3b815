// demo_test.cpp - `stele demo` as a stranger meets it: the walk-through of the documentation over HTTP, restarts,
// and the ways it ends.
#include <filesystem>

#include "demo_fixture.hpp"

namespace stele::test {
namespace {

constexpr std::string_view rent =
    R"({"fromAccountId":"acct-42","toAccountId":"acct-99","amount":500.00,"description":"Rent payment"})";

TEST_F(Demo, the_walk_through) {
  start();
  EXPECT_EQ(http().get("/api/accounts/acct-42/summary").at("/balance"), "5320.50");
  EXPECT_EQ(http().get("/api/accounts/acct-99/summary").at("/balance"), "12000.00");
  const auto transfer = http().post("/api/transfers", rent);
  ASSERT_EQ(transfer.status, 201) << transfer.body;
  EXPECT_EQ(transfer.at("/from/version"), "203");
  EXPECT_EQ(transfer.at("/from/balance"), "4820.50");
  EXPECT_EQ(transfer.at("/to/version"), "87");
  EXPECT_EQ(transfer.at("/to/balance"), "12500.00");
  const auto deposit = http().post("/api/accounts/acct-42/deposit", R"({"amount":100})");
  EXPECT_EQ(deposit.body.substr(0, 15), R"({"version":204,)");
  const auto summary = http().get("/api/accounts/acct-42/summary?after_version=204");
  EXPECT_EQ(summary.at("/version"), "204");
  EXPECT_EQ(summary.at("/balance"), "4920.50");
  const auto stored = http().get("/v1/streams/BankAccount-acct-42/events/203");
  EXPECT_EQ(stored.at("/event_type"), "MoneyWithdrawn");
  EXPECT_EQ(stored.at("/data/amount"), "500.00");
  const auto other = http().get("/v1/streams/BankAccount-acct-99/events/87");
  EXPECT_EQ(other.at("/event_type"), "MoneyDeposited");
  EXPECT_EQ(other.at("/metadata/correlationId"), stored.at("/metadata/correlationId"));
}

TEST_F(Demo, commands_and_queries_are_two_processes_over_one_store) {
  start({"--side", "commands"});
  ServerProcess queries("demo", dir(), {"--side", "queries", "--no-traffic"});
  HttpClient asking(queries.port());
  EXPECT_EQ(http().get("/api/accounts/acct-42/summary").status, 404) << "no read model there";
  EXPECT_EQ(asking.post("/api/accounts/acct-42/deposit", R"({"amount":100})").status, 404)
      << "no commands here";
  ASSERT_EQ(http().post("/api/accounts/acct-42/deposit", R"({"amount":100})").at("/version"), "203");
  const auto seen = asking.get("/api/accounts/acct-42/summary?after_version=203");
  EXPECT_EQ(seen.at("/balance"), "5420.50") << seen.body;
  const auto before = head();
  EXPECT_NE(asking.post("/v1/streams/x/events", R"({"type":"Happened","data":{}})").status, 201);
  EXPECT_EQ(head(), before);
  EXPECT_EQ(server_->process().stop(), 0);
  EXPECT_EQ(asking.get("/api/accounts/acct-42/summary").at("/balance"), "5420.50")
      << "the other side is gone";
}

TEST_F(Demo, a_query_token_reads_and_may_not_command) {
  const auto tokens = (dir_ / "tokens").string();
  Process make({"token", "new", "reports", "--scope", "query", "--file", tokens, "-o", "json"});
  const auto made = make.line().value_or("");
  ASSERT_EQ(make.wait(), 0);
  const auto begin = made.find("stele_");
  ASSERT_NE(begin, std::string::npos) << made;
  const Headers bearer{{"Authorization", "Bearer " + made.substr(begin, made.find('"', begin) - begin)}};
  start({"--tokens", tokens});
  EXPECT_EQ(http().get("/api/accounts/acct-42/summary").status, 401);
  EXPECT_EQ(http().get("/api/accounts/acct-42/summary", bearer).at("/balance"), "5320.50");
  EXPECT_EQ(http().post("/api/accounts/acct-42/deposit", R"({"amount":100})", bearer).status, 403);
  EXPECT_EQ(http().get("/api/accounts/acct-42/summary", bearer).at("/balance"), "5320.50");
}

TEST_F(Demo, with_the_projector_held_back_a_reader_waits_or_is_told) {
  start({"--projection-delay", "300ms"});
  ASSERT_EQ(http().post("/api/accounts/acct-42/deposit", R"({"amount":100})").at("/version"), "203");
  const auto late = http().get("/api/accounts/acct-42/summary?after_version=203", {{"Prefer", "wait=0"}});
  EXPECT_EQ(late.status, 503) << late.body;
  EXPECT_EQ(late.at("/type"), "/problems/read-model-behind");
  EXPECT_EQ(late.at("/behind_events"), "1");
  const auto waited = http().get("/api/accounts/acct-42/summary?after_version=203");
  EXPECT_EQ(waited.status, 200);
  EXPECT_EQ(waited.at("/balance"), "5420.50");
}

TEST_F(Demo, the_past_answers_for_a_time_a_position_and_a_version) {
  start();
  const auto summary = [&](const std::string& moment) {
    return http().get("/api/accounts/acct-13/summary?as_of=" + moment).at("/balance");
  };
  EXPECT_EQ(summary("v200"), "200.00");
  EXPECT_EQ(summary("v201"), "3400.00");
  EXPECT_EQ(summary("v202"), "2900.00");
  EXPECT_EQ(summary("v203"), "-100.00");
  EXPECT_EQ(summary("2026-04-15T10:31:01Z"), "3400.00");
  const auto fatal = http().get("/v1/streams/BankAccount-acct-13/events/203").at("/global_position");
  EXPECT_EQ(summary("p" + fatal), "-100.00");
  EXPECT_EQ(summary("p" + std::to_string(std::stoul(fatal) - 1)), "2900.00");
}

TEST_F(Demo, what_was_answered_is_still_true_after_a_restart) {
  const Headers key{{"Idempotency-Key", "rent-april"}};
  start();
  const auto first = http().post("/api/transfers", rent, key);
  ASSERT_EQ(first.status, 201) << first.body;
  const auto before = head();
  EXPECT_EQ(server_->process().stop(SIGTERM), 0);
  start();
  EXPECT_EQ(head(), before) << "the past is not written a second time";
  const auto again = http().post("/api/transfers", rent, key);
  EXPECT_EQ(again.status, 201);
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(again.header("idempotency-replayed"), "true");
  EXPECT_EQ(head(), before);
  EXPECT_EQ(http().get("/api/accounts/acct-42/summary").at("/balance"), "4820.50");
}

TEST_F(Demo, refusals_move_nothing) {
  start();
  const auto before = head();
  const auto status = [&](const char* target, std::string_view body, const Headers& headers = {}) {
    return http().post(target, body, headers).status;
  };
  EXPECT_EQ(status("/api/accounts/acct-42/withdraw", R"({"amount":"5320.51"})"), 422);
  EXPECT_EQ(status("/api/accounts/acct-42/withdraw", R"({"amount":"5320.505"})"), 400);
  EXPECT_EQ(status("/api/accounts/nobody/withdraw", R"({"amount":1})"), 404);
  EXPECT_EQ(status("/api/accounts/acct-42/withdraw", R"({"amount":1})", {{"If-Match", "\"7\""}}), 412);
  EXPECT_EQ(head(), before);
  // Told by its header alone, before a byte of it was read.
  Wire wire(server_->port());
  wire.send(
      "POST /api/transfers HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: "
      "99999999\r\n\r\n");
  EXPECT_NE(wire.read_until("\r\n").value_or("").find(" 413 "), std::string::npos);
  EXPECT_EQ(head(), before);
}

TEST_F(Demo, another_process_reads_the_same_directory) {
  start();
  http().post("/api/accounts/acct-42/deposit", R"({"amount":"0.01"})");
  Process reader({"read", "BankAccount-acct-42", "v203..", "--dir", dir(), "-o", "ndjson"});
  const auto line = reader.line();
  ASSERT_TRUE(line);
  EXPECT_EQ((Reply{0, {}, *line}.at("/data/amount")), "0.01");
  EXPECT_EQ(reader.wait(), 0);
  Process second({"demo", "--dir", dir(), "--listen", "127.0.0.1:0"});
  EXPECT_EQ(second.wait(), 6) << "the directory has its one writer";
}

TEST(DemoProcess, a_temporary_directory_goes_away_with_it) {
  for (const int signal : {SIGINT, SIGTERM}) {
    Process demo({"demo", "--listen", "127.0.0.1:0", "-o", "ndjson"});
    const auto dir = Reply{0, {}, demo.line().value_or("")}.at("/dir");
    ASSERT_FALSE(dir.empty());
    EXPECT_TRUE(std::filesystem::exists(dir));
    EXPECT_EQ(demo.stop(signal), 0);
    EXPECT_FALSE(std::filesystem::exists(dir));
  }
}

TEST(DemoProcess, people_get_five_commands_to_try) {
  Process demo({"demo", "--listen", "127.0.0.1:0", "--no-traffic", "-o", "table"});
  std::string text;
  for (auto line = demo.line(); line; line = demo.line()) {
    text += *line + "\n";
    if (line->starts_with("Ctrl-C")) break;
  }
  for (const auto* number : {"  1  ", "  2  ", "  3  ", "  4  ", "  5  "})
    EXPECT_NE(text.find(number), std::string::npos) << text;
  EXPECT_EQ(demo.stop(), 0);
}

}  // namespace
}  // namespace stele::test

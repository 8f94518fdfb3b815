// app_test.cpp - the bank over HTTP: what commands and queries answer, and what they refuse.
#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <thread>

#include "bank_fixture.hpp"
#include "stele/decimal.hpp"
#include "support/openapi_check.hpp"

namespace bank::test {
namespace {

using testing::HasSubstr;

// ---- Commands

TEST_F(BankTest, a_transfer_moves_money_between_two_accounts_in_one_append) {
  const auto before = head();
  const auto reply =
      post("/api/transfers", R"({"fromAccountId":"acct-42","toAccountId":"acct-99","amount":500.00,)"
                             R"("description":"Rent payment"})");
  ASSERT_EQ(reply.status, 201) << reply.body;
  EXPECT_EQ(reply.at("/from/version"), "203");
  EXPECT_EQ(reply.at("/from/balance"), "4820.50");
  EXPECT_EQ(reply.at("/to/version"), "87");
  EXPECT_EQ(reply.at("/to/balance"), "12500.00");
  EXPECT_EQ(reply.header("stele-position"), std::to_string(before + 2));
  EXPECT_EQ(head(), before + 2);
  EXPECT_EQ(get("/api/accounts/acct-42/summary?after_version=203").at("/balance"), "4820.50");
  EXPECT_EQ(get("/api/accounts/acct-99/summary?after_version=87").at("/balance"), "12500.00");
}

TEST_F(BankTest, a_deposit_answers_with_version_position_and_etag) {
  const auto reply = post("/api/accounts/acct-42/deposit", R"({"amount":100})", {{"If-Match", "\"202\""}});
  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(reply.body.substr(0, 15), R"({"version":203,)");
  EXPECT_EQ(reply.at("/position"), std::to_string(head()));
  EXPECT_EQ(reply.at("/balance"), "5420.50");
  EXPECT_EQ(reply.header("etag"), "\"203\"");
  EXPECT_EQ(reply.header("stele-position"), std::to_string(head()));
}

TEST_F(BankTest, amounts_are_read_exactly_whatever_their_form) {
  ASSERT_EQ(post("/api/accounts", R"({"accountId":"exact","owner":"Ada"})").status, 201);
  for (const auto* amount : {"0.1", "0.2", "\"0.10\"", "\"90071992547409.93\"", "1", "\"2.5\""}) {
    const auto reply = post("/api/accounts/exact/deposit", std::string(R"({"amount":)") + amount + "}");
    EXPECT_EQ(reply.status, 200) << amount << ": " << reply.body;
  }
  EXPECT_EQ(get("/api/accounts/exact/summary?after_version=6").at("/balance"), "90071992547413.83");
}

TEST_F(BankTest, an_account_is_opened_used_emptied_and_closed) {
  const auto opened = post("/api/accounts", R"({"accountId":"new-1","owner":"Grace"})");
  ASSERT_EQ(opened.status, 201) << opened.body;
  EXPECT_EQ(opened.header("location"), "/api/accounts/new-1/summary");
  EXPECT_EQ(opened.at("/version"), "0");
  EXPECT_EQ(post("/api/accounts/new-1/deposit", R"({"amount":"12.34","description":"first"})").status, 200);
  EXPECT_EQ(post("/api/accounts/new-1/withdraw", R"({"amount":"12.34"})").at("/balance"), "0.00");
  EXPECT_EQ(post("/api/accounts/new-1/close", "").status, 200);
  const auto summary = get("/api/accounts/new-1/summary?after_version=3");
  EXPECT_EQ(summary.at("/status"), "closed");
  EXPECT_EQ(post("/api/accounts/new-1/deposit", R"({"amount":1})").at("/rule"), "AccountIsClosed");
}

TEST_F(BankTest, an_account_without_a_wish_gets_an_id) {
  const auto one = post("/api/accounts", R"({"owner":"Ada"})");
  const auto two = post("/api/accounts", R"({"owner":"Ada"})");
  ASSERT_EQ(one.status, 201) << one.body;
  EXPECT_NE(one.at("/accountId"), two.at("/accountId"));
  EXPECT_EQ(get(one.header("location") + "?after_version=0").status, 200);
}

TEST_F(BankTest, who_and_why_are_in_the_audit_trail) {
  post("/api/accounts/acct-42/withdraw", R"({"amount":"7.00","description":"Stamps"})",
       {{"X-User-Id", "user-9"}, {"X-Correlation-Id", "tx-1"}, {"X-Causation-Id", "letter-3"}});
  const auto page = get("/api/accounts/acct-42/history?cursor=v203");
  ASSERT_EQ(page.status, 200) << page.body;
  EXPECT_EQ(page.at("/events/0/eventType"), "MoneyWithdrawn");
  EXPECT_EQ(page.at("/events/0/amount"), "7.00");
  EXPECT_EQ(page.at("/events/0/description"), "Stamps");
  EXPECT_EQ(page.at("/events/0/userId"), "user-9");
  EXPECT_EQ(page.at("/events/0/correlationId"), "tx-1");
  EXPECT_EQ(page.at("/events/0/causationId"), "letter-3");
}

// ---- Refusals: after each the log is what it was

struct Refused {
  const char* situation;
  const char* target;
  std::string body;
  int status;
  std::map<std::string, std::string> members;
  Headers headers{};
};

class Refusals : public BankTest, public testing::WithParamInterface<Refused> {};

TEST_P(Refusals, leave_no_trace) {
  const auto& wanted = GetParam();
  const auto before = head();
  const auto reply = post(wanted.target, wanted.body, wanted.headers);
  EXPECT_EQ(reply.status, wanted.status) << reply.body;
  EXPECT_EQ(reply.header("content-type"), "application/problem+json");
  EXPECT_EQ(reply.at("/status"), std::to_string(wanted.status));
  for (const auto& [pointer, value] : wanted.members)
    EXPECT_EQ(reply.at(pointer), value) << pointer << reply.body;
  EXPECT_EQ(head(), before);
}

const std::vector<Refused> all_refusals{
    {"InsufficientFunds",
     "/api/accounts/acct-42/withdraw",
     R"({"amount":"5320.51"})",
     422,
     {{"/type", "/problems/business-rule"},
      {"/rule", "InsufficientFunds"},
      {"/balance", "5320.50"},
      {"/asked", "5320.51"}}},
    {"AmountNotPositive",
     "/api/accounts/acct-42/deposit",
     R"({"amount":0})",
     422,
     {{"/rule", "AmountNotPositive"}, {"/amount", "0.00"}}},
    {"NegativeAmount",
     "/api/accounts/acct-42/deposit",
     R"({"amount":"-1"})",
     422,
     {{"/rule", "AmountNotPositive"}}},
    {"AccountTaken",
     "/api/accounts",
     R"({"accountId":"acct-42","owner":"Eve"})",
     422,
     {{"/rule", "AccountTaken"}, {"/accountId", "acct-42"}}},
    {"AccountIsClosed",
     "/api/accounts/acct-7/deposit",
     R"({"amount":1})",
     422,
     {{"/rule", "AccountIsClosed"}}},
    {"MoneyLeft", "/api/accounts/acct-99/close", "", 422, {{"/rule", "MoneyLeft"}, {"/balance", "12000.00"}}},
    {"SameAccount",
     "/api/transfers",
     R"({"fromAccountId":"acct-42","toAccountId":"acct-42","amount":1})",
     422,
     {{"/rule", "SameAccount"}}},
    {"TransferTooLarge",
     "/api/transfers",
     R"({"fromAccountId":"acct-42","toAccountId":"acct-99","amount":"5320.51"})",
     422,
     {{"/rule", "InsufficientFunds"}}},
    {"TransferToClosed",
     "/api/transfers",
     R"({"fromAccountId":"acct-42","toAccountId":"acct-7","amount":1})",
     422,
     {{"/rule", "AccountIsClosed"}}},
    {"TransferToNobody",
     "/api/transfers",
     R"({"fromAccountId":"acct-42","toAccountId":"nobody","amount":1})",
     404,
     {{"/type", "/problems/not-found"}, {"/accountId", "nobody"}}},
    {"UnknownAccount",
     "/api/accounts/nobody/withdraw",
     R"({"amount":1})",
     404,
     {{"/type", "/problems/not-found"}, {"/accountId", "nobody"}}},
    {"ImpossibleAccount", "/api/accounts/%24all/deposit", R"({"amount":1})", 404, {}},
    {"NoJson", "/api/accounts/acct-42/deposit", "amount=1", 400, {{"/type", "/problems/invalid-command"}}},
    {"EmptyBody", "/api/accounts/acct-42/deposit", "", 400, {{"/type", "/problems/invalid-command"}}},
    {"NoAmount", "/api/accounts/acct-42/deposit", "{}", 400, {{"/errors/0/pointer", "/amount"}}},
    {"ThreeDecimals",
     "/api/accounts/acct-42/deposit",
     R"({"amount":1.005})",
     400,
     {{"/errors/0/pointer", "/amount"}}},
    {"Exponent",
     "/api/accounts/acct-42/deposit",
     R"({"amount":1e2})",
     400,
     {{"/errors/0/pointer", "/amount"}}},
    {"TooMuchMoney",
     "/api/accounts/acct-42/deposit",
     R"({"amount":"92233720368547758.08"})",
     400,
     {{"/errors/0/pointer", "/amount"}}},
    {"Overflow", "/api/accounts/acct-42/deposit", R"({"amount":"92233720368547758.07"})", 400, {}},
    {"MisspeltField",
     "/api/accounts/acct-42/deposit",
     R"({"amount":1,"descripton":"x"})",
     400,
     {{"/errors/0/pointer", "/descripton"}}},
    {"EverythingWrongAtOnce",
     "/api/transfers",
     R"({"fromAccountId":42,"amount":"lots","description":[]})",
     400,
     {{"/type", "/problems/invalid-command"},
      {"/errors/0/pointer", "/fromAccountId"},
      {"/errors/1/pointer", "/amount"},
      {"/errors/2/pointer", "/description"},
      {"/errors/3/pointer", "/toAccountId"}}},
    {"StrangeId",
     "/api/accounts",
     R"({"accountId":"a b","owner":"x"})",
     400,
     {{"/errors/0/pointer", "/accountId"}}},
    {"NoOwner", "/api/accounts", R"({"accountId":"ok","owner":""})", 400, {{"/errors/0/pointer", "/owner"}}},
    {"LongDescription",
     "/api/accounts/acct-42/deposit",
     R"({"amount":1,"description":")" + std::string(501, 'x') + "\"}",
     400,
     {{"/errors/0/pointer", "/description"}}},
    {"WrongIfMatch",
     "/api/accounts/acct-42/deposit",
     R"({"amount":1})",
     412,
     {{"/type", "/problems/version-conflict"},
      {"/expected", "200"},
      {"/actual", "202"},
      {"/events_since/0/stream_position", "201"},
      {"/events_since/1/stream_position", "202"}},
     {{"If-Match", "\"200\""}}},
    {"MustNotExist",
     "/api/accounts",
     R"({"accountId":"acct-42","owner":"x"})",
     412,
     {},
     {{"If-None-Match", "*"}}},
    {"TransferWithWrongIfMatch",
     "/api/transfers",
     R"({"fromAccountId":"acct-42","toAccountId":"acct-99","amount":1})",
     412,
     {{"/actual", "202"}},
     {{"If-Match", "\"1\""}}},
    {"NonsenseIfMatch",
     "/api/accounts/acct-42/deposit",
     R"({"amount":1})",
     400,
     {},
     {{"If-Match", "yesterday"}}},
    {"OverTheLimit",
     "/api/accounts/acct-42/deposit",
     std::string(65u << 10, ' '),
     413,
     {{"/type", "/problems/too-large"}}},
    {"NotJsonType", "/api/accounts/acct-42/deposit", "<amount/>", 415, {}, {{"Content-Type", "text/xml"}}},
};
INSTANTIATE_TEST_SUITE_P(bank, Refusals, testing::ValuesIn(all_refusals),
                         [](const auto& one) { return one.param.situation; });

// ---- Repeats

TEST_F(BankTest, a_repeated_key_has_one_effect_and_the_same_answer) {
  const Headers key{{"Idempotency-Key", "pay-1"}};
  const auto first = post("/api/accounts/acct-42/deposit", R"({"amount":"1.00"})", key);
  ASSERT_EQ(first.status, 200) << first.body;
  const auto after = head();
  const auto again = post("/api/accounts/acct-42/deposit", R"({"amount":"1.00"})", key);
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(again.header("etag"), first.header("etag"));
  EXPECT_EQ(again.header("idempotency-replayed"), "true");
  restart();
  const auto later = post("/api/accounts/acct-42/deposit", R"({"amount":"1.00"})", key);
  EXPECT_EQ(later.body, first.body);
  EXPECT_EQ(head(), after);
}

TEST_F(BankTest, a_repeat_is_recognised_in_the_log_when_the_stored_answer_was_lost) {
  const Headers key{{"Idempotency-Key", "pay-2"}};
  const std::string body = R"({"fromAccountId":"acct-42","toAccountId":"acct-99","amount":"5.00"})";
  const auto first = post("/api/transfers", body, key);
  ASSERT_EQ(first.status, 201) << first.body;
  post("/api/accounts/acct-42/withdraw", R"({"amount":"1.00"})");
  const auto after = head();
  ASSERT_TRUE(store_->records().erase("idempotency", "pay-2"));  // as a crash before it was kept
  const auto again = post("/api/transfers", body, key);
  EXPECT_EQ(again.status, 201);
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(head(), after);
}

TEST_F(BankTest, a_key_belongs_to_one_command) {
  const Headers key{{"Idempotency-Key", "pay-3"}};
  ASSERT_EQ(post("/api/accounts/acct-42/deposit", R"({"amount":"1.00"})", key).status, 200);
  const auto after = head();
  const auto other = post("/api/accounts/acct-42/deposit", R"({"amount":"2.00"})", key);
  EXPECT_EQ(other.status, 422);
  EXPECT_EQ(other.at("/type"), "/problems/idempotency-key-reused");
  EXPECT_EQ(head(), after);
}

TEST_F(BankTest, an_account_opened_twice_with_one_key_is_one_account) {
  const Headers key{{"Idempotency-Key", "open-1"}};
  const auto first = post("/api/accounts", R"({"owner":"Ada"})", key);
  ASSERT_TRUE(store_->records().erase("idempotency", "open-1"));
  const auto again = post("/api/accounts", R"({"owner":"Ada"})", key);
  EXPECT_EQ(again.at("/accountId"), first.at("/accountId"));
}

// ---- Queries

TEST_F(BankTest, a_summary_says_what_it_reflects) {
  const auto reply = get("/api/accounts/acct-42/summary");
  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(reply.at("/accountId"), "acct-42");
  EXPECT_EQ(reply.at("/balance"), "5320.50");
  EXPECT_EQ(reply.at("/version"), "202");
  EXPECT_NE(reply.at("/recentTransactions/9/date"), "");
  EXPECT_EQ(reply.at("/recentTransactions/10"), "");
  EXPECT_EQ(reply.header("etag"), "\"202\"");
  EXPECT_EQ(reply.header("stele-read-version"), "202");
  EXPECT_EQ(reply.header("stele-behind-events"), "0");
  EXPECT_EQ(get("/api/accounts/acct-42/summary", {{"If-None-Match", "\"202\""}}).status, 304);
}

TEST_F(BankTest, a_reader_waits_for_a_model_that_is_held_back) {
  hold_back(std::chrono::milliseconds(300));
  const auto version = post("/api/accounts/acct-42/deposit", R"({"amount":100})").at("/version");
  const auto stale = get("/api/accounts/acct-42/summary");
  EXPECT_EQ(stale.at("/version"), "202");
  EXPECT_EQ(stale.header("stele-behind-events"), "1");
  const auto waited = get("/api/accounts/acct-42/summary?after_version=" + version);
  EXPECT_EQ(waited.at("/balance"), "5420.50");
  EXPECT_EQ(waited.header("stele-read-version"), version);
}

TEST_F(BankTest, past_its_patience_a_reader_is_told_how_far_behind_the_model_is) {
  hold_back(std::chrono::hours(1));
  const auto position = post("/api/accounts/acct-42/deposit", R"({"amount":100})").at("/position");
  const auto late = get("/api/accounts/acct-42/summary?after_version=203", {{"Prefer", "wait=0"}});
  EXPECT_EQ(late.status, 503) << late.body;
  EXPECT_EQ(late.at("/type"), "/problems/read-model-behind");
  EXPECT_EQ(late.at("/wanted"), position);
  EXPECT_EQ(late.at("/behind_events"), "1");
  EXPECT_NE(late.header("retry-after"), "");
  const auto lenient =
      get("/api/accounts/acct-42/summary?after_version=203", {{"Prefer", "wait=0, handling=lenient"}});
  EXPECT_EQ(lenient.status, 200);
  EXPECT_EQ(lenient.at("/version"), "202");
  EXPECT_EQ(lenient.header("stele-stale"), "true");
  hold_back(std::chrono::milliseconds(0));
}

TEST_F(BankTest, an_account_the_model_has_not_seen_is_told_from_one_that_does_not_exist) {
  hold_back(std::chrono::hours(1));
  ASSERT_EQ(post("/api/accounts", R"({"accountId":"fresh","owner":"Ada"})").status, 201);
  const auto early = get("/api/accounts/fresh/summary");
  EXPECT_EQ(early.status, 404);
  EXPECT_EQ(early.at("/type"), "/problems/not-yet-visible");
  EXPECT_THAT(early.at("/help"), HasSubstr("after_version"));
  EXPECT_EQ(get("/api/accounts/nobody/summary").at("/type"), "/problems/not-found");
  hold_back(std::chrono::milliseconds(0));
  EXPECT_EQ(get("/api/accounts/fresh/summary?after_version=0").status, 200);
}

TEST_F(BankTest, accounts_are_listed_page_by_page) {
  std::vector<std::string> seen;
  std::string cursor;
  do {
    const auto page = get("/api/accounts?limit=3" + (cursor.empty() ? "" : "&cursor=" + cursor));
    ASSERT_EQ(page.status, 200) << page.body;
    for (int i = 0; i < 3; ++i)
      if (auto id = page.at("/accounts/" + std::to_string(i) + "/accountId"); !id.empty()) seen.push_back(id);
    cursor = page.at("/next");
    EXPECT_EQ(page.header("link").empty(), cursor.empty());
  } while (!cursor.empty());
  EXPECT_EQ(seen.size(), 10u);
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
  EXPECT_EQ(get("/api/accounts?limit=0").status, 400);
  EXPECT_EQ(get("/api/accounts?limit=many").status, 400);
}

TEST_F(BankTest, the_history_is_complete_and_pages) {
  const auto all = get("/api/accounts/acct-13/history");
  EXPECT_EQ(all.at("/events/203/description"), "concurrent withdrawal not caught");
  EXPECT_EQ(all.at("/events/203/amount"), "3000.00");
  EXPECT_EQ(all.at("/events/203/userId"), "user-13");
  EXPECT_EQ(all.at("/events/204"), "");
  EXPECT_EQ(all.at("/next"), "");
  const auto page = get("/api/accounts/acct-13/history?limit=200");
  EXPECT_EQ(page.at("/next"), "v200");
  EXPECT_EQ(get("/api/accounts/acct-13/history?limit=200&cursor=v200").at("/events/3/version"), "203");
  EXPECT_EQ(get("/api/accounts/acct-13/history?as_of=v5").at("/events/6"), "");
  EXPECT_EQ(get("/api/accounts/nobody/history").status, 404);
  EXPECT_EQ(get("/api/accounts/acct-13/history?cursor=later").status, 400);
}

TEST_F(BankTest, a_statement_closes_where_the_next_one_opens) {
  std::string before = "0.00";
  for (const auto* month : {"2025-11", "2025-12", "2026-01", "2026-02", "2026-03", "2026-04"}) {
    const auto statement = get(std::string("/api/accounts/acct-42/statement?month=") + month);
    ASSERT_EQ(statement.status, 200) << statement.body;
    EXPECT_EQ(statement.at("/openingBalance"), before) << month;
    before = statement.at("/closingBalance");
  }
  EXPECT_EQ(before, "5320.50");
  EXPECT_EQ(get("/api/accounts/acct-42/statement").status, 400);
  EXPECT_EQ(get("/api/accounts/acct-42/statement?month=2026-13").status, 400);
  EXPECT_EQ(get("/api/accounts/nobody/statement?month=2026-03").status, 404);
}

TEST_F(BankTest, a_live_summary_shows_the_state_and_then_each_change) {
  SseClient live(server_->port(), "/api/accounts/acct-42/summary");
  ASSERT_EQ(live.status(), 200);
  const auto first = live.next();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->event, "summary");
  EXPECT_EQ(first->id, "202");
  post("/api/accounts/acct-99/deposit", R"({"amount":1})");  // somebody else's change
  post("/api/accounts/acct-42/deposit", R"({"amount":"0.50"})");
  auto second = live.next();
  while (second && second->id == "202")
    second = live.next();  // the same state may be told twice, never skipped
  ASSERT_TRUE(second);
  EXPECT_EQ(second->id, "203");
  EXPECT_EQ((Reply{0, {}, second->data}.at("/balance")), "5321.00");
  EXPECT_EQ(SseClient(server_->port(), "/api/accounts/nobody/summary").status(), 404);
  EXPECT_EQ(SseClient(server_->port(), "/api/accounts/acct-42/summary?as_of=v1").status(), 400);
}

TEST_F(BankTest, queries_change_nothing) {
  const auto before = head();
  for (const auto* target :
       {"/api/accounts", "/api/accounts/acct-42/summary", "/api/accounts/acct-42/summary?as_of=v3",
        "/api/accounts/acct-42/history", "/api/accounts/acct-42/statement?month=2026-03"})
    EXPECT_EQ(get(target).status, 200) << target;
  EXPECT_EQ(head(), before);
}

TEST_F(BankTest, readiness_metrics_and_the_address_list_know_the_bank) {
  EXPECT_THAT(get("/readyz?verbose").body, HasSubstr("[+]projection accounts ok"));
  EXPECT_THAT(get("/metrics").body, HasSubstr("stele_projection_lag_events{projection=\"accounts\"} 0"));
  EXPECT_THAT(get("/openapi.json").body, HasSubstr("/api/accounts/{id}/deposit"));
  EXPECT_EQ(get("/problems/not-yet-visible").status, 200);
}

TEST_F(BankTest, the_description_names_each_parameter_of_an_operation_once) {
  const auto body = get("/openapi.json").body;
  EXPECT_THAT(stele::test::parameters_twice(body), testing::IsEmpty());
  EXPECT_THAT(body, HasSubstr("after_version"));
}

TEST_F(BankTest, an_account_with_an_event_the_bank_cannot_read_says_so_and_claims_no_damage) {
  ASSERT_EQ(post("/v1/streams/BankAccount-acct-42/events", R"({"type":"Surprise","data":{}})").status, 201);
  const auto reply = post("/api/accounts/acct-42/deposit", R"({"amount":1})");
  EXPECT_EQ(reply.status, 500) << reply.body;
  EXPECT_EQ(reply.at("/type"), "/problems/corrupt");
  EXPECT_EQ(reply.at("/event_type"), "Surprise");
  EXPECT_THAT(reply.at("/detail"), HasSubstr("not its checksum"));
  EXPECT_EQ(post("/api/accounts/acct-99/deposit", R"({"amount":1})").status, 200) << "the others go on";
}

TEST_F(BankTest, an_event_with_content_the_bank_cannot_read_stops_its_read_models_in_the_open) {
  const auto raw =
      post("/v1/streams/BankAccount-acct-42/events", R"({"type":"MoneyDeposited","data":{"amount":[]}})");
  ASSERT_EQ(raw.status, 201) << raw.body;
  for (auto* runner : bank_->projections().runners())
    EXPECT_FALSE(runner->wait(store_->head().position, std::chrono::seconds(60)));
  const auto ready = get("/readyz");
  EXPECT_EQ(ready.status, 503);
  EXPECT_THAT(ready.body, HasSubstr("MoneyDeposited"));
  EXPECT_EQ(get("/api/accounts/acct-42/summary").at("/version"), "202") << "reads stay where they were";
}

TEST_F(BankTest, many_people_at_one_account_lose_nothing) {
  constexpr int people = 8;
#ifdef STELE_SANITIZED
  constexpr int times = 5;
#else
  constexpr int times = 25;
#endif
  ASSERT_EQ(post("/api/accounts", R"({"accountId":"busy","owner":"All"})").status, 201);
  std::vector<std::thread> threads;
  std::atomic<int> accepted{0};
  for (int i = 0; i < people; ++i)
    threads.emplace_back([&] {
      HttpClient client(server_->port());
      for (int n = 0; n < times; ++n)
        if (client.post("/api/accounts/busy/deposit", R"({"amount":"0.01"})").status == 200) ++accepted;
    });
  for (auto& thread : threads) thread.join();
  const auto summary = get("/api/accounts/busy/summary?after_version=" + std::to_string(accepted.load()));
  EXPECT_EQ(summary.at("/version"), std::to_string(accepted.load()))
      << "each acknowledged deposit is one event";
  EXPECT_EQ(summary.at("/balance"), to_string(stele::Money::from_units(accepted.load())));
  EXPECT_GT(accepted.load(), people);
}

}  // namespace
}  // namespace bank::test

// demo_domain_test.cpp - what the toolkit promises of commands, aggregates and sagas, seen from outside at the running
// demo: the bank, the shop and the crm in one process that answers HTTP. The same in detail, and what needs a clock or
// a changed program, is in tests/domain and in the examples' own tests.
#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <thread>

#include "demo_fixture.hpp"
#include "stele/decimal.hpp"

namespace stele::test {
namespace {

constexpr std::string_view mouse_and_keyboard =
    R"("customerId":"cust-42","items":[{"productId":"prod-101","quantity":2},{"productId":"prod-205","quantity":1}],)"
    R"("shippingAddress":{"street":"400 Broad St","city":"Seattle","postalCode":"98101"})";

std::string order_body(const std::string& id, const std::string& method) {
  return R"({"orderId":")" + id + R"(","paymentMethod":")" + method + "\"," +
         std::string(mouse_and_keyboard) + "}";
}

// ---- Commands

TEST_F(Demo, a_malformed_command_names_its_fields_and_a_refused_one_its_rule_and_both_move_nothing) {
  start();
  const auto before = head();
  const auto unknown = http().post("/api/accounts/acct-42/borrow", R"({"amount":1})");
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(unknown.header("content-type"), "application/problem+json");
  const auto malformed = http().post(
      "/api/transfers", R"({"fromAccountId":42,"toAccountId":"acct-99","amount":"lots","why":1})");
  EXPECT_EQ(malformed.status, 400);
  EXPECT_EQ(malformed.at("/type"), "/problems/invalid-command");
  EXPECT_EQ(malformed.at("/errors/0/pointer"), "/fromAccountId");
  EXPECT_EQ(malformed.at("/errors/1/pointer"), "/amount");
  EXPECT_EQ(malformed.at("/errors/2/pointer"), "/why");
  const auto overdrawn = http().post("/api/accounts/acct-42/withdraw", R"({"amount":"5320.51"})");
  EXPECT_EQ(overdrawn.status, 422);
  EXPECT_EQ(overdrawn.at("/rule"), "InsufficientFunds");
  EXPECT_EQ(overdrawn.at("/balance"), "5320.50");
  EXPECT_EQ(overdrawn.at("/asked"), "5320.51");
  const auto taken = http().post("/api/users", R"({"firstName":"Eve","email":"user101@example.com"})");
  EXPECT_EQ(taken.at("/rule"), "EmailTaken");
  EXPECT_EQ(head(), before);
}

TEST_F(Demo, of_many_at_once_one_gets_the_last_item_one_the_address_and_no_deposit_is_lost) {
  constexpr int people = 8;
  start();
  ASSERT_EQ(http().post("/api/products", R"({"productId":"rare","name":"Rare","price":"1.00"})").status, 201);
  ASSERT_EQ(http().post("/api/products/rare/stock", R"({"quantity":1})").status, 200);
  std::atomic<int> orders = 0;
  std::atomic<int> told = 0;
  std::atomic<int> users = 0;
  std::atomic<int> deposits = 0;
  std::vector<std::thread> all;
  all.reserve(people);
  for (int i = 0; i < people; ++i)
    all.emplace_back([&, i] {
      HttpClient client(server_->port());
      const auto insist = [&](const std::string& target, const std::string& body) {
        Reply reply = client.post(target, body);  // whoever lost too many races may ask again
        while (reply.status == 409 || reply.status == 412) reply = client.post(target, body);
        return reply;
      };
      const auto number = std::to_string(i);
      const auto order =
          insist("/api/orders", R"({"orderId":"last-)" + number + R"(","customerId":"cust-42",)" +
                                    R"("items":[{"productId":"rare","quantity":1}],)" +
                                    R"("shippingAddress":{"street":"s","city":"c","postalCode":"p"}})");
      orders += order.status == 201 ? 1 : 0;
      told += order.at("/rule") == "OutOfStock" ? 1 : 0;
      const auto user =
          insist("/api/users", R"({"userId":"u)" + number + R"(","firstName":"U","email":"one@x.org"})");
      users += user.status == 201 ? 1 : 0;
      told += user.at("/rule") == "EmailTaken" ? 1 : 0;
      deposits += insist("/api/accounts/acct-42/deposit", R"({"amount":"0.01"})").status == 200 ? 1 : 0;
    });
  for (auto& each : all) each.join();
  EXPECT_EQ(orders, 1);
  EXPECT_EQ(users, 1);
  EXPECT_EQ(told, 2 * (people - 1));
  EXPECT_EQ(deposits, people);
  const auto version = std::to_string(202 + people);
  const auto summary = http().get("/api/accounts/acct-42/summary?after_version=" + version);
  EXPECT_EQ(summary.at("/version"), version);
  EXPECT_EQ(summary.at("/balance"), "5320.58");
  const auto stale =
      http().post("/api/accounts/acct-42/deposit", R"({"amount":1})", {{"If-Match", "\"202\""}});
  EXPECT_EQ(stale.status, 412);
  EXPECT_EQ(stale.at("/actual"), version);
}

// ---- Queries

// Everything the read models keep, file by file; the shared memory of who reads them is none of it.
std::map<std::string, std::string> files_of(const std::filesystem::path& folder) {
  std::map<std::string, std::string> all;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file() || entry.path().string().ends_with("-shm")) continue;
    std::ostringstream content;
    content << std::ifstream(entry.path(), std::ios::binary).rdbuf();
    all.emplace(entry.path().string(), content.str());
  }
  return all;
}

TEST_F(Demo, questions_change_neither_the_log_nor_a_read_model_and_an_empty_answer_is_one) {
  start();
  const auto before = head();
  const auto seen = "?after_position=" + before;
  for (const char* model : {"/api/accounts", "/api/orders/nobody", "/api/carts/nobody", "/api/users/100"})
    http().get(model + seen);  // whatever was still to be shown
  const auto models = files_of(std::filesystem::path(dir()) / "models");
  ASSERT_GE(models.size(), 4u);
  for (const char* question :
       {"/api/accounts", "/api/accounts/acct-42/summary", "/api/accounts/acct-42/summary?as_of=v3",
        "/api/accounts/acct-42/history", "/api/accounts/acct-42/statement?month=2026-03", "/api/users/100",
        "/api/premium?month=2026-06", "/v1/aggregates/BankAccount/acct-13", "/v1/projections"})
    EXPECT_EQ(http().get(question).status, 200) << question;
  EXPECT_EQ(http().get("/api/carts/nobody").at("/total"), "0.00");
  EXPECT_EQ(http().get("/api/suspicions").body, R"({"suspicions":[]})");
  EXPECT_EQ(http().get("/v1/events?type=NeverHappened").at("/events"), "[]");
  EXPECT_EQ(head(), before);
  EXPECT_TRUE(files_of(std::filesystem::path(dir()) / "models") == models);
}

// ---- Aggregates

TEST_F(Demo, an_account_at_any_version_is_the_fold_of_its_events) {
  start();
  const auto page = http().get("/v1/streams/BankAccount-acct-42/events?limit=1000");
  Money balance;
  for (int version = 0; version <= 202; ++version) {
    const auto event = "/events/" + std::to_string(version);
    const auto type = page.at(event + "/event_type");
    if (type != "AccountCreated") {
      const auto amount = Money::parse(page.at(event + "/data/amount"));
      ASSERT_TRUE(amount) << version;
      balance = type == "MoneyDeposited" ? balance + *amount : balance - *amount;
    }
    if (version % 25 > 0 && version < 202) continue;
    const auto then = http().get("/v1/aggregates/BankAccount/acct-42?as_of=v" + std::to_string(version));
    EXPECT_EQ(then.at("/state/balance"), to_string(balance)) << then.body;
  }
  EXPECT_EQ(to_string(balance), "5320.50");
}

std::string many_deposits(int count) {
  std::string body = "[";
  for (int i = 0; i < count; ++i)
    body += std::string(i > 0 ? "," : "") +
            R"({"type":"MoneyDeposited","data":{"accountId":"long","amount":"1.00","description":""}})";
  return body + "]";
}

TEST_F(Demo, of_an_account_with_250_events_and_a_snapshot_at_200_a_command_reads_fifty) {
  start();
  const auto deposit = [&] { return http().post("/api/accounts/long/deposit", R"({"amount":"1.00"})"); };
  ASSERT_EQ(http().post("/api/accounts", R"({"accountId":"long","owner":"L"})").status, 201);
  ASSERT_EQ(http().post("/v1/streams/BankAccount-long/events", many_deposits(198)).status, 201);
  EXPECT_EQ(deposit().header("stele-events-read"), "199") << "the 200th event, and a snapshot behind it";
  ASSERT_EQ(http().post("/v1/streams/BankAccount-long/events", many_deposits(50)).status, 201);
  const auto booked = deposit();
  EXPECT_EQ(booked.header("stele-events-read"), "50");
  EXPECT_EQ(booked.at("/version"), "250");
  EXPECT_EQ(booked.at("/balance"), "250.00");
}

TEST_F(Demo, customers_of_an_older_program_are_read_as_todays_wherever_they_are_read) {
  start();
  const auto alice = http().get("/api/users/100");
  EXPECT_EQ(alice.at("/firstName"), "Alice");
  EXPECT_EQ(alice.at("/lastName"), "Johnson");
  const auto one_word = http().get("/api/users/113");
  EXPECT_EQ(one_word.at("/firstName"), "Dmitri");
  EXPECT_EQ(one_word.at("/lastName"), "");
  const auto many_words = http().get("/api/users/109");
  EXPECT_EQ(many_words.at("/firstName"), "Jan Willem");
  EXPECT_EQ(many_words.at("/lastName"), "Miller");
  EXPECT_EQ(http().get("/v1/streams/User-100/events/0").at("/data/name"), "Alice Johnson")
      << "the log itself never changes";
  const auto by_type = http().get("/v1/events?type=PremiumEnded&limit=1000").body;
  EXPECT_NE(by_type.find("\"event_type\":\"SubscriptionCancelled\""), std::string::npos);
  const auto by_sql = http().get(
      "/v1/sql?q=SELECT%20count(*)%20AS%20old%20FROM%20events%20WHERE%20event_type%3D'PremiumEnded'"
      "%20AND%20recorded_type%3D'SubscriptionCancelled'");
  EXPECT_NE(by_sql.body.find("\"rows\":[[4]]"), std::string::npos) << by_sql.body;
}

TEST_F(Demo, how_many_were_premium_then_is_what_a_replay_says) {
  start();
  const auto all = http().get("/v1/events?category=User&limit=1000");
  for (const std::string month : {"2026-05", "2026-06", "2026-07"}) {
    std::set<std::string> premium;
    for (int i = 0;; ++i) {
      const auto event = "/events/" + std::to_string(i);
      const auto type = all.at(event + "/event_type");
      if (type.empty() || all.at(event + "/created_at").substr(0, 7) > month) break;
      if (type == "PremiumStarted") premium.insert(all.at(event + "/stream_id"));
      if (type == "PremiumEnded" || type == "SubscriptionCancelled")
        premium.erase(all.at(event + "/stream_id"));
    }
    EXPECT_GT(premium.size(), 0u);
    EXPECT_EQ(http().get("/api/premium?month=" + month).at("/premium"), std::to_string(premium.size()))
        << month;
  }
}

// ---- Sagas

// The first event of a stream, whenever it comes.
std::optional<SseMessage> first_event(SseClient& client) {
  auto message = client.next();
  while (message && message->event != "message") message = client.next();
  return message;
}

// Waits for the version: the event that is awaited is the saga's doing.
Reply order_at(HttpClient& http, const std::string& id, int version) {
  return http.get("/api/orders/" + id + "?after_version=" + std::to_string(version), {{"Prefer", "wait=60"}});
}

// Whose timer runs out next; the saga may still be looking where it was.
std::string first_timer(HttpClient& http) {
  std::string instance;
  for (int tries = 0; instance.empty() && tries < 10'000; ++tries)
    instance = http.get("/v1/sagas/Fulfilment/timers").at("/timers/0/instance");
  return instance;
}

TEST_F(Demo, an_order_is_shipped_and_paid_or_taken_back_and_its_patience_survives_a_restart) {
  start();
  const auto placed = http().post("/api/orders", order_body("o-1", "card"));
  ASSERT_EQ(placed.status, 201) << placed.body;
  EXPECT_EQ(placed.at("/total"), "109.97");
  const auto shipped = order_at(http(), "o-1", 1);
  EXPECT_EQ(shipped.at("/status"), "shipped") << shipped.body;
  EXPECT_EQ(shipped.at("/customerEmail"), "alice@example.com");
  EXPECT_EQ(shipped.at("/items/0/lineTotal"), "59.98");
  EXPECT_EQ(shipped.at("/shippingAddress"), "400 Broad St, Seattle 98101");
  EXPECT_EQ(shipped.at("/trackingNumber"), "track-o-1");
  ASSERT_EQ(http().post("/api/orders", order_body("o-2", "declined")).status, 201);
  EXPECT_EQ(order_at(http(), "o-2", 1).at("/status"), "cancelled");
  ASSERT_EQ(http().post("/api/orders", order_body("o-3", "transfer")).status, 201);
  SseClient awaited(server_->port(), "/v1/streams/Payment-o-3/events");
  ASSERT_TRUE(first_event(awaited)) << "the payment was asked for";
  EXPECT_EQ(server_->process().stop(), 0);
  start();
  EXPECT_EQ(first_timer(http()), "o-3");
  EXPECT_EQ(http().post("/api/orders/o-3/payment", "").status, 200);
  EXPECT_EQ(order_at(http(), "o-3", 1).at("/status"), "shipped");
  const auto stock = [&](const char* id) { return http().get(std::string("/v1/aggregates/Stock/") + id); };
  EXPECT_EQ(stock("prod-101").at("/state/available"), "996") << "two orders of three kept theirs";
}

// ---- The fraud rule

TEST_F(Demo, three_large_withdrawals_in_a_row_are_found) {
  start();
  for (int i = 0; i < 3; ++i)
    ASSERT_EQ(http().post("/api/accounts/acct-99/withdraw", R"({"amount":"1200.00"})").status, 200);
  SseClient found(server_->port(), "/v1/events?type=SuspiciousActivityDetected");
  ASSERT_TRUE(first_event(found));
  const auto listed = http().get("/api/suspicions");
  EXPECT_EQ(listed.at("/suspicions/0/accountId"), "acct-99") << listed.body;
  EXPECT_EQ(listed.at("/suspicions/0/total"), "3600.00");
}

}  // namespace
}  // namespace stele::test

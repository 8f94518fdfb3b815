// kill_test.cpp - SIGKILL at random moments under concurrent writers, round after round on one directory: what was
// acknowledged is there and unchanged, positions are dense, the read model equals a fold.
//
// STELE_KILL_ROUNDS sets the number of rounds.
#include <atomic>
#include <cstdlib>
#include <random>
#include <thread>

#include "ledger.hpp"
#include "stele/decimal.hpp"
#include "support/process.hpp"
#include "support/temp_directory.hpp"

namespace stele::test {
namespace {

#ifdef STELE_SANITIZED
constexpr int usual_rounds = 20;
#else
constexpr int usual_rounds = 200;
#endif
constexpr int writers = 6;

int rounds() {
  const char* wish = std::getenv("STELE_KILL_ROUNDS");
  return wish ? std::atoi(wish) : usual_rounds;
}

// Commands to the bank and raw appends in turn, until the server is gone. Each carries a text of its own.
void write_until_killed(std::uint16_t port, int writer, int round, AcknowledgedLog& log) {
  HttpClient http(port);
  const auto account = "writer-" + std::to_string(writer);
  const auto stream = "Raw-" + std::to_string(writer % 2);  // several writers at one stream
  for (int n = 0;; ++n) {
    const auto text = std::to_string(round) + "/" + std::to_string(writer) + "/" + std::to_string(n);
    if (n % 2 == 0) {
      const auto reply = http.post("/api/accounts/" + account + "/deposit",
                                   R"({"amount":"0.01","description":")" + text + "\"}");
      if (reply.status != 200) return;
      log.add({std::stoul(reply.at("/position")), "BankAccount-" + account,
               R"({"accountId":")" + account + R"(","amount":"0.01","description":")" + text + "\"}"});
    } else {
      const auto data = R"({ "text" : ")" + text + "\" }";
      const auto reply =
          http.post("/v1/streams/" + stream + "/events", R"({"type":"Written","data":)" + data + "}");
      if (reply.status != 201) return;
      log.add({std::stoul(reply.at("/first")), stream, data});
    }
  }
}

class KillTest : public testing::Test {
 protected:
  // Starts the server on what the last kill has left and checks all of it.
  void start_and_check() {
    server_.emplace("demo", (dir_ / "demo").string(), std::vector<std::string>{"--no-traffic"});
    HttpClient http(server_->port());
    ledger_.read(http);
    if (HasFatalFailure()) return;
    ledger_.expect(acknowledged_.take());
    if (HasFatalFailure()) return;
    check_model(http);
  }

  // The writers' balances, folded from the log here, as the read model shows them.
  void check_model(HttpClient& http) {
    for (; folded_ < ledger_.lines().size(); ++folded_) {
      const Reply event{0, {}, ledger_.lines()[folded_]};
      if (event.at("/event_type") != "MoneyDeposited") continue;
      balance_[event.at("/stream_id")] += *Money::parse(event.at("/data/amount"));
    }
    const auto head = std::to_string(ledger_.lines().size());
    for (int i = 0; i < writers; ++i) {
      const auto account = "writer-" + std::to_string(i);
      const auto wanted = to_string(balance_["BankAccount-" + account]);
      const auto summary = http.get("/api/accounts/" + account + "/summary?after_position=" + head);
      if (summary.status == 404) continue;  // it was never opened
      ASSERT_EQ(summary.at("/balance"), wanted) << account;
    }
  }

  void open_accounts() {
    HttpClient http(server_->port());
    for (int i = 0; i < writers; ++i)
      http.post("/api/accounts", R"({"accountId":"writer-)" + std::to_string(i) + R"(","owner":"W"})");
  }

  void write_and_kill(int round, std::size_t after) {
    std::vector<std::thread> threads;
    for (int i = 0; i < writers; ++i)
      threads.emplace_back(write_until_killed, server_->port(), i, round, std::ref(acknowledged_));
    while (acknowledged_.size() < after) std::this_thread::yield();
    server_->process().stop(SIGKILL);
    for (auto& thread : threads) thread.join();
  }

  TempDirectory dir_;
  std::optional<ServerProcess> server_;
  AcknowledgedLog acknowledged_;
  Ledger ledger_;
  std::map<std::string, Money> balance_;
  std::size_t folded_ = 0;
};

TEST_F(KillTest, nothing_acknowledged_is_ever_lost) {
  constexpr std::uint64_t seed = 7;
  std::mt19937_64 dice(seed);
  std::cout << "seed " << seed << ", " << rounds() << " rounds\n";
  for (int round = 0; round < rounds(); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    start_and_check();
    if (HasFailure()) return;
    if (round == 0) open_accounts();
    if (dice() % 8 == 0)
      server_->process().stop(SIGKILL);  // hardly started
    else
      write_and_kill(round, 1 + dice() % 120);
  }
  start_and_check();
  HttpClient http(server_->port());
  ledger_.read(http, true);
  std::cout << ledger_.lines().size() << " events\n";
  EXPECT_EQ(server_->process().stop(SIGTERM), 0);
  Process verify({"verify", "--dir", (dir_ / "demo").string()});
  while (verify.line()) {
  }
  EXPECT_EQ(verify.wait(), 0);
}

// Killed while the past is being written, the demo completes it when it is started again.
TEST_F(KillTest, an_interrupted_seeding_is_completed) {
  std::mt19937_64 dice(11);
  for (int i = 0; i < 3; ++i) {
    Process demo({"demo", "--dir", (dir_ / "demo").string(), "--listen", "127.0.0.1:0"});
    std::this_thread::sleep_for(std::chrono::milliseconds(dice() % 60));  // trouble, not synchronisation
    demo.stop(SIGKILL);
  }
  start_and_check();
  HttpClient http(server_->port());
  EXPECT_EQ(http.get("/api/accounts/acct-42/summary").at("/balance"), "5320.50");
  EXPECT_EQ(http.get("/api/accounts/acct-99/summary").at("/version"), "86");
}

}  // namespace
}  // namespace stele::test

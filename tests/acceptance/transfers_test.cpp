// transfers_test.cpp - random transfers between many accounts by sixteen clients, with SIGKILL in between: money is
// conserved, no account is ever below zero, a transfer is in both streams or in neither, what was answered is there.
//
// STELE_BANK_TRANSFERS=1000000 is the long form: that many, among 1,000 accounts, ten kills.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <map>
#include <mutex>
#include <random>
#include <thread>

#include "stele/decimal.hpp"
#include "stele/store.hpp"
#include "stele/wire.hpp"
#include "support/http_client.hpp"
#include "support/process.hpp"
#include "support/temp_directory.hpp"

namespace stele::test {
namespace {

#ifdef STELE_SANITIZED
constexpr std::uint64_t usual_transfers = 300;
#else
constexpr std::uint64_t usual_transfers = 2'000;
#endif
constexpr unsigned clients = 16;
constexpr Money opening = Money::from_units(100'000);

struct Size {
  std::uint64_t transfers = usual_transfers;
  unsigned accounts = 40;
  unsigned kills = 3;
};

Size wished_size() {
  const char* wish = std::getenv("STELE_BANK_TRANSFERS");
  if (!wish) return {};
  return {std::strtoull(wish, nullptr, 10), 1'000, 10};
}

// A transfer that was answered: where its deposit stands, and its number, which is in its correlation id.
struct Answered {
  std::uint64_t position;
  std::uint64_t number;
};

std::string account_name(std::uint64_t n) { return "t" + std::to_string(n); }

class TransfersTest : public testing::Test {
 protected:
  void serve() {
    server_.emplace("demo", (dir_ / "demo").string(), std::vector<std::string>{"--no-traffic"});
  }

  void open_accounts() {
    HttpClient http(server_->port());
    for (unsigned i = 0; i < size_.accounts; ++i) {
      ASSERT_EQ(
          http.post("/api/accounts", R"({"accountId":")" + account_name(i) + R"(","owner":"T"})").status,
          201);
      const auto deposit = R"({"amount":")" + to_string(opening) + "\"}";
      ASSERT_EQ(http.post("/api/accounts/" + account_name(i) + "/deposit", deposit).status, 200);
    }
  }

  // One client: transfers until so many were answered in all, or the server is gone.
  void transfer_until(std::uint64_t enough, std::uint64_t seed) {
    std::mt19937_64 dice(seed);
    HttpClient http(server_->port());
    while (accepted_.load() < enough) {
      const auto number = ++started_;
      const auto from = account_name(dice() % size_.accounts);
      const auto to = account_name(dice() % size_.accounts);
      const auto amount = to_string(Money::from_units(static_cast<std::int64_t>(1 + dice() % 25'000)));
      const auto reply = http.post(
          "/api/transfers",
          R"({"fromAccountId":")" + from + R"(","toAccountId":")" + to + R"(","amount":")" + amount + "\"}",
          {{"X-Correlation-Id", "n" + std::to_string(number)}});
      if (reply.status == 0) return;
      if (reply.status != 201) continue;  // refused, or too busy
      {
        const std::lock_guard lock(mutex_);
        answered_.push_back({std::stoull(reply.at("/position")), number});
      }
      ++accepted_;
      accepted_.notify_all();
    }
  }

  // A round ends with a kill, the last one in peace.
  void run_rounds() {
    for (unsigned round = 0; round <= size_.kills; ++round) {
      serve();
      if (round == 0) open_accounts();
      const bool last = round == size_.kills;
      const auto enough = size_.transfers * (round + 1) / (size_.kills + 1);
      std::vector<std::thread> all;
      // With a kill ahead the clients want more than they get.
      for (unsigned i = 0; i < clients; ++i)
        all.emplace_back([&, i] { transfer_until(last ? enough : ~0ull, round * clients + i); });
      for (auto seen = accepted_.load(); !last && seen < enough; seen = accepted_.load())
        accepted_.wait(seen);
      if (!last) server_->process().stop(SIGKILL);
      for (auto& each : all) each.join();
    }
    EXPECT_EQ(server_->process().stop(SIGTERM), 0);
  }

  // Folds the log: both sides of each transfer one behind the other, never anybody below zero.
  void check_log() {
    const auto store = open(dir_ / "demo");
    ASSERT_TRUE(store) << store.error().to_string();
    QueryItem bank;
    bank.types = {"MoneyDeposited", "MoneyWithdrawn"};
    LogRead all;
    all.query = Query::of(std::move(bank));
    const auto cursor = (*store)->read(std::move(all));
    ASSERT_TRUE(cursor);
    while (true) {
      const auto batch = (*cursor)->next_batch(1000);
      ASSERT_TRUE(batch) << batch.error().to_string();
      if (batch->empty()) break;
      for (const auto& event : *batch) ASSERT_NO_FATAL_FAILURE(check_event(event));
    }
    EXPECT_FALSE(withdrawn_) << "a withdrawal without its deposit";
  }

  struct Side {
    std::string correlation;
    Money amount;
    std::uint64_t position;
  };
  void check_event(const EventView& event) {
    const Reply data{0, {}, std::string(event.data)};
    const auto account = data.at("/accountId");
    if (!account.starts_with('t')) return;
    const auto amount = *Money::parse(data.at("/amount"));
    const Side side{Reply{0, {}, std::string(event.metadata)}.at("/correlationId"), amount,
                    event.position.value()};
    auto& balance = balance_[account];
    if (event.type == "MoneyWithdrawn") {
      ASSERT_FALSE(withdrawn_) << "two withdrawals in a row at " << side.position;
      withdrawn_ = side;
      balance -= amount;
      ASSERT_GE(balance, Money{}) << account << " at " << side.position;
      return;
    }
    balance += amount;
    if (!side.correlation.starts_with('n')) return;  // the opening
    ASSERT_TRUE(withdrawn_) << "a deposit without its withdrawal at " << side.position;
    ASSERT_EQ(withdrawn_->correlation, side.correlation);
    ASSERT_EQ(withdrawn_->amount, amount);
    ASSERT_EQ(withdrawn_->position + 1, side.position);
    withdrawn_.reset();
    const auto number = std::stoull(side.correlation.substr(1));
    const auto [place, fresh] = found_.emplace(number, side.position);
    ASSERT_TRUE(fresh) << "transfer " << number << " happened twice";
  }

  Size size_ = wished_size();
  TempDirectory dir_;
  std::optional<ServerProcess> server_;
  std::atomic<std::uint64_t> started_{0};
  std::atomic<std::uint64_t> accepted_{0};
  std::mutex mutex_;
  std::vector<Answered> answered_;
  std::map<std::string, Money> balance_;
  std::optional<Side> withdrawn_;
  std::map<std::uint64_t, std::uint64_t> found_;  // transfer to position
};

TEST_F(TransfersTest, random_transfers_among_many_accounts_with_kills_in_between_conserve_the_money) {
  const auto began = std::chrono::steady_clock::now();
  run_rounds();
  if (HasFailure()) return;
  const auto ran = std::chrono::steady_clock::now() - began;
  check_log();
  if (HasFailure()) return;
  for (const auto& [position, number] : answered_) {
    const auto at = found_.find(number);
    ASSERT_NE(at, found_.end()) << "an answered transfer is lost: " << number;
    ASSERT_EQ(at->second, position);
  }
  Money sum;
  for (const auto& [account, balance] : balance_) sum += balance;
  EXPECT_EQ(balance_.size(), size_.accounts);
  EXPECT_EQ(sum, opening * static_cast<std::int64_t>(size_.accounts));
  EXPECT_GE(answered_.size(), size_.transfers);
  std::cout << answered_.size() << " transfers answered, " << found_.size() << " in the log, "
            << size_.accounts << " accounts, " << clients << " clients, " << size_.kills << " kills, "
            << std::chrono::duration_cast<std::chrono::seconds>(ran).count() << " s\n";
}

}  // namespace
}  // namespace stele::test

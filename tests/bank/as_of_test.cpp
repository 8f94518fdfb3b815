// as_of_test.cpp - a thousand random instants of the past, each compared with a fold written only for this test.
#include <optional>
#include <random>

#include "bank/account.hpp"
#include "bank/bodies.hpp"
#include "bank_fixture.hpp"
#include "stele/wire.hpp"

namespace bank::test {
namespace {

// The summary of an account from the events for which `counts` says so; nothing before it was opened.
template <class Counts>
std::optional<std::string> folded(const std::vector<PastEvent>& all, const std::string& account,
                                  Counts counts) {
  AccountSummary out{
      .account_id = account, .balance = {}, .recent_transactions = {}, .version = 0, .status = ""};
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& one = all[i];
    if (one.stream != "BankAccount-" + account || !counts(one, i + 1)) continue;
    out.version = one.revision;
    out.status = one.event.type == "AccountClosed" ? "closed" : "open";
    const bool in = one.event.type == "MoneyDeposited";
    if (!in && one.event.type != "MoneyWithdrawn") continue;
    const auto booked = *stele::from_json<MoneyDeposited>(one.event.data);  // both have the same fields
    const auto amount = in ? booked.amount : -booked.amount;
    out.balance += amount;
    out.recent_transactions.insert(out.recent_transactions.begin(),
                                   {stele::to_string(one.at).substr(0, 10), booked.description, amount});
    if (out.recent_transactions.size() > 10) out.recent_transactions.pop_back();
  }
  if (out.status.empty()) return std::nullopt;
  return stele::to_json(out);
}

class AsOf : public BankTest {
 protected:
  void compare(const std::string& account, const std::string& moment,
               const std::optional<std::string>& wanted) {
    const auto reply = get("/api/accounts/" + account + "/summary?as_of=" + moment);
    EXPECT_EQ(reply.status, wanted ? 200 : 404) << account << " as of " << moment << ": " << reply.body;
    if (wanted) {
      EXPECT_EQ(reply.body, *wanted) << account << " as of " << moment;
    }
  }
};

TEST_F(AsOf, any_moment_equals_a_fold_of_the_events_up_to_it) {
#ifdef STELE_SANITIZED
  constexpr int instants = 100;
#else
  constexpr int instants = 1000;
#endif
  const std::uint64_t chosen = 20261;
  RecordProperty("seed", static_cast<int>(chosen));
  std::mt19937_64 dice(chosen);
  const auto all = past(42);
  const auto span = static_cast<std::uint64_t>((base_date - first_day).count());
  for (int i = 0; i < instants; ++i) {
    const auto& any = all[dice() % all.size()];
    const auto account = any.stream.substr(12);
    switch (dice() % 4) {
      case 0: {
        const auto time = first_day + std::chrono::microseconds(dice() % span);
        compare(account, stele::to_string(time),
                folded(all, account, [&](const auto& e, auto) { return e.at <= time; }));
        break;
      }
      case 1:  // exactly when something happened
        compare(account, stele::to_string(any.at),
                folded(all, account, [&](const auto& e, auto) { return e.at <= any.at; }));
        break;
      case 2: {
        const auto position = 1 + dice() % all.size();
        compare(account, "p" + std::to_string(position),
                folded(all, account, [&](const auto&, auto at) { return at <= position; }));
        break;
      }
      default:
        compare(account, "v" + std::to_string(any.revision),
                folded(all, account, [&](const auto& e, auto) { return e.revision <= any.revision; }));
    }
  }
}

TEST_F(AsOf, the_head_is_the_live_summary) {
  for (const auto* account : {"acct-42", "acct-99", "acct-13", "acct-7"}) {
    const std::string target = std::string("/api/accounts/") + account + "/summary";
    EXPECT_EQ(get(target + "?as_of=head").body, get(target).body);
    EXPECT_EQ(get(target + "?as_of=" + stele::to_string(base_date)).body, get(target).body);
  }
}

TEST_F(AsOf, the_answer_names_the_position_and_version_it_shows) {
  const auto reply = get("/api/accounts/acct-42/summary?as_of=v100");
  EXPECT_EQ(reply.header("etag"), "\"100\"");
  EXPECT_EQ(reply.header("stele-read-version"), "100");
  EXPECT_EQ(reply.header("stele-as-of").substr(0, 1), "p");
}

TEST_F(AsOf, nonsense_and_the_unknown_are_refused) {
  EXPECT_EQ(get("/api/accounts/acct-42/summary?as_of=yesterday").status, 400);
  EXPECT_EQ(get("/api/accounts/acct-42/summary?as_of=v9999").status, 404);
  EXPECT_EQ(get("/api/accounts/nobody/summary?as_of=2026-03-01").status, 404);
  EXPECT_EQ(get("/api/accounts/acct-42/summary?as_of=start").status, 404) << "it was not opened yet";
}

}  // namespace
}  // namespace bank::test

// seed.cpp - makes up bookings that add up, and appends them with the times they claim.
#include "bank/seed.hpp"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <random>
#include <span>
#include <tuple>

#include "bank/account.hpp"
#include "stele/wire.hpp"

namespace bank {
namespace {

using namespace stele::literals;
using std::chrono::microseconds;
using stele::Timestamp;

constexpr stele::Uuid seed_space({0x8d, 0x1f, 0x5a, 0x6e, 0x0b, 0x52, 0x4c, 0x0e, 0x9a, 0x51, 0x2e, 0x77,
                                  0x3f, 0x60, 0x1c, 0x42});

struct Plan {
  const char* account;
  const char* owner;
  int movements;  // after AccountCreated
  Money balance;  // after the last of them
  int opened;     // days after first_day
  bool closed = false;
};
constexpr std::array plans{
    Plan{"acct-42", "Maya Okafor", 202, 5320.50_money, 0},
    Plan{"acct-99", "Harborview Rentals", 86, 12000.00_money, 2},
    Plan{"acct-13", "Jonas Lind", 200, 200.00_money, 1},
    Plan{"acct-7", "Iris Castellano", 24, 0.00_money, 9, true},
    Plan{"acct-11", "Tomasz Nowak", 60, 1840.25_money, 4},
    Plan{"acct-21", "Green Fern Grocers", 90, 22310.80_money, 6},
    Plan{"acct-31", "Aiko Tanaka", 48, 960.00_money, 20},
    Plan{"acct-55", "Leila Haddad", 72, 3105.45_money, 33},
    Plan{"acct-64", "Northside Cycles", 55, 8450.10_money, 47},
    Plan{"acct-86", "Samuel Adeyemi", 30, 412.99_money, 90},
};

constexpr std::array<const char*, 6> income{"Salary",       "Invoice paid", "Refund", "Transfer received",
                                            "Cash deposit", "Interest"};
constexpr std::array<const char*, 8> spending{"Groceries",    "Electricity", "Phone",      "Books",
                                              "Train ticket", "Insurance",   "Restaurant", "Pharmacy"};

// The same numbers from every standard library: the engine is specified to the bit, distributions are not.
class Dice {
 public:
  Dice(std::uint64_t seed, std::string_view account) {
    const auto id = stele::Uuid::from_name(seed_space, account).bytes();
    for (const auto byte : id) seed = seed * 1099511628211u + byte;
    engine_.seed(seed);
  }
  // From low to high, both included.
  std::int64_t roll(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(engine_() % static_cast<std::uint64_t>(high - low + 1));
  }
  template <std::size_t N>
  const char* pick(const std::array<const char*, N>& from) {
    return from[static_cast<std::size_t>(roll(0, N - 1))];
  }

 private:
  std::mt19937_64 engine_;
};

// Writes down the events of one account, one after the other.
class Ledger {
 public:
  Ledger(std::vector<PastEvent>& into, const Plan& plan, std::uint64_t seed)
      : into_(into), plan_(plan), seed_(seed), stream_("BankAccount-" + std::string(plan.account)) {}

  template <class E>
  void write(Timestamp at, const E& event, std::string_view command, std::string_view more = {}) {
    const auto name = std::to_string(seed_) + "/" + stream_ + "/" + std::to_string(revision_);
    stele::NewEvent out;
    out.id = stele::Uuid::from_name(seed_space, name);
    out.type = stele_schema(static_cast<const E*>(nullptr)).type;
    out.data = stele::to_json(event);
    out.metadata = "{\"userId\":\"user-" + std::string(plan_.account).substr(5) + "\",\"correlationId\":\"" +
                   to_string(stele::Uuid::from_name(seed_space, name + "/correlation")) +
                   "\",\"command\":\"" + std::string(command) + "\"" + std::string(more) + "}";
    into_.push_back({stream_, revision_++, at, std::move(out)});
  }
  void deposit(Timestamp at, Money amount, std::string what) {
    balance_ += amount;
    write(at, MoneyDeposited{plan_.account, amount, std::move(what)}, "DepositMoney");
  }
  void withdraw(Timestamp at, Money amount, std::string what, std::string_view more = {}) {
    balance_ -= amount;
    write(at, MoneyWithdrawn{plan_.account, amount, std::move(what)}, "WithdrawMoney", more);
  }
  [[nodiscard]] Money balance() const { return balance_; }

 private:
  std::vector<PastEvent>& into_;
  const Plan& plan_;
  std::uint64_t seed_;
  std::string stream_;
  std::uint64_t revision_ = 0;
  Money balance_;
};

// `count` moments between the two, strictly rising.
std::vector<Timestamp> moments(Dice& dice, int count, Timestamp from, Timestamp to) {
  std::vector<Timestamp> out;
  out.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i)
    out.push_back(from + microseconds(dice.roll(1, (to - from).count() - count - 1)));
  std::sort(out.begin(), out.end());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] += microseconds(i);
  return out;
}

// One ordinary booking; nobody spends more than they hold.
void book_something(Ledger& ledger, Dice& dice, Timestamp at, std::int64_t usual) {
  const auto held = ledger.balance().units();
  if (held < usual / 4 || (held < 2 * usual && dice.roll(0, 99) < 20))
    ledger.deposit(at, Money::from_units(dice.roll(usual / 20, usual / 2)), dice.pick(income));
  else if (held > 200'000 && dice.roll(0, 9) == 0)
    ledger.withdraw(at, Money::from_units(dice.roll(60'000, 120'000)), "Rent payment");
  else
    ledger.withdraw(at, Money::from_units(dice.roll(100, std::clamp<std::int64_t>(held / 5, 200, 25'000))),
                    dice.pick(spending));
}

// As it happens, until the last two bookings put the balance right.
void live(Ledger& ledger, Dice& dice, const Plan& plan, std::span<const Timestamp> at) {
  const auto usual = std::max<std::int64_t>(plan.balance.units(), 50'000);
  for (std::size_t i = 0; i + 2 < at.size(); ++i) book_something(ledger, dice, at[i], usual);
  auto extra = Money::from_units(dice.roll(1000, 9000));
  if (ledger.balance() + extra == plan.balance) extra += 0.01_money;  // the last booking must move something
  ledger.deposit(at[at.size() - 2], extra, dice.pick(income));
  const auto missing = plan.balance - ledger.balance();
  if (missing > Money{})
    ledger.deposit(at.back(), missing, dice.pick(income));
  else
    ledger.withdraw(at.back(), -missing, "Savings");
}

void plant_the_race(Ledger& ledger) {
  const auto morning = *stele::parse_time("2026-04-15T10:31:00Z");
  ledger.deposit(morning, 3200.00_money, "Salary");
  ledger.withdraw(morning + microseconds(2'114'000), 500.00_money, "Rent payment",
                  ",\"decidedAtVersion\":201");
  ledger.withdraw(morning + microseconds(2'118'000), 3000.00_money, "concurrent withdrawal not caught",
                  ",\"decidedAtVersion\":201");
}

void write_account(std::vector<PastEvent>& into, const Plan& plan, std::uint64_t seed) {
  Dice dice(seed, plan.account);
  Ledger ledger(into, plan, seed);
  const bool raced = std::string_view(plan.account) == "acct-13";
  const auto opened = first_day + std::chrono::days(plan.opened) + microseconds(dice.roll(1, 36'000'000'000));
  const auto until = raced ? *stele::parse_time("2026-04-15") : base_date - std::chrono::days(1);
  ledger.write(opened, AccountCreated{plan.account, plan.owner}, "OpenAccount");
  live(ledger, dice, plan, moments(dice, plan.movements, opened, until));
  if (raced) plant_the_race(ledger);
  if (plan.closed) ledger.write(until + std::chrono::hours(2), AccountClosed{plan.account}, "CloseAccount");
}

stele::AppendRequest request_of(PastEvent&& one) {
  stele::AppendRequest request;
  const auto before = one.revision == 0 ? std::nullopt : std::optional(stele::Revision(one.revision - 1));
  request.writes.push_back({std::move(one.stream), stele::ExpectedVersion::of(before), {}});
  request.writes.back().events.push_back(std::move(one.event));
  request.recorded_at = one.at;
  return request;
}

// Counts the answers to many appends and keeps the first refusal.
class Answers {
 public:
  void take(const stele::result<stele::AppendResult>& answer) {
    const std::lock_guard lock(mutex_);
    if (!answer && !first_error_) first_error_ = answer.error();
    ++taken_;
    changed_.notify_all();
  }
  std::optional<stele::Error> wait_for(std::uint64_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return taken_ >= count; });
    return first_error_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t taken_ = 0;
  std::optional<stele::Error> first_error_;
};

// How much of `all` the store begins with; nothing when it is another store.
std::optional<std::uint64_t> already_there(stele::EventStore& store, const std::vector<PastEvent>& all) {
  const auto head = store.head().position.value();
  if (head == 0) return 0;
  const auto last = std::min<std::uint64_t>(head, all.size());
  const auto found = store.find_event(all[last - 1].event.id);
  if (!found || found->position.value() != last) return std::nullopt;
  return last;
}

}  // namespace

std::vector<PastEvent> past(std::uint64_t seed) {
  std::vector<PastEvent> all;
  for (const auto& plan : plans) write_account(all, plan, seed);
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return std::tie(a.at, a.stream, a.revision) < std::tie(b.at, b.stream, b.revision);
  });
  return all;
}

stele::result<std::uint64_t> seed(stele::EventStore& store, std::uint64_t seed) {
  auto all = past(seed);
  const auto there = already_there(store, all);
  if (!there) return std::uint64_t{0};
  Answers answers;
  const auto missing = all.size() - *there;
  for (auto i = static_cast<std::size_t>(*there); i < all.size(); ++i)
    store.append_async(request_of(std::move(all[i])), [&](auto answer) { answers.take(answer); });
  if (auto error = answers.wait_for(missing)) return std::move(*error).at("seeding the bank");
  return missing;
}

}  // namespace bank

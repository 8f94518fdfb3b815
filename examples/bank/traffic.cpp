// traffic.cpp - one command after the other, through the same rules as everybody else's.
#include "bank/traffic.hpp"

#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <random>
#include <thread>

#include "bank/transfer.hpp"
#include "stele/handler.hpp"

namespace bank {
namespace {

constexpr std::array<const char*, 6> busy_accounts{"acct-11", "acct-21", "acct-31",
                                                   "acct-55", "acct-64", "acct-86"};
constexpr std::array<const char*, 5> occasions{"Groceries", "Coffee", "Lunch", "Bus ticket", "Flowers"};

}  // namespace

struct Traffic::Impl {
  Impl(stele::EventStore& the_store, TrafficOptions the_options)
      : store(the_store),
        options(the_options),
        dice(the_options.seed),
        thread([this](const std::stop_token& stop) { run(stop); }) {}

  void run(const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any wake;
    for (std::unique_lock lock(mutex); !stop.stop_requested();) {
      wake.wait_for(lock, stop, options.pause, [] { return false; });
      if (!stop.stop_requested()) count(one_command());
    }
  }

  template <std::size_t N>
  const char* pick(const std::array<const char*, N>& from) {
    return from[static_cast<std::size_t>(dice() % N)];
  }

  // True: accepted. False: the rules said no.
  stele::result<bool> one_command() {
    const auto amount = Money::from_units(static_cast<std::int64_t>(100 + dice() % 4900));
    const std::string account = pick(busy_accounts);
    stele::Context who;
    who.user = "user-" + account.substr(5);
    const auto kind = dice() % 10;
    if (kind < 5)
      return accepted_of(stele::handle<Account>(store, WithdrawMoney{account, amount, pick(occasions)}, who));
    if (kind < 8)
      return accepted_of(stele::handle<Account>(store, DepositMoney{account, amount, "Tips"}, who));
    STELE_TRY(const auto done, transfer(store, {account, pick(busy_accounts), amount, "Shared bill"}, who));
    return done.outcome.accepted();
  }
  static stele::result<bool> accepted_of(const stele::result<stele::Handled<Account>>& done) {
    if (!done) return done.error();
    return done->accepted();
  }

  void count(const stele::result<bool>& outcome) {
    if (!outcome)
      ++failed;
    else if (*outcome)
      ++accepted;
  }

  stele::EventStore& store;
  TrafficOptions options;
  std::mt19937_64 dice;
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> failed{0};
  std::jthread thread;  // last: it uses the rest
};

Traffic::Traffic(stele::EventStore& store, TrafficOptions options)
    : impl_(std::make_unique<Impl>(store, options)) {}
Traffic::~Traffic() = default;

std::uint64_t Traffic::accepted() const { return impl_->accepted.load(); }
std::uint64_t Traffic::failed() const { return impl_->failed.load(); }

}  // namespace bank

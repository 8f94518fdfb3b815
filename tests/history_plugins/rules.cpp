// rules.cpp - a build of an account's rules as a plug-in: as they are, or (STELE_TEST_FEE) with a fee for each
// withdrawal, as an older or newer build might have it. Compiled to shared objects that tests load.
#include <string>
#include <string_view>
#include <variant>

#include "stele/decider.hpp"
#include "stele/decimal.hpp"
#include "stele/history.hpp"

namespace rules {

using stele::Money;
using namespace stele::literals;

struct AccountCreated {
  std::string account_id;
  std::string owner;
};
STELE_EVENT(AccountCreated, 1, account_id, owner);
struct MoneyDeposited {
  std::string account_id;
  Money amount;
};
STELE_EVENT(MoneyDeposited, 1, account_id, amount);
struct MoneyWithdrawn {
  std::string account_id;
  Money amount;
};
STELE_EVENT(MoneyWithdrawn, 1, account_id, amount);
struct Withdraw {
  std::string account_id;
  Money amount;
};
STELE_COMMAND(Withdraw, account_id, amount);
struct Never {
  Money amount;
};
STELE_REFUSAL(Never, amount);

#ifdef STELE_TEST_FEE
constexpr Money fee = 1_money;
#else
constexpr Money fee = 0_money;
#endif

struct Account : stele::aggregate<stele::commands<Withdraw>,
                                  stele::events<AccountCreated, MoneyDeposited, MoneyWithdrawn>,
                                  stele::refusals<Never>> {
  static constexpr std::string_view category = "BankAccount";
  static const std::string& id(const auto& command) { return command.account_id; }
  struct Missing {};
  struct Open {
    Money balance;
  };
  using State = std::variant<Missing, Open>;
  static Decision decide(const Withdraw& c, const auto&) { return stele::refuse(Never{c.amount}); }
  static State evolve(const Missing&, const AccountCreated&) { return Open{}; }
  static State evolve(const Open& a, const MoneyDeposited& e) { return Open{a.balance + e.amount}; }
  static State evolve(const Open& a, const MoneyWithdrawn& e) { return Open{a.balance - e.amount - fee}; }
};
static_assert(stele::decider<Account>);

}  // namespace rules

STELE_HISTORY_PLUGIN(rules::Account)

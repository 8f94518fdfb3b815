// refusals.cpp - the words of each refusal, and what the bank takes for a well-formed body.
#include "bank/refusals.hpp"

namespace bank {
namespace {

constexpr std::size_t longest_text = 500;

std::string words(const SameAccount&) { return "money cannot be transferred to the account it comes from"; }
std::string words(const NoSuchAccount& why) { return "there is no account " + why.account_id; }
std::string words(const AccountTaken& why) { return "there is an account " + why.account_id + " already"; }
std::string words(const AccountIsClosed& why) { return "account " + why.account_id + " is closed"; }
std::string words(const InsufficientFunds& why) {
  return "the balance of " + to_string(why.balance) + " does not cover " + to_string(why.asked);
}
std::string words(const MoneyLeft& why) {
  return "an account is closed at a balance of 0.00, and this one holds " + to_string(why.balance);
}
std::string words(const AmountNotPositive& why) {
  return "an amount must be more than 0.00, not " + to_string(why.amount);
}

template <class R>
stele::Problem rule_problem(const R& why) {
  return stele::refusal_of(stele::schema_of<R>.type, stele::to_json(why), words(why));
}

}  // namespace

stele::Problem problem_of(const TransferRefusals::any& why) {
  return std::visit([](const auto& refusal) { return rule_problem(refusal); }, why);
}

stele::Problem no_such_account(std::string_view account_id) {
  return rule_problem(NoSuchAccount{std::string(account_id)});
}

stele::Problem malformed(Violations violations) {
  return stele::invalid_command("the body is not this command", std::move(violations));
}

void check_text(Violations& into, std::string pointer, std::string_view text, bool required) {
  if (required && text.empty())
    into.push_back({std::move(pointer), "must not be empty"});
  else if (text.size() > longest_text)
    into.push_back({std::move(pointer), "longer than " + std::to_string(longest_text) + " bytes"});
}

void check_account_id(Violations& into, std::string pointer, std::string_view text) {
  if (!stele::is_id(text))
    into.push_back({std::move(pointer), "an account id is 1 to 64 letters, digits, '.', '_' or '-'"});
}

}  // namespace bank

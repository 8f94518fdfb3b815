// refusals.cpp - the words of each refusal, and what the bank takes for a well-formed body.
#include "bank/refusals.hpp"

#include <algorithm>
#include <array>

namespace bank {
namespace {

constexpr std::size_t longest_text = 500;
constexpr std::size_t longest_id = 64;

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
  const std::string rule(stele::schema_of<R>.type);
  stele::Problem problem = std::is_same_v<R, NoSuchAccount> ? stele::not_found(words(why)).with("rule", rule)
                                                            : stele::business_rule(rule, words(why));
  const auto facts = stele::JsonDocument::parse(stele::to_json(why));
  if (!facts) return problem;
  for (const auto [name, value] : facts->root().members())
    problem = std::move(problem).with_json(std::string(name), std::string(value.raw()));
  return problem;
}

}  // namespace

stele::Problem problem_of(const TransferRefusals::any& why) {
  return std::visit([](const auto& refusal) { return rule_problem(refusal); }, why);
}

stele::Problem no_such_account(std::string_view account_id) {
  return rule_problem(NoSuchAccount{std::string(account_id)});
}

bool is_account_id(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  return !text.empty() && text.size() <= longest_id && std::all_of(text.begin(), text.end(), fits);
}

stele::Problem malformed(Violations violations) {
  return stele::invalid_command("the body is not this command", std::move(violations));
}

// Reading the wire form notes each problem as a pair of facts; a text that is no JSON has no pairs.
stele::Problem malformed(const stele::Error& why) {
  Violations violations;
  for (const auto& fact : why.facts()) {
    if (fact.name == "pointer") violations.push_back({fact.value, why.message()});
    if (fact.name == "problem" && !violations.empty()) violations.back().message = fact.value;
  }
  if (violations.empty()) violations.push_back({"", why.message()});
  return malformed(std::move(violations));
}

std::optional<stele::Problem> wrong_media_type(const stele::Request& request) {
  // The last one is what curl says when nobody tells it; the body is read as JSON all the same.
  constexpr std::array<std::string_view, 3> taken{"", "application/json",
                                                  "application/x-www-form-urlencoded"};
  if (std::find(taken.begin(), taken.end(), request.content_type()) != taken.end()) return std::nullopt;
  return stele::Problem(415, "unsupported-media-type", "the body must be JSON")
      .with_json("offered", "[\"application/json\"]");
}

void check_text(Violations& into, std::string pointer, std::string_view text, bool required) {
  if (required && text.empty())
    into.push_back({std::move(pointer), "must not be empty"});
  else if (text.size() > longest_text)
    into.push_back({std::move(pointer), "longer than " + std::to_string(longest_text) + " bytes"});
}

void check_account_id(Violations& into, std::string pointer, std::string_view text) {
  if (!is_account_id(text))
    into.push_back({std::move(pointer), "an account id is 1 to 64 letters, digits, '.', '_' or '-'"});
}

}  // namespace bank

// refusals.hpp - the bank's "no" as problem documents: a broken rule with its facts, a malformed body with a
// pointer to everything that is wrong in it. Which status stands for what is decided here only.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "bank/transfer.hpp"
#include "stele/web.hpp"

namespace bank {

// A rule's refusal: 404 when it is that there is no such account, otherwise 422 with the rule and its facts.
[[nodiscard]] stele::Problem problem_of(const TransferRefusals::any& why);
template <class... R>
[[nodiscard]] stele::Problem problem_of(const std::variant<R...>& why) {
  return std::visit([](const auto& refusal) { return problem_of(TransferRefusals::any(refusal)); }, why);
}

[[nodiscard]] stele::Problem no_such_account(std::string_view account_id);

using Violations = std::vector<stele::Problem::Violation>;
// 400 invalid-command.
[[nodiscard]] stele::Problem malformed(Violations violations);

// Adds what is wrong with a text field: too long, or empty where it must not be.
void check_text(Violations& into, std::string pointer, std::string_view text, bool required = false);
void check_account_id(Violations& into, std::string pointer, std::string_view text);

}  // namespace bank

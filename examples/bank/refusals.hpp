// refusals.hpp - the bank's "no" as problem documents: a broken rule with its facts, a malformed body with a
// pointer to everything that is wrong in it. Which status stands for what is decided here only.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "bank/transfer.hpp"
#include "stele/app.hpp"
#include "stele/wire.hpp"

namespace bank {

// A rule's refusal: 404 when it is that there is no such account, otherwise 422 with the rule and its facts.
[[nodiscard]] stele::Problem problem_of(const TransferRefusals::any& why);
template <class... R>
[[nodiscard]] stele::Problem problem_of(const std::variant<R...>& why) {
  return std::visit([](const auto& refusal) { return problem_of(TransferRefusals::any(refusal)); }, why);
}

[[nodiscard]] stele::Problem no_such_account(std::string_view account_id);

// 1 to 64 letters, digits, '.', '_' or '-'. Nothing else can be an account.
[[nodiscard]] bool is_account_id(std::string_view text);

using Violations = std::vector<stele::Problem::Violation>;
// 400 invalid-command.
[[nodiscard]] stele::Problem malformed(Violations violations);
[[nodiscard]] stele::Problem malformed(const stele::Error& why);

// The body as a T, or why not: 415 for another media type, 400 with JSON Pointers for everything else.
[[nodiscard]] std::optional<stele::Problem> wrong_media_type(const stele::Request& request);
template <class T>
[[nodiscard]] std::expected<T, stele::Problem> body_as(const stele::Request& request) {
  if (auto wrong = wrong_media_type(request)) return std::unexpected(*std::move(wrong));
  auto read = stele::from_json<T>(std::string_view(request.body), stele::UnknownFields::refuse);
  if (!read) return std::unexpected(malformed(read.error()));
  return *std::move(read);
}

// Adds what is wrong with a text field: too long, or empty where it must not be.
void check_text(Violations& into, std::string pointer, std::string_view text, bool required = false);
void check_account_id(Violations& into, std::string pointer, std::string_view text);

}  // namespace bank

// requests.cpp - reading requests and wording refusals.
#include "shop/requests.hpp"

#include <algorithm>

namespace shop {
namespace {

// Orders and customers that many ask for at once get a second chance more often than the toolkit's default.
constexpr unsigned shop_tries = 50;
constexpr std::size_t longest_shop_id = 64;

std::string words_of(std::string_view rule) {
  std::string text;
  for (const char c : rule) {
    const bool upper = c >= 'A' && c <= 'Z';
    if (upper && !text.empty()) text += ' ';
    text += upper ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return text;
}

}  // namespace

stele::Problem refusal_problem(std::string_view rule, const std::string& facts) {
  stele::Problem problem = rule.starts_with("NoSuch") ? stele::not_found(words_of(rule)).with("rule", rule)
                                                      : stele::business_rule(rule, words_of(rule));
  const auto document = stele::JsonDocument::parse(facts);
  if (!document) return problem;
  for (const auto [name, value] : document->root().members())
    problem = std::move(problem).with_json(std::string(name), std::string(value.raw()));
  return problem;
}

stele::Problem malformed_body(const stele::Error& why) {
  std::vector<stele::Problem::Violation> violations;
  for (const auto& fact : why.facts()) {
    if (fact.name == "pointer") violations.push_back({fact.value, why.message()});
    if (fact.name == "problem" && !violations.empty()) violations.back().message = fact.value;
  }
  if (violations.empty()) violations.push_back({"", why.message()});
  return stele::invalid_command("the body is not this command", std::move(violations));
}

bool is_id(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  return !text.empty() && text.size() <= longest_shop_id && std::ranges::all_of(text, fits);
}

stele::Problem wrong_id(std::string_view what, std::string_view text) {
  return stele::invalid_command("this cannot be an id",
                                {{"/" + std::string(what), "1 to 64 letters, digits, '.', '_' or '-', not '" +
                                                               std::string(text.substr(0, 80)) + "'"}});
}

stele::Context context_of(const stele::Request& request) {
  return {.user = request.header("x-user-id").value_or(""),
          .correlation_id = request.header("x-correlation-id").value_or(""),
          .causation_id = request.header("x-causation-id").value_or(""),
          .traceparent = request.traceparent,
          .idempotency_key = request.idempotency_key.value_or("")};
}

stele::HandleOptions options_of(const stele::Request& request) {
  stele::HandleOptions options;
  options.max_tries = shop_tries;
  options.expected = request.expected;
  return options;
}

}  // namespace shop

// requests.hpp - what all of the shop's addresses share: bodies read or refused, refusals as problem documents, who
// asks.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <variant>

#include "shop/place_order.hpp"
#include "stele/app.hpp"
#include "stele/wire.hpp"

namespace shop {

// A rule's name and facts; 404 for what does not exist.
[[nodiscard]] stele::Problem refusal_problem(std::string_view rule, const std::string& facts);
template <class... R>
[[nodiscard]] stele::Problem problem_of(const std::variant<R...>& why) {
  return refusal_problem(stele::type_name(why), stele::content_json(why));
}

// 400 with a pointer to everything that is wrong.
[[nodiscard]] stele::Problem malformed_body(const stele::Error& why);
template <class T>
[[nodiscard]] std::expected<T, stele::Problem> body_as(const stele::Request& request) {
  auto read = stele::from_json<T>(std::string_view(request.body), stele::UnknownFields::refuse);
  if (!read) return std::unexpected(malformed_body(read.error()));
  return *std::move(read);
}

// Letters, digits, '.', '_' and '-', 1 to 64 of them. Nothing else is the id of anything here.
[[nodiscard]] bool is_id(std::string_view text);
[[nodiscard]] stele::Problem wrong_id(std::string_view what, std::string_view text);

[[nodiscard]] stele::Context context_of(const stele::Request& request);
[[nodiscard]] stele::HandleOptions options_of(const stele::Request& request);

}  // namespace shop

// token_table.hpp - the access tokens a server knows, and which of them a request came with. Where they are kept
// (read_tokens() in app.hpp) and which routes want which scope (Route::scope) is said elsewhere.
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "stele/app.hpp"

namespace stele::server {

// Filled while starting, read-only afterwards: no lock.
class TokenTable {
 public:
  explicit TokenTable(std::vector<AccessToken> tokens) : tokens_(std::move(tokens)) {}

  [[nodiscard]] bool empty() const { return tokens_.empty(); }
  // The token of an Authorization header ("Bearer abc", RFC 6750); null when there is none, it is unknown or `now` is
  // not before its end. Takes the same time whichever token it is, or none.
  [[nodiscard]] const AccessToken* find(std::string_view authorization, Timestamp now) const;

 private:
  std::vector<AccessToken> tokens_;
};

// The lines of a token file; `label` is its name in messages. Errors: invalid (with the line).
[[nodiscard]] result<std::vector<AccessToken>> parse_tokens(std::istream& in, const std::string& label);

// A new one, from the system's randomness: 256 bits as text. Errors: unavailable.
[[nodiscard]] result<std::string> make_token();

// What a token must be good for to get to this route.
[[nodiscard]] Scope scope_of(const Route& route);

}  // namespace stele::server

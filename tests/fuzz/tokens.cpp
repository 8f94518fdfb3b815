// tokens.cpp - any text as a file of access tokens, and as the header that a request brings one in: what is accepted
// reads back from its own lines, and nobody is let in by a header that was made up.
#include <cstdint>
#include <sstream>
#include <string>
#include <string_view>

#include "server/auth/token_table.hpp"

namespace {

std::string line_of(const stele::AccessToken& token) {
  std::string line = token.name + ' ';
  for (const auto scope : token.scopes) line += std::string(stele::to_string(scope)) + ',';
  if (line.ends_with(',')) line.pop_back();
  line += ' ' + token.sha256;
  if (token.expires) line += ' ' + stele::to_string(*token.expires);
  return line + '\n';
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace stele;
  const std::string text(reinterpret_cast<const char*>(data), size);
  std::istringstream in(text);
  const auto tokens = server::parse_tokens(in, "tokens");
  if (!tokens) {
    if (tokens.error().message().empty()) __builtin_trap();
    return 0;
  }
  std::string written;
  for (const auto& token : *tokens) written += line_of(token);
  std::istringstream back(written);
  const auto again = server::parse_tokens(back, "tokens");
  if (!again || again->size() != tokens->size()) __builtin_trap();
  for (std::size_t i = 0; i < tokens->size(); ++i) {
    const auto& one = (*tokens)[i];
    const auto& other = (*again)[i];
    if (one.name != other.name || one.scopes != other.scopes || one.sha256 != other.sha256 ||
        one.expires != other.expires) {
      __builtin_trap();
    }
  }
  const server::TokenTable table(*tokens);
  if (table.find(text, Timestamp{}) != nullptr || table.find("Bearer " + text, Timestamp{}) != nullptr) {
    __builtin_trap();  // it would have had to find what SHA-256 makes one of its own hashes of
  }
  return 0;
}

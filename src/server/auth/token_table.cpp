// token_table.cpp - bearer tokens against their hashes.
#include "server/auth/token_table.hpp"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <array>

#include "base/sha.hpp"

namespace stele::server {
namespace {

// The scheme's name is case-insensitive (RFC 7235, 2.1). Empty: another scheme, or nothing.
std::string_view bearer_token(std::string_view authorization) {
  constexpr std::string_view scheme = "bearer ";
  if (authorization.size() < scheme.size()) return {};
  for (std::size_t i = 0; i < scheme.size(); ++i) {
    const char c = authorization[i];
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (lower != scheme[i]) return {};
  }
  auto token = authorization.substr(scheme.size());
  while (token.starts_with(' ')) token.remove_prefix(1);
  return token;
}

}  // namespace

const AccessToken* TokenTable::find(std::string_view authorization, Timestamp now) const {
  const auto token = bearer_token(authorization);
  if (token.empty()) return nullptr;
  const auto hash = base::sha256_hex(token);
  const AccessToken* found = nullptr;
  for (const auto& one : tokens_) {
    const bool same =
        one.sha256.size() == hash.size() && CRYPTO_memcmp(one.sha256.data(), hash.data(), hash.size()) == 0;
    if (same && (!one.expires || now < *one.expires)) found = &one;
  }
  return found;
}

result<std::string> make_token() {
  constexpr std::string_view prefix = "stele_";  // so that a leaked one is recognised
  constexpr std::string_view digits = "0123456789abcdef";
  std::array<unsigned char, 32> raw{};
  if (RAND_bytes(raw.data(), static_cast<int>(raw.size())) != 1)
    return Error(errc::unavailable, "the system has no randomness to give");
  std::string text(prefix);
  for (const auto byte : raw) (text += digits[byte >> 4]) += digits[byte & 15];
  return text;
}

Scope scope_of(const Route& route) {
  if (route.scope) return *route.scope;
  return route.method == "GET" || route.method == "HEAD" ? Scope::query : Scope::command;
}

}  // namespace stele::server

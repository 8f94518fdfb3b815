// sha.cpp - a thin wrapper; digests are fetched once, since OpenSSL 3 looks them up by name on each one-shot
// call.
#include "base/sha.hpp"

#include <openssl/evp.h>

#include "base/assert.hpp"

namespace stele::base {
namespace {

template <std::size_t Size>
std::array<std::uint8_t, Size> digest(const EVP_MD* kind, std::string_view bytes) {
  std::array<std::uint8_t, Size> out{};
  unsigned size = 0;
  const int ok = EVP_Digest(bytes.data(), bytes.size(), out.data(), &size, kind, nullptr);
  STELE_ASSERT(ok == 1 && size == Size, "OpenSSL computes a digest", size);
  return out;
}

}  // namespace

std::array<std::uint8_t, 20> sha1(std::string_view bytes) {
  static const EVP_MD* kind = EVP_MD_fetch(nullptr, "SHA1", nullptr);
  return digest<20>(kind, bytes);
}

std::array<std::uint8_t, 32> sha256(std::string_view bytes) {
  static const EVP_MD* kind = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return digest<32>(kind, bytes);
}

std::string sha256_hex(std::string_view bytes) {
  constexpr std::string_view hex = "0123456789abcdef";
  std::string out;
  for (auto byte : sha256(bytes)) {
    out += hex[byte >> 4];
    out += hex[byte & 15];
  }
  return out;
}

}  // namespace stele::base

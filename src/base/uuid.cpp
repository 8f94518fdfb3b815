// uuid.cpp - making and reading UUIDs (RFC 9562).
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>

#include "base/assert.hpp"
#include "base/sha.hpp"
#include "stele/types.hpp"

namespace stele {
namespace {

// Random bytes are fetched in blocks per thread: one call to the generator costs more than making an id.
void fill_random(std::uint8_t* to, std::size_t count) {
  thread_local std::array<std::uint8_t, 4096> pool;
  thread_local std::size_t used = pool.size();
  if (used + count > pool.size()) {
    const int ok = RAND_bytes(pool.data(), static_cast<int>(pool.size()));
    STELE_ASSERT(ok == 1, "the system gives random bytes", ok);
    used = 0;
  }
  std::memcpy(to, pool.data() + used, count);
  used += count;
}

void set_version(std::array<std::uint8_t, 16>& bytes, unsigned version) {
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0f) | version << 4);
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3f) | 0x80);
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

constexpr bool is_dash_place(std::size_t at) { return at == 8 || at == 13 || at == 18 || at == 23; }

}  // namespace

Uuid Uuid::random() {
  std::array<std::uint8_t, 16> bytes{};
  fill_random(bytes.data(), bytes.size());
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto millis = static_cast<std::uint64_t>(std::chrono::floor<std::chrono::milliseconds>(now).count());
  for (unsigned i = 0; i < 6; ++i) bytes[i] = static_cast<std::uint8_t>(millis >> (40 - 8 * i));
  set_version(bytes, 7);
  return Uuid(bytes);
}

Uuid Uuid::from_name(const Uuid& space, std::string_view name) {
  std::string input(reinterpret_cast<const char*>(space.bytes().data()), space.bytes().size());
  input += name;
  const auto hash = base::sha1(input);
  std::array<std::uint8_t, 16> bytes{};
  std::copy_n(hash.begin(), bytes.size(), bytes.begin());
  set_version(bytes, 5);
  return Uuid(bytes);
}

std::string to_string(const Uuid& id) {
  constexpr std::string_view hex = "0123456789abcdef";
  std::string text;
  text.reserve(36);
  for (auto byte : id.bytes()) {
    if (is_dash_place(text.size())) text += '-';
    text += hex[byte >> 4];
    text += hex[byte & 15];
  }
  return text;
}

std::optional<Uuid> parse_uuid(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  std::array<std::uint8_t, 16> bytes{};
  std::size_t out = 0;
  for (std::size_t i = 0; i < text.size();) {
    if (is_dash_place(i)) {
      if (text[i++] != '-') return std::nullopt;
      continue;
    }
    const int high = hex_value(text[i]);
    const int low = hex_value(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes[out++] = static_cast<std::uint8_t>(high << 4 | low);
    i += 2;
  }
  return Uuid(bytes);
}

}  // namespace stele

std::size_t std::hash<stele::Uuid>::operator()(const stele::Uuid& id) const noexcept {
  std::uint64_t high;
  std::uint64_t low;
  std::memcpy(&high, id.bytes().data(), 8);
  std::memcpy(&low, id.bytes().data() + 8, 8);
  // Ids given by clients need not be random; the multiplication (Fibonacci hashing) spreads what there is.
  return static_cast<std::size_t>((high * 0x9E3779B97F4A7C15u ^ low) * 0x9E3779B97F4A7C15u);
}

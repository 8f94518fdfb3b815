// crc32c.cpp - one instruction per 8 bytes (SSE4.2), three independent chains for long inputs to hide its
// three-cycle latency, a table elsewhere; the choice is made once, at run time.
#include "base/crc32c.hpp"

#include <array>
#include <cstddef>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace stele::base {
namespace {

constexpr std::uint32_t polynomial = 0x82F63B78u;  // reflected

constexpr auto byte_table = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    auto value = byte;
    for (int bit = 0; bit < 8; ++bit) value = (value & 1) != 0 ? (value >> 1) ^ polynomial : value >> 1;
    table[byte] = value;
  }
  return table;
}();

constexpr std::uint32_t advance_byte(std::uint32_t crc, std::uint8_t byte) {
  return byte_table[(crc ^ byte) & 255] ^ (crc >> 8);
}

#if defined(__x86_64__)

constexpr std::size_t lane = 256;  // bytes per chain and round

using ShiftTable = std::array<std::array<std::uint32_t, 256>, 4>;

// What `length` zero bytes do to a running CRC, as a table per byte of it. The effect is linear over GF(2),
// so the columns of the matrix are the images of the single bits.
constexpr ShiftTable make_shift(std::size_t length) {
  std::array<std::uint32_t, 32> image{};
  for (std::uint32_t bit = 0; bit < 32; ++bit) {
    auto crc = std::uint32_t{1} << bit;
    for (std::size_t i = 0; i < length; ++i) crc = advance_byte(crc, 0);
    image[bit] = crc;
  }
  ShiftTable table{};
  for (std::uint32_t part = 0; part < 4; ++part) {
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
      std::uint32_t crc = 0;
      for (std::uint32_t bit = 0; bit < 8; ++bit) {
        if ((byte >> bit & 1) != 0) crc ^= image[part * 8 + bit];
      }
      table[part][byte] = crc;
    }
  }
  return table;
}

constexpr ShiftTable shift_one = make_shift(lane);
constexpr ShiftTable shift_two = make_shift(2 * lane);

std::uint32_t shifted(const ShiftTable& table, std::uint32_t crc) {
  return table[0][crc & 255] ^ table[1][crc >> 8 & 255] ^ table[2][crc >> 16 & 255] ^ table[3][crc >> 24];
}

std::uint64_t word_at(const char* at) {
  std::uint64_t word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

__attribute__((target("sse4.2"))) std::uint32_t crc32c_sse42(std::string_view bytes, std::uint32_t seed) {
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  std::uint64_t first = ~seed;
  for (; left >= 3 * lane; left -= 3 * lane, at += 3 * lane) {
    std::uint64_t second = 0;
    std::uint64_t third = 0;
    for (std::size_t i = 0; i < lane; i += 8) {
      first = _mm_crc32_u64(first, word_at(at + i));
      second = _mm_crc32_u64(second, word_at(at + lane + i));
      third = _mm_crc32_u64(third, word_at(at + 2 * lane + i));
    }
    first = shifted(shift_two, static_cast<std::uint32_t>(first)) ^
            shifted(shift_one, static_cast<std::uint32_t>(second)) ^ static_cast<std::uint32_t>(third);
  }
  for (; left >= 8; left -= 8, at += 8) first = _mm_crc32_u64(first, word_at(at));
  auto crc = static_cast<std::uint32_t>(first);
  for (; left > 0; --left, ++at) crc = _mm_crc32_u8(crc, static_cast<unsigned char>(*at));
  return ~crc;
}

const bool has_sse42 = __builtin_cpu_supports("sse4.2") != 0;

#endif

}  // namespace

std::uint32_t crc32c_portable(std::string_view bytes, std::uint32_t seed) {
  auto crc = ~seed;
  for (char byte : bytes) crc = advance_byte(crc, static_cast<std::uint8_t>(byte));
  return ~crc;
}

std::uint32_t crc32c(std::string_view bytes, std::uint32_t seed) {
#if defined(__x86_64__)
  if (has_sse42) return crc32c_sse42(bytes, seed);
#endif
  return crc32c_portable(bytes, seed);
}

const char* crc32c_implementation() {
#if defined(__x86_64__)
  if (has_sse42) return "sse4.2";
#endif
  return "portable";
}

}  // namespace stele::base

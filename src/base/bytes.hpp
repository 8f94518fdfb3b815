// bytes.hpp - fixed-width integers to and from little-endian bytes. The only place that knows about byte
// order.
#pragma once

#include <bit>
#include <concepts>
#include <cstring>
#include <type_traits>

namespace stele::base {

template <std::unsigned_integral T>
[[nodiscard]] inline T load_le(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  if constexpr (std::endian::native == std::endian::big) value = std::byteswap(value);
  return value;
}

// The type is named by the caller, never deduced: the width is part of a file format.
template <std::unsigned_integral T>
inline void store_le(char* to, std::type_identity_t<T> value) {
  if constexpr (std::endian::native == std::endian::big) value = std::byteswap(value);
  std::memcpy(to, &value, sizeof value);
}

}  // namespace stele::base

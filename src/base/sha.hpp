// sha.hpp - SHA-1 (version 5 UUIDs only) and SHA-256, by OpenSSL.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace stele::base {

[[nodiscard]] std::array<std::uint8_t, 20> sha1(std::string_view bytes);
[[nodiscard]] std::array<std::uint8_t, 32> sha256(std::string_view bytes);
// Lower-case hexadecimal.
[[nodiscard]] std::string sha256_hex(std::string_view bytes);

}  // namespace stele::base

// crc32c.hpp - CRC-32C (Castagnoli polynomial, RFC 3720 appendix B.4), in hardware where the processor can.
//
// crc32c("123456789") == 0xE3069283. The seed is the running value, so crc32c(b, crc32c(a)) == crc32c(a + b).
// Detects damage, not tampering. Safe from any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace stele::base {

[[nodiscard]] std::uint32_t crc32c(std::string_view bytes, std::uint32_t seed = 0);

// The table-driven form that every processor runs; public so that a test can compare both.
[[nodiscard]] std::uint32_t crc32c_portable(std::string_view bytes, std::uint32_t seed = 0);

// "sse4.2" or "portable".
[[nodiscard]] const char* crc32c_implementation();

}  // namespace stele::base

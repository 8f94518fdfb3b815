// frame_layout.hpp - where each field of a frame stands. Frozen: docs/log-format.md and the layout test say
// the same. Shared by the encoder, the parser and the decoder of `stele inspect`; not a public header.
//
//   frame    header (64) | first revision of each write (8 each) | write headers | records | zeros to 8
//   write    header (12) | name
//   record   header (48) | type | content type, unless coded | tags | metadata | data
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.hpp"
#include "base/crc32c.hpp"
#include "engine/log/frame.hpp"

namespace stele::engine::log::layout {

// Frame header. The checksum covers everything behind itself up to the end of the revisions.
inline constexpr std::size_t magic = 0;         // u32
inline constexpr std::size_t header_crc = 4;    // u32
inline constexpr std::size_t total_size = 8;    // u32, a multiple of 8
inline constexpr std::size_t event_count = 12;  // u32
inline constexpr std::size_t write_count = 16;  // u32
inline constexpr std::size_t flags = 20;        // u32, 0 in format 1
inline constexpr std::size_t first = 24;        // u64
inline constexpr std::size_t recorded_at = 32;  // u64, two's complement microseconds
inline constexpr std::size_t durable = 40;      // u64
inline constexpr std::size_t body_sum = 48;     // u32, over the checksums of write headers and records
inline constexpr std::size_t body_size = 52;    // u32, write headers and records, without the padding
inline constexpr std::size_t reserved = 56;     // u64, 0 in format 1

// Write header. The checksum covers everything behind itself, and the name.
inline constexpr std::size_t write_crc = 0;     // u32
inline constexpr std::size_t name_length = 4;   // u32
inline constexpr std::size_t write_events = 8;  // u32

// Record header. The checksum covers everything behind itself up to the record's end.
inline constexpr std::size_t record_crc = 0;        // u32
inline constexpr std::size_t record_size = 4;       // u32, with this header
inline constexpr std::size_t record_back = 8;       // u32
inline constexpr std::size_t record_index = 12;     // u32
inline constexpr std::size_t record_write = 16;     // u16
inline constexpr std::size_t type_length = 18;      // u16
inline constexpr std::size_t event_id = 20;         // 16 bytes
inline constexpr std::size_t content_code = 36;     // u8
inline constexpr std::size_t content_length = 37;   // u8, 0 when coded
inline constexpr std::size_t tags_length = 38;      // u16
inline constexpr std::size_t metadata_length = 40;  // u32
inline constexpr std::size_t data_length = 44;      // u32

// Content types that need no text.
inline constexpr std::array<std::string_view, 3> content_codes{"", json_content, binary_content};

[[nodiscard]] constexpr std::size_t align(std::size_t bytes) {
  return (bytes + frame_alignment - 1) / frame_alignment * frame_alignment;
}
[[nodiscard]] constexpr std::size_t front_bytes(std::size_t writes) {
  return frame_header_bytes + 8 * writes;
}

// Ties a frame's header to its place: the same bytes elsewhere have another checksum.
[[nodiscard]] inline std::uint32_t place_seed(std::uint64_t salt, std::uint64_t offset) {
  std::array<char, 16> place{};
  base::store_le<std::uint64_t>(place.data(), salt);
  base::store_le<std::uint64_t>(place.data() + 8, offset);
  return base::crc32c({place.data(), place.size()});
}

[[nodiscard]] inline std::uint32_t add_to_sum(std::uint32_t sum, const char* crc) {
  return base::crc32c({crc, 4}, sum);
}

// Structure only, no checksum. Nothing when the lengths do not add up to `bytes`.
[[nodiscard]] std::optional<RecordView> decode_record(std::string_view bytes);

}  // namespace stele::engine::log::layout

// file_layout.hpp - where things stand in an index file. Frozen: docs/index-format.md and the layout test say the
// same. Shared by what writes, reads and shows them; nothing here touches a disk.
//
//   file     header (4096) | sections, each at a multiple of 64 | checksum of every page behind the header
//   term     kind, flags, name length, name | counts | types | skips | rows, in blocks of at most 128
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/index/index_part.hpp"
#include "stele/types.hpp"

namespace stele::engine::layout {

inline constexpr std::string_view magic = "STELEIDX";
inline constexpr std::uint16_t major = 2, minor = 0;
inline constexpr std::size_t page_bytes = 4096;  // the header is the first page
inline constexpr std::size_t section_alignment = 64;

// Header.
inline constexpr std::size_t header_crc = 8;     // u32, over everything behind itself in the page
inline constexpr std::size_t header_major = 12;  // u16
inline constexpr std::size_t header_minor = 14;  // u16
inline constexpr std::size_t header_store = 16;  // 16 bytes
inline constexpr std::size_t header_first = 32;  // u64, position
inline constexpr std::size_t header_last = 40;   // u64, position
inline constexpr std::size_t header_time = 48;   // u64, two's complement microseconds: of the last event
inline constexpr std::size_t header_size = 56;   // u64, of the file
inline constexpr std::size_t header_pages = 64;  // u32, checksum of the checksums
inline constexpr std::size_t header_count = 68;  // u32, sections
inline constexpr std::size_t header_table = 72;  // per section: u32 kind, u32 parameter, u64 offset, u64 size
inline constexpr std::size_t table_entry = 24;

enum class Section : std::uint32_t {
  segments = 1,    // what of the log the file stands for
  offsets,         // u32 per event: where its record begins in its segment; 0: not there
  types,           // code per event; parameter: bytes of a code
  categories,      // the same
  type_names,      // parameter: how many; sorted
  category_names,  // the same
  terms,           // sorted by kind and name
  term_places,     // u32 per term: where it begins, in units of 4 bytes; parameter: how many are streams
  term_hashes,     // {u32 hash, u32 term} by hash, then the fan-out; parameter: bits of the fan-out
  filter,          // 64-byte blocks
  ids,             // {16 bytes, u32 row} by hash, then the fan-out; parameter: bits of the fan-out
  id_filter,       // 64-byte blocks
  times,           // {u32 row, u64 microseconds}
  checksums,       // u32 per page
};
inline constexpr std::size_t section_kinds = 14;

inline constexpr std::size_t segment_entry = 40;  // u64 first, u64 end, u64 salt, u64 frames, u64 events
inline constexpr std::size_t name_entry = 24;  // u64 count, u32 first row, u32 last row, u32 at, u32 length
inline constexpr std::size_t hash_entry = 8;
inline constexpr std::size_t id_entry = 20;
inline constexpr std::size_t time_entry = 12;
inline constexpr std::size_t skip_entry =
    24;  // u32 first row, u32 last row, u32 rows before, u32 at, u64 types

// Term flags.
inline constexpr std::uint8_t flag_tombstoned = 1;
inline constexpr std::uint8_t flag_skips = 2;

struct Place {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::uint32_t parameter = 0;
};

struct Header {
  Uuid store;
  Position first;
  Position last;
  Timestamp last_recorded_at;
  std::uint64_t file_bytes = 0;
  std::uint32_t pages_crc = 0;
  std::vector<std::pair<Section, Place>> sections;  // in the order of the file
};

[[nodiscard]] std::string encode_header(const Header& header);
// Nothing: not an index file of this version, or its header is damaged.
[[nodiscard]] std::optional<Header> parse_header(std::string_view page);

// "00000000000000000001-00000000000000000250.idx" and back.
[[nodiscard]] std::string file_name(Position first, Position last);
[[nodiscard]] std::optional<std::pair<Position, Position>> parse_file_name(std::string_view name);

// ---- Numbers of variable length: seven bits a byte, the lowest first.

void put_varint(std::string& to, std::uint64_t value);
// Moves `from` behind it; nothing when it is cut short.
[[nodiscard]] std::optional<std::uint64_t> take_varint(std::string_view& from);

// ---- The filters: one 64-byte block per key, seven bits in it. What is new is asked of every file, and a wrong
// "maybe" costs a page of the disk: of ids, which are new with every event, fewer than one in five hundred.

inline constexpr std::uint64_t filter_bits_per_term = 10;
inline constexpr std::uint64_t filter_bits_per_id = 16;
[[nodiscard]] std::uint64_t filter_blocks(std::uint64_t keys, std::uint64_t bits_per_key);
[[nodiscard]] inline std::uint64_t filter_block(std::uint32_t hash, std::uint64_t blocks) {
  return hash * blocks >> 32;  // grows with the hash: keys that come by hash fill it front to back
}
// Calls `use(bit)`, below 512, seven times.
template <class Use>
void filter_bits(std::uint32_t hash, const Use& use) {
  auto mixed = (hash ^ 0x9E3779B9u) * 0xD6E8FEB86659FD93u;
  mixed ^= mixed >> 29;
  for (int i = 0; i < 7; ++i, mixed >>= 9) use(static_cast<std::uint32_t>(mixed & 511));
}

// Bits of a fan-out directory over so many entries: about four of them share a place.
[[nodiscard]] std::uint32_t fan_out_bits(std::uint64_t entries);
[[nodiscard]] inline std::size_t fan_out_of(std::uint32_t hash, std::uint32_t bits) {
  return static_cast<std::size_t>(std::uint64_t{hash} >> (32 - bits));
}

}  // namespace stele::engine::layout

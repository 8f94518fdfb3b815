// packed_file.hpp - a closed segment whose frames are compressed in blocks, read as if they were not: every offset is
// that of the frames as they were written, so indexes, readers and recovery need not know. docs/log-format.md has the
// bytes.
//
// Each block is compressed by itself, so one event costs one block. Sizes come from the header, never from the
// compressed bytes, and both the compressed and the inflated block must match their checksums.
#pragma once

#include <memory>

#include "engine/log/block_cache.hpp"
#include "engine/log/segment.hpp"
#include "io/file.hpp"

namespace stele::engine::log {

inline constexpr std::uint32_t smallest_block = 4u << 10;
inline constexpr std::uint32_t largest_block = 1u << 20;
inline constexpr std::uint32_t usual_block = 64u << 10;

// An entry of the table: where the block begins (8 bytes), the checksums of its compressed (4) and inflated (4) bytes.
// It ends where the next one begins, the last one where the table does. As large as what it holds: not compressed.
inline constexpr std::size_t block_entry_bytes = 16;
inline constexpr std::size_t entry_begin = 0, entry_packed_crc = 8, entry_raw_crc = 12;

// Reading; safe from any thread. Writing, resizing and mapping are refused. size() is that of the frames; a file that
// was cut short has none. read_at: corrupt when a block does not hold what it should, with the facts file and offset.
[[nodiscard]] std::shared_ptr<io::File> make_packed_file(std::shared_ptr<io::File> stored,
                                                         const SegmentHeader& header,
                                                         std::shared_ptr<BlockCache> cache);

struct PackTarget {
  io::File& file;
  std::uint32_t block_bytes = usual_block;
};
// Writes the frames of a segment, [segment_header_bytes, header.end) of `from`, as blocks and a table, and the header
// in front of them. `header` is that of the segment with last, events and end filled in. Returns the size of the file;
// nothing is synced.
result<std::uint64_t> pack(const io::ByteSource& from, SegmentHeader header, const PackTarget& to);

}  // namespace stele::engine::log

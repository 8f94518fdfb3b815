// packed_segment.cpp - any bytes as a compressed segment: whatever table and blocks say, a read gives the frames that
// the checksums promise or an error, and never needs more memory than a block. The checksums of header and compressed
// bytes are made right first, so that what is behind them is reached.
#include <algorithm>
#include <cstdint>
#include <string>

#include "base/bytes.hpp"
#include "base/crc32c.hpp"
#include "engine/log/open_segment.hpp"
#include "engine/log/packed_file.hpp"
#include "io/simulated/memory_disk.hpp"

namespace {

using namespace stele;
using namespace stele::engine::log;

constexpr std::size_t most_packed_bytes = 32u << 10;

std::string packed_header(std::string_view input, std::size_t file_bytes) {
  SegmentHeader header;
  header.minor = cold_minor;
  header.incompatible = feature_packed;
  header.first = Position(1);
  header.last = Position(1'000);
  header.block_bytes = smallest_block << static_cast<unsigned char>(input[0]) % 5;
  header.end = segment_header_bytes + std::uint64_t{base::load_le<std::uint16_t>(input.data() + 1)} * 8;
  const auto frames = header.end - segment_header_bytes;
  header.blocks = static_cast<std::uint32_t>((frames + header.block_bytes - 1) / header.block_bytes);
  const auto table_bytes = header.blocks * block_entry_bytes;
  header.table =
      std::max<std::uint64_t>(segment_header_bytes, file_bytes - std::min(file_bytes, table_bytes));
  if (header.table - segment_header_bytes > frames) header.table = segment_header_bytes + frames;
  return encode_header(header);
}

// An entry that leads somewhere gets the checksum of what is there.
void mend_entries(std::string& file, const SegmentHeader& header) {
  for (std::uint32_t block = 0; block < header.blocks; ++block) {
    const auto at = static_cast<std::size_t>(header.table) + block * block_entry_bytes;
    if (at + block_entry_bytes > file.size()) return;
    const auto begin = base::load_le<std::uint64_t>(file.data() + at);
    const auto next = block + 1 < header.blocks && at + 2 * block_entry_bytes <= file.size()
                          ? base::load_le<std::uint64_t>(file.data() + at + block_entry_bytes)
                          : header.table;
    if (begin >= next || next > file.size()) continue;
    const auto bytes = std::string_view(file).substr(begin, next - begin);
    base::store_le<std::uint32_t>(file.data() + at + entry_packed_crc, base::crc32c(bytes));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 8) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data), std::min(size, most_packed_bytes));
  auto file = std::string(segment_header_bytes, '\0') + std::string(input.substr(3));
  file.replace(0, segment_header_bytes, packed_header(input, file.size()));
  const auto header = parse_header(file).header;
  if (!header) return 0;
  mend_entries(file, *header);
  io::simulated::MemoryDisk disk;
  disk.put("/00000000000000000001.seg", file);
  const auto segment = open_segment(disk, "/00000000000000000001.seg");
  if (!segment) std::abort();
  for (std::uint64_t at = 0; at < header->end; at += header->block_bytes) {
    std::string bytes(header->block_bytes + 100, '\0');
    const auto got = (*segment)->read_at(at, bytes);
    if (got ? *got > bytes.size() : got.error().kind() != errc::corrupt) std::abort();
  }
  return 0;
}

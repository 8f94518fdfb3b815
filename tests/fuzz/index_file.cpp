// index_file.cpp - any bytes as an index file: whatever it says, answers stay inside it. The checksums are made right
// first, so that what is behind them is reached; a file that lies is then refused or answers something, no more.
#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "base/bytes.hpp"
#include "base/crc32c.hpp"
#include "engine/index/sealed_part.hpp"
#include "io/simulated/memory_disk.hpp"

namespace {

using namespace stele;
using namespace stele::engine;

constexpr std::size_t most_bytes = 64u << 10;

void mend_index_file(std::string& bytes) {
  bytes.resize(std::max(bytes.size(), layout::page_bytes));
  char* const at = bytes.data();
  std::copy(layout::magic.begin(), layout::magic.end(), at);
  base::store_le<std::uint16_t>(at + layout::header_major, layout::major);
  base::store_le<std::uint64_t>(at + layout::header_size, bytes.size());
  const auto mend_header = [at, &bytes] {
    const auto covered =
        std::string_view(bytes).substr(layout::header_major, layout::page_bytes - layout::header_major);
    base::store_le<std::uint32_t>(at + layout::header_crc, base::crc32c(covered));
  };
  mend_header();
  const auto header = layout::parse_header(bytes);
  if (!header) return;
  const auto sums = header->sections.back().second;
  for (std::uint64_t page = 1; page * layout::page_bytes + layout::page_bytes <= sums.offset; ++page) {
    if (page * 4 > sums.size) break;
    const auto covered = std::string_view(bytes).substr(page * layout::page_bytes, layout::page_bytes);
    base::store_le<std::uint32_t>(at + sums.offset + (page - 1) * 4, base::crc32c(covered));
  }
  base::store_le<std::uint32_t>(at + layout::header_pages,
                                base::crc32c(std::string_view(bytes).substr(sums.offset, sums.size)));
  mend_header();
}

void walk(const IndexPart& part, TermKind kind, std::string_view name) {
  const auto postings = part.postings(kind, name, part.last());
  if (!postings || !*postings) return;
  std::array<Position, Postings::block_positions> positions{};
  for (std::size_t block = 0; block < std::min<std::size_t>((*postings)->blocks(), 64); ++block) {
    (void)(*postings)->block(block);
    (void)(*postings)->decode(block, positions);
  }
}

void ask(const SealedPart& part) {
  const auto rows = std::min<std::uint64_t>(part.rows(), 64);
  std::array<std::uint32_t, 64> codes{};
  for (const auto kind : {ColumnKind::type, ColumnKind::category}) {
    (void)part.codes(kind, part.first(), std::span(codes.data(), rows));
    for (const auto* name : {"AccountOpened", "Account", ""}) (void)part.find_name(kind, name);
  }
  for (std::uint64_t row = 0; row < rows; ++row) (void)part.location(Position(part.first().value() + row));
  (void)part.find_id(*parse_uuid("0192f0c1-2d3e-7000-8000-000000000002"));
  (void)part.stream_end("Account-1");
  (void)part.around(Timestamp(std::chrono::microseconds(1'772'359'201'000'000)));
  for (const auto* name : {"Account-1", "account:1"}) {
    walk(part, TermKind::stream, name);
    walk(part, TermKind::tag, name);
  }
  const auto streams = part.streams("", "", 64);
  if (!streams) return;
  for (const auto& stream : *streams) walk(part, TermKind::stream, stream);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), std::min(size, most_bytes));
  mend_index_file(bytes);
  io::simulated::MemoryDisk disk;
  disk.put("/file.idx", bytes);
  const auto file = disk.open("/file.idx", io::Mode::read);
  if (!file) __builtin_trap();
  const auto part = SealedPart::open(**file);
  if (!part) return 0;
  (*part)->bind(std::vector<std::uint32_t>((*part)->segments().size(), 0));
  ask(**part);
  return 0;
}

// pack.cpp - frames into compressed blocks, one after the other. Reading them back is packed_file.cpp.
#include <zstd.h>

#include <algorithm>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "base/crc32c.hpp"
#include "engine/log/packed_file.hpp"

namespace stele::engine::log {
namespace {

// Inflating costs the same at every level; beyond this one a block of 64 KiB hardly gets smaller.
constexpr int pack_level = 6;

struct FreePacker {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

class Packer {
 public:
  Packer(const PackTarget& to)
      : to_(to), context_(ZSTD_createCCtx()), packed_(ZSTD_compressBound(to.block_bytes), '\0') {}

  result<void> take(std::string_view raw) {
    STELE_ASSERT(!raw.empty() && raw.size() <= to_.block_bytes, "a block at a time", raw.size());
    const auto size =
        ZSTD_compressCCtx(context_.get(), packed_.data(), packed_.size(), raw.data(), raw.size(), pack_level);
    STELE_ASSERT(ZSTD_isError(size) != 0 || size <= packed_.size(), "what is compressed fits its bound", size,
                 packed_.size());
    // What does not get smaller stays as it is: its size says so.
    const bool smaller = ZSTD_isError(size) == 0 && size < raw.size();
    const auto bytes = smaller ? std::string_view(packed_).substr(0, size) : raw;
    add_entry(base::crc32c(bytes), base::crc32c(raw));
    STELE_CHECK(to_.file.write_at(at_, bytes));
    at_ += bytes.size();
    return {};
  }
  // The table; behind it the file ends.
  result<std::uint64_t> finish(SegmentHeader& header) {
    header.table = at_;
    header.blocks = static_cast<std::uint32_t>(table_.size() / block_entry_bytes);
    STELE_ASSERT((header.end - segment_header_bytes + to_.block_bytes - 1) / to_.block_bytes == header.blocks,
                 "every block has its entry", header.end, header.blocks);
    STELE_CHECK(to_.file.write_at(at_, table_));
    STELE_CHECK(to_.file.write_at(0, encode_header(header)));
    return at_ + table_.size();
  }

 private:
  void add_entry(std::uint32_t packed_crc, std::uint32_t raw_crc) {
    const auto here = table_.size();
    table_.resize(here + block_entry_bytes);
    base::store_le<std::uint64_t>(table_.data() + here + entry_begin, at_);
    base::store_le<std::uint32_t>(table_.data() + here + entry_packed_crc, packed_crc);
    base::store_le<std::uint32_t>(table_.data() + here + entry_raw_crc, raw_crc);
  }

  const PackTarget& to_;
  std::unique_ptr<ZSTD_CCtx, FreePacker> context_;
  std::string packed_;
  std::string table_;
  std::uint64_t at_ = segment_header_bytes;
};

}  // namespace

result<std::uint64_t> pack(const io::ByteSource& from, SegmentHeader header, const PackTarget& to) {
  STELE_ASSERT(header.end >= segment_header_bytes && header.last >= header.first,
               "a closed segment is packed", header.end, header.last.value());
  Packer packer(to);
  std::string raw(to.block_bytes, '\0');
  for (auto at = std::uint64_t{segment_header_bytes}; at < header.end; at += to.block_bytes) {
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(to.block_bytes, header.end - at));
    STELE_TRY(const auto got, from.read_at(at, std::span(raw).first(size)));
    if (got < size)
      return Error(errc::corrupt, "a segment ends before its frames do").with("offset", at + got);
    STELE_CHECK(packer.take(std::string_view(raw).substr(0, size)));
  }
  header.minor = cold_minor;
  header.incompatible = (header.incompatible & feature_gaps) | feature_packed;
  header.block_bytes = to.block_bytes;
  header.capacity = header.end;
  header.archive.clear();
  return packer.finish(header);
}

}  // namespace stele::engine::log

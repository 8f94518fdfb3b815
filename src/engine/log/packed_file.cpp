// packed_file.cpp - blocks found by the table, checked, inflated, and kept for the next event of the neighbourhood.
#include "engine/log/packed_file.hpp"

#include <zstd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "base/crc32c.hpp"

namespace stele::engine::log {
namespace {

using base::load_le;

struct BlockEntry {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint32_t packed_crc = 0;
  std::uint32_t raw_crc = 0;
};

struct FreeInflater {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

// Inflates exactly `into`; false: it is anything else. The working memory is that of the thread.
bool inflate_exactly(std::string_view packed, std::span<char> into) {
  thread_local const std::unique_ptr<ZSTD_DCtx, FreeInflater> context(ZSTD_createDCtx());
  const auto got = ZSTD_decompressDCtx(context.get(), into.data(), into.size(), packed.data(), packed.size());
  return ZSTD_isError(got) == 0 && got == into.size();
}

class PackedFile final : public io::File {
 public:
  PackedFile(std::shared_ptr<io::File> stored, const SegmentHeader& header, std::shared_ptr<BlockCache> cache)
      : stored_(std::move(stored)), header_(header), cache_(std::move(cache)), id_(cache_->new_file()) {
    STELE_ASSERT(header_.is_packed() && header_.block_bytes > 0, "a packed file has blocks", header_.blocks);
    const auto size = stored_->size();
    whole_ = size && *size == header_.table + header_.blocks * block_entry_bytes;
  }

  result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) const override {
    std::size_t done = 0;
    if (offset < segment_header_bytes) {
      done = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), segment_header_bytes - offset));
      STELE_TRY(const auto got, stored_->read_at(offset, into.first(done)));
      if (got < done) return got;
    }
    while (done < into.size() && offset + done < header_.end) {
      STELE_TRY(const auto got, read_piece(offset + done, into.subspan(done)));
      STELE_ASSERT(got > 0 && got <= into.size() - done, "a piece is read at a time", got, done);
      done += got;
    }
    return done;
  }
  result<std::uint64_t> size() const override {
    return whole_ ? header_.end : std::uint64_t{segment_header_bytes};
  }

  result<void> write_at(std::uint64_t, std::string_view) override { return only_read(); }
  result<void> write_at(std::uint64_t, std::span<const std::string_view>) override { return only_read(); }
  result<void> sync_data() override { return stored_->sync_data(); }
  result<void> sync_all() override { return stored_->sync_all(); }
  result<void> resize(std::uint64_t) override { return only_read(); }
  result<void> allocate(std::uint64_t, std::uint64_t) override { return only_read(); }
  result<std::unique_ptr<io::Mapping>> map() const override { return only_read(); }
  void drop_cache() override { stored_->drop_cache(); }
  [[nodiscard]] const std::filesystem::path& path() const override { return stored_->path(); }

 private:
  [[nodiscard]] Error only_read() const {
    return Error(errc::read_only, path().string() + " is a compressed segment: it is read, and nothing else");
  }
  [[nodiscard]] Error damaged(std::uint64_t block, std::string_view why) const {
    const auto name = path().filename().string();
    return Error(errc::corrupt,
                 name + ": block " + std::to_string(block) + " is damaged: " + std::string(why))
        .with("file", name)
        .with("offset", segment_header_bytes + block * header_.block_bytes)
        .help("run `stele verify` on the store's directory; restore the file from a backup");
  }
  [[nodiscard]] std::size_t bytes_of(std::uint64_t block) const {
    const auto begin = segment_header_bytes + block * header_.block_bytes;
    STELE_ASSERT(block < header_.blocks && begin < header_.end, "a block lies in the segment", block, begin);
    return static_cast<std::size_t>(std::min<std::uint64_t>(header_.block_bytes, header_.end - begin));
  }

  // Bytes of one block; whole ones go straight to where they are wanted.
  result<std::size_t> read_piece(std::uint64_t offset, std::span<char> into) const {
    const auto block = (offset - segment_header_bytes) / header_.block_bytes;
    const auto at = static_cast<std::size_t>((offset - segment_header_bytes) % header_.block_bytes);
    const auto size = bytes_of(block);
    STELE_ASSERT(at < size, "the offset lies in its block", at, size, block);
    if (at == 0 && into.size() >= size) {
      STELE_CHECK(load(block, into.first(size)));
      return size;
    }
    STELE_TRY(const auto bytes, cached(block));
    STELE_ASSERT(bytes->size() == size, "a block that is kept is whole", bytes->size(), size);
    const auto count = std::min(into.size(), size - at);
    std::memcpy(into.data(), bytes->data() + at, count);
    return count;
  }
  result<BlockCache::Block> cached(std::uint64_t block) const {
    if (auto found = cache_->find(id_, block)) return found;
    auto bytes = std::make_shared<std::string>(bytes_of(block), '\0');
    STELE_CHECK(load(block, *bytes));
    cache_->keep(id_, block, bytes);
    return BlockCache::Block(std::move(bytes));
  }

  result<BlockEntry> entry_of(std::uint64_t block) const {
    std::array<char, 2 * block_entry_bytes> bytes{};
    const bool is_last = block + 1 == header_.blocks;
    const auto wanted = std::span(bytes).first(is_last ? block_entry_bytes : bytes.size());
    STELE_TRY(const auto got, stored_->read_at(header_.table + block * block_entry_bytes, wanted));
    if (got < wanted.size()) return damaged(block, "the table of blocks was cut short");
    BlockEntry entry;
    entry.begin = load_le<std::uint64_t>(bytes.data() + entry_begin);
    entry.end =
        is_last ? header_.table : load_le<std::uint64_t>(bytes.data() + block_entry_bytes + entry_begin);
    entry.packed_crc = load_le<std::uint32_t>(bytes.data() + entry_packed_crc);
    entry.raw_crc = load_le<std::uint32_t>(bytes.data() + entry_raw_crc);
    const bool inside =
        entry.begin >= segment_header_bytes && entry.begin < entry.end && entry.end <= header_.table;
    if (!inside || entry.end - entry.begin > bytes_of(block))
      return damaged(block, "the table of blocks lies");
    return entry;
  }

  // Fills `into`, which is as large as the block.
  result<void> load(std::uint64_t block, std::span<char> into) const {
    STELE_ASSERT(into.size() == bytes_of(block), "a block is loaded whole", into.size(), block);
    STELE_TRY(const auto entry, entry_of(block));
    STELE_ASSERT(entry.begin < entry.end && entry.end <= header_.table, "a block lies before the table",
                 entry.begin, entry.end);
    std::string packed(static_cast<std::size_t>(entry.end - entry.begin), '\0');
    STELE_TRY(const auto got, stored_->read_at(entry.begin, packed));
    if (got < packed.size()) return damaged(block, "the file was cut short");
    if (base::crc32c(packed) != entry.packed_crc) return damaged(block, "it does not match its checksum");
    if (packed.size() == into.size()) {
      std::ranges::copy(packed, into.begin());
    } else if (!inflate_exactly(packed, into)) {
      return damaged(block, "it does not inflate to its size");
    }
    if (base::crc32c({into.data(), into.size()}) != entry.raw_crc)
      return damaged(block, "what it inflates to does not match its checksum");
    return {};
  }

  std::shared_ptr<io::File> stored_;
  SegmentHeader header_;
  std::shared_ptr<BlockCache> cache_;
  std::uint64_t id_;
  bool whole_ = false;
};

}  // namespace

std::shared_ptr<io::File> make_packed_file(std::shared_ptr<io::File> stored, const SegmentHeader& header,
                                           std::shared_ptr<BlockCache> cache) {
  STELE_ASSERT(stored != nullptr && cache != nullptr, "a packed file has a file and a cache");
  return std::make_shared<PackedFile>(std::move(stored), header, std::move(cache));
}

}  // namespace stele::engine::log

// sealed_file.cpp - opening, bounds and checksums.
#include "engine/index/sealed_file.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "base/crc32c.hpp"

namespace stele::engine {
namespace {

using layout::page_bytes;

Error damaged_index(const std::filesystem::path& path, std::string_view what) {
  return Error(errc::corrupt, path.filename().string() + " is damaged: " + std::string(what))
      .with("file", path.filename().string())
      .help("the index is made anew from the log; nothing is lost");
}

}  // namespace

result<std::unique_ptr<SealedFile>> SealedFile::open(const io::File& file) {
  STELE_TRY(auto mapping, file.map());
  const auto bytes = mapping->bytes();
  const auto header = layout::parse_header(bytes);
  if (!header || header->file_bytes != bytes.size()) {
    return damaged_index(file.path(), "its header is not that of an index file, or it was cut short");
  }
  const auto& sums = header->sections.back().second;
  if (sums.size != (sums.offset / page_bytes - 1) * 4 ||
      base::crc32c(bytes.substr(sums.offset, sums.size)) != header->pages_crc) {
    return damaged_index(file.path(), "its checksums do not match theirs");
  }
  return std::unique_ptr<SealedFile>(new SealedFile(std::move(mapping), *header, file.path()));
}

SealedFile::SealedFile(std::unique_ptr<io::Mapping> mapping, layout::Header header,
                       std::filesystem::path path)
    : mapping_(std::move(mapping)),
      header_(std::move(header)),
      path_(std::move(path)),
      checked_(header_.file_bytes / page_bytes / 64 + 1) {
  for (const auto& [kind, place] : header_.sections) {
    const auto number = static_cast<std::size_t>(kind);
    if (number < places_.size()) places_[number] = place;
  }
}

Error SealedFile::damaged(std::string_view what) const { return damaged_index(path_, what); }

result<void> SealedFile::check_page(std::uint64_t page) const {
  const auto bytes = mapping_->bytes();
  const auto& sums = place(layout::Section::checksums);
  STELE_ASSERT(page >= 1 && (page + 1) * page_bytes <= sums.offset, "the page has a checksum", page,
               sums.offset);
  const auto wanted = base::load_le<std::uint32_t>(bytes.data() + sums.offset + (page - 1) * 4);
  if (base::crc32c(bytes.substr(page * page_bytes, page_bytes)) != wanted) {
    return damaged("page " + std::to_string(page) + " does not match its checksum");
  }
  checked_[page / 64].fetch_or(std::uint64_t{1} << page % 64, std::memory_order_release);
  return {};
}

result<void> SealedFile::check_pages(std::uint64_t begin, std::uint64_t end) const {
  for (auto page = begin / page_bytes; page * page_bytes < end; ++page) {
    const auto known = checked_[page / 64].load(std::memory_order_acquire);
    if ((known >> page % 64 & 1) == 0) STELE_CHECK(check_page(page));
  }
  return {};
}

result<std::string_view> SealedFile::view(layout::Section section, std::uint64_t at,
                                          std::uint64_t size) const {
  const auto& here = place(section);
  if (at > here.size || size > here.size - at) return damaged("something points behind the end of a section");
  if (size == 0) return std::string_view{};
  const auto begin = here.offset + at;
  STELE_ASSERT(begin >= page_bytes && begin + size <= header_.file_bytes, "sections lie in the file", begin,
               size);
  STELE_CHECK(check_pages(begin, begin + size));
  return mapping_->bytes().substr(begin, size);
}

result<std::string_view> SealedFile::view_some(layout::Section section, std::uint64_t at,
                                               std::uint64_t size) const {
  const auto& here = place(section);
  return view(section, at, at > here.size ? size : std::min(size, here.size - at));
}

void SealedFile::prefetch(layout::Section section) const {
  const auto& here = place(section);
  if (here.size > 0) mapping_->prefetch(here.offset, here.size);
}

result<std::uint64_t> SealedFile::verify() const {
  const auto pages = place(layout::Section::checksums).offset / page_bytes;
  for (std::uint64_t page = 1; page < pages; ++page) STELE_CHECK(check_page(page));
  return pages;
}

}  // namespace stele::engine

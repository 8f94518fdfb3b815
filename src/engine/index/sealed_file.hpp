// sealed_file.hpp - the mapped bytes of one index file and the promise that none is used before its page has
// matched its checksum. What the sections mean is sealed_part.hpp's business.
//
// Opening reads the header and the list of checksums, nothing else: pages are verified when they are first touched.
//
// Threading: safe from any thread.
#pragma once

#include <array>
#include <atomic>
#include <filesystem>
#include <memory>
#include <vector>

#include "base/assert.hpp"
#include "engine/index/file_layout.hpp"
#include "io/file.hpp"

namespace stele::engine {

class SealedFile {
 public:
  // corrupt: not an index file of this version, cut short, or its header or checksums are damaged.
  static result<std::unique_ptr<SealedFile>> open(const io::File& file);

  [[nodiscard]] const layout::Header& header() const { return header_; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] const layout::Place& place(layout::Section section) const {
    return places_[static_cast<std::size_t>(section)];
  }

  // `size` bytes from `at` on in the section. corrupt: they are not there, or a page under them is damaged.
  result<std::string_view> view(layout::Section section, std::uint64_t at, std::uint64_t size) const;
  // The same, as many bytes as there are up to `size`.
  result<std::string_view> view_some(layout::Section section, std::uint64_t at, std::uint64_t size) const;
  // The section will be looked at here and there, and often.
  void prefetch(layout::Section section) const;
  // The cache line at this place, from memory: it is viewed soon.
  void fetch(layout::Section section, std::uint64_t at) const {
    STELE_ASSERT(at < place(section).size, "what is fetched is there", at);
    __builtin_prefetch(mapping_->bytes().data() + place(section).offset + at);
  }
  // Every page. Returns how many there are.
  result<std::uint64_t> verify() const;
  [[nodiscard]] Error damaged(std::string_view what) const;

 private:
  SealedFile(std::unique_ptr<io::Mapping> mapping, layout::Header header, std::filesystem::path path);
  result<void> check_pages(std::uint64_t begin, std::uint64_t end) const;
  result<void> check_page(std::uint64_t page) const;

  std::unique_ptr<io::Mapping> mapping_;
  layout::Header header_;
  std::filesystem::path path_;
  std::array<layout::Place, layout::section_kinds + 1> places_{};
  mutable std::vector<std::atomic<std::uint64_t>> checked_;  // a bit per page
};

}  // namespace stele::engine

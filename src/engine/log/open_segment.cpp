// open_segment.cpp - which kind of file it is, and the one that stands for a segment in an archive.
#include "engine/log/open_segment.hpp"

#include <algorithm>
#include <mutex>

#include "base/assert.hpp"
#include "engine/log/packed_file.hpp"

namespace stele::engine::log {
namespace {

namespace fs = std::filesystem;

// The segment that a header in the log stands for. The salt is its alone.
bool same_contents(const SegmentHeader& a, const SegmentHeader& b) {
  return a.store == b.store && a.first == b.first && a.salt == b.salt && a.has_gaps() == b.has_gaps();
}

// A header in the log, frames in an archive. They are read by calls and never mapped: a disk that goes away under a
// mapping would end the process.
class ArchivedFile final : public io::File {
 public:
  ArchivedFile(io::Disk& disk, std::shared_ptr<io::File> stub, SegmentHeader header, ColdPlaces places)
      : disk_(disk), stub_(std::move(stub)), header_(std::move(header)), places_(std::move(places)) {
    STELE_ASSERT(header_.is_archived() && !header_.archive.empty(), "an archived segment names its archive");
  }

  result<std::size_t> read_at(std::uint64_t offset, std::span<char> into) const override {
    if (offset < segment_header_bytes) {
      const auto own = std::min<std::uint64_t>(into.size(), segment_header_bytes - offset);
      STELE_TRY(const auto got, stub_->read_at(offset, into.first(static_cast<std::size_t>(own))));
      if (got < own || own == into.size()) return got;
      STELE_TRY(const auto rest, read_at(segment_header_bytes, into.subspan(got)));
      return got + rest;
    }
    if (offset >= header_.end || into.empty()) return std::size_t{0};
    STELE_TRY(const auto found, find());
    STELE_ASSERT(found != nullptr, "what was found is open", header_.first.value());
    return found->read_at(
        offset,
        into.first(static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), header_.end - offset))));
  }
  result<std::uint64_t> size() const override { return header_.end; }

  result<void> write_at(std::uint64_t, std::string_view) override { return not_here(); }
  result<void> write_at(std::uint64_t, std::span<const std::string_view>) override { return not_here(); }
  result<void> sync_data() override { return stub_->sync_data(); }
  result<void> sync_all() override { return stub_->sync_all(); }
  result<void> resize(std::uint64_t) override { return not_here(); }
  result<void> allocate(std::uint64_t, std::uint64_t) override { return not_here(); }
  result<std::unique_ptr<io::Mapping>> map() const override { return not_here(); }
  void drop_cache() override {
    if (const auto found = find()) (*found)->drop_cache();
  }
  [[nodiscard]] const fs::path& path() const override { return stub_->path(); }

 private:
  [[nodiscard]] Error not_here() const {
    return Error(errc::read_only, path().string() + " is in an archive: it is read, and nothing else");
  }

  // Once found it stays open.
  result<std::shared_ptr<io::File>> find() const {
    const std::lock_guard lock(mutex_);
    if (found_) return found_;
    std::string why;
    for (const auto& directory : {places_.archive, fs::path(header_.archive)}) {
      if (directory.empty()) continue;
      auto opened = open_in(directory);
      if (opened) return found_ = *std::move(opened);
      why += (why.empty() ? "" : "; ") + opened.error().message();
    }
    const auto name = segment_name(header_.first);
    return Error(errc::unavailable, "segment " + name + " is in the archive " + header_.archive + ": " + why)
        .with("segment", name)
        .with("archive", header_.archive)
        .help(
            "bring the archive back; if it was moved, run `stele archive --to` with its new place, or open "
            "the store "
            "with that");
  }
  result<std::shared_ptr<io::File>> open_in(const fs::path& directory) const {
    const auto name = directory / segment_name(header_.first);
    STELE_TRY(auto file, open_segment(disk_, name, {{}, places_.cache}));
    STELE_TRY(const auto parsed, read_header(*file));
    STELE_TRY(const auto size, file->size());
    if (!parsed.header || parsed.header->is_archived() || !same_contents(*parsed.header, header_))
      return Error(errc::unavailable,
                   name.string() + " is another segment than the one that was moved there");
    if (size < header_.end) return Error(errc::unavailable, name.string() + " was cut short");
    return file;
  }

  io::Disk& disk_;
  std::shared_ptr<io::File> stub_;
  SegmentHeader header_;
  ColdPlaces places_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<io::File> found_;
};

}  // namespace

result<ParsedHeader> read_header(const io::ByteSource& bytes) {
  std::string copy(segment_header_bytes, '\0');
  STELE_TRY(const auto got, bytes.read_at(0, copy));
  return parse_header(std::string_view(copy).substr(0, got));
}

result<std::shared_ptr<io::File>> open_segment(io::Disk& disk, const fs::path& path,
                                               const ColdPlaces& places) {
  STELE_TRY(std::shared_ptr<io::File> file, disk.open(path, io::Mode::read));
  STELE_TRY(auto parsed, read_header(*file));
  const auto& header = parsed.header;
  if (!header || (header->incompatible & ~known_features) != 0) return file;
  if (header->is_packed()) return make_packed_file(std::move(file), *header, places.cache);
  if (header->is_archived()) {
    return std::shared_ptr<io::File>(
        std::make_shared<ArchivedFile>(disk, std::move(file), *std::move(parsed.header), places));
  }
  return file;
}

}  // namespace stele::engine::log

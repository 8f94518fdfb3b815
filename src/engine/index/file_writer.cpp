// file_writer.cpp - slices, checksums and the steps that make a finished file durable.
#include "engine/index/file_writer.hpp"

#include <array>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "base/crc32c.hpp"

namespace stele::engine {
namespace {

constexpr std::size_t slice_bytes = 1u << 20;
constexpr std::uint64_t bytes_between_syncs = 8u << 20;

std::filesystem::path unfinished(std::filesystem::path path) { return path += ".tmp"; }

}  // namespace

result<std::unique_ptr<IndexFileWriter>> IndexFileWriter::create(io::Disk& disk,
                                                                 const std::filesystem::path& directory,
                                                                 Position first, Position last,
                                                                 const std::atomic<bool>* stop,
                                                                 std::function<void()> pause) {
  auto path = directory / layout::file_name(first, last);
  STELE_TRY(const bool left_over, disk.exists(unfinished(path)));
  if (left_over) STELE_CHECK(disk.remove(unfinished(path)));
  STELE_TRY(auto file, disk.open(unfinished(path), io::Mode::create));
  return std::unique_ptr<IndexFileWriter>(
      new IndexFileWriter(disk, std::move(path), std::move(file), first, last, stop, std::move(pause)));
}

IndexFileWriter::~IndexFileWriter() {
  // What cannot be removed now goes when the store is opened next.
  if (file_) (void)disk_.remove(unfinished(path_));
}

void IndexFileWriter::begin(layout::Section kind, std::uint32_t parameter) {
  end_section();
  pad_to(layout::section_alignment);
  sections_.push_back({kind, {offset(), 0, parameter}});
  STELE_ASSERT(sections_.size() <= layout::section_kinds, "a section stands once", sections_.size());
}

void IndexFileWriter::end_section() {
  if (sections_.empty()) return;
  auto& place = sections_.back().second;
  STELE_ASSERT(place.offset <= offset(), "sections grow", place.offset, offset());
  place.size = offset() - place.offset;
}

std::uint64_t IndexFileWriter::section_bytes() const {
  STELE_ASSERT(!sections_.empty(), "a section was begun");
  return offset() - sections_.back().second.offset;
}

void IndexFileWriter::pad_to(std::size_t alignment) {
  buffer_.append((alignment - offset() % alignment) % alignment, '\0');
}

void IndexFileWriter::put(std::string_view bytes) {
  buffer_ += bytes;
  if (buffer_.size() >= slice_bytes) flush();
}

void IndexFileWriter::put_u32(std::uint32_t value) {
  std::array<char, 4> bytes{};
  base::store_le<std::uint32_t>(bytes.data(), value);
  put({bytes.data(), bytes.size()});
}

void IndexFileWriter::put_u64(std::uint64_t value) {
  std::array<char, 8> bytes{};
  base::store_le<std::uint64_t>(bytes.data(), value);
  put({bytes.data(), bytes.size()});
}

result<void> IndexFileWriter::write_slice(std::string_view bytes) {
  if (stop_ != nullptr && stop_->load()) return Error(errc::unavailable, "the store is closing");
  STELE_CHECK(file_->write_at(written_, bytes));
  written_ += bytes.size();
  if (pause_) pause_();
  if (written_ - synced_ < bytes_between_syncs) return {};
  synced_ = written_;
  return file_->sync_data();
}

void IndexFileWriter::flush() {
  const auto whole = buffer_.size() / layout::page_bytes * layout::page_bytes;
  const auto bytes = std::string_view(buffer_).substr(0, whole);
  for (std::size_t at = 0; at < whole && !summed_; at += layout::page_bytes) {
    pages_.push_back(base::crc32c(bytes.substr(at, layout::page_bytes)));
  }
  const auto end = written_ + whole;
  if (!failure_) {
    if (auto written = write_slice(bytes); !written) failure_ = std::move(written).error();
  }
  written_ = end;  // after a failure it goes on in vain until somebody asks
  buffer_.erase(0, whole);
}

void IndexFileWriter::put_checksums() {
  end_section();
  pad_to(layout::page_bytes);
  flush();
  STELE_ASSERT(buffer_.empty() && pages_.size() == written_ / layout::page_bytes - 1,
               "every page has its sum", pages_.size(), written_);
  sections_.push_back({layout::Section::checksums, {offset(), 0, 0}});
  summed_ = true;
  for (const auto sum : pages_) put_u32(sum);
  end_section();
}

result<std::filesystem::path> IndexFileWriter::finish(const Uuid& store, Timestamp last_recorded_at) {
  put_checksums();
  if (failure_) return *failure_;
  STELE_CHECK(write_slice(buffer_));
  std::string sums(pages_.size() * 4, '\0');
  for (std::size_t i = 0; i < pages_.size(); ++i)
    base::store_le<std::uint32_t>(sums.data() + i * 4, pages_[i]);
  const layout::Header header{store,    first_, last_, last_recorded_at, written_, base::crc32c(sums),
                              sections_};
  const auto page = layout::encode_header(header);
  STELE_ASSERT(layout::parse_header(page).has_value(), "what is written reads back", first_.value(),
               last_.value());
  STELE_CHECK(file_->write_at(0, page));
  STELE_CHECK(file_->sync_all());
  STELE_CHECK(disk_.rename(unfinished(path_), path_));
  file_.reset();
  STELE_CHECK(disk_.sync_directory(path_.parent_path()));
  return path_;
}

}  // namespace stele::engine

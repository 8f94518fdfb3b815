// file_writer.hpp - an index file on its way to the disk: sections front to back in bounded memory, a checksum per
// page, slices with a sync between them so that appends do not wait behind a mountain of dirty pages. What stands
// in the sections is for others to say.
//
// The file has a temporary name until finish() has made it whole and durable.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/index/file_layout.hpp"
#include "io/disk.hpp"

namespace stele::engine {

// One thread.
class IndexFileWriter {
 public:
  // `stop` ends the work at the next slice (`unavailable`); nothing stays behind of a file that is not finished.
  // `pause` is called between slices.
  static result<std::unique_ptr<IndexFileWriter>> create(io::Disk& disk,
                                                         const std::filesystem::path& directory,
                                                         Position first, Position last,
                                                         const std::atomic<bool>* stop,
                                                         std::function<void()> pause = {});
  ~IndexFileWriter();
  IndexFileWriter(const IndexFileWriter&) = delete;
  IndexFileWriter& operator=(const IndexFileWriter&) = delete;

  void begin(layout::Section kind, std::uint32_t parameter = 0);
  // Errors are kept and told by finish(), or by failed() for whoever wants to end early.
  void put(std::string_view bytes);
  void put_u32(std::uint32_t value);
  void put_u64(std::uint64_t value);
  [[nodiscard]] bool failed() const { return failure_.has_value(); }
  // Of the section so far.
  [[nodiscard]] std::uint64_t section_bytes() const;

  // Checksums and header, sync, the name, the directory. Returns the path.
  result<std::filesystem::path> finish(const Uuid& store, Timestamp last_recorded_at);

 private:
  IndexFileWriter(io::Disk& disk, std::filesystem::path path, std::unique_ptr<io::File> file, Position first,
                  Position last, const std::atomic<bool>* stop, std::function<void()> pause)
      : disk_(disk),
        path_(std::move(path)),
        file_(std::move(file)),
        first_(first),
        last_(last),
        stop_(stop),
        pause_(std::move(pause)) {}

  [[nodiscard]] std::uint64_t offset() const { return written_ + buffer_.size(); }
  void pad_to(std::size_t alignment);
  void end_section();
  void flush();  // whole pages only
  result<void> write_slice(std::string_view bytes);
  void put_checksums();

  io::Disk& disk_;
  std::filesystem::path path_;  // that it will have
  std::unique_ptr<io::File> file_;
  Position first_;
  Position last_;
  const std::atomic<bool>* stop_;
  std::function<void()> pause_;
  std::string buffer_;
  std::uint64_t written_ = layout::page_bytes;  // the header comes last
  std::uint64_t synced_ = 0;
  std::vector<std::uint32_t> pages_;
  bool summed_ = false;  // pages are not summed any more: these are the sums
  std::vector<std::pair<layout::Section, layout::Place>> sections_;
  std::optional<Error> failure_;
};

}  // namespace stele::engine

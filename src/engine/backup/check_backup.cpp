// check_backup.cpp - a backup read from end to end: checksums of files, and every frame in them.
#include "base/assert.hpp"
#include "engine/backup/backup.hpp"
#include "engine/backup/frame_copy.hpp"

namespace stele::engine {
namespace {

namespace fs = std::filesystem;

// Takes what is written and keeps nothing: checking a copy is making another one of it nowhere.
class Nowhere final : public io::File {
 public:
  explicit Nowhere(fs::path path) : path_(std::move(path)) {}
  result<std::size_t> read_at(std::uint64_t, std::span<char>) const override { return std::size_t{0}; }
  result<std::uint64_t> size() const override { return std::uint64_t{0}; }
  result<void> write_at(std::uint64_t, std::string_view) override { return {}; }
  result<void> write_at(std::uint64_t, std::span<const std::string_view>) override { return {}; }
  result<void> sync_data() override { return {}; }
  result<void> sync_all() override { return {}; }
  result<void> resize(std::uint64_t) override { return {}; }
  result<void> allocate(std::uint64_t, std::uint64_t) override { return {}; }
  result<std::unique_ptr<io::Mapping>> map() const override { return Error(errc::invalid, "nothing to map"); }
  void drop_cache() override {}
  [[nodiscard]] const fs::path& path() const override { return path_; }

 private:
  fs::path path_;
};

// Empty: the segment is whole, and `check` counts it.
std::string wrong_with(io::Disk& disk, const fs::path& path, const SegmentCopy& segment, BackupCheck& check) {
  const auto file = disk.open(path, io::Mode::read);
  if (!file) return file.error().message();
  const auto crc = checksum_of(**file, 0, segment.bytes, 0);
  if (!crc) return crc.error().message();
  check.bytes += segment.bytes;
  const auto header = read_segment_header(**file);
  if (!header) return header.error().message();
  if (header->first != segment.first || header->salt != segment.salt ||
      header->store != check.list.store.store)
    return "it is another segment than the list names";
  Nowhere nowhere(path);
  const auto frames = copy_frames({.source = **file,
                                   .header = *header,
                                   .begin = log::segment_header_bytes,
                                   .end = segment.bytes,
                                   .next = segment.first,
                                   .until = segment.last},
                                  nowhere, 0);
  if (!frames) return frames.error().message();
  check.events += frames->events;
  if (frames->end != segment.bytes)
    return "at byte " + std::to_string(frames->end) + ": " + frames->stopped_by;
  return *crc == segment.crc ? "" : "it does not match its checksum";
}

std::string wrong_with_records(io::Disk& disk, const fs::path& backup, const RecordsCopy& records) {
  const auto file = disk.open(backup / records.file, io::Mode::read);
  if (!file) return file.error().message();
  const auto crc = checksum_of(**file, 0, records.bytes, 0);
  if (!crc) return crc.error().message();
  return *crc == records.crc ? "" : "it does not match its checksum";
}

}  // namespace

result<BackupCheck> check_backup(io::Disk& disk, const fs::path& backup) {
  BackupCheck check;
  STELE_TRY(check.list, read_backup_list(disk, backup));
  for (const auto& segment : check.list.segments) {
    auto wrong = wrong_with(disk, backup / "log" / segment.file_name(), segment, check);
    if (wrong.empty()) continue;
    check.findings.push_back({.file = "log/" + segment.file_name(),
                              .first = segment.first,
                              .last = segment.last,
                              .what = std::move(wrong)});
  }
  if (const auto& records = check.list.records) {
    auto wrong = wrong_with_records(disk, backup, *records);
    if (!wrong.empty())
      check.findings.push_back({.file = records->file, .first = {}, .last = {}, .what = std::move(wrong)});
    check.bytes += records->bytes;
  }
  STELE_ASSERT(check.findings.size() <= check.list.segments.size() + 1, "a file is told once",
               check.findings.size());
  return check;
}

}  // namespace stele::engine

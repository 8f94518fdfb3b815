// repair.cpp - what recovery does to files: making sure that what is scanned is what the device holds, and
// zeros over a torn tail. Nothing here decides what is torn.
#include <algorithm>

#include "base/assert.hpp"
#include "engine/log/recovery.hpp"

namespace stele::engine::log {
namespace {

constexpr std::string_view unfinished_suffix = ".seg.tmp";

// A failed sync here is an error once; the next opening then reads what the device really holds.
result<void> settle(io::File& last) {
  STELE_CHECK(last.sync_data());
  last.drop_cache();
  return {};
}

// A process that was killed may have left names that everyone sees and no sync has reached.
result<void> settle_names(io::Disk& disk, const std::filesystem::path& log_directory) {
  STELE_CHECK(disk.sync_directory(log_directory));
  return disk.sync_directory(log_directory.parent_path());
}

}  // namespace

std::vector<SegmentInput> LogFiles::inputs() const {
  STELE_ASSERT(names.size() == files.size(), "every file has a name", names.size(), files.size());
  std::vector<SegmentInput> inputs;
  inputs.reserve(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) inputs.push_back({names[i], files[i].get()});
  return inputs;
}

result<LogFiles> open_log(io::Disk& disk, const std::filesystem::path& log_directory, bool for_writing,
                          const ColdPlaces& places) {
  LogFiles log;
  STELE_TRY(const auto names, disk.list(log_directory));
  for (const auto& name : names) {
    const bool unfinished = name.ends_with(unfinished_suffix);
    if (unfinished && for_writing) STELE_CHECK(disk.remove(log_directory / name));
    if (unfinished || !name.ends_with(".seg")) continue;
    STELE_TRY(auto file, open_segment(disk, log_directory / name, places));
    log.names.push_back(name);
    log.files.emplace_back(std::move(file));
  }
  if (for_writing) STELE_CHECK(settle_names(disk, log_directory));
  if (for_writing && !log.files.empty()) STELE_CHECK(settle(*log.files.back()));
  return log;
}

result<void> apply_recovery(io::Disk& disk, const std::filesystem::path& log_directory,
                            const RecoveryReport& report) {
  if (!report.damages.empty()) {
    return Error(errc::corrupt,
                 "the log is damaged and must not be written: " + to_string(report.damages.front()))
        .help("run `stele verify`; restore the file from a backup");
  }
  if (!report.torn) return {};
  static const std::string zeros(256u << 10, '\0');
  STELE_ASSERT(report.torn->begin >= segment_header_bytes, "the header is never cut", report.torn->begin);
  STELE_ASSERT(report.torn->begin % frame_alignment == 0, "a tail begins where a frame would",
               report.torn->begin);
  STELE_ASSERT(report.torn->begin < report.torn->end && report.torn->begin == report.end_offset,
               "only what lies behind the log is cut", report.torn->begin, report.torn->end,
               report.end_offset);
  STELE_TRY(auto file, disk.open(log_directory / report.torn->segment, io::Mode::write));
  STELE_TRY(const auto size, file->size());
  const auto end = std::min(size, report.torn->end);
  for (auto at = report.torn->begin; at < end; at += zeros.size()) {
    const auto count = std::min<std::uint64_t>(zeros.size(), end - at);
    STELE_CHECK(file->write_at(at, std::string_view(zeros).substr(0, static_cast<std::size_t>(count))));
  }
  return file->sync_data();
}

}  // namespace stele::engine::log

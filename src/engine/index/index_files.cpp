// index_files.cpp - believing a file takes that every segment it covers is there, with its salt and far enough.
#include "engine/index/index_files.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace stele::engine {
namespace {

// Whether the segment is the one that was indexed, whole. `next`: the position behind its last.
bool same_segment(const CoveredSegment& covered, const LogSegment& segment, Position next) {
  const auto& header = segment.header;
  if (covered.first != header.first || covered.salt != header.salt || covered.end > segment.size)
    return false;
  if (header.has_gaps()) return covered.end == header.end && covered.events == header.events;
  return covered.events == next.value() - header.first.value();
}

bool is_ours(const std::string& name) { return name.ends_with(".idx") || name.ends_with(".idx.tmp"); }

}  // namespace

result<std::vector<LogSegment>> read_log_segments(const std::vector<log::SegmentInput>& inputs,
                                                  const Uuid& store) {
  std::vector<LogSegment> all;
  std::string bytes(log::segment_header_bytes, '\0');
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    STELE_TRY(const auto got, inputs[i].bytes->read_at(0, bytes));
    STELE_TRY(const auto size, inputs[i].bytes->size());
    const auto header = log::parse_header(std::string_view(bytes).substr(0, got)).header;
    if (header && header->store == store && inputs[i].name == log::segment_name(header->first)) {
      all.push_back({i, *header, size});
    }
  }
  std::ranges::sort(all, {}, [](const LogSegment& segment) { return segment.header.first; });
  return all;
}

result<void> IndexFiles::make_directory() const {
  STELE_TRY(const bool there, disk_.exists(directory_));
  if (there) return {};
  STELE_CHECK(disk_.make_directory(directory_));
  return disk_.sync_directory(directory_.parent_path());
}

result<std::vector<std::string>> IndexFiles::list() const {
  STELE_TRY(const bool there, disk_.exists(directory_));
  if (!there) return std::vector<std::string>{};
  return disk_.list(directory_);
}

result<std::shared_ptr<SealedPart>> IndexFiles::open(const std::string& name) const {
  STELE_TRY(const auto file, disk_.open(directory_ / name, io::Mode::read));
  STELE_TRY(auto part, SealedPart::open(*file));
  const auto named = layout::parse_file_name(name);
  if (part->file().header().store != store_ || named != std::pair(part->first(), part->last())) {
    return part->file().damaged("it belongs to another store, or was renamed");
  }
  return part;
}

std::optional<std::size_t> IndexFiles::agrees(const SealedPart& part, const std::vector<LogSegment>& log,
                                              std::size_t begin) {
  const auto& covered = part.segments();
  // One more is there behind them: the last one of the log is never believed to be complete.
  if (begin + covered.size() >= log.size()) return std::nullopt;
  for (std::size_t i = 0; i < covered.size(); ++i) {
    if (!same_segment(covered[i], log[begin + i], log[begin + i + 1].header.first)) return std::nullopt;
  }
  const auto end = begin + covered.size();
  if (part.last().next() != log[end].header.first) return std::nullopt;
  return end;
}

result<std::vector<std::shared_ptr<SealedPart>>> IndexFiles::trusted(
    const std::vector<std::string>& names, const std::vector<LogSegment>& log) const {
  std::vector<std::pair<std::pair<Position, Position>, std::string>> candidates;
  for (const auto& name : names) {
    if (const auto range = layout::parse_file_name(name)) candidates.emplace_back(*range, name);
  }
  // By first position, the widest in front.
  std::ranges::sort(candidates, [](const auto& a, const auto& b) {
    return a.first.first != b.first.first ? a.first.first < b.first.first : a.first.second > b.first.second;
  });
  std::vector<std::shared_ptr<SealedPart>> found;
  std::size_t segment = 0;
  for (const auto& [range, name] : candidates) {
    while (segment < log.size() && log[segment].header.first < range.first) ++segment;
    if (segment == log.size() || log[segment].header.first != range.first) continue;
    if (!found.empty() && range.first <= found.back()->last()) continue;
    // What cannot be opened, for whatever reason, is made anew from the log.
    auto part = open(name);
    if (!part || !agrees(**part, log, segment)) continue;
    found.push_back(*std::move(part));
  }
  return found;
}

result<void> IndexFiles::remove_all_but(const std::vector<std::string>& kept) const {
  STELE_TRY(const auto names, list());
  result<void> all;
  for (const auto& name : names) {
    if (!is_ours(name) || std::ranges::find(kept, name) != kept.end()) continue;
    auto removed = disk_.remove(directory_ / name);
    if (!removed && all) all = std::move(removed);  // one that stays does not keep the others
  }
  return all;
}

}  // namespace stele::engine

// compactor.cpp - two passes over a segment: what goes, then a new file without it; a third one compares both before
// the new one gets the name.
#include "engine/retention/compactor.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "engine/log/packed_file.hpp"

namespace stele::engine {
namespace {

constexpr std::string_view compaction_suffix =
    ".tmp";  // opening a store for writing removes what is left over

std::uint64_t stays_below(const CompactedSegment& told) {
  const auto gone = told.all_gone().bytes;
  return told.bytes_before > gone ? told.bytes_before - gone : 0;
}

}  // namespace

// ---- Which events go

result<const Compactor::Verdict*> Compactor::verdict_of(std::string_view stream) {
  if (const auto found = verdicts_.find(stream); found != verdicts_.end()) return &found->second;
  STELE_TRY(const auto life, lives_.of(stream, head_, now_));
  if (!life) {
    return Error(errc::corrupt, "the index does not know the stream '" + std::string(stream) + "'")
        .with("stream", std::string(stream));
  }
  const auto last_at_most = [&](Revision first) { return std::min(first, life->last); };
  Verdict verdict{last_at_most(life->tombstoned ? life->last : life->first_kept()), *life,
                  is_metadata_stream(stream)};
  if (blocked_.contains(stream)) verdict.keep_from = Revision{};
  STELE_ASSERT(verdict.keep_from <= life->last, "the last event stays", verdict.keep_from.value());
  return &verdicts_.emplace(stream, verdict).first->second;
}

bool Compactor::goes(const Verdict& verdict, const EventView& event) const {
  STELE_ASSERT(event.position <= head_, "a closed segment is durable", event.position.value(), head_.value());
  return event.revision < verdict.keep_from;
}

Gone Compactor::reason(const Verdict& verdict, Revision revision) {
  const auto& life = verdict.life;
  if (life.tombstoned) return Gone::tombstoned;
  if (verdict.metadata) return Gone::old_metadata;
  if (life.kept_by_truncation > life.last) return Gone::deleted;
  if (revision < life.kept_by_truncation) return Gone::truncated;
  return revision < life.kept_by_count ? Gone::over_count : Gone::too_old;
}

log::Keep Compactor::keep() const {
  return [this](const EventView& event) {
    const auto verdict = verdicts_.find(event.stream);
    STELE_ASSERT(verdict != verdicts_.end(), "every stream of the segment was looked at", event.stream);
    return !goes(verdict->second, event);
  };
}

result<CompactedSegment> Compactor::look(const ClosedFile& source, std::unordered_set<std::string>& streams) {
  CompactedSegment told;
  told.first = source.segment.header.first;
  told.last = source.segment.last;
  told.bytes_before = source.file_bytes;
  verdicts_.clear();
  const auto visit = [&](const log::FrameView&, const EventView& event, std::uint32_t bytes) -> result<void> {
    STELE_TRY(const auto* const verdict, verdict_of(event.stream));
    if (!goes(*verdict, event)) return {};
    auto& gone = told.gone[static_cast<std::size_t>(reason(*verdict, event.revision))];
    ++gone.events;
    gone.bytes += bytes;
    streams.emplace(event.stream);
    return {};
  };
  STELE_CHECK(log::visit_closed(source.segment, visit));
  told.bytes_after = stays_below(told);
  return told;
}

// ---- Files

result<log::SegmentHeader> Compactor::write_new(const ClosedFile& source, io::File& file) {
  auto& random = parts_.world.random;
  auto salt = random.next();
  while (salt == source.segment.header.salt) salt = random.next();
  const auto sink = [&file](std::uint64_t offset, std::string_view frames) {
    return file.write_at(offset, frames);
  };
  STELE_TRY(auto header, log::rewrite(source.segment, salt, now_, keep(), sink));
  STELE_CHECK(file.write_at(0, log::encode_header(header)));
  STELE_CHECK(file.sync_all());
  file.drop_cache();
  return header;
}

// As the device has it, through a file of its own.
result<void> Compactor::check_new(const ClosedFile& source, const std::filesystem::path& path) const {
  STELE_TRY(const auto file, log::open_segment(parts_.world.disk, path));
  STELE_TRY(const auto parsed, log::read_header(*file));
  if (!parsed.header || !parsed.damage.empty()) {
    return Error(errc::corrupt, path.string() + " does not read back: " + parsed.damage);
  }
  return log::check_rewritten(source.segment, {file.get(), *parsed.header, source.segment.last}, keep());
}

// What was compressed stays so: by way of a second file.
result<void> Compactor::pack_again(const ClosedFile& source, const log::SegmentHeader& header,
                                   const std::filesystem::path& temporary) const {
  auto& disk = parts_.world.disk;
  auto plain = source.path;
  plain.replace_extension(".plain.seg.tmp");
  STELE_CHECK(disk.rename(temporary, plain));
  STELE_TRY(const auto from, disk.open(plain, io::Mode::read));
  STELE_TRY(const auto file, disk.open(temporary, io::Mode::create));
  STELE_TRY(const auto bytes, log::pack(*from, header, {*file}));
  STELE_ASSERT(bytes > log::segment_header_bytes || header.events == 0, "a packed file holds its events",
               bytes);
  STELE_CHECK(file->sync_all());
  file->drop_cache();
  STELE_CHECK(forget_file(disk, plain));
  return check_new(source, temporary);
}

result<void> Compactor::replace(const ClosedFile& source, CompactedSegment& told) {
  auto& disk = parts_.world.disk;
  auto temporary = source.path;
  temporary += compaction_suffix;
  STELE_CHECK(forget_file(disk, temporary));
  std::uint64_t bytes = 0;
  const auto make = [&]() -> result<log::SegmentHeader> {
    STELE_TRY(auto file, disk.open(temporary, io::Mode::create));
    STELE_TRY(auto header, write_new(source, *file));
    STELE_CHECK(check_new(source, temporary));
    if (source.segment.header.is_packed()) STELE_CHECK(pack_again(source, header, temporary));
    STELE_TRY(file, disk.open(temporary, io::Mode::read));
    STELE_TRY(bytes, file->size());
    return header;
  };
  const auto header = make();
  if (!header || bytes >= source.file_bytes) {
    STELE_CHECK(forget_file(disk, temporary));
    return header ? result<void>{} : result<void>(header.error());
  }
  STELE_CHECK(disk.rename(temporary, source.path));
  STELE_CHECK(disk.sync_directory(parts_.log_directory));
  told.rewritten = true;
  told.bytes_after = bytes;
  STELE_TRY(auto served, log::open_segment(disk, source.path, parts_.cold));
  return swap_in_ ? swap_in_(std::move(served), *header) : result<void>{};
}

result<CompactedSegment> Compactor::compact(const ClosedFile& source) {
  std::unordered_set<std::string> streams;
  STELE_TRY(auto told, look(source, streams));
  const auto gone = told.all_gone();
  STELE_ASSERT((gone.events == 0) == streams.empty(), "what goes belongs to a stream", gone.events,
               streams.size());
  if (gone.events == 0) return told;
  // What was moved to an archive stays as it is, and so does what those streams have behind it.
  const bool left = gone.bytes < options_.min_gain || source.segment.header.is_archived();
  if (!left && !options_.dry_run) STELE_CHECK(replace(source, told));
  const bool stays = left || (!options_.dry_run && !told.rewritten);
  if (stays) {
    told.bytes_after = told.bytes_before;
    for (const auto& stream : streams) blocked_.insert(stream);
  }
  return told;
}

result<std::vector<CompactedSegment>> Compactor::run() {
  STELE_TRY(const auto names, closed_names(place_, parts_.state.index));
  // After the listing: what is closed by then is visible by now.
  head_ = parts_.visibility.head();
  std::vector<CompactedSegment> all;
  for (std::size_t i = 0; i + 1 < names.size(); ++i) {
    STELE_TRY(const auto source, open_closed(place_, names[i], names[i + 1]));
    STELE_TRY(auto told, compact(source));
    if (options_.progress) options_.progress(told, i + 1, names.size() - 1);
    all.push_back(told);
  }
  return all;
}

}  // namespace stele::engine

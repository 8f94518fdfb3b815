// restore.cpp - a backup made into a store: segment after segment with the new store's id, the manifest last.
#include <algorithm>
#include <array>
#include <optional>

#include "base/assert.hpp"
#include "engine/backup/backup.hpp"
#include "engine/backup/frame_copy.hpp"
#include "engine/backup/records_copy.hpp"
#include "engine/log/scanner.hpp"

namespace stele::engine {
namespace {

namespace fs = std::filesystem;

// Stands in a directory that is being restored into: what is there was put there by us, and may go.
constexpr std::string_view restoring_name = "RESTORING";

Error damaged_copy(const std::string& file, const std::string& why) {
  return Error(errc::corrupt, "the backup is damaged: " + file + ": " + why)
      .with("file", file)
      .help("restore another backup; `stele verify --dir BACKUP` tells what of this one is whole");
}

// Only names that a restore makes.
result<void> clear_interrupted(io::Disk& disk, const fs::path& to) {
  for (const auto& directory : {to / "log", to}) {
    STELE_TRY(const bool there, disk.exists(directory));
    if (!there) continue;
    STELE_TRY(const auto names, disk.list(directory));
    for (const auto& name : names) {
      const bool ours = name.ends_with(".seg") || name.ends_with(".seg.tmp") ||
                        name.starts_with("records.db") || name == "watermark";
      if (ours) STELE_CHECK(disk.remove(directory / name));
    }
  }
  return {};
}

result<void> enter_empty(io::Disk& disk, const fs::path& to) {
  STELE_CHECK(disk.make_directory(to));
  STELE_TRY(const auto names, disk.list(to));
  const bool interrupted = std::ranges::find(names, restoring_name) != names.end();
  if (!interrupted && std::ranges::any_of(names, [](const auto& name) { return name != "lost+found"; })) {
    return Error(errc::invalid, to.string() + " is not empty: it holds " + names.front())
        .with("path", to.string())
        .help("restore into a new directory; nothing is ever restored over something else");
  }
  if (interrupted && std::ranges::find(names, "MANIFEST") != names.end()) {
    return Error(errc::invalid, to.string() + " is a store: the restore was complete when it was interrupted")
        .with("path", to.string())
        .help("use it, and remove its file " + std::string(restoring_name));
  }
  if (interrupted) return clear_interrupted(disk, to);
  STELE_TRY(const auto marker, disk.open(to / restoring_name, io::Mode::create));
  STELE_CHECK(marker->write_at(0, "a restore has begun here; until it is done this is no store\n"));
  STELE_CHECK(marker->sync_all());
  STELE_CHECK(disk.sync_directory(to));
  return log::sync_ancestors(disk, to);
}

log::Manifest fresh_manifest(const io::World& world) {
  std::array<std::uint8_t, 16> id{};
  world.random.fill(id);
  id[6] = static_cast<std::uint8_t>((id[6] & 0x0F) | 0x40);  // version 4, RFC 9562
  id[8] = static_cast<std::uint8_t>((id[8] & 0x3F) | 0x80);
  return {.store = Uuid(id),
          .major = log::format_major,
          .minor = log::plain_minor,
          .created_at = world.clock.now()};
}

class Restore {
 public:
  Restore(const io::World& world, const fs::path& from, const fs::path& to, const RestoreOptions& options)
      : world_(world),
        disk_(world.disk),
        from_(from),
        to_(to),
        options_(options),
        manifest_(fresh_manifest(world)) {}

  result<RestoreReport> run() {
    STELE_TRY(list_, read_backup_list(disk_, from_));
    STELE_TRY(const auto until, last_wanted());
    STELE_CHECK(enter_empty(disk_, to_));
    STELE_CHECK(disk_.make_directory(log::log_path(to_)));
    for (const auto& segment : list_.segments)
      if (segment.first <= until) STELE_CHECK(copy(segment, std::min(segment.last, until)));
    STELE_CHECK(begin_writable_segment());
    const bool cut = until < list_.last();
    if (list_.records) {
      STELE_CHECK(restore_records_file(disk_, from_, *list_.records, to_ / "records.db",
                                       cut ? options_.forget : std::vector<std::string>{}));
    }
    STELE_CHECK(finish());
    report_.store = manifest_.store;
    STELE_ASSERT(report_.last <= until, "nothing behind the bound is restored", report_.last.value(),
                 until.value());
    return report_;
  }

 private:
  // ---- How far

  result<Position> last_wanted() {
    if (options_.until && *options_.until > list_.last()) {
      return Error(errc::invalid, "the backup ends at p" + std::to_string(list_.last().value()))
          .with("until", options_.until->value())
          .help("restore all of it, or a newer backup");
    }
    auto until = options_.until.value_or(list_.last());
    if (options_.until_time) {
      STELE_TRY(const auto at, last_recorded_by(*options_.until_time));
      until = std::min(until, at);
    }
    STELE_ASSERT(until <= list_.last(), "no more is wanted than there is", until.value(),
                 list_.last().value());
    return until;
  }

  // Times never go back along the log, so the first frame that is too young is the end.
  result<Position> last_recorded_by(Timestamp time) {
    const auto* const segment = find_younger(time);
    if (segment == nullptr) return list_.last();
    STELE_TRY(const auto file, disk_.open(from_ / "log" / segment->file_name(), io::Mode::read));
    auto header = read_segment_header(*file);
    if (!header) return damaged_copy(segment->file_name(), header.error().message());
    log::SegmentScanner scanner(*file, header->salt, log::segment_header_bytes, segment->bytes);
    for (;;) {
      STELE_TRY(const auto parsed, scanner.next());
      if (parsed.status != log::FrameStatus::ok) return damaged_copy(segment->file_name(), parsed.reason);
      if (parsed.frame.recorded_at() > time) return Position(parsed.frame.first().value() - 1);
    }
  }

  [[nodiscard]] const SegmentCopy* find_younger(Timestamp time) const {
    const auto found = std::ranges::find_if(
        list_.segments, [time](const SegmentCopy& segment) { return segment.last_recorded_at > time; });
    return found == list_.segments.end() ? nullptr : &*found;
  }

  // ---- Segments

  result<void> copy(const SegmentCopy& segment, Position until) {
    STELE_ASSERT(until >= segment.first && until <= segment.last, "the bound lies in the segment",
                 until.value(), segment.first.value(), segment.last.value());
    STELE_ASSERT(report_.last < segment.first, "segments are restored in order", report_.last.value(),
                 segment.first.value());
    const auto name = segment.file_name();
    STELE_TRY(const auto source, disk_.open(from_ / "log" / name, io::Mode::read));
    auto header = read_segment_header(*source);
    if (!header) return damaged_copy(name, header.error().message());
    if (header->first != segment.first || header->salt != segment.salt || header->store != list_.store.store)
      return damaged_copy(name, "it is another segment than the list names");
    // Compared before a byte is used: what follows is then what was backed up, or nothing.
    auto crc = checksum_of(*source, 0, segment.bytes, 0);
    if (!crc || *crc != segment.crc)
      return damaged_copy(name, crc ? "it does not match its checksum" : crc.error().message());
    STELE_TRY(const auto target,
              disk_.open(log::log_path(to_) / log::segment_name(segment.first), io::Mode::create));
    const auto copied = copy_frames({.source = *source,
                                     .header = *header,
                                     .begin = log::segment_header_bytes,
                                     .end = segment.bytes,
                                     .next = segment.first,
                                     .until = until},
                                    *target, 0);
    if (!copied) return copied.error();
    if (copied->end < segment.bytes && until == segment.last) return damaged_copy(name, copied->stopped_by);
    STELE_ASSERT(copied->end <= segment.bytes, "no more is copied than the list names", copied->end,
                 segment.bytes);
    const bool cut = until < segment.last;
    if (cut && header->has_gaps() && copied->events == 0) return disk_.remove(target->path());
    header->store = manifest_.store;
    const auto last = cut ? Position(copied->next.value() - 1) : segment.last;
    if (header->has_gaps()) {
      header->last = last;
      header->events = copied->events;
      header->end = copied->end;
    }
    STELE_CHECK(target->write_at(0, log::encode_header(*header)));
    STELE_CHECK(target->sync_all());
    STELE_ASSERT(copied->end >= log::segment_header_bytes, "frames end behind the header", copied->end);
    last_header_ = *header;
    last_end_ = copied->end;
    STELE_ASSERT(last <= until, "nothing behind the bound is restored", last.value(), until.value());
    report_.last = last;
    report_.events += copied->events;
    report_.bytes += copied->end;
    return {};
  }

  // A rewritten segment is never written to, so one begins behind it, as in the store that it came from.
  result<void> begin_writable_segment() {
    if (!last_header_ || !last_header_->has_gaps()) return {};
    const auto made = log::SegmentFile::create(world_, log::log_path(to_),
                                               {.store = manifest_.store, .first = report_.last.next()});
    if (!made) return made.error();
    last_header_ = (*made)->header();
    STELE_ASSERT(!last_header_->has_gaps() && last_header_->first == report_.last.next(),
                 "the log goes on behind it", last_header_->first.value(), report_.last.value());
    last_end_ = log::segment_header_bytes;
    return {};
  }

  // Readers believe no event that nothing calls durable, and the last ones have no later append to say so.
  result<void> publish_mark() {
    STELE_ASSERT(!last_header_ || last_end_ >= log::segment_header_bytes, "frames end behind a header",
                 last_end_);
    STELE_TRY(auto page, disk_.shared_page(log::watermark_path(to_), true));
    if (last_header_)
      log::Watermark(std::move(page), manifest_.store)
          .publish({report_.last, last_header_->first, last_end_});
    return {};
  }

  // Everything else is on the disk before the manifest makes it a store.
  result<void> finish() {
    STELE_CHECK(disk_.sync_directory(log::log_path(to_)));
    STELE_CHECK(disk_.sync_directory(to_));
    STELE_CHECK(publish_mark());
    STELE_CHECK(io::replace_file(disk_, log::manifest_path(to_), log::encode_manifest(manifest_)));
    STELE_CHECK(disk_.remove(to_ / restoring_name));
    return disk_.sync_directory(to_);
  }

  const io::World& world_;
  io::Disk& disk_;
  const fs::path& from_;
  const fs::path& to_;
  const RestoreOptions& options_;
  log::Manifest manifest_;
  BackupList list_;
  std::optional<log::SegmentHeader> last_header_;
  std::uint64_t last_end_ = 0;  // of its frames
  RestoreReport report_;
};

}  // namespace

result<RestoreReport> restore(const io::World& world, const fs::path& backup, const fs::path& to,
                              const RestoreOptions& options) {
  return Restore(world, backup, to, options).run();
}

}  // namespace stele::engine

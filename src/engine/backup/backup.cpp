// backup.cpp - taking a backup: how far the store is durable, then segment after segment, the list after each.
#include "engine/backup/backup.hpp"

#include <algorithm>
#include <array>

#include "base/assert.hpp"
#include "base/crc32c.hpp"
#include "engine/backup/frame_copy.hpp"
#include "engine/backup/records_copy.hpp"
#include "engine/index/index_files.hpp"
#include "engine/log/recovery.hpp"

namespace stele::engine {
namespace {

namespace fs = std::filesystem;

Error store_damaged(const std::string& segment, const std::string& why) {
  return Error(errc::corrupt, "the store is damaged, so it is not backed up: " + segment + ": " + why)
      .with("file", "log/" + segment)
      .help("run `stele verify` on the store; what the backup has already is untouched");
}

// Nobody writes: everything that recovery would keep. Segments in front of the last are closed, so only that is read.
result<Position> last_position(io::Disk& disk, const fs::path& store, const log::Manifest& manifest,
                               Position known) {
  STELE_TRY(const auto files, log::open_log(disk, log::log_path(store), false));
  auto inputs = files.inputs();
  STELE_TRY(const auto segments, read_log_segments(inputs, manifest.store));
  for (std::size_t i = 0; i + 1 < segments.size(); ++i) {
    const auto next = segments[i + 1].header.first;
    inputs[segments[i].input].sealed = log::SealedSegment{.last = Position(next.value() - 1),
                                                          .end = log::segment_header_bytes,
                                                          .frames = 0,
                                                          .events = 0,
                                                          .last_recorded_at = {}};
  }
  STELE_TRY(const auto report, log::recover({manifest.store, inputs, known}));
  if (!report.damages.empty())
    return store_damaged(report.damages.front().segment, report.damages.front().reason);
  STELE_ASSERT(report.last >= known, "what was known to be durable is there", report.last.value(),
               known.value());
  return report.last;
}

// How far a backup may go: nothing that a crash could still take back. A writer tells through the watermark; without
// one, the log itself does. The lock is only held while that is looked at.
result<Position> durable_position(io::Disk& disk, const fs::path& store, const log::Manifest& manifest) {
  const auto lock = disk.lock(log::lock_path(store));
  std::optional<log::Mark> mark;
  if (auto page = disk.shared_page(log::watermark_path(store), false))
    mark = log::Watermark(std::move(*page), manifest.store).read();
  const bool is_written = !lock && lock.error().kind() == errc::busy;
  if (!is_written) return last_position(disk, store, manifest, mark ? mark->durable : Position{});
  if (mark) return mark->durable;
  STELE_TRY(const auto files, log::open_log(disk, log::log_path(store), false));
  if (files.files.empty()) return Position{};  // nothing was ever appended
  return Error(errc::busy, "the store is just being opened, and nobody knows yet how far it is durable")
      .help("try again in a moment");
}

// A backup holds plain frames, wherever and however the store keeps them.
log::SegmentHeader plain(const log::SegmentHeader& from) {
  constexpr std::uint16_t gaps_format = 1;
  log::SegmentHeader header;
  header.compatible = from.compatible;
  header.read_only_compatible = from.read_only_compatible;
  header.store = from.store;
  header.first = from.first;
  header.salt = from.salt;
  header.created_at = from.created_at;
  header.capacity = from.capacity;
  if (!from.has_gaps()) return header;
  header.minor = gaps_format;
  header.incompatible = log::feature_gaps;
  header.last = from.last;
  header.events = from.events;
  header.end = from.end;
  STELE_ASSERT(header.has_gaps() && header.last >= header.first, "a rewritten segment stands for positions",
               header.first.value(), header.last.value());
  return header;
}

// ---- The directory of the backup

constexpr std::array<std::string_view, 4> backup_names{"BACKUP", "BACKUP.tmp", "LOCK", "log"};

bool is_backup_name(const std::string& name) {
  return std::ranges::find(backup_names, name) != backup_names.end() || name.starts_with("records-") ||
         name == "lost+found";
}

result<std::unique_ptr<io::Lock>> enter_directory(io::Disk& disk, const fs::path& to) {
  STELE_CHECK(disk.make_directory(to));
  STELE_TRY(const auto names, disk.list(to));
  const auto foreign = std::ranges::find_if_not(names, is_backup_name);
  if (foreign != names.end()) {
    return Error(errc::invalid, to.string() + " is not a backup: it holds " + *foreign)
        .with("path", to.string())
        .help("name an empty or a new directory, or an earlier backup of this store");
  }
  STELE_TRY(auto lock, disk.lock(to / "LOCK"));
  STELE_CHECK(disk.make_directory(to / "log"));
  STELE_CHECK(disk.sync_directory(to));
  STELE_CHECK(log::sync_ancestors(disk, to));
  return lock;
}

// What an earlier run left behind, finished or not, that the list does not name.
void remove_leftovers(io::Disk& disk, const fs::path& to, const BackupList& list) {
  const auto remove_unnamed = [&](const fs::path& directory, const auto& is_named) {
    const auto names = disk.list(directory);
    if (!names) return;
    for (const auto& name : *names)
      if (!is_named(name)) (void)disk.remove(directory / name);  // room, not truth: the next run tries again
  };
  remove_unnamed(to / "log", [&](const std::string& name) {
    return !name.ends_with(".seg") || std::ranges::any_of(list.segments, [&](const auto& segment) {
      return segment.file_name() == name;
    });
  });
  remove_unnamed(to, [&](const std::string& name) {
    return !name.starts_with("records-") || (list.records && list.records->file == name);
  });
}

// ---- One run

class Backup {
 public:
  Backup(const io::World& world, const fs::path& store, const fs::path& to, const BackupOptions& options)
      : world_(world), store_(store), to_(to), options_(options) {}

  result<BackupReport> run() {
    STELE_TRY(manifest_, log::read_manifest(world_.disk, store_));
    STELE_TRY(const auto lock, enter_directory(world_.disk, to_));
    STELE_CHECK(adopt_list());
    // First the records, then how far the log goes: so they know of nothing that the log does not have.
    STELE_CHECK(copy_records());
    STELE_TRY(limit_, durable_position(world_.disk, store_, manifest_));
    STELE_CHECK(copy_log());
    remove_leftovers(world_.disk, to_, list_);
    report_.last = list_.last();
    report_.segments = list_.segments.size();
    STELE_ASSERT(report_.last >= limit_, "everything durable was copied", report_.last.value(),
                 limit_.value());
    return report_;
  }

 private:
  result<void> adopt_list() {
    auto list = read_backup_list(world_.disk, to_);
    if (!list && list.error().kind() == errc::not_found) {
      list_.store = manifest_;
      return {};
    }
    STELE_TRY(list_, std::move(list));
    if (list_.store.store == manifest_.store) return {};
    return Error(errc::invalid, to_.string() + " is the backup of another store")
        .with("backup_of", to_string(list_.store.store))
        .with("store", to_string(manifest_.store))
        .help("name another directory: a restored store has an id, and backups, of its own");
  }

  result<void> copy_records() {
    const auto file = "records-" + std::to_string(world_.clock.now().time_since_epoch().count()) + ".db";
    STELE_TRY(records_, copy_records_file(world_.disk, store_ / "records.db", to_ / file));
    if (records_) report_.bytes += records_->bytes;
    return {};
  }

  result<void> copy_log() {
    STELE_TRY(const auto files, log::open_log(world_.disk, log::log_path(store_), false));
    const auto inputs = files.inputs();
    STELE_TRY(const auto rewritten, log::rewritten_until(inputs));
    limit_ = std::max(limit_, rewritten);  // only what was durable is ever rewritten
    STELE_TRY(const auto segments, read_log_segments(inputs, manifest_.store));
    if (list_.last() > limit_) {
      return Error(errc::invalid, "the backup holds more than the store: it reaches p" +
                                      std::to_string(list_.last().value()) + ", the store p" +
                                      std::to_string(limit_.value()))
          .help("is this an older copy of the store? take a new backup into an empty directory");
    }
    Position next(1);
    for (std::size_t i = 0; i < segments.size() && segments[i].header.first <= limit_; ++i) {
      const auto& header = segments[i].header;
      if (header.first != next) return store_damaged(log::segment_name(next), "the segment is missing");
      const auto until =
          i + 1 < segments.size() ? Position(segments[i + 1].header.first.value() - 1) : limit_;
      STELE_CHECK(copy_segment(*inputs[segments[i].input].bytes, segments[i], std::min(until, limit_),
                               i + 1 < segments.size() && until <= limit_));
      next = until.next();
      if (options_.progress)
        options_.progress({.segment = i + 1, .of = segments.size(), .bytes = report_.bytes});
    }
    if (next <= limit_) return store_damaged(log::segment_name(next), "the segment is missing");
    return finish_list();
  }

  // Also when nothing was copied: the records are new, and the time is.
  result<void> finish_list() {
    list_.records = records_;
    return write_list();
  }

  result<void> copy_segment(const io::ByteSource& source, const LogSegment& segment, Position until,
                            bool closed) {
    STELE_ASSERT(until >= segment.header.first && until <= limit_,
                 "a segment is copied as far as it is durable", segment.header.first.value(), until.value(),
                 limit_.value());
    const auto* const had = list_.find(segment.header.first);
    STELE_ASSERT(had == nullptr || had->bytes >= log::segment_header_bytes, "a copy has a header");
    if (had != nullptr && had->salt == segment.header.salt && had->last == until && had->closed == closed) {
      ++report_.kept;
      return {};
    }
    const bool goes_on = had != nullptr && had->salt == segment.header.salt && !had->closed;
    STELE_TRY(const auto copy,
              goes_on ? extend(source, segment, *had, until) : copy_whole(source, segment, until));
    auto entry = copy;
    entry.closed = closed;
    STELE_ASSERT(entry.last == until && entry.first == segment.header.first,
                 "the segment was copied to its bound", entry.last.value(), until.value());
    list_.put(entry);
    return write_list();
  }

  result<SegmentCopy> copy_whole(const io::ByteSource& source, const LogSegment& segment, Position until) {
    SegmentCopy begun{.first = segment.header.first,
                      .last = Position(segment.header.first.value() - 1),
                      .salt = segment.header.salt,
                      .bytes = log::segment_header_bytes,
                      .crc = 0,
                      .last_recorded_at = list_before(segment.header.first),
                      .closed = false};
    const auto path = to_ / "log" / begun.file_name();
    STELE_TRY(const bool left_over, world_.disk.exists(path));
    if (left_over) STELE_CHECK(world_.disk.remove(path));
    STELE_TRY(const auto file, world_.disk.open(path, io::Mode::create));
    const auto header = log::encode_header(plain(segment.header));
    STELE_ASSERT(header.size() == log::segment_header_bytes, "frames stand behind the header", header.size());
    STELE_CHECK(file->write_at(0, header));
    begun.crc = base::crc32c(header);
    report_.bytes += header.size();
    return go_on(source, segment, begun, until, *file, 0);
  }

  result<SegmentCopy> extend(const io::ByteSource& source, const LogSegment& segment, const SegmentCopy& had,
                             Position until) {
    STELE_ASSERT(had.last <= until, "an open copy only grows", had.last.value(), until.value());
    STELE_TRY(const auto file, world_.disk.open(to_ / "log" / had.file_name(), io::Mode::write));
    STELE_TRY(const auto size, file->size());
    if (size < had.bytes) {
      return Error(errc::corrupt, "the backup is damaged: " + had.file_name() + " was cut short")
          .help("take a new backup into an empty directory");
    }
    return go_on(source, segment, had, until, *file, had.bytes);
  }

  // Copies the frames behind `had`, and believes them when the disk gives them back. `fresh`: from there on.
  result<SegmentCopy> go_on(const io::ByteSource& source, const LogSegment& segment, SegmentCopy had,
                            Position until, io::File& file, std::uint64_t fresh) {
    const auto crc_before = fresh == 0 ? 0 : had.crc;
    STELE_TRY(const auto copied, copy_frames({.source = source,
                                              .header = segment.header,
                                              .begin = had.bytes,
                                              .end = segment.size,
                                              .next = had.last.next(),
                                              .until = until},
                                             file, had.crc));
    const bool whole = segment.header.has_gaps()
                           ? copied.end == segment.header.end && copied.events == segment.header.events
                           : copied.next == until.next();
    if (!whole) {
      const auto why =
          copied.stopped_by.empty() ? "an append goes on in the next segment" : copied.stopped_by;
      return store_damaged(log::segment_name(had.first), why + ", at byte " + std::to_string(copied.end));
    }
    STELE_CHECK(file.sync_all());
    STELE_CHECK(world_.disk.sync_directory(to_ / "log"));
    file.drop_cache();
    STELE_TRY(const auto crc, checksum_of(file, fresh, copied.end, crc_before));
    if (crc != copied.crc)
      return Error(errc::corrupt, file.path().string() + " does not read back as it was written")
          .help("the disk of the backup is not to be trusted; use another one");
    STELE_ASSERT(copied.end >= had.bytes && fresh <= had.bytes, "a copy only grows", copied.end, had.bytes,
                 fresh);
    report_.bytes += copied.end - had.bytes;
    had.bytes = copied.end;
    had.crc = crc;
    had.last = until;
    had.last_recorded_at = std::max(had.last_recorded_at, copied.last_recorded_at);
    return had;
  }

  // Of the last event in front of the segment, as far as the list tells.
  [[nodiscard]] Timestamp list_before(Position first) const {
    Timestamp time{};
    for (const auto& segment : list_.segments)
      if (segment.first < first) time = segment.last_recorded_at;
    return time;
  }

  result<void> write_list() {
    STELE_ASSERT(list_.last() <= limit_, "nothing is listed that may still vanish", list_.last().value(),
                 limit_.value());
    list_.taken_at = world_.clock.now();
    return io::replace_file(world_.disk, backup_list_path(to_), encode_backup_list(list_));
  }

  const io::World& world_;
  const fs::path& store_;
  const fs::path& to_;
  const BackupOptions& options_;
  log::Manifest manifest_;
  BackupList list_;
  std::optional<RecordsCopy> records_;
  Position limit_;
  BackupReport report_;
};

}  // namespace

result<BackupReport> back_up(const io::World& world, const fs::path& store, const fs::path& to,
                             const BackupOptions& options) {
  return Backup(world, store, to, options).run();
}

}  // namespace stele::engine

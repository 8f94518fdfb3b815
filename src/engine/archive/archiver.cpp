// archiver.cpp - one segment after the other: verify, copy, compare, name, and only then give up the old bytes.
#include "engine/archive/archiver.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "engine/index/index_part.hpp"
#include "engine/log/directory.hpp"
#include "engine/log/packed_file.hpp"

namespace stele::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t copied_at_once = std::size_t{1} << 20;

fs::path temporary_of(const fs::path& path) {
  auto temporary = path;
  temporary += ".tmp";
  return temporary;
}

fs::path whole_path(const fs::path& given) {
  auto path = given.empty() ? given : fs::absolute(given).lexically_normal();
  return path.has_filename() ? path : path.parent_path();
}

// Bytes [begin, end) of one into the same place of the other.
result<void> copy_bytes(const io::ByteSource& from, std::uint64_t begin, std::uint64_t end, io::File& to) {
  STELE_ASSERT(begin <= end, "a piece of a file has a length", begin, end);
  std::string piece(copied_at_once, '\0');
  for (auto at = begin; at < end;) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), end - at));
    STELE_TRY(const auto got, from.read_at(at, std::span(piece).first(wanted)));
    if (got == 0) return Error(errc::corrupt, "a segment ends before its frames do").with("offset", at);
    STELE_ASSERT(got <= wanted, "no more is read than asked for", got, wanted);
    STELE_CHECK(to.write_at(at, std::string_view(piece).substr(0, got)));
    at += got;
  }
  return {};
}

result<bool> same_bytes(const io::ByteSource& a, const io::ByteSource& b, std::uint64_t begin,
                        std::uint64_t end) {
  std::string one(copied_at_once, '\0');
  std::string two(copied_at_once, '\0');
  for (auto at = begin; at < end; at += one.size()) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(one.size(), end - at));
    STELE_TRY(const auto got_one, a.read_at(at, std::span(one).first(wanted)));
    STELE_TRY(const auto got_two, b.read_at(at, std::span(two).first(wanted)));
    if (got_one < wanted || got_two < wanted) return false;
    if (std::string_view(one).substr(0, wanted) != std::string_view(two).substr(0, wanted)) return false;
  }
  return true;
}

}  // namespace

Archiver::Archiver(const ArchiverParts& parts, const ArchiveOptions& options)
    : parts_(parts),
      options_(options),
      to_(whole_path(options.to)),
      place_{parts_.world.disk, parts_.log_directory, parts_.store, parts_.cold} {}

// ---- Which segments

// The index must not need the archive: streams end, conditions hold and ids are known without it.
bool Archiver::has_index_file(Position first) const {
  const auto parts = parts_.index.parts();
  const auto part = std::ranges::find_if(
      *parts, [first](const auto& one) { return one->first() <= first && first <= one->last(); });
  return part != parts->end() && static_cast<const IndexPart&>(**part).sealed();
}

bool Archiver::is_wanted(const ClosedFile& source) const {
  const auto& header = source.segment.header;
  if (options_.before > Position{} && source.segment.last >= options_.before) return false;
  if (header.is_archived()) return !to_.empty() && header.archive != to_.string();
  if (!to_.empty()) return has_index_file(header.first);
  return options_.compress && !header.is_packed();
}

result<std::vector<ArchivedSegment>> Archiver::run() {
  if (to_.empty() && !options_.compress) {
    return Error(errc::invalid, "nothing was asked for").help("name an archive, or ask to compress");
  }
  if (to_.string().size() > log::largest_archive_path) {
    return Error(errc::invalid, "the archive's path is too long").with("limit", log::largest_archive_path);
  }
  if (to_ == whole_path(parts_.log_directory))
    return Error(errc::invalid, "an archive is another directory than the log's").with("path", to_.string());
  STELE_TRY(const auto names, closed_names(place_, parts_.index));
  // What makes a segment a closed one is the next one's name.
  if (!options_.dry_run) STELE_CHECK(parts_.world.disk.sync_directory(parts_.log_directory));
  const std::uint64_t closed = names.empty() ? 0 : names.size() - 1;
  const auto count = closed - std::min(closed, options_.keep_segments);
  std::vector<ArchivedSegment> all;
  for (std::uint64_t i = 0; i < count; ++i) {
    STELE_TRY(const auto source, open_closed(place_, names[i], names[i + 1]));
    STELE_TRY(auto told, handle(source));
    if (options_.progress) options_.progress(told, i + 1, count);
    all.push_back(std::move(told));
  }
  STELE_ASSERT(all.size() == count, "every closed segment is told of", all.size(), count);
  return all;
}

result<ArchivedSegment> Archiver::handle(const ClosedFile& source) {
  const auto& header = source.segment.header;
  ArchivedSegment told{.first = header.first,
                       .last = source.segment.last,
                       .bytes_before = source.file_bytes,
                       .bytes_after = source.file_bytes,
                       .compressed = header.is_packed(),
                       .place = header.archive,
                       .changed = false};
  if (!is_wanted(source)) return told;
  if (options_.dry_run) {
    told.changed = true;
    const bool packs = options_.compress && !header.is_packed() && !header.is_archived();
    told.compressed = told.compressed || packs;
    if (packs) told.bytes_after = 0;
    if (!to_.empty()) told.place = to_;
    return told;
  }
  if (header.is_archived())
    STELE_CHECK(point_to_new_place(source, told));
  else if (to_.empty())
    STELE_CHECK(compress_here(source, told));
  else
    STELE_CHECK(move(source, told));
  STELE_ASSERT(told.first <= told.last, "a segment stands for positions", told.first.value(),
               told.last.value());
  return told;
}

// ---- One segment

result<log::SegmentHeader> Archiver::closed_header(const ClosedFile& source) const {
  std::uint64_t events = 0;
  const auto count = [&events](const log::FrameView&, const EventView&, std::uint32_t) -> result<void> {
    ++events;
    return {};
  };
  STELE_TRY(const auto end, log::visit_closed(source.segment, count));
  auto header = source.segment.header;
  STELE_ASSERT(!header.has_gaps() || (header.end == end && header.events == events),
               "a rewritten segment is as its header says", header.end, end, header.events, events);
  header.last = source.segment.last;
  header.events = events;
  header.end = end;
  return header;
}

result<void> Archiver::compare(const ClosedFile& source, const log::SegmentHeader& header,
                               const fs::path& copy) const {
  STELE_TRY(const auto file, log::open_segment(parts_.world.disk, copy));
  STELE_TRY(const auto parsed, log::read_header(*file));
  STELE_TRY(const bool same, same_bytes(*source.file, *file, log::segment_header_bytes, header.end));
  const bool whole = parsed.header && parsed.damage.empty() && parsed.header->salt == header.salt &&
                     parsed.header->first == header.first;
  if (whole && same) return {};
  return Error(errc::corrupt, copy.string() + " does not read back as it was written")
      .with("path", copy.string())
      .help("the segment stays where it was; look at the disk that was written to");
}

result<std::uint64_t> Archiver::write_copy(const ClosedFile& source, const log::SegmentHeader& header,
                                           const fs::path& temporary, bool compress) const {
  auto& disk = parts_.world.disk;
  STELE_CHECK(forget_file(disk, temporary));
  const auto make = [&]() -> result<std::uint64_t> {
    STELE_TRY(const auto file, disk.open(temporary, io::Mode::create));
    if (compress) {
      STELE_CHECK(log::pack(*source.file, header, {*file}));
    } else {
      // A packed one as it is, of a plain one what was written to.
      STELE_TRY(const auto raw, disk.open(source.path, io::Mode::read));
      STELE_CHECK(copy_bytes(*raw, 0, header.is_packed() ? source.file_bytes : header.end, *file));
    }
    STELE_CHECK(file->sync_all());
    file->drop_cache();
    STELE_CHECK(compare(source, header, temporary));
    return file->size();
  };
  auto made = make();
  if (!made) (void)forget_file(disk, temporary);  // the first error is the one to tell
  return made;
}

result<void> Archiver::compress_here(const ClosedFile& source, ArchivedSegment& told) {
  STELE_TRY(const auto header, closed_header(source));
  STELE_ASSERT(!header.is_packed() && !header.is_archived(), "a plain segment is compressed",
               header.incompatible);
  const auto temporary = temporary_of(source.path);
  STELE_TRY(const auto bytes, write_copy(source, header, temporary, true));
  if (bytes >= source.file_bytes) return forget_file(parts_.world.disk, temporary);
  STELE_CHECK(parts_.world.disk.rename(temporary, source.path));
  STELE_CHECK(parts_.world.disk.sync_directory(parts_.log_directory));
  told.bytes_after = bytes;
  told.compressed = told.changed = true;
  return {};
}

// What was left by a run that was cut off is ours to replace; what another store has put there is not.
result<void> Archiver::check_owner(const fs::path& name) const {
  STELE_TRY(const bool there, parts_.world.disk.exists(name));
  if (!there) return {};
  STELE_TRY(const auto file, parts_.world.disk.open(name, io::Mode::read));
  STELE_TRY(const auto parsed, log::read_header(*file));
  if (parsed.header && parsed.header->store == parts_.store) return {};
  return Error(errc::invalid, name.string() + " is there already, and not of this store")
      .with("path", name.string())
      .help("give every store an archive of its own");
}

result<void> Archiver::prepare_archive() const {
  STELE_CHECK(parts_.world.disk.make_directory(to_));
  return log::sync_ancestors(parts_.world.disk, to_);
}

result<void> Archiver::leave_header(const ClosedFile& source, log::SegmentHeader header) const {
  header.minor = log::cold_minor;
  header.incompatible = (header.incompatible & log::feature_gaps) | log::feature_archived;
  header.block_bytes = header.blocks = 0;
  header.table = 0;
  header.capacity = header.end;
  header.archive = to_.string();
  STELE_ASSERT(header.is_archived() && header.last >= header.first && header.end >= log::segment_header_bytes,
               "a header stands for a closed segment", header.first.value(), header.last.value(), header.end);
  auto& disk = parts_.world.disk;
  const auto temporary = temporary_of(source.path);
  STELE_CHECK(forget_file(disk, temporary));
  STELE_TRY(const auto file, disk.open(temporary, io::Mode::create));
  STELE_CHECK(file->write_at(0, log::encode_header(header)));
  STELE_CHECK(file->sync_all());
  STELE_CHECK(disk.rename(temporary, source.path));
  return disk.sync_directory(parts_.log_directory);
}

result<void> Archiver::move(const ClosedFile& source, ArchivedSegment& told) {
  STELE_CHECK(prepare_archive());
  const auto name = to_ / source.path.filename();
  STELE_CHECK(check_owner(name));
  STELE_TRY(const auto header, closed_header(source));
  STELE_ASSERT(!header.is_archived(), "what is moved lies in the log", header.first.value());
  const bool compress = options_.compress && !header.is_packed();
  const auto temporary = temporary_of(name);
  STELE_TRY(auto bytes, write_copy(source, header, temporary, compress));
  if (compress && bytes >= header.end) {  // nothing was gained
    STELE_TRY(bytes, write_copy(source, header, temporary, false));
  } else {
    told.compressed = told.compressed || compress;
  }
  STELE_CHECK(parts_.world.disk.rename(temporary, name));
  STELE_CHECK(parts_.world.disk.sync_directory(to_));
  // From here on it is in both places; the rename of the header ends that.
  STELE_CHECK(leave_header(source, header));
  told.bytes_after = bytes;
  told.place = to_;
  told.changed = true;
  return {};
}

result<void> Archiver::point_to_new_place(const ClosedFile& source, ArchivedSegment& told) {
  const auto& header = source.segment.header;
  const auto name = to_ / source.path.filename();
  STELE_TRY(const bool there, parts_.world.disk.exists(name));
  if (!there) return {};  // it stays where it is remembered to be
  STELE_CHECK(check_owner(name));
  // As if the store had been opened with that place: then it must be the segment that is meant.
  STELE_TRY(const auto moved, log::open_segment(parts_.world.disk, source.path, {to_, parts_.cold.cache}));
  std::array<char, 1> byte{};
  STELE_CHECK(moved->read_at(log::segment_header_bytes, byte));
  STELE_CHECK(parts_.world.disk.sync_directory(to_));
  STELE_CHECK(leave_header(source, header));
  told.bytes_before = told.bytes_after = 0;  // none were moved
  told.place = to_;
  told.changed = true;
  return {};
}

}  // namespace stele::engine

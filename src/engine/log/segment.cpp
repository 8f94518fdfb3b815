// segment.cpp - creating a segment so that a crash leaves all of it or nothing, and growing it ahead of the
// writer.
#include "engine/log/segment.hpp"

#include <algorithm>
#include <limits>

#include "base/assert.hpp"
#include "engine/log/frame_layout.hpp"
#include "engine/log/scanner.hpp"

namespace stele::engine::log {
namespace {

constexpr std::uint64_t smallest_step = 1u << 20;
constexpr std::uint64_t largest_step = 16u << 20;
constexpr std::uint64_t slice_bytes = 1u << 20;
constexpr std::uint64_t reserve_bytes = 16u << 20;

result<void> write_zeros(io::File& file, std::uint64_t from, std::uint64_t to) {
  static const std::string zeros(256u << 10, '\0');
  while (from < to) {
    const auto count = std::min<std::uint64_t>(to - from, zeros.size());
    STELE_CHECK(file.write_at(from, std::string_view(zeros).substr(0, static_cast<std::size_t>(count))));
    from += count;
  }
  return {};
}

// Everything a segment needs before it may have its name.
result<void> prepare(io::Disk& disk, const std::filesystem::path& path, const SegmentHeader& header,
                     std::uint64_t filled) {
  STELE_TRY(auto file, disk.open(path, io::Mode::create));
  STELE_CHECK(file->write_at(0, encode_header(header)));
  STELE_CHECK(write_zeros(*file, segment_header_bytes, filled));
  return file->sync_all();
}

result<void> remove_if_there(io::Disk& disk, const std::filesystem::path& path) {
  STELE_TRY(const bool there, disk.exists(path));
  return there ? disk.remove(path) : result<void>{};
}

// Beside the log, which holds the log and nothing else. Opening a store for writing removes one that was left.
std::filesystem::path spare_path(const std::filesystem::path& log_directory) {
  return log_directory.parent_path() / "spare.seg.tmp";
}

// False: what was prepared is too small, or cannot be used.
result<bool> dress_spare(io::Disk& disk, const std::filesystem::path& spare, const SegmentHeader& header,
                         std::uint64_t needed) {
  auto file = disk.open(spare, io::Mode::write);
  if (!file) return false;
  STELE_TRY(const auto size, (*file)->size());
  if (size < needed || size > header.capacity) return false;
  STELE_CHECK((*file)->write_at(0, encode_header(header)));
  STELE_CHECK((*file)->sync_data());
  return true;
}

SegmentHeader header_for(const io::World& world, const SegmentFile::Create& what) {
  SegmentHeader header;
  header.store = what.store;
  header.first = what.first;
  header.salt = world.random.next();
  header.created_at = world.clock.now();
  header.capacity = std::max(what.segment_bytes, segment_header_bytes + layout::align(what.frame_bytes));
  STELE_ASSERT(header.capacity - segment_header_bytes >= what.frame_bytes, "the first frame fits",
               header.capacity, what.frame_bytes);
  return header;
}

// A segment that was named and never written to (a crash, or an append that came to nothing, between the two) may make
// way for one of another size.
result<void> check_replaceable(io::Disk& disk, const std::filesystem::path& path) {
  STELE_TRY(const auto file, disk.open(path, io::Mode::read));
  SegmentScanner scanner(*file, 0, segment_header_bytes, std::numeric_limits<std::uint64_t>::max());
  STELE_TRY(const auto written, scanner.last_written());
  if (written == segment_header_bytes) return {};
  return Error(errc::corrupt, path.string() + " exists already").with("path", path.string());
}

}  // namespace

SegmentFile::SegmentFile(SegmentHeader header, std::shared_ptr<io::File> frames,
                         std::unique_ptr<io::File> filler, std::uint64_t filled)
    : header_(std::move(header)), frames_(std::move(frames)), filler_(std::move(filler)), filled_(filled) {}

result<std::unique_ptr<SegmentFile>> SegmentFile::create(const io::World& world,
                                                         const std::filesystem::path& log_directory,
                                                         const Create& what) {
  const auto path = log_directory / segment_name(what.first);
  auto temporary = path;
  temporary += ".tmp";
  STELE_TRY(const bool taken, world.disk.exists(path));
  if (taken) STELE_CHECK(check_replaceable(world.disk, path));
  STELE_CHECK(remove_if_there(world.disk, temporary));

  const auto header = header_for(world, what);
  const auto needed = segment_header_bytes + layout::align(what.frame_bytes);
  const auto filled = std::min(header.capacity, std::max(smallest_step, needed));
  STELE_ASSERT(filled >= needed && filled <= header.capacity, "a new segment has room for its first frame",
               filled, needed, header.capacity);
  const auto spare = spare_path(log_directory);
  if (what.use_spare) {
    STELE_TRY(const bool used, dress_spare(world.disk, spare, header, needed));
    // The log may be on another file system than the directory it is in.
    if (used && world.disk.rename(spare, path)) return named_segment(world.disk, path, what.sync_name);
  }
  if (auto prepared = prepare(world.disk, temporary, header, filled); !prepared) {
    (void)remove_if_there(world.disk, temporary);  // the first error is the one to tell
    return std::move(prepared).error();
  }
  STELE_CHECK(world.disk.rename(temporary, path));
  return named_segment(world.disk, path, what.sync_name);
}

result<std::unique_ptr<SegmentFile>> SegmentFile::named_segment(io::Disk& disk,
                                                                const std::filesystem::path& path,
                                                                bool sync_name) {
  if (sync_name) STELE_CHECK(disk.sync_directory(path.parent_path()));
  return open(disk, path);
}

result<void> SegmentFile::prepare_spare(io::Disk& disk, const std::filesystem::path& log_directory,
                                        std::uint64_t segment_bytes) {
  const auto path = spare_path(log_directory);
  STELE_CHECK(remove_if_there(disk, path));
  const auto make = [&]() -> result<void> {
    STELE_TRY(auto file, disk.open(path, io::Mode::create));
    STELE_CHECK(write_zeros(*file, 0, std::min(segment_bytes, smallest_step)));
    return file->sync_all();
  };
  auto made = make();
  if (!made) (void)remove_if_there(disk, path);
  return made;
}

result<void> SegmentFile::forget_spare(io::Disk& disk, const std::filesystem::path& log_directory) {
  return remove_if_there(disk, spare_path(log_directory));
}

result<std::unique_ptr<SegmentFile>> SegmentFile::open(io::Disk& disk, const std::filesystem::path& path) {
  STELE_TRY(std::shared_ptr<io::File> frames, disk.open(path, io::Mode::write));
  STELE_TRY(auto filler, disk.open(path, io::Mode::write));
  std::string bytes(segment_header_bytes, '\0');
  STELE_TRY(const auto got, frames->read_at(0, bytes));
  const auto parsed = parse_header(std::string_view(bytes).substr(0, got));
  if (!parsed.header)
    return Error(errc::corrupt, path.string() + ": " + parsed.damage).with("path", path.string());
  if (auto refused = refuse(*parsed.header, true)) return *std::move(refused);
  STELE_TRY(const auto size, frames->size());
  return std::unique_ptr<SegmentFile>(
      new SegmentFile(*parsed.header, std::move(frames), std::move(filler), size));
}

bool SegmentFile::has_room(std::uint64_t offset, std::uint64_t frame_bytes) const {
  return offset <= header_.capacity && frame_bytes <= header_.capacity - offset;
}

std::uint64_t SegmentFile::next_step() const {
  const auto have = filled();
  const auto end = std::min(header_.capacity, have + std::clamp(have, smallest_step, largest_step));
  return std::max(have, end) - have;
}

bool SegmentFile::wants_fill(std::uint64_t offset) const {
  const auto step = next_step();
  return step > 0 && filled() < offset + step / 2;
}

result<void> SegmentFile::fill_ahead() {
  const auto goal = filled() + next_step();
  while (filled() < goal) {
    const std::lock_guard guard(filling_);
    STELE_CHECK(fill_slice(goal));
  }
  return {};
}

result<void> SegmentFile::make_room(std::uint64_t end) {
  STELE_ASSERT(end <= header_.capacity, "room is made inside the segment", end, header_.capacity);
  const std::lock_guard guard(filling_);
  if (broken_) return *broken_;
  const auto from = filled();
  if (end <= from) return {};
  auto to = std::min(header_.capacity, std::max(end, from + reserve_bytes));
  if (!frames_->allocate(from, to - from)) {
    to = end;  // nearly full: as much as is needed may still be there
    STELE_CHECK(frames_->allocate(from, to - from));
  }
  filled_.store(to, std::memory_order_release);
  STELE_ASSERT(filled() >= end, "room was made", filled(), end);
  return {};
}

// A commit of the same file waits for whatever is being filled, so it is never much at once.
result<void> SegmentFile::fill_slice(std::uint64_t goal) {
  if (broken_) return *broken_;
  const auto from = filled();
  const auto to = std::min(goal, from + slice_bytes);
  if (from >= to) return {};
  STELE_ASSERT(from >= segment_header_bytes && to - from <= slice_bytes, "a slice lies behind the header",
               from, to);
  STELE_CHECK(write_zeros(*filler_, from, to));
  if (auto synced = filler_->sync_data(); !synced) {
    // Final whatever it says: also "no space" is told only once.
    broken_ = Error(errc::unavailable, synced.error().message());
    return *broken_;
  }
  STELE_ASSERT(filled() == from, "one filler at a time", filled(), from);
  filled_.store(to, std::memory_order_release);
  return {};
}

result<void> SegmentFile::append_at(std::uint64_t offset, std::span<const std::string_view> frames) {
  std::uint64_t bytes = 0;
  for (const auto& frame : frames) bytes += frame.size();
  STELE_ASSERT(offset >= segment_header_bytes && offset % frame_alignment == 0,
               "frames are aligned, behind the header", offset);
  STELE_ASSERT(offset + bytes <= filled(), "frames go where zeros were prepared", offset, bytes, filled());
  return frames_->write_at(offset, frames);
}

}  // namespace stele::engine::log

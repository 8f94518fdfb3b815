// segment.hpp - one segment file: its header, its growth ahead of the writer, writing frames into it. What
// the frames mean is frame.hpp's business, which file comes next is the writer's.
//
// A segment is created under a temporary name, filled with zeros, synced, and only then named, so a file
// called *.seg always begins with a whole header. The rule the writer owes recovery: a segment is created only when
// every frame of the one before it is durable.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "io/world.hpp"
#include "stele/result.hpp"
#include "stele/types.hpp"

namespace stele::engine::log {

inline constexpr std::uint64_t segment_header_bytes = 4096;
// The newest that this program knows. A file says the lowest that describes it: 1.0, 1.1 when it was rewritten, 1.2
// when its frames are compressed or lie elsewhere.
inline constexpr std::uint16_t format_major = 1;
inline constexpr std::uint16_t format_minor = 2;
inline constexpr std::uint16_t plain_minor = 0;
inline constexpr std::uint16_t gaps_minor = 1;
inline constexpr std::uint16_t cold_minor = 2;

// Incompatible features.
// The segment was rewritten without some of its events, so positions between its frames may be missing, and its
// header alone says that none of them is lost.
inline constexpr std::uint32_t feature_gaps = 1;
// What follows the header are not frames but blocks of them, each compressed (packed_file.hpp).
inline constexpr std::uint32_t feature_packed = 2;
// Nothing follows the header: the segment lies in the archive that it names (archived_file.hpp).
inline constexpr std::uint32_t feature_archived = 4;
inline constexpr std::uint32_t known_features = feature_gaps | feature_packed | feature_archived;

inline constexpr std::size_t largest_archive_path = 1024;

struct SegmentHeader {
  std::uint16_t major = format_major;
  std::uint16_t minor = plain_minor;
  std::uint32_t compatible = 0;            // unknown bits: read and write as usual
  std::uint32_t read_only_compatible = 0;  // unknown bits: reading is fine, writing is not
  std::uint32_t incompatible = 0;          // unknown bits: do not even read
  Uuid store;
  Position first;          // of the first event that will be written here
  std::uint64_t salt = 0;  // seeds every frame's header checksum
  Timestamp created_at;
  std::uint64_t capacity = 0;  // the file never grows beyond this
  // With any of the three features, 0 otherwise.
  Position last;             // the segment stands for all positions from `first` to here
  std::uint64_t events = 0;  // that are left of them
  std::uint64_t end = 0;     // behind the last frame, as if it were not compressed
  // Packed.
  std::uint32_t block_bytes = 0;
  std::uint32_t blocks = 0;
  std::uint64_t table = 0;  // where the table of the blocks stands in the file
  // Archived: the directory.
  std::string archive;
  bool operator==(const SegmentHeader&) const = default;

  [[nodiscard]] bool has_gaps() const { return (incompatible & feature_gaps) != 0; }
  [[nodiscard]] bool is_packed() const { return (incompatible & feature_packed) != 0; }
  [[nodiscard]] bool is_archived() const { return (incompatible & feature_archived) != 0; }
  // Never written to again, and so never the last one of a log.
  [[nodiscard]] bool is_cold() const { return is_packed() || is_archived(); }
};

// The header's 4096 bytes: the same 2048 twice, each with its own checksum.
[[nodiscard]] std::string encode_header(const SegmentHeader& header);

struct ParsedHeader {
  std::optional<SegmentHeader> header;  // from the first copy that is whole
  std::string damage;                   // empty: both copies are whole
};
[[nodiscard]] ParsedHeader parse_header(std::string_view bytes);

// Features this version does not know: nothing, or why the segment must not be read (`to_write`: or written).
[[nodiscard]] std::optional<Error> refuse(const SegmentHeader& header, bool to_write);

// "00000000000000000001.seg" and back.
[[nodiscard]] std::string segment_name(Position first);
[[nodiscard]] std::optional<Position> parse_segment_name(std::string_view name);

// A segment that is being written. append_at() and sync() belong to the writer's thread; fill_ahead() may run
// on another at the same time; the rest is safe from any.
class SegmentFile {
 public:
  struct Create {
    Uuid store;
    Position first;
    std::uint64_t segment_bytes = 256ull << 20;
    std::uint64_t frame_bytes = 0;  // of a first frame that may be larger than a segment
    bool use_spare = false;         // prepare_spare() has succeeded, and its file was not used since
    bool sync_name = true;  // false: the caller syncs the directory before it relies on anything in it
  };
  // Durable, name and all, when it returns; nothing is left behind when it does not.
  static result<std::unique_ptr<SegmentFile>> create(const io::World& world,
                                                     const std::filesystem::path& log_directory,
                                                     const Create& what);
  // A file for the next segment, filled and synced ahead, so that create() takes no longer than writing a header.
  static result<void> prepare_spare(io::Disk& disk, const std::filesystem::path& log_directory,
                                    std::uint64_t segment_bytes);
  static result<void> forget_spare(io::Disk& disk, const std::filesystem::path& log_directory);
  // To go on writing after recovery.
  static result<std::unique_ptr<SegmentFile>> open(io::Disk& disk, const std::filesystem::path& path);

  [[nodiscard]] const SegmentHeader& header() const { return header_; }
  [[nodiscard]] const std::filesystem::path& path() const { return frames_->path(); }
  // For readers: the same file, safe to share while it is written.
  [[nodiscard]] const std::shared_ptr<io::File>& file() const { return frames_; }

  // Whether a frame fits behind `offset`.
  [[nodiscard]] bool has_room(std::uint64_t offset, std::uint64_t frame_bytes) const;
  // How far the file is prepared, filled with zeros or reserved: appends up to here never find the disk full.
  [[nodiscard]] std::uint64_t filled() const { return filled_.load(std::memory_order_acquire); }
  // Whether the writer at `offset` is close enough to the end of the filled part to prepare more.
  [[nodiscard]] bool wants_fill(std::uint64_t offset) const;
  // Fills and syncs the next step, in slices: 1 MiB first, doubling up to 16 MiB. disk_full leaves all as it was,
  // and it may be called again; an error of the sync is final, as everywhere.
  result<void> fill_ahead();
  // Reserves room until `end` is inside, on the caller's thread: for the writer that has overtaken the helper. Large
  // commits go to reserved room as fast as to zeros, and writing the zeros first would double the bytes; small ones
  // pay for turning it into data (50 -> 100 us per commit of 4 KiB), so the helper fills for them.
  result<void> make_room(std::uint64_t end);

  // Inside the filled part (asserted). Not durable before sync().
  result<void> append_at(std::uint64_t offset, std::span<const std::string_view> frames);
  result<void> append_at(std::uint64_t offset, std::string_view frame) {
    return append_at(offset, std::span(&frame, 1));
  }
  result<void> sync() { return frames_->sync_data(); }

 private:
  SegmentFile(SegmentHeader header, std::shared_ptr<io::File> frames, std::unique_ptr<io::File> filler,
              std::uint64_t filled);
  static result<std::unique_ptr<SegmentFile>> named_segment(io::Disk& disk, const std::filesystem::path& path,
                                                            bool sync_name);
  result<void> fill_slice(std::uint64_t goal);  // under filling_
  [[nodiscard]] std::uint64_t next_step() const;

  SegmentHeader header_;
  std::shared_ptr<io::File> frames_;
  // A second open file, so that an error of the device is reported to both syncs and neither swallows the
  // other's.
  std::unique_ptr<io::File> filler_;
  std::atomic<std::uint64_t> filled_;
  std::mutex filling_;
  std::optional<Error> broken_;  // under filling_: the sync that failed
};

}  // namespace stele::engine::log

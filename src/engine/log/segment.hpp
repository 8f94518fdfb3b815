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
// The newest that this program knows. A file says the lowest that describes it: 1.0, or 1.1 when it was rewritten.
inline constexpr std::uint16_t format_major = 1;
inline constexpr std::uint16_t format_minor = 1;
inline constexpr std::uint16_t plain_minor = 0;

// Incompatible: the segment was rewritten without some of its events, so positions between its frames may be missing,
// and its header alone says that none of them is lost.
inline constexpr std::uint32_t feature_gaps = 1;

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
  // With feature_gaps only, 0 otherwise.
  Position last;             // the segment stands for all positions from `first` to here
  std::uint64_t events = 0;  // that are left of them
  std::uint64_t end = 0;     // behind the last frame
  bool operator==(const SegmentHeader&) const = default;

  [[nodiscard]] bool has_gaps() const { return (incompatible & feature_gaps) != 0; }
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
  };
  // Durable, name and all, when it returns; nothing is left behind when it does not.
  static result<std::unique_ptr<SegmentFile>> create(const io::World& world,
                                                     const std::filesystem::path& log_directory,
                                                     const Create& what);
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

// recovery.hpp - what a log holds after any crash or damage, as a pure function over bytes; and, apart from
// it, the one repair that is ever made: zeros over a tail that was never acknowledged.
//
// An invalid frame where position P is expected is a torn tail only when nothing says that P was durable: it
// lies in the last segment, no later frame carries a durable mark of P or more, and the watermark page says
// less than P. Everything else is damage to acknowledged events: never cut, reported with its place, and
// reading goes on behind it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/log/frame.hpp"
#include "engine/log/open_segment.hpp"
#include "engine/log/segment.hpp"
#include "io/disk.hpp"
#include "io/file.hpp"

namespace stele::engine::log {

// What is known of a closed segment from an index file that agrees with its header: it need not be read.
struct SealedSegment {
  Position last;
  std::uint64_t end = 0;
  std::uint64_t frames = 0;
  std::uint64_t events = 0;
  Timestamp last_recorded_at;  // of this segment's last frame or a later one of the same file
};

struct SegmentInput {
  std::string name;  // of the file, without the directory
  const io::ByteSource* bytes = nullptr;
  std::optional<SealedSegment> sealed = {};
};

struct Damage {
  std::string segment;
  std::uint64_t begin = 0;  // byte range in that file; empty when whole positions are missing
  std::uint64_t end = 0;
  Position first;  // positions that cannot be read; 0 and 0 when every event still can
  Position last;
  std::string reason;
  bool operator==(const Damage&) const = default;
};
// "log/0…1.seg bytes 4096 to 4312, positions 7 to 9: record checksum does not match"
[[nodiscard]] std::string to_string(const Damage& damage);

struct SegmentReport {
  std::size_t input = 0;  // index into the inputs
  std::string name;
  SegmentHeader header;
  Position last;          // of its last good event; before header.first when it has none
  std::uint64_t end = 0;  // behind its last frame
  std::uint64_t frames = 0;
};

struct TornTail {
  std::string segment;
  std::uint64_t begin = 0;  // bytes to zero; begin is where the next frame goes
  std::uint64_t end = 0;
  bool operator==(const TornTail&) const = default;
};

struct RecoveryReport {
  Position last;                 // the log ends here
  std::uint64_t end_offset = 0;  // in the last segment: where the next frame goes
  Timestamp last_recorded_at;    // of the last frame; the epoch when there is none
  std::optional<TornTail> torn;
  std::vector<Damage> damages;          // empty: writing may go on
  std::vector<SegmentReport> segments;  // those that are part of the log, in order
  std::uint64_t frames = 0;
  std::uint64_t events = 0;
};

// Called for every good frame in order, so that an index is built in the same pass. `segment` counts into
// RecoveryReport::segments; the view is valid during the call.
using FrameVisitor = std::function<void(std::size_t segment, std::uint64_t offset, const FrameView& frame)>;

struct RecoveryInput {
  Uuid store;
  std::vector<SegmentInput> segments;  // any order
  Position known_durable;              // from the watermark page; 0 when there is none
};

// The last position of the last rewritten segment; 0 without one. Only what was durable is ever rewritten.
result<Position> rewritten_until(const std::vector<SegmentInput>& segments);

// Errors only when a source cannot be read, or a segment needs a newer version (invalid).
result<RecoveryReport> recover(const RecoveryInput& input, const FrameVisitor& visit = {});

// Zeroes the torn tail, if there is one, and syncs. May be interrupted anywhere and repeated.
result<void> apply_recovery(io::Disk& disk, const std::filesystem::path& log_directory,
                            const RecoveryReport& report);

// The segment files of a directory, open for recover(). For a writer the last one is synced and its cached
// pages are dropped first, and files left behind by an interrupted creation are removed: what is scanned is
// what the device holds.
struct LogFiles {
  std::vector<std::string> names;
  std::vector<std::shared_ptr<io::File>> files;
  [[nodiscard]] std::vector<SegmentInput> inputs() const;
};
result<LogFiles> open_log(io::Disk& disk, const std::filesystem::path& log_directory, bool for_writing,
                          const ColdPlaces& places = {});

}  // namespace stele::engine::log

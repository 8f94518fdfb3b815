// log_builder.hpp - a small language for logs made by hand: segments of frames, whole or hurt, in memory.
// Tests read as a list of what is on the disk; nothing here is used by the product.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/log/frame.hpp"
#include "engine/log/recovery.hpp"
#include "engine/log/segment.hpp"
#include "io/simulated/memory_disk.hpp"

namespace stele::engine::log::testing {

inline const Uuid store_id = *parse_uuid("0192f0c1-2d3e-7a5b-8c9d-0e1f2a3b4c5d");
inline const Timestamp day_one = *parse_time("2026-03-01T10:00:00Z");

// An id that only the number decides.
Uuid id_of(std::uint64_t number);
// Events "Deposited" with the given data, one per element.
std::vector<NewEvent> events_of(std::vector<std::string> data);

// Where a frame came to stand.
struct Placed {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  Position first;
  Position last;
  [[nodiscard]] std::uint64_t end() const { return offset + size; }
};

// Builds one segment. Every frame has one write to stream "Account-1" unless told otherwise; revisions go on.
class SegmentBuilder {
 public:
  explicit SegmentBuilder(std::uint64_t first, const Uuid& store = store_id);

  // A frame of `events` events; its durable mark is `durable`.
  SegmentBuilder& frame(std::size_t events, std::uint64_t durable, std::size_t data_bytes = 20);
  SegmentBuilder& zeros(std::size_t bytes);
  SegmentBuilder& bytes(std::string_view raw);
  // The last frame with a byte of its body changed.
  SegmentBuilder& with_damaged_body();
  // The last frame with a byte of its header changed.
  SegmentBuilder& with_damaged_header();
  // Leaves out this many positions.
  SegmentBuilder& skip(std::uint64_t positions);

  [[nodiscard]] const std::vector<Placed>& frames() const { return frames_; }
  [[nodiscard]] const Placed& last() const { return frames_.back(); }
  [[nodiscard]] Position next() const { return next_; }
  [[nodiscard]] std::string name() const { return segment_name(header_.first); }
  [[nodiscard]] const SegmentHeader& header() const { return header_; }
  [[nodiscard]] const std::string& image() const { return image_; }
  [[nodiscard]] std::string& image() { return image_; }

 private:
  SegmentHeader header_;
  Position next_;
  std::string image_;
  std::vector<Placed> frames_;
};

struct File {
  std::string name;
  std::string bytes;
};

// Recovers files as they are, without a disk.
result<RecoveryReport> recover_files(const std::vector<File>& files, std::uint64_t known_durable = 0,
                                     const FrameVisitor& visit = {});
// The same for one builder's segment.
RecoveryReport recover_one(const SegmentBuilder& segment, std::uint64_t known_durable = 0);

}  // namespace stele::engine::log::testing

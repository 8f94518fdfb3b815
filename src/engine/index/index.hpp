// index.hpp - everything that can be found without scanning: where a position lies, which positions a stream
// has, where an id stands. Derived from the log alone: rebuilt by adding its frames in order.
//
// Threading: add() and add_lost() by one thread at a time; the rest from any thread, below a published head.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "engine/index/id_table.hpp"
#include "engine/index/location_column.hpp"
#include "engine/index/stream_table.hpp"
#include "engine/log/frame.hpp"

namespace stele::engine {

class Index {
 public:
  // A frame of the log, in recovery or while following. Positions skipped before it are remembered as lost.
  void add(std::uint32_t segment, std::uint64_t offset, const log::FrameView& frame);
  // The same for a frame that is being staged: `first_revisions` per write.
  void add(std::uint32_t segment, std::uint64_t offset, Position first, std::span<const StreamWrite> writes,
           std::span<const Revision> first_revisions, const log::EncodedFrame& frame);

  // The last position that was added.
  [[nodiscard]] Position last() const { return last_; }
  // Whether the stream was ended for good by an event at or before `until`.
  [[nodiscard]] bool tombstoned(std::string_view stream, Position until) const;
  // Where a lost event would be: nowhere.
  [[nodiscard]] static bool is_lost(Location location) { return location.offset == 0; }

  [[nodiscard]] const LocationColumn& locations() const { return locations_; }
  [[nodiscard]] const StreamTable& streams() const { return streams_; }
  [[nodiscard]] const IdTable& ids() const { return ids_; }

 private:
  void add_event(const Uuid& id, Location location);
  void add_tombstone(std::string_view stream);

  LocationColumn locations_;
  StreamTable streams_;
  IdTable ids_;
  Position last_;
  mutable std::mutex tombstones_mutex_;
  std::map<std::string, Position, std::less<>> tombstones_;
};

}  // namespace stele::engine

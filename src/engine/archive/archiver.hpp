// archiver.hpp - makes closed segments cold: compresses them where they are, or copies them to an archive and leaves a
// header in their place that says where they went. Which event is where afterwards is open_segment.hpp's business; the
// index is not touched.
//
// A segment is in two places before it is in one: the copy is synced, read back and compared, and named, before the
// header takes the place of the file, by one rename.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "engine/index/index.hpp"
#include "engine/retention/closed_files.hpp"
#include "io/world.hpp"
#include "stele/store.hpp"

namespace stele::engine {

struct ArchiverParts {
  const io::World& world;
  std::filesystem::path log_directory;
  Uuid store;
  const Index& index;
  const log::ColdPlaces& cold;
};

// One run. One thread.
class Archiver {
 public:
  Archiver(const ArchiverParts& parts, const ArchiveOptions& options);

  result<std::vector<ArchivedSegment>> run();

 private:
  result<ArchivedSegment> handle(const ClosedFile& source);
  // Every frame was verified; the header with what is known of a segment once it is closed.
  result<log::SegmentHeader> closed_header(const ClosedFile& source) const;
  result<void> compress_here(const ClosedFile& source, ArchivedSegment& told);
  result<void> move(const ClosedFile& source, ArchivedSegment& told);
  // The archive was moved: the header says so.
  result<void> point_to_new_place(const ClosedFile& source, ArchivedSegment& told);

  // A copy under a temporary name, synced and compared; its size.
  result<std::uint64_t> write_copy(const ClosedFile& source, const log::SegmentHeader& header,
                                   const std::filesystem::path& temporary, bool compress) const;
  result<void> compare(const ClosedFile& source, const log::SegmentHeader& header,
                       const std::filesystem::path& copy) const;
  // Puts a header in the place of the segment.
  result<void> leave_header(const ClosedFile& source, log::SegmentHeader header) const;
  result<void> prepare_archive() const;
  result<void> check_owner(const std::filesystem::path& name) const;
  [[nodiscard]] bool has_index_file(Position first) const;
  [[nodiscard]] bool is_wanted(const ClosedFile& source) const;

  ArchiverParts parts_;
  const ArchiveOptions& options_;
  std::filesystem::path to_;  // absolute; empty: nothing is moved
  ClosedPlace place_;
};

}  // namespace stele::engine

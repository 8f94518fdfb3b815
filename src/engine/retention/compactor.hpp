// compactor.hpp - finds the closed segments that hold events which are gone, and puts files without them in their
// place. The format is log/rewrite.hpp's business, what is gone is life.hpp's.
//
// What is dropped of a stream is always a beginning of what it has in the log: segments go oldest first, and a stream
// of which a segment keeps something droppable is left alone in the later ones. Readers and the index rely on it.
// The last event of a stream is never dropped, hidden or not: numbering and expected versions go by it.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "engine/retention/closed_files.hpp"
#include "engine/retention/life.hpp"
#include "engine/visibility.hpp"
#include "io/world.hpp"

namespace stele::engine {

// A segment was replaced: from now on its positions are served from `file`.
using SwapIn = std::function<result<void>(std::shared_ptr<io::File> file, const log::SegmentHeader& header)>;

struct CompactorParts {
  const io::World& world;
  std::filesystem::path log_directory;
  Uuid store;
  const ReadState& state;
  const Visibility& visibility;
  const log::ColdPlaces& cold;
};

// One run. One thread.
class Compactor {
 public:
  Compactor(CompactorParts parts, const CompactOptions& options, SwapIn swap_in)
      : parts_(std::move(parts)),
        options_(options),
        swap_in_(std::move(swap_in)),
        place_{parts_.world.disk, parts_.log_directory, parts_.store, parts_.cold},
        lives_(parts_.state, parts_.world.clock),
        now_(parts_.world.clock.now()) {}

  result<std::vector<CompactedSegment>> run();

 private:
  // What a run needs to know of a stream.
  struct Verdict {
    Revision keep_from;  // the last event at the latest
    StreamLife life;
    bool metadata = false;
  };
  result<CompactedSegment> compact(const ClosedFile& source);
  // Counts what can go; `streams` are those that lose something.
  result<CompactedSegment> look(const ClosedFile& source, std::unordered_set<std::string>& streams);
  result<void> replace(const ClosedFile& source, CompactedSegment& told);
  result<log::SegmentHeader> write_new(const ClosedFile& source, io::File& file);
  result<void> check_new(const ClosedFile& source, const std::filesystem::path& path) const;
  result<void> pack_again(const ClosedFile& source, const log::SegmentHeader& header,
                          const std::filesystem::path& temporary) const;

  result<const Verdict*> verdict_of(std::string_view stream);
  [[nodiscard]] bool goes(const Verdict& verdict, const EventView& event) const;
  [[nodiscard]] static Gone reason(const Verdict& verdict, Revision revision);
  [[nodiscard]] log::Keep keep() const;

  struct NameHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const { return std::hash<std::string_view>{}(name); }
  };
  // Of the segment at hand only, so that memory does not grow with the number of streams.
  std::unordered_map<std::string, Verdict, NameHash, std::equal_to<>> verdicts_;
  // Streams that must not lose more in later segments.
  std::unordered_set<std::string, NameHash, std::equal_to<>> blocked_;

  CompactorParts parts_;
  const CompactOptions& options_;
  SwapIn swap_in_;
  ClosedPlace place_;
  StreamLives lives_;
  Timestamp now_;
  Position head_;  // everything closed lies below
};

}  // namespace stele::engine

// keeper.hpp - the work on index files while a store is open: sealing what is complete, merging neighbours, making
// a damaged part anew from the log, taking over what a writer in another process has sealed. When any of it is done
// is others' business (sealer.hpp, the follower, Index::heal).
//
// Threading: seal_one() and merge_one() by one thread at a time; rebuild() and swap_segment() from any.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>

#include "engine/index/index.hpp"
#include "engine/index/index_files.hpp"
#include "engine/index/seal.hpp"
#include "engine/segments.hpp"

namespace stele::engine {

class IndexKeeper {
 public:
  IndexKeeper(IndexFiles files, Index& index, const Segments& segments)
      : files_(std::move(files)), index_(index), segments_(segments) {}

  [[nodiscard]] const IndexFiles& files() const { return files_; }
  // While the store is being opened its segments stand here and not yet among the open ones.
  void set_log(std::vector<LogSegment> log) { log_ = std::move(log); }
  void stop() { stop_.store(true); }

  // Seals the oldest part that is complete and in memory. False: there is none.
  result<bool> seal_one();
  // False: nothing to do. `between` is called between slices of the file that is written.
  result<bool> merge_one(const std::function<void()>& between = {});
  // Complete parts that wait in memory.
  [[nodiscard]] std::size_t waiting() const;

  // For Index: parts for the range of a damaged one, out of the log. With `write` each is sealed at once, where that
  // works, so that a large range needs no memory.
  result<Index::Parts> rebuild(const Part& damaged, bool write);
  // For a follower: replaces parts in memory, and neighbours that were merged, by files that have appeared.
  result<void> adopt_sealed();

  // A segment was replaced by another file, open as `ordinal`: the part that covers it is made anew, and with it the
  // parts of all segments that stand in the same file. Readers that hold the old ones go on with them. On an error the
  // old part stays, and serves the old file.
  result<void> swap_segment(std::uint32_t ordinal);

  // Ordinals of the part's segments among the open ones; nothing when one is not there.
  [[nodiscard]] std::optional<std::vector<std::uint32_t>> ordinals_of(const SealedPart& part) const;

 private:
  result<bool> seal_oldest();
  // What the part stands for, when that is exactly one whole segment.
  [[nodiscard]] std::optional<CoveredSegment> covered(const ActivePart& part, Position next) const;
  result<std::shared_ptr<SealedPart>> seal_part(const ActivePart& part, const CoveredSegment& segment);
  result<std::shared_ptr<ActivePart>> scan_segment(std::uint32_t ordinal, const CoveredSegment& segment,
                                                   Position next);

  IndexFiles files_;
  Index& index_;
  const Segments& segments_;
  std::vector<LogSegment> log_;
  std::atomic<bool> stop_{false};
  result<Index::Parts> made_anew(const std::shared_ptr<const Part>& old, std::uint32_t ordinal);

  [[nodiscard]] bool files_pay(Position first);
  static constexpr int most_files_made_anew = 2;

  std::mutex working_;        // sealing, merging and swapping write files of the same names
  std::set<Position> apart_;  // where parts begin that must not be merged with those in front of them
  // Healing writes files, too, from any thread: never two of one name at a time. The innermost of all locks.
  std::mutex writing_;
  std::map<Position, int> made_anew_;  // how often a part that begins there was damaged
};

}  // namespace stele::engine

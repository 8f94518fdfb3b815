// opening.hpp - the index while a store is being opened: believed files are taken over at their place between the
// segments that are scanned, and what was scanned is sealed on the way when it would be too much for memory. What
// recovery thinks of the log is recovery.hpp's business.
//
// One thread; nobody asks the index yet.
#pragma once

#include <memory>
#include <vector>

#include "engine/index/keeper.hpp"
#include "engine/log/recovery.hpp"

namespace stele::engine {

class IndexOpening {
 public:
  // `write`: the store is opened for writing, so files may be made.
  static result<IndexOpening> begin(IndexKeeper& keeper, Index& index, const std::vector<std::string>& names,
                                    const log::LogFiles& files, bool write);

  // The files of the log for recovery: those that need not be scanned say so.
  [[nodiscard]] const std::vector<log::SegmentInput>& inputs() const { return inputs_; }
  // The last position that a believed file covers: all up to there was durable.
  [[nodiscard]] Position known() const { return sealed_.empty() ? Position{} : sealed_.back()->last(); }
  // A frame at `first` comes next: everything in front of it is brought in order.
  void before(Position first);
  // Recovery is done and its segments are open; the index is brought up to `until`.
  void finish(Position until);

 private:
  IndexOpening(IndexKeeper& keeper, Index& index, bool write)
      : keeper_(keeper), index_(index), write_(write) {}
  void mark_sealed();
  void enter_segment(std::size_t segment);

  IndexKeeper& keeper_;
  Index& index_;
  bool write_;
  std::vector<LogSegment> log_;
  std::vector<log::SegmentInput> inputs_;
  std::vector<std::shared_ptr<SealedPart>> sealed_;
  std::size_t adopted_ = 0;  // of sealed_
  std::size_t entered_ = 0;  // of log_
};

}  // namespace stele::engine

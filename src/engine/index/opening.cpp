// opening.cpp - segment by segment: adopt, or close what was scanned.
#include "engine/index/opening.hpp"

#include "base/assert.hpp"

namespace stele::engine {
namespace {

// Parts that may wait in memory for the sealing thread; more than that are sealed while opening.
constexpr std::size_t waiting_parts = 1;

}  // namespace

result<IndexOpening> IndexOpening::begin(IndexKeeper& keeper, Index& index,
                                         const std::vector<std::string>& names, const log::LogFiles& files,
                                         bool write) {
  IndexOpening opening(keeper, index, write);
  opening.inputs_ = files.inputs();
  STELE_TRY(opening.log_, read_log_segments(opening.inputs_, keeper.files().store()));
  STELE_TRY(opening.sealed_, keeper.files().trusted(names, opening.log_));
  keeper.set_log(opening.log_);
  opening.mark_sealed();
  return opening;
}

void IndexOpening::mark_sealed() {
  std::size_t at = 0;
  for (const auto& part : sealed_) {
    while (log_[at].header.first < part->first()) ++at;
    for (const auto& covered : part->segments()) {
      STELE_ASSERT(at + 1 < log_.size() && log_[at].header.first == covered.first, "a believed file agrees",
                   at);
      const Position last(log_[at + 1].header.first.value() - 1);
      inputs_[log_[at].input].sealed =
          log::SealedSegment{last, covered.end, covered.frames, covered.events, part->last_recorded_at()};
      ++at;
    }
  }
}

void IndexOpening::enter_segment(std::size_t segment) {
  const auto first = log_[segment].header.first;
  // What compaction dropped at the end of a segment belongs to that segment.
  if (segment > 0 && log_[segment - 1].header.has_gaps()) index_.pass(Position(first.value() - 1));
  index_.roll();
  // Its own damage, or that of the one before, may have kept a segment from where its file says that it is.
  while (adopted_ < sealed_.size() && sealed_[adopted_]->first() < first) ++adopted_;
  if (adopted_ < sealed_.size() && sealed_[adopted_]->first() == first && index_.last() < first) {
    index_.adopt(sealed_[adopted_++]);
  }
  // Sealing that does not work leaves the part in memory, where it answers as well.
  if (write_ && keeper_.waiting() > waiting_parts) (void)keeper_.seal_one();
}

void IndexOpening::before(Position first) {
  while (entered_ < log_.size() && log_[entered_].header.first <= first) enter_segment(entered_++);
}

void IndexOpening::finish(Position until) {
  before(until);
  keeper_.set_log({});
  for (const auto& part : *index_.parts()) {
    if (!static_cast<const IndexPart&>(*part).sealed()) continue;
    auto sealed = std::static_pointer_cast<SealedPart>(std::const_pointer_cast<Part>(part));
    auto ordinals = keeper_.ordinals_of(*sealed);
    STELE_ASSERT(ordinals.has_value(), "the segments of a believed file are open", sealed->first().value());
    sealed->bind(*std::move(ordinals));
    if (write_) sealed->expect_new_ids();
  }
}

}  // namespace stele::engine

// compaction.cpp - compacting a store that is open for writing: one run at a time, beside appends and reads.
#include "base/assert.hpp"
#include "engine/embedded_store.hpp"
#include "engine/retention/compactor.hpp"

namespace stele::engine {

result<std::vector<CompactedSegment>> EmbeddedStore::compact(const CompactOptions& options) {
  if (!writer_) return refuse_appends();
  const std::unique_lock running(compacting_, std::try_to_lock);
  if (!running.owns_lock()) {
    return Error(errc::busy, "the store is being compacted or archived already")
        .help("wait until that has ended");
  }
  if (!options.dry_run) STELE_CHECK(swap_waiting());
  // Whoever reads the old file goes on with it: it is open, and keeps what was there.
  const auto swap_in = [this](std::shared_ptr<io::File> file, const log::SegmentHeader& header) {
    waiting_swap_ = segments_.add(std::move(file), header, header.end);
    return swap_waiting();
  };
  Compactor compactor({world_, log::log_path(directory_), manifest_.store, read_state_, visibility_, cold_},
                      options, swap_in);
  auto done = compactor.run();
  if (sealer_) sealer_->wake();
  return done;
}

// A file that took its place on the disk, and that the index could not be made anew for, ends a run. The next run
// begins with it; until then the old one is served.
result<void> EmbeddedStore::swap_waiting() {
  if (!waiting_swap_) return {};
  STELE_ASSERT(*waiting_swap_ < segments_.size(), "what waits to be served is open", *waiting_swap_);
  STELE_CHECK(keeper_->swap_segment(*waiting_swap_));
  waiting_swap_.reset();
  return {};
}

}  // namespace stele::engine

namespace stele {

result<std::vector<CompactedSegment>> compact(EventStore& store, const CompactOptions& options) {
  auto* const embedded = dynamic_cast<engine::EmbeddedStore*>(&store);
  if (embedded != nullptr) return embedded->compact(options);
  return Error(errc::invalid, "only a store in a directory can be compacted");
}

}  // namespace stele

// compaction.cpp - compacting a store that is open for writing: one run at a time, beside appends and reads.
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
  // Whoever reads the old file goes on with it: it is open, and keeps what was there.
  const auto swap_in = [this](std::shared_ptr<io::File> file, const log::SegmentHeader& header) {
    return keeper_->swap_segment(segments_.add(std::move(file), header, header.end));
  };
  Compactor compactor({world_, log::log_path(directory_), manifest_.store, read_state_, visibility_, cold_},
                      options, swap_in);
  auto done = compactor.run();
  if (sealer_) sealer_->wake();
  return done;
}

}  // namespace stele::engine

namespace stele {

result<std::vector<CompactedSegment>> compact(EventStore& store, const CompactOptions& options) {
  auto* const embedded = dynamic_cast<engine::EmbeddedStore*>(&store);
  if (embedded != nullptr) return embedded->compact(options);
  return Error(errc::invalid, "only a store in a directory can be compacted");
}

}  // namespace stele

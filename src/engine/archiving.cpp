// archiving.cpp - archiving segments of a store that is open for writing: one run at a time, beside appends and reads,
// and never together with a compaction.
#include "engine/archive/archiver.hpp"
#include "engine/embedded_store.hpp"

namespace stele::engine {

result<std::vector<ArchivedSegment>> EmbeddedStore::archive(const ArchiveOptions& options) {
  if (!writer_) return refuse_appends();
  const std::unique_lock running(compacting_, std::try_to_lock);
  if (!running.owns_lock()) {
    return Error(errc::busy, "the store is being compacted or archived already")
        .help("wait until that has ended");
  }
  // Only what an index file stands for can be away. Who reads the old files goes on with them.
  wait_until_sealed();
  return Archiver({world_, log::log_path(directory_), manifest_.store, index_, cold_}, options).run();
}

}  // namespace stele::engine

namespace stele {

result<std::vector<ArchivedSegment>> archive(EventStore& store, const ArchiveOptions& options) {
  auto* const embedded = dynamic_cast<engine::EmbeddedStore*>(&store);
  if (embedded != nullptr) return embedded->archive(options);
  return Error(errc::invalid, "only a store in a directory can be archived");
}

}  // namespace stele

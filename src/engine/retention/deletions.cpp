// deletions.cpp - metadata on its way to the disk, by stream; the rest is read from the log.
#include "engine/retention/deletions.hpp"

#include "base/assert.hpp"

namespace stele::engine {

void StagedDeletions::staged(const std::vector<StreamWrite>& writes, Position first) {
  STELE_ASSERT(first > visibility_.head(), "what is staged is not visible yet", first.value());
  auto behind = first.value();
  for (const auto& write : writes) {
    behind += write.events.size();
    if (!is_metadata_stream(write.stream)) continue;
    const auto keep = parse_retention(write.events.back().data);
    STELE_ASSERT(keep.has_value(), "metadata was checked before it was staged", write.stream);
    staged_.insert_or_assign(std::string(stream_of_metadata(write.stream)),
                             Staged{keep->truncate_before.value_or(Revision{}), Position(behind - 1)});
  }
  if (staged_.size() < enough) return;
  std::erase_if(staged_, [this](const auto& entry) { return entry.second.position <= visibility_.head(); });
}

result<bool> StagedDeletions::deleted(const std::string& stream, Revision next) const {
  if (next == Revision{}) return false;
  const auto metadata_stream = metadata_stream_of(stream);
  STELE_TRY(const auto settings, state_.index.next_revision(metadata_stream));
  if (settings == Revision{}) return false;
  if (const auto found = staged_.find(stream); found != staged_.end()) {
    const auto [before, position] = found->second;
    if (before != truncate_all) return before >= next;
    STELE_TRY(const auto then, state_.index.next_revision(stream, position));
    return then >= next;
  }
  STELE_TRY(const auto keep, lives_.retention_of(stream, visibility_.head()));
  return keep.truncate_before.value_or(Revision{}) >= next;
}

}  // namespace stele::engine

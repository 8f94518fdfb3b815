// owned_view.cpp - encodes the tags the way TagsView reads them: 2-byte little-endian length, bytes.
#include "cli/target/owned_view.hpp"

#include "base/assert.hpp"
#include "base/bytes.hpp"

namespace stele::cli {

OwnedView::OwnedView(const RecordedEvent& event) : event_(event) {
  for (const auto& tag : event.tags) {
    STELE_ASSERT(tag.size() <= 0xFFFF, "a tag's length fits its field", tag.size());
    char length[2];
    base::store_le<std::uint16_t>(length, static_cast<std::uint16_t>(tag.size()));
    tags_.append(length, sizeof length);
    tags_ += tag;
  }
}

EventView OwnedView::view() const {
  return {.position = event_.position,
          .revision = event_.revision,
          .recorded_at = event_.recorded_at,
          .id = event_.id,
          .stream = event_.stream,
          .type = event_.type,
          .content_type = event_.content_type,
          .data = event_.data,
          .metadata = event_.metadata,
          .tags = TagsView(tags_)};
}

}  // namespace stele::cli

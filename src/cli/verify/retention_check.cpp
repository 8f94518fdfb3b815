// retention_check.cpp - metadata and tombstones as they come by; the answers of the store at the end.
#include "cli/verify/retention_check.hpp"

#include <fmt/format.h>

#include "cli/output/text.hpp"
#include "event/retention.hpp"

namespace stele::cli {

void RetentionCheck::take(const EventView& event) {
  if (is_metadata_stream(event.stream)) {
    const auto read =
        event.type == metadata_type ? parse_retention(event.data) : result<Retention>(Retention{});
    metadata_[std::string(stream_of_metadata(event.stream))] = {event.position,
                                                                read ? "" : read.error().message()};
    return;
  }
  if (ended_.empty() && event.type != tombstone_type) return;
  const std::string stream(event.stream);
  if (ended_.contains(stream))
    add_finding(found_,
                {.first = event.position,
                 .last = event.position,
                 .stream = stream,
                 .file = {},
                 .what = fmt::format("stands behind the end of its stream, p{}", ended_.at(stream).value())});
  if (event.type == tombstone_type) ended_[stream] = event.position;
}

// Revisions of what is kept go by the log, whatever is hidden.
void RetentionCheck::ask(EventStore& store, const OrderCheck& order, Position end, const std::string& stream,
                         Layer& layer) const {
  const auto in_log = order.streams().find(stream);
  const auto at = in_log == order.streams().end() ? Position{} : in_log->second.last_position;
  if (at > end) return;  // the store cannot know it yet
  const auto info = store.stream_info(stream);
  const auto wrong = [&](std::string what) {
    add_finding(layer, {.first = at, .last = at, .stream = stream, .file = {}, .what = std::move(what)});
  };
  if (!info) {
    const auto kind = info.error().kind();
    const bool expected = kind == errc::not_found || (kind == errc::gone && ended_.contains(stream));
    if (!expected) wrong(info.error().to_string());
  } else if (info->last_position > order.last()) {
    return;  // it was written meanwhile
  } else if (ended_.contains(stream)) {
    wrong("its tombstone is not heeded: the stream can still be read");
  } else if (in_log == order.streams().end()) {
    wrong("the store knows this stream, and the log does not");
  } else if (info->last_revision != in_log->second.last_revision) {
    wrong(fmt::format("the store has v{} as its last event, the log v{}", info->last_revision.value(),
                      in_log->second.last_revision.value()));
  }
}

Layer RetentionCheck::layer(EventStore& store, const OrderCheck& order, Position end) const {
  Layer layer = found_;
  for (const auto& [stream, metadata] : metadata_) {
    if (!metadata.wrong.empty())
      add_finding(layer, {.first = metadata.at,
                          .last = metadata.at,
                          .stream = metadata_stream_of(stream),
                          .file = {},
                          .what = "its metadata cannot be read: " + metadata.wrong});
    else if (metadata.at <= end)
      ask(store, order, end, stream, layer);
  }
  for (const auto& [stream, at] : ended_)
    if (!metadata_.contains(stream)) ask(store, order, end, stream, layer);
  layer.summary = fmt::format("{} with rules, {} ended for good", counted(metadata_.size(), "stream"),
                              grouped(ended_.size()));
  return layer;
}

}  // namespace stele::cli

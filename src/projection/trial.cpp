// trial.cpp - where streams go on, and views of events that are not recorded yet.
#include "projection/trial.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/assert.hpp"

namespace stele::projection {
namespace {

std::string encoded_tags(const std::vector<std::string>& tags) {
  std::string all;
  for (const auto& tag : tags) {
    STELE_ASSERT(tag.size() <= Limits::tag_bytes, "tags were checked", tag.size());
    all += static_cast<char>(tag.size() & 0xff);
    all += static_cast<char>(tag.size() >> 8 & 0xff);
    all += tag;
  }
  return all;
}

// A stream that was deleted, or whose events are too old, goes on with its numbers: its last event stays in the log,
// hidden from those who read the stream.
result<Revision> next_revision(EventStore& store, const StreamWrite& write) {
  const auto info = store.stream_info(write.stream);
  if (info) return info->last_revision.next();
  if (info.error().kind() != errc::not_found && info.error().kind() != errc::gone) return info.error();
  auto query = Query::of({.types = {}, .tags = {}, .streams = {write.stream}, .categories = {}});
  STELE_TRY(
      const auto cursor,
      store.read({.query = std::move(query), .from = {}, .direction = Direction::backward, .limit = 1}));
  STELE_TRY(const auto last, cursor->next_batch(1));
  return last.empty() ? Revision{} : last.front().revision.next();
}

}  // namespace

Error cannot_be_tried(const std::string& name) {
  return Error(errc::invalid, "projection " + name + ": no append can go through a model of this kind")
      .with("projection", name)
      .help("only a model that can be tried has a say in appends, as one in SQLite; take `synchronous` away");
}

result<void> check_writes(const AppendRequest& request) {
  for (const auto& write : request.writes) {
    STELE_CHECK(check_stream_name(write.stream));
    for (std::size_t i = 0; i < write.events.size(); ++i) {
      if (auto event = check_event(write.events[i]); !event)
        return std::move(event).error().at(write.stream + ": events[" + std::to_string(i) + "]");
    }
  }
  return {};
}

result<Trial> Trial::of(EventStore& store, const AppendRequest& request, Position first) {
  Trial trial;
  std::size_t events = 0;
  for (const auto& write : request.writes) events += write.events.size();
  trial.tags_.reserve(events);  // never moved: short texts live in the strings themselves
  trial.events_.reserve(events);
  const auto now = request.recorded_at.value_or(
      std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now()));
  for (const auto& write : request.writes) {
    STELE_TRY(const Revision next, next_revision(store, write));
    trial.add(write, next, now, first);
  }
  STELE_ASSERT(trial.events_.size() == events, "every event is tried", trial.events_.size(), events);
  return trial;
}

void Trial::add(const StreamWrite& write, Revision next, Timestamp now, Position& position) {
  for (const NewEvent& event : write.events) {
    events_.push_back({.position = position,
                       .revision = next,
                       .recorded_at = now,
                       .id = event.id,
                       .stream = write.stream,
                       .type = event.type,
                       .content_type = event.content_type,
                       .data = event.data,
                       .metadata = event.metadata,
                       .tags = TagsView(tags_.emplace_back(encoded_tags(event.tags)))});
    position = position.next();
    next = next.next();
  }
}

}  // namespace stele::projection

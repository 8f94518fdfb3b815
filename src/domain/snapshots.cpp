// snapshots.cpp - kept states as records: their text, whether one is due, and whether the log confirms one. Knows
// no state's type; that is detail/snapshots.hpp.
#include "stele/detail/snapshots.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "event/retention.hpp"

namespace stele::detail {
namespace {

constexpr std::string_view snapshot_space = "snapshot";

// What stands before the state, in this order.
struct SnapshotHead {
  int version;
  Uuid shape;
  std::uint64_t revision;
  std::uint64_t position;
  Timestamp recorded_at;
  Timestamp taken_at;
};

// Nothing: it is not one of ours.
std::optional<KeptSnapshot> parse_snapshot(std::string_view text) {
  auto document = JsonDocument::parse(text);
  if (!document || !document->root().find("state")) return std::nullopt;
  const auto head = parse_as<SnapshotHead>(document->root(), UnknownFields::skip);
  if (!head) return std::nullopt;
  return KeptSnapshot{head->version, head->shape,
                      SnapshotMark{Revision(head->revision), Position(head->position), head->recorded_at},
                      head->taken_at, *std::move(document)};
}

void ignore_snapshot(SnapshotTally& tally, SnapshotTrack& track) {
  track.ignored = true;
  ++tally.ignored;
}

// The event at the position, or nothing: the log ends before it, or has it no more.
result<std::optional<RecordedEvent>> event_at(EventStore& store, Position position) {
  STELE_TRY(auto cursor,
            store.read({.query = {}, .from = position, .direction = Direction::backward, .limit = 1}));
  STELE_TRY(const auto batch, cursor->next_batch(1));
  if (batch.empty() || batch.front().position != position) return std::optional<RecordedEvent>();
  return std::optional(batch.front().to_owned());
}

Revision first_kept(const StreamInfo& info) {
  STELE_ASSERT(info.events <= info.last_revision.value() + 1, "a stream keeps no more than it had",
               info.events);
  return Revision(info.last_revision.value() + 1 - info.events);
}

// The stream was cut at its beginning, and the snapshot stands for what is gone.
bool was_truncated(EventStore& store, const std::string& stream, Revision at) {
  const auto info = store.stream_info(stream);
  return info && info->last_revision >= at && first_kept(*info) > at;
}

// Where the stream was cut by hand: what was below is not part of it any more, also not as a snapshot.
result<Revision> cut_at(EventStore& store, const StreamInfo& info) {
  STELE_TRY(const auto keep, retention(store, info.stream));
  const auto cut = keep.truncate_before.value_or(Revision());
  return cut == truncate_all ? first_kept(info) : cut;  // that one means what there was when it was written
}

// The stream has ended, was deleted and begun again, or keeps nothing up to where the snapshot could be used. An event
// stays in the log until it is compacted, so the log alone does not tell.
result<bool> is_outlived(EventStore& store, const std::string& stream, const SnapshotMark& mark) {
  const auto info = store.stream_info(stream);
  if (!info && (info.error().kind() == errc::not_found || info.error().kind() == errc::gone)) return true;
  if (!info) return info.error();
  STELE_TRY(const Revision cut, cut_at(store, *info));
  return cut > mark.revision || first_kept(*info) > mark.revision.next();
}

// Nothing will ever begin with it again.
void forget_snapshot(EventStore& store, const std::string& stream, SnapshotTally& tally,
                     SnapshotTrack& track) {
  ignore_snapshot(tally, track);
  if (!store.records().erase(snapshot_space, stream)) ++tally.failed;
}

}  // namespace

bool log_confirms(EventStore& store, const std::string& stream, const SnapshotMark& mark) {
  const auto event = event_at(store, mark.position);
  if (!event) return false;
  if (!*event) return was_truncated(store, stream, mark.revision);
  return (*event)->stream == stream && (*event)->revision == mark.revision &&
         (*event)->recorded_at == mark.recorded_at;
}

std::optional<KeptSnapshot> find_snapshot(EventStore& store, const std::string& stream,
                                          std::optional<Revision> up_to, int version, SnapshotTally& tally,
                                          SnapshotTrack& track) {
  const auto value = store.records().get(snapshot_space, stream);
  if (!value) ++tally.failed;
  if (!value || !*value) return std::nullopt;
  auto kept = parse_snapshot(**value);
  if (kept && up_to && kept->mark.revision > *up_to) return std::nullopt;
  const auto outlived = kept ? is_outlived(store, stream, kept->mark) : result<bool>(false);
  if (outlived && *outlived) {
    forget_snapshot(store, stream, tally, track);
    return std::nullopt;
  }
  track.newer = kept && kept->version > version;
  if (kept && outlived && log_confirms(store, stream, kept->mark)) return kept;
  ignore_snapshot(tally, track);
  return std::nullopt;
}

std::string snapshot_text(const SnapshotPolicy& policy, const Uuid& shape, const SnapshotMark& mark,
                          Timestamp taken_at, std::string_view state) {
  STELE_ASSERT(mark.position > Position(), "a snapshot ends with an event of the log", mark.revision.value());
  STELE_ASSERT(!state.empty(), "a state has a form", mark.position.value());
  std::string text = to_json(SnapshotHead{policy.version, shape, mark.revision.value(), mark.position.value(),
                                          mark.recorded_at, taken_at});
  text.pop_back();
  return ((text += ",\"state\":") += state) + "}";
}

void write_snapshot(EventStore& store, const std::string& stream, std::string_view text,
                    SnapshotTally& tally) {
  const bool written = store.records().put(snapshot_space, stream, text).has_value();
  ++(written ? tally.written : tally.failed);
}

bool snapshot_due(const SnapshotPolicy& policy, const SnapshotTrack& track, std::optional<Revision> revision,
                  std::uint64_t events_read, Timestamp now, SnapshotOccasion occasion) {
  if (!revision || track.newer) return false;
  const std::uint64_t behind = track.kept ? track.kept->revision.value() + 1 : 0;
  STELE_ASSERT(revision->value() + 1 >= behind, "a state is not older than what it began with", behind);
  const std::uint64_t since = revision->value() + 1 - behind;
  if (since == 0) return false;
  if (track.ignored) return true;
  if (policy.read_past > 0 && events_read > policy.read_past) return true;
  if (occasion == SnapshotOccasion::loaded) return false;
  if (policy.every > 0 && since >= policy.every) return true;
  return policy.older_than.count() > 0 && track.since && now - *track.since >= policy.older_than;
}

}  // namespace stele::detail

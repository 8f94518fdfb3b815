// snapshots.hpp - how a snapshot is written, found, doubted and believed. Only for unit_of_work.hpp; what it
// adds up to is said in stele/snapshot.hpp.
#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "stele/decider.hpp"
#include "stele/snapshot.hpp"

namespace stele::detail {

template <class D>
concept has_snapshots = requires {
  { D::snapshots } -> std::convertible_to<SnapshotPolicy>;
};

// What of the stream is in the snapshot: everything up to this event, which stands there in the log.
struct SnapshotMark {
  Revision revision;
  Position position;
  Timestamp recorded_at;
  bool operator==(const SnapshotMark&) const = default;
};

struct SnapshotTally {
  std::atomic<std::uint64_t> used = 0;
  std::atomic<std::uint64_t> ignored = 0;
  std::atomic<std::uint64_t> written = 0;
  std::atomic<std::uint64_t> failed = 0;
};
template <class D>
inline SnapshotTally snapshot_tally;

// One kept value, taken apart as far as no type is needed.
struct KeptSnapshot {
  int version;
  Uuid shape;
  SnapshotMark mark;
  Timestamp taken_at;
  JsonDocument document;  // its member "state"

  [[nodiscard]] bool is(int wanted_version, const Uuid& wanted_shape) const {
    return version == wanted_version && shape == wanted_shape;
  }
  [[nodiscard]] JsonValue state() const { return *document.root().find("state"); }
};

// What a load learned on its way, from which it follows whether a snapshot is due.
struct SnapshotTrack {
  std::optional<SnapshotMark> kept;  // the one the load began with
  std::optional<Timestamp> since;    // it was taken then; or the stream's first event was recorded then
  std::optional<SnapshotMark> last;  // the last event folded
  bool ignored = false;              // there was one that is no good: the next one replaces it
  bool newer = false;                // there is one of a newer program: leave it
};

// Nothing: there is none up to `up_to` that the log confirms. Sets what `track` says about a useless one; never
// an error.
[[nodiscard]] std::optional<KeptSnapshot> find_snapshot(EventStore& store, const std::string& stream,
                                                        std::optional<Revision> up_to, int version,
                                                        SnapshotTally& tally, SnapshotTrack& track);
// The event the snapshot ends with is in the log, where the snapshot says.
[[nodiscard]] bool log_confirms(EventStore& store, const std::string& stream, const SnapshotMark& mark);
[[nodiscard]] std::string snapshot_text(const SnapshotPolicy& policy, const Uuid& shape,
                                        const SnapshotMark& mark, Timestamp taken_at, std::string_view state);
void write_snapshot(EventStore& store, const std::string& stream, std::string_view text,
                    SnapshotTally& tally);

enum class SnapshotOccasion : std::uint8_t { loaded, decided };
[[nodiscard]] bool snapshot_due(const SnapshotPolicy& policy, const SnapshotTrack& track,
                                std::optional<Revision> revision, std::uint64_t events_read, Timestamp now,
                                SnapshotOccasion occasion);

// Field names, types and order, all the way down, as one id.
template <class State>
[[nodiscard]] const Uuid& shape_of() {
  constexpr Uuid space(
      {0x3c, 0x5b, 0x5a, 0x1e, 0x91, 0x0d, 0x4e, 0x0b, 0xa3, 0x1f, 0x73, 0x68, 0x61, 0x70, 0x65, 0x31});
  static const Uuid shape = Uuid::from_name(space, describe<State>());
  return shape;
}

// Reads the snapshot as an older state, if it is one, and brings it up to the decider's own.
template <class D, class Old>
bool read_older(const KeptSnapshot& kept, std::optional<typename D::State>& state) {
  if (!kept.is(Old::version, shape_of<typename Old::type>())) return false;
  auto old = parse_as<typename Old::type>(kept.state(), UnknownFields::refuse);
  if (old) state = D::upcast(*std::move(old));
  return true;
}
template <class D, class... Old>
void read_any_older(const KeptSnapshot& kept, std::optional<typename D::State>& state,
                    const older_states<Old...>*) {
  (void)(read_older<D, Old>(kept, state) || ...);
}

// Nothing: of a shape or version that cannot be used, or not what it says it is.
template <class D>
std::optional<typename D::State> read_snapshot(const KeptSnapshot& kept) {
  using State = typename D::State;
  std::optional<State> state;
  const auto read = guarded([&]() -> result<void> {
    if (kept.is(SnapshotPolicy(D::snapshots).version, shape_of<State>())) {
      STELE_TRY(state, parse_as<State>(kept.state(), UnknownFields::refuse));
    } else if constexpr (requires { typename D::OlderStates; }) {
      read_any_older<D>(kept, state, static_cast<const typename D::OlderStates*>(nullptr));
    }
    return {};
  });
  return read ? std::move(state) : std::nullopt;
}

// The state a load may begin with, and in `track` which one it was.
template <class D>
std::optional<typename D::State> snapshot_state(EventStore& store, const std::string& stream,
                                                std::optional<Revision> up_to, SnapshotTrack& track) {
  SnapshotTally& tally = snapshot_tally<D>;
  const int version = SnapshotPolicy(D::snapshots).version;
  const auto kept = find_snapshot(store, stream, up_to, version, tally, track);
  if (!kept) return std::nullopt;
  auto state = read_snapshot<D>(*kept);
  track.ignored = !state;
  ++(state ? tally.used : tally.ignored);
  if (!state) return state;
  track.kept = track.last = kept->mark;
  track.since = kept->taken_at;
  return state;
}

template <class D>
void keep_snapshot(EventStore& store, const std::string& stream, const typename D::State& state,
                   const SnapshotMark& mark, Timestamp now) {
  const auto text = guarded([&]() -> result<std::string> {
    return snapshot_text(D::snapshots, shape_of<typename D::State>(), mark, now, to_json(state));
  });
  if (text)
    write_snapshot(store, stream, *text, snapshot_tally<D>);
  else
    ++snapshot_tally<D>.failed;
}

}  // namespace stele::detail

namespace stele {

// What became of D's snapshots in this program so far.
template <decider D>
[[nodiscard]] SnapshotCounts snapshot_counts() {
  const detail::SnapshotTally& tally = detail::snapshot_tally<D>;
  return {tally.used, tally.ignored, tally.written, tally.failed};
}

}  // namespace stele

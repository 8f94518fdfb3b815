// snapshot.hpp - aggregates that are loaded from a kept state and the events behind it, instead of from their
// first event. When one is taken, when one is believed, and who does the work. Not the truth: every snapshot
// can be deleted, and the next load folds the whole stream again.
//
//   struct Account {
//     ...
//     static constexpr stele::SnapshotPolicy snapshots{.every = 200};    // that is all
//   };
//
// From then on Repository, handle() and transact() begin with the snapshot and read only what came after it:
// 250 events with a snapshot of the first 200 are 50 events read (Loaded::events_read, Loaded::from_snapshot).
// A decider that says nothing has none and costs nothing.
//
// What is promised
//   never in the way    a snapshot is taken when the append has been acknowledged, on the caller's thread or -
//                       with a Snapshotter - on that one's. One that cannot be written, read or parsed is
//                       counted and otherwise as if it were not there: no command and no load fails by it.
//   never believed      used are only those whose shape (field names, types and order of the state, all the way
//   blindly             down) and version are the decider's own, and whose last event stands in the log where
//                       they say. One from before a change, from another log or from behind its end is ignored,
//                       counted and replaced by the next one. One of a stream that was deleted, or cut behind
//                       it, is erased as well: nothing comes back by a snapshot.
//   no way back         a program does not overwrite the snapshots of a newer version of itself.
//
// The state must have a JSON form, like an event (wire.hpp): plain structs, or a variant of them. Shape is
// found out by itself; what no program can see is that evolve() now makes another state of the same events:
// raise `version` then.
//
// When the state changes, snapshots are made anew from the events, which takes one long load for each aggregate.
// Where that is too much, an upcaster carries the old ones over:
//
//   using OlderStates = stele::older_states<stele::older_state<1, v1::State>>;   // version it was kept under
//   static State upcast(const v1::State& old);
//
// Snapshots lie in the store's records, space "snapshot", one for each stream, and are as durable as they.
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "stele/store.hpp"

namespace stele {

// ---- When

// A snapshot is due as soon as any of these says so. `SnapshotPolicy{}` is one after every 100 events.
struct SnapshotPolicy {
  // Of the rules that made the state: raise it when evolve() would make another state of the same events.
  int version = 1;
  // This many events since the last snapshot, or since the beginning. 0: never for that reason.
  std::uint64_t every = 100;
  // The last snapshot (or, before the first, the stream's first event) is at least this old and something has
  // happened since. Looked at when a command was decided, by that command's clock (Context::at). 0: never.
  std::chrono::microseconds older_than{0};
  // A load had to read more events than this; also one that decides nothing. 0: never.
  std::uint64_t read_past = 0;
};

// The shapes and versions that snapshots had before. Of each: D::upcast(const State&) -> D::State.
template <int Version, class State>
struct older_state {
  static constexpr int version = Version;
  using type = State;
};
template <class... Old>
struct older_states {};

// ---- How it went

// Since the program was started, for one decider and all stores.
struct SnapshotCounts {
  std::uint64_t used = 0;  // loads that began with one
  std::uint64_t ignored =
      0;  // there was one, and it was of another shape, version or log, or its stream is gone
  std::uint64_t written = 0;
  std::uint64_t failed = 0;  // could not be read from the records, or not be written
  bool operator==(const SnapshotCounts&) const = default;
};

// ---- Who

struct SnapshotterOptions {
  double per_second = 50;  // at most; what is due meanwhile waits
  std::size_t waiting =
      10'000;  // streams, at most; one more is turned away and asks again when it is due again
};

// A thread that takes snapshots for those who ask, one after the other and not too many a second, so that the
// answer to a command never waits for one. Owned by the application, given to HandleOptions::snapshotter and
// Repository. An aggregate that asks again while it waits is taken once.
//
// Threading: every member may be called from any thread. Destroy it before the store; what waits then is dropped.
class Snapshotter {
 public:
  explicit Snapshotter(SnapshotterOptions options = {});
  ~Snapshotter();
  Snapshotter(const Snapshotter&) = delete;
  Snapshotter& operator=(const Snapshotter&) = delete;

  // `take` runs later, once, on the snapshotter's thread. False: too many are waiting.
  bool ask(const std::string& stream, std::function<void()> take);
  // How many streams wait, the one in progress included.
  [[nodiscard]] std::size_t waiting() const;
  // Takes what waits at this moment without heeding the rate, and returns when that is done; what is asked for
  // meanwhile waits its turn. For tests and orderly ends.
  void drain();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace stele

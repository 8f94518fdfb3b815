// store.hpp - the event store: append, read, subscribe. The one contract that the embedded engine and every
// other backend keep; the domain toolkit and projections know nothing else. Open one with stele::open().
//
// Durability, in the words used everywhere:
//   durable       the bytes survive kill -9, a kernel crash and a power cut (fdatasync has returned).
//   acknowledged  append() returned a value, or its completion ran with one. Acknowledged implies durable.
//   visible       readers and subscribers can get it. Visible implies durable: nobody ever sees an event that
//                 a crash could take back.
//   unknown       an append that ended in `timeout` or `unavailable`: it may or may not have happened. Repeating
//                 it with the same event ids is harmless and gives the answer the first try would have given.
//
// Threading: every member of EventStore may be called from any thread at any time. Cursors and subscriptions
// belong to one thread at a time. All must be destroyed before the store.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stele/event.hpp"

namespace stele {

// ---- Appending

struct StreamWrite {
  std::string stream;
  ExpectedVersion expected;
  std::vector<NewEvent> events;  // at least one
};

// A stream that must stand where the decision saw it, and is not written.
struct StreamCheck {
  std::string stream;
  ExpectedVersion expected;
};

// One atomic append: all of it happens, at consecutive positions, or nothing does. A stream may be written
// and checked once each; naming one twice in `writes` is `invalid`.
struct AppendRequest {
  std::vector<StreamWrite> writes;
  std::vector<StreamCheck> also_expect;  // streams the decision rested on but does not write
  std::optional<AppendCondition> condition;
  // Imports only: the time to record instead of now. Must not lie before the last recorded time of the log.
  std::optional<Timestamp> recorded_at;
};

struct StreamRevision {
  std::string stream;
  Revision revision;  // of the stream's last event after the append
  bool operator==(const StreamRevision&) const = default;
};

struct AppendResult {
  Position first;
  Position last;
  std::vector<StreamRevision> revisions;  // in the order of `writes`
  Timestamp recorded_at;
  bool was_duplicate = false;  // these ids were already there with the same content; nothing was written
};

// Runs exactly once, on a thread of the store or of anybody who appends at that moment. So be quick, do not append
// from it, and take no lock that somebody holds while appending.
using AppendCompletion = std::move_only_function<void(result<AppendResult>)>;

// ---- Reading

enum class Direction : std::uint8_t { forward, backward };

inline constexpr std::uint64_t no_limit = ~std::uint64_t{0};

// From a revision on, inclusive. Nothing: the first event forward, the last one backward.
struct StreamRead {
  std::string stream;
  std::optional<Revision> from;
  Direction direction = Direction::forward;
  std::uint64_t limit = no_limit;
};

// From a position on, inclusive. Nothing: the first event forward, the last visible one backward.
struct LogRead {
  Query query;
  std::optional<Position> from;
  Direction direction = Direction::forward;
  std::uint64_t limit = no_limit;
};

// A bounded walk over events that were visible when it was opened.
class Cursor {
 public:
  virtual ~Cursor() = default;
  // The next events, at most `max` of them; an empty span is the end. The views stay valid until the next
  // call. `corrupt` names the damaged event's position; the call after it goes on behind the damage.
  virtual result<std::span<const EventView>> next_batch(std::size_t max) = 0;
};

// ---- Subscribing

struct SubscriptionBatch {
  std::span<const EventView> events;  // valid until the next call
  Position position;                  // everything up to here was delivered or did not match: the checkpoint
  bool caught_up = false;             // `position` was the head when this batch was made
};

// Catch-up and live are the same operation repeated from a position: there is no hand-over to get wrong.
class Subscription {
 public:
  virtual ~Subscription() = default;
  // Returns as soon as there is something to tell: events, or progress past events that do not match, or -
  // with no events - that `timeout` went by. Woken by appends, never polling.
  virtual result<SubscriptionBatch> next_batch(std::size_t max, std::chrono::microseconds timeout) = 0;
  // From any thread: the call in progress and all later ones return `unavailable`.
  virtual void cancel() = 0;
};

// ---- Looking around

// Of what the stream's retention keeps.
struct StreamInfo {
  std::string stream;
  Revision last_revision;
  std::uint64_t events = 0;
  Position first_position;
  Position last_position;
};

struct Head {
  Position position;         // of the last visible event
  std::uint64_t events = 0;  // how many events can be read
  Position durable;          // equal to `position` in every store that keeps "visible implies durable"
};

// Small keyed values beside the log: snapshots, checkpoints, outcomes of idempotent commands. Each call is
// one durable transaction. `space` keeps users apart ("snapshot", "idempotency", ...).
class Records {
 public:
  virtual ~Records() = default;
  virtual result<std::optional<std::string>> get(std::string_view space, std::string_view key) = 0;
  virtual result<void> put(std::string_view space, std::string_view key, std::string_view value) = 0;
  // False: there was one already, and it is unchanged.
  virtual result<bool> insert(std::string_view space, std::string_view key, std::string_view value) = 0;
  virtual result<void> erase(std::string_view space, std::string_view key) = 0;
  // Forgets what was written before `time`; returns how many.
  virtual result<std::uint64_t> erase_older(std::string_view space, Timestamp time) = 0;
};

// Ends the registration when destroyed; after that the callback does not run any more.
class Watch {
 public:
  virtual ~Watch() = default;
};

// ---- The store

class EventStore {
 public:
  virtual ~EventStore() = default;

  // Durable when it returns. Errors: invalid, conflict (facts: stream, expected, actual, position; of a condition:
  // after, and position and, when the query names types, type of the newest event that matches), gone (a
  // tombstoned stream), too_large, disk_full, read_only, busy, unavailable. A refused append leaves no trace.
  virtual result<AppendResult> append(AppendRequest request) = 0;
  // The same without waiting. The request is checked and copied before this returns.
  virtual void append_async(AppendRequest request, AppendCompletion done) = 0;

  // not_found when the stream does not exist or all of it is gone, gone when it is tombstoned. `from` past the end
  // gives an empty cursor; before the first event that is kept, it begins with that one.
  virtual result<std::unique_ptr<Cursor>> read_stream(StreamRead read) = 0;
  virtual result<std::unique_ptr<Cursor>> read(LogRead read) = 0;
  // Everything matching after `after` (exclusive), then live.
  virtual result<std::unique_ptr<Subscription>> subscribe(Query query, Position after) = 0;

  virtual result<StreamInfo> stream_info(std::string_view stream) = 0;
  // Streams whose name begins with `prefix` and sorts behind `after`, by name, at most `limit`.
  virtual result<std::vector<StreamInfo>> list_streams(std::string_view prefix, std::string_view after,
                                                       std::size_t limit) = 0;
  virtual result<RecordedEvent> find_event(const Uuid& id) = 0;  // not_found
  // The last position recorded at or before `time`; 0 when there is none.
  virtual result<Position> position_at(Timestamp time) = 0;

  [[nodiscard]] virtual Head head() const = 0;
  // Returns when `position` is visible; `timeout` otherwise. Woken, never polling.
  virtual result<void> wait_for(Position position, std::chrono::microseconds timeout) = 0;
  // Calls back whenever the head has moved, with the new one; moves may be merged. The rules of AppendCompletion
  // hold.
  virtual std::unique_ptr<Watch> watch(std::function<void(Position)> moved) = 0;

  virtual Records& records() = 0;
};

// ---- Retention: what a stream keeps

// Which events of a stream are kept; without any member, all of them. What is not kept is *gone*: hidden at once from
// read_stream() and stream_info(), and from everything else (reads of the log, subscriptions, find_event) when
// compact() has dropped its bytes. Gone is only ever a beginning of the stream: what stays is dense up to the end.
// Revisions and positions of what stays never change.
struct Retention {
  std::optional<Revision> truncate_before;      // events below it are gone
  std::optional<std::uint64_t> max_count;       // all but the last so many are gone; at least 1
  std::optional<std::chrono::seconds> max_age;  // recorded longer ago than this: gone; at least 1 second
  bool operator==(const Retention&) const = default;
};

// Retention is itself a stream of events, `$$` + the stream's name: type "$metadata", JSON data with the members
// $tb, $maxCount and $maxAge. The newest one counts; members that stele does not know are kept and ignored.
[[nodiscard]] std::string metadata_stream_of(std::string_view stream);

// Everything empty when none was ever set. gone: the stream is tombstoned.
[[nodiscard]] result<Retention> retention(EventStore& store, std::string_view stream);
// The stream need not exist yet. `expected` is about the metadata stream. Errors: those of append(); invalid for
// values that make no sense.
result<AppendResult> set_retention(EventStore& store, std::string_view stream, const Retention& keep,
                                   ExpectedVersion expected = {});
// All events so far are gone. The stream may be written again, and its numbering goes on: no_stream matches it,
// and so does exact(last revision). Errors: not_found when there is nothing to delete, conflict, gone.
result<AppendResult> delete_stream(EventStore& store, std::string_view stream, ExpectedVersion expected = {});
// The same for good: reading and appending answer `gone` from now on. Cannot be undone.
result<AppendResult> tombstone_stream(EventStore& store, std::string_view stream,
                                      ExpectedVersion expected = {});

// ---- Compaction: giving back the bytes of what is gone

// Why an event is gone.
enum class Gone : std::uint8_t { deleted, tombstoned, truncated, over_count, too_old, old_metadata };
inline constexpr std::size_t gone_kinds = 6;

struct GoneEvents {
  std::uint64_t events = 0;
  std::uint64_t bytes = 0;  // of their records in the log
};

// One closed segment of the log: what of it is gone, and whether it was rewritten without it.
struct CompactedSegment {
  Position first;                           // it stands for the positions from here
  Position last;                            // to here, before and after
  std::array<GoneEvents, gone_kinds> gone;  // by reason
  std::uint64_t bytes_before = 0;           // of the file
  std::uint64_t bytes_after = 0;            // of the new one, or what it would have
  bool rewritten = false;

  [[nodiscard]] GoneEvents all_gone() const;
};

struct CompactOptions {
  bool dry_run = false;                // only find out
  std::uint64_t min_gain = 256 << 10;  // bytes: a segment that gives less is left as it is
  // After each segment; `of` is how many there are. Must not append to the store.
  std::function<void(const CompactedSegment&, std::size_t number, std::size_t of)> progress;
};

// Rewrites the closed segments of a store in a directory, open for writing, without the events that are gone, oldest
// first; appends and reads go on meanwhile. A crash at any moment leaves each segment either as it was or rewritten.
// Errors: busy (one is running), corrupt (a segment is damaged and stays as it is; those before it are done),
// disk_full, read_only, invalid (another kind of store).
result<std::vector<CompactedSegment>> compact(EventStore& store, const CompactOptions& options = {});

// ---- Archiving: old segments compressed, or moved to a cheaper disk, and still read

// One closed segment of the log, and what became of it.
struct ArchivedSegment {
  Position first;
  Position last;
  std::uint64_t bytes_before = 0;  // of the file, where it was; 0 when only its place was remembered anew
  std::uint64_t bytes_after = 0;   // of the file that holds it now; 0 in a dry run that would compress it
  bool compressed = false;         // it is, or in a dry run would be
  std::filesystem::path place;     // the archive it is in; empty: it is with the log
  bool changed = false;            // by this run, or would be
};

struct ArchiveOptions {
  std::filesystem::path to;         // the archive, of one store alone; empty: they stay where they are
  bool compress = false;            // in blocks of 64 KiB; reading one event then inflates one block
  Position before;                  // only segments that lie below it altogether; 0: no bound
  std::uint64_t keep_segments = 0;  // the newest closed ones that are left alone
  bool dry_run = false;
  // After each segment; `of` is how many there are. Must not append to the store.
  std::function<void(const ArchivedSegment&, std::uint64_t number, std::uint64_t of)> progress;
};

// Compresses or moves closed segments of a store in a directory, open for writing, oldest first; appends and reads go
// on meanwhile. Positions, revisions, conditions and queries stay as they are: the index remains with the store. A
// crash at any moment loses nothing. The store remembers where each segment is; moving the archive and naming its new
// place in `to` makes it remember that. While an archive is away, reads that need it are `unavailable` (facts: segment,
// archive) and everything else works. Errors: invalid (nothing to do, or the archive of another store), busy, corrupt
// (a segment is damaged and stays where it is), disk_full, read_only.
result<std::vector<ArchivedSegment>> archive(EventStore& store, const ArchiveOptions& options);

// ---- Opening a directory

enum class Access : std::uint8_t {
  read_write,  // the one writer; a second one gets `busy` with the holder's pid
  read_only,   // follows a writer in another process, or reads a store nobody has open; writes nothing
};

struct OpenOptions {
  Access access = Access::read_write;
  bool create = true;                          // read_write only: make the directory and an empty store
  std::uint64_t segment_bytes = 256ull << 20;  // size at which a new segment file begins
  // Where archived segments are looked for first, then where the store remembers them to be.
  std::filesystem::path archive = {};
};

// Opens a store. Recovery runs here, over what the index does not cover yet: a torn tail (never acknowledged) is
// cut; damage to acknowledged bytes opens the store read-only and says where. Damage in older, indexed segments
// is told by the read that meets it, and by `stele verify`. Errors: busy, not_found, corrupt, invalid (not a store,
// newer format), disk_full, denied.
[[nodiscard]] result<std::unique_ptr<EventStore>> open(const std::filesystem::path& directory,
                                                       OpenOptions options = {});

}  // namespace stele

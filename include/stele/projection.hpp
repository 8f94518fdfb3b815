// projection.hpp - read models kept up to date from the log: who runs them, how to wait for them, how to ask
// them about the past. What a model is made of and where it is stored is the target's business (sqlite.hpp).
//
// A projection has a name, a version, the events it wants, and a rule how each of them changes the model. Its
// model can always be deleted and comes back identical from the log; so raising the version, losing the file
// or restoring another store means "build it again", never "repair it".
//
// What is promised
//   once        however often an event is delivered, it changes the model once: the model and the checkpoint
//               commit in one transaction, and events at or below the checkpoint are skipped.
//   in order    by position, one batch after the other, on one thread of its own.
//   after kill  the model equals a fold of the log up to its checkpoint, whatever moment the process died.
//   no silence  an event that cannot be applied is retried with growing pauses. Then the projection stops at
//               exactly that event and says why; or, where that was asked for (on_failure), the event is parked:
//               kept with its error, together with what follows it in its sequence, while all others go on.
//   one writer  of several processes that run the same projection one works, the others stand by for it.
//   no gap      a rebuild goes on beside the model that serves; readers see the old one or the new one, whole.
//   in the append, where asked for (RunnerOptions::synchronous, Projections::appends): what the model refuses is not
//               in the log, and what is acknowledged is in the model.
//
// Declaring one (typed events; the codec is the domain's own, so old event versions arrive upcast):
//
//   struct Balances {
//     static constexpr std::string_view name = "balances";
//     static constexpr int version = 1;               // raise it when the answers would differ
//     static constexpr std::string_view schema = "CREATE TABLE balance(account TEXT PRIMARY KEY, ...)
//     STRICT"; using Events = stele::events<MoneyDeposited, MoneyWithdrawn>; static stele::result<void>
//     project(stele::SqliteModel& m, const MoneyDeposited& e, const stele::EventView&); static
//     stele::result<void> project(stele::SqliteModel& m, const MoneyWithdrawn& e, const stele::EventView&);
//   };
//
// Running it:
//
//   stele::Projections projections(*store);
//   STELE_TRY(auto target, stele::SqliteTarget::open("data/models", stele::sqlite_projection<Balances>()));
//   STELE_TRY(stele::Runner* balances, projections.add(target));
//   STELE_CHECK(balances->wait(appended.last, std::chrono::seconds(5)));    // read your own write
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stele/store.hpp"
#include "stele/wire.hpp"

namespace stele {

// ---- What a target has to offer

// How far a model has come, kept in the model's own store.
struct Checkpoint {
  Position position;  // every event up to here is in the model, or did not concern it
  // The last event that was applied, as a fingerprint of the log the model was built from: another log has
  // another event there. Position 0: none yet.
  Position last_event;
  Uuid last_event_id;
  bool operator==(const Checkpoint&) const = default;
};

// ---- What a target may offer besides. Each is asked for through ProjectionTarget; null where there is none.

// An event that is not in the model although the model has gone on behind it.
struct ParkedEvent {
  enum class State : std::uint8_t {
    failed,   // it could not be applied; `why` says what happened
    waiting,  // applied after an earlier one of its sequence, so not now
    skipped,  // given up by somebody; `why` is their reason. Kept as a record, not in anybody's way
  };
  Position position;
  std::string sequence;  // events with the same key stay in order; empty: nothing waits for this one
  std::string stream;
  std::string type;
  State state = State::failed;
  std::string why;
  std::uint64_t tries = 0;
  Timestamp since;
  bool operator==(const ParkedEvent&) const = default;
};
[[nodiscard]] std::string_view to_string(ParkedEvent::State state);

// Keeps parked events in the model's own store, so that they and the checkpoint move together. All from the runner's
// thread.
class ProjectionParking {
 public:
  virtual ~ProjectionParking() = default;
  virtual result<std::vector<ParkedEvent>> list() = 0;  // by position
  // Between begin() and commit(), also of a batch that leaves the checkpoint where it is. put() replaces what is kept
  // for the same position. remove() comes before apply() of that event, which lies behind the checkpoint and must be
  // applied all the same; `conflict` when it is not kept any more.
  virtual result<void> put(const ParkedEvent& event) = 0;
  virtual result<void> remove(Position position) = 0;
};

// Who may write a model: one process at a time. A batch of somebody whose lease has gone to another must be
// refused by begin() or commit() with `conflict`, whatever clocks say: that is the fence.
class ProjectionLease {
 public:
  virtual ~ProjectionLease() = default;
  // Takes it, or keeps it. `busy` (fact holder) while somebody else has it.
  virtual result<void> take() = 0;
  virtual void release() = 0;
  // How often take() must be called to keep it. Zero: it is held until it is released or the process ends.
  [[nodiscard]] virtual std::chrono::microseconds renew_every() const { return {}; }
};

// Trying events on the model before they are in the log (RunnerOptions::synchronous). From the runner's thread.
class ProjectionTrial {
 public:
  virtual ~ProjectionTrial() = default;
  // Between begin() and rollback(): writes what was applied and kept back, so that whatever commit() would refuse is
  // refused now. Nothing of it may outlive the rollback.
  virtual result<void> settle() = 0;
};

class ProjectionTarget;

// One table (or what the target calls so) of two models at the same position.
struct TableComparison {
  std::string table;
  std::uint64_t rows_before = 0;
  std::uint64_t rows_after = 0;
  bool same = false;                  // the checksums over all rows agree
  std::vector<std::string> examples;  // of rows that only one of them has: "- ..." before, "+ ..." after
};

struct RebuildOptions {
  std::size_t batch = 1'048'576;  // events per transaction, at most
  bool swap = true;               // as soon as it has caught up; otherwise when swap() is called
  bool compare = false;  // old and new must hold the same rows; differences leave the decision to swap()
};

// Another model beside the one that serves. All from the runner's threads; never two calls at once.
class SideBySide {
 public:
  virtual ~SideBySide() = default;
  // The model that is being built: as an interrupted build has left it, or an empty one. The target it answers is
  // tuned for bulk work; nobody reads it before swap().
  virtual result<std::shared_ptr<ProjectionTarget>> build(const RebuildOptions& options) = 0;
  // How the one was begun that is there to be gone on with. From any thread, as has_previous().
  [[nodiscard]] virtual std::optional<RebuildOptions> building() const = 0;
  virtual result<void> discard() = 0;  // the one being built
  // The model that served before the last swap. `not_found` when there is none.
  virtual result<std::shared_ptr<ProjectionTarget>> previous() = 0;
  [[nodiscard]] virtual bool has_previous() const = 0;
  // Readers get the other model from now on, durably; `other` becomes what served until now, and previous().
  // `other` came from build() or previous() and has no batch open, nor has this one.
  virtual result<void> swap(ProjectionTarget& other) = 0;
  // Another process may have swapped: true when readers get another model now.
  virtual result<bool> refresh() = 0;
  // `other` as above, at the same position. At most `examples` rows for each table that differs.
  virtual result<std::vector<TableComparison>> compare(ProjectionTarget& other, std::size_t examples) = 0;
  // An empty model of the same projection that vanishes with the object.
  virtual result<std::shared_ptr<ProjectionTarget>> scratch() = 0;
};

// One projection's model in one store. A target without transactions keeps the promises by writing the
// checkpoint last and making apply() repeatable.
//
// Threading: begin to commit, reset and passed are called by one thread at a time (the runner's).
class ProjectionTarget {
 public:
  virtual ~ProjectionTarget() = default;

  [[nodiscard]] virtual const std::string& name() const = 0;
  [[nodiscard]] virtual int version() const = 0;
  [[nodiscard]] virtual const Query& events() const = 0;
  // What people should know about how it was opened, e.g. "built anew: its schema had changed". Or empty.
  [[nodiscard]] virtual std::string note() const = 0;

  virtual result<Checkpoint> checkpoint() = 0;
  // Empties the model and its checkpoint, atomically for readers.
  virtual result<void> reset() = 0;

  virtual result<void> begin() = 0;
  virtual result<void> apply(const EventView& event) = 0;
  // Makes the batch and the checkpoint visible together; answers the keys that were reported as changed.
  // After an error the batch is gone, as after rollback().
  virtual result<std::vector<std::string>> commit(const Checkpoint& now) = 0;
  virtual void rollback() = 0;

  // A batch may hold any number of events without filling the memory: far behind the head the runner uses batches of
  // RunnerOptions::catch_up_batch then.
  [[nodiscard]] virtual bool takes_long_batches() const { return false; }

  // Nothing between the checkpoint and `position` concerns the model. Cheap; may be remembered lazily.
  virtual void passed(Position position) = 0;

  [[nodiscard]] virtual ProjectionParking* parking() { return nullptr; }
  [[nodiscard]] virtual ProjectionLease* lease() { return nullptr; }
  [[nodiscard]] virtual SideBySide* side_by_side() { return nullptr; }
  [[nodiscard]] virtual ProjectionTrial* trial() { return nullptr; }
};

// ---- Looking at a running projection

enum class ProjectionState : std::uint8_t {
  stopped,      // not started, or stopped on request
  catching_up,  // working through the past
  live,         // has been at the head; now applies what comes
  retrying,     // an event could not be applied: trying again after a pause
  failed,       // gave up at an event; `reason` says which and why. start() tries again
  paused,       // on request; `reason` is the one that was given. Waits go on waiting
  standby,  // another process has the lease; follows what that one makes visible and takes over when it ends
};
[[nodiscard]] std::string_view to_string(ProjectionState state);

// A model that is being built beside the one that serves.
enum class RebuildState : std::uint8_t {
  building,   // from the log, in large batches
  ready,      // has caught up and waits for swap()
  different,  // has caught up; a comparison was asked for and found differences, so it waits for swap()
  failed,     // `reason` says why; rebuild() goes on where it ended
};
[[nodiscard]] std::string_view to_string(RebuildState state);

struct RebuildStatus {
  RebuildState state = RebuildState::building;
  Position position;
  Position head;
  std::uint64_t applied = 0;  // since it was begun or gone on with
  double events_per_second = 0;
  std::optional<std::chrono::milliseconds> remaining;  // at the pace so far
  std::uint64_t parked = 0;
  std::string reason;
  std::vector<TableComparison> comparison;  // when it was asked for
};

struct ProjectionStatus {
  std::string name;
  int version = 0;
  ProjectionState state = ProjectionState::stopped;
  Position position;                    // visible to queries up to here
  Position head;                        // of the log
  std::uint64_t behind_events = 0;      // head - position: the ones that do not concern it count too
  std::chrono::microseconds behind{0};  // how old the model's view of the world is; 0 at the head
  double events_per_second = 0;         // applied, over the last seconds
  std::uint64_t applied = 0;            // since the runner was made
  std::uint64_t retries = 0;
  std::string reason;         // of retrying, failed, paused and standby
  std::string note;           // e.g. "built anew: ..."
  std::uint64_t parked = 0;   // events that are not in the model: failed or waiting behind one
  std::uint64_t skipped = 0;  // given up
  bool can_roll_back = false;
  bool synchronous = false;  // appends go through it
  std::optional<RebuildStatus> rebuild;
};

// What applying costs, by type of event. The clock of the process, commit not included.
struct ApplyTime {
  std::string type;
  std::uint64_t events = 0;
  std::chrono::nanoseconds total{0};
  std::chrono::nanoseconds longest{0};
};

// From an event's recorded time to the commit that made it visible in the model. Only events recorded while
// the runner was running count, so that building a model from the past does not drown the figure.
struct LatencyHistogram {
  static constexpr std::array<std::uint32_t, 14> bounds_us{100,     250,       500,       1'000,     2'500,
                                                           5'000,   10'000,    25'000,    50'000,    100'000,
                                                           250'000, 1'000'000, 5'000'000, 30'000'000};
  std::array<std::uint64_t, bounds_us.size() + 1>
      counts{};  // per bucket, not cumulative; the last is "above"
  std::uint64_t count = 0;
  std::chrono::microseconds sum{0};

  // The upper bound of the bucket the quantile falls in (0.5, 0.99, ...); 0 when nothing was counted.
  [[nodiscard]] std::chrono::microseconds quantile(double q) const;
};

// The way of an event from the log into the model, each from its recorded time: handed to the projection, applied,
// visible. What lies before it (a command accepted, decided, appended) is measured by who appends.
struct Timeline {
  LatencyHistogram delivered;
  LatencyHistogram applied;
  LatencyHistogram visible;
};

// A batch that has become visible.
struct ModelChange {
  Position position;
  std::span<const std::string> keys;  // as reported by the projection; valid during the call
};

// ---- Running one

// An event that still cannot be applied after all tries. Troubles of the store (busy, disk full, unreachable) are
// no event's fault and are waited out.
enum class OnFailure : std::uint8_t {
  stop,  // the default: a model that lacks something does not go on as if it were whole
  park,  // needs a target with parking(); the model lacks the parked events until somebody retries or skips them
};

struct RunnerOptions {
  std::size_t batch = 1024;  // events per transaction, at most
  // The same while the model is far behind (16 batches or more), where the target takes so many; at the latest, two
  // seconds' work is committed. No more than `batch`: there is no difference.
  std::size_t catch_up_batch = 1'048'576;
  int tries = 5;                                  // for one event, before the projection stops
  std::chrono::microseconds first_pause{20'000};  // before the second try; doubles each time
  std::chrono::microseconds longest_pause{5'000'000};
  std::chrono::microseconds hold_back{0};  // see Runner::hold_back
  OnFailure on_failure = OnFailure::stop;
  // Which events must stay in order: those with the same key. Nothing: those of a stream. An empty key: this event
  // and no other.
  std::function<std::string(const EventView&)> sequence{};
  // More parked events than this mean that the projection is wrong, not the events: it stops.
  std::uint64_t park_at_most = 10'000;
  // Appends through Projections::appends() are tried on this model and refused when it refuses them; they are
  // acknowledged when it shows them. Needs a target with trial().
  bool synchronous = false;
};

// What a rebuild would take.
struct RebuildEstimate {
  std::uint64_t events = 0;      // that concern the model
  std::uint64_t sampled = 0;     // applied to a scratch model to find out
  double events_per_second = 0;  // in that sample
  std::chrono::milliseconds time{0};
};

// Keeps one model at the head of the log, on a thread of its own.
//
// Threading: every member may be called from any thread. Callbacks run on the projection's thread: be quick,
// and do not stop or destroy the runner in one. The store must outlive the runner.
class Runner {
 public:
  Runner(EventStore& store, std::shared_ptr<ProjectionTarget> target, RunnerOptions options = {});
  ~Runner();  // stops
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  // Starts, or starts again after stop() or a failure, from the target's checkpoint. A model that was built
  // from another log, or from more than this one holds, is emptied and built anew; status().note says so.
  void start();
  // Returns when the batch in progress is committed or rolled back. Whoever waits gets `unavailable`.
  void stop();

  // Ends after the batch in progress and keeps the lease; until resume(), stop() or the end of the process. Whoever
  // waits goes on waiting.
  void pause(std::string reason);
  void resume();

  [[nodiscard]] ProjectionStatus status() const;
  [[nodiscard]] Position position() const;
  [[nodiscard]] LatencyHistogram latency() const;  // timeline().visible
  [[nodiscard]] Timeline timeline() const;
  [[nodiscard]] std::vector<ApplyTime> apply_times() const;  // the costliest type first
  [[nodiscard]] ProjectionTarget& target() const;
  [[nodiscard]] bool synchronous() const;  // RunnerOptions::synchronous
  [[nodiscard]] bool is_this_thread()
      const;  // the caller is on the projection's thread: inside project() or a callback

  // ---- Parked events. These run between two batches; `busy` in standby: the process that works has to be asked.

  // By position, the skipped ones too.
  [[nodiscard]] result<std::vector<ParkedEvent>> parked();
  // Applies what is parked in the sequence of this event, in order, as far as it goes; position 0: in all of them.
  // Answers how many. Errors: not_found (nothing is parked there), or why one could not be applied again.
  result<std::uint64_t> retry(Position parked = {});
  // Gives up this one event, for good and for this reason, and applies what has waited for it. It must be parked as
  // failed, or be the one that a projection has stopped at. Answers how many followed it into the model.
  result<std::uint64_t> skip(Position event, const std::string& reason);

  // ---- Rebuild: another model beside the one that serves, then an atomic switch. For targets with side_by_side().

  // Begins, or goes on where a build was interrupted; returns at once, status().rebuild tells. One that a killed
  // process left behind goes on by itself with the next start(). Errors: conflict (one is running), invalid, busy (in
  // standby).
  result<void> rebuild(RebuildOptions options = {});
  // What that would take, from a sample; nothing is changed.
  result<RebuildEstimate> estimate_rebuild();
  // Makes the built model the one that serves, when it is ready (or different). The old one is kept for rollback().
  result<void> swap();
  // The model before the last swap is brought up to date and serves again. Returns when it does.
  result<void> rollback();
  // Gives up the one that is being built.
  result<void> discard_rebuild();

  // Returns as soon as everything up to `position` is visible in the model; woken by the commit, never
  // polling. Errors: timeout (facts wanted, current, behind_events), unavailable (the projection failed or
  // was stopped, or the event at `position` is parked; the message says why). A zero timeout asks without waiting.
  result<Position> wait(Position position, std::chrono::microseconds timeout);

  // The same without a thread: `reached` runs once, with the position or with `unavailable`; before this
  // returns when that is known already (then the ticket is 0). After cancel() has returned it does not run
  // any more; do not hold a lock that the callback takes. Cancelling twice, late, or ticket 0 does nothing.
  std::uint64_t notify_at(Position position, std::function<void(result<Position>)> reached);
  void cancel(std::uint64_t ticket);

  // Calls back after each commit that reported changed keys. Ends with the Watch.
  [[nodiscard]] std::unique_ptr<Watch> on_change(std::function<void(const ModelChange&)> changed);

  // ---- Appends that the model has a say in: what Projections::appends() is made of. Both are done between two
  // batches, and are `invalid` on the projection's own thread, which would wait for itself.

  // Brings the model to the head, applies the events in a transaction and rolls it back. Success: it takes them, and
  // knows everything up to the position that is answered; who appends makes sure that nothing it listens to has come
  // behind it. Errors: `invalid` with the fact `rule` (its name), when a constraint or the projection refuses them;
  // `unavailable` while it is far behind, paused, failed, stopped, in standby, not yet open, or has parked what comes
  // before them; `busy` and `disk_full` of its store.
  result<Position> try_out(const AppendRequest& request);
  // Returns when the model shows these events. Also while it is paused. `unavailable` (facts first, last) when it
  // cannot: they are in the log all the same, and it shows them when the cause is gone.
  result<void> show(const AppendResult& appended);

  // Pauses this long before applying each batch, from now on; for tests and demonstrations of waiting. Ends a
  // pause in progress when it is shortened.
  void hold_back(std::chrono::microseconds pause);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// All projections of an application, by name.
class Projections {
 public:
  explicit Projections(EventStore& store);
  ~Projections();  // stops them all
  Projections(const Projections&) = delete;
  Projections& operator=(const Projections&) = delete;

  // Adds and starts one. `conflict` when the name is taken, `invalid` when it is to be synchronous and its target
  // cannot be tried. The runner lives as long as this object.
  result<Runner*> add(std::shared_ptr<ProjectionTarget> target, RunnerOptions options = {});
  // Takes the runner of this name from another registry in place of its own one, which goes on until it is stopped and
  // lives on as after remove(). Answers that one. Errors: not_found, when either has none.
  result<Runner*> replace(std::string_view name, Projections& by);
  // Stops it and forgets it; its model stays. The runner itself lives on, stopped, for whoever still holds it.
  result<void> remove(std::string_view name);
  [[nodiscard]] Runner* find(std::string_view name) const;     // null when unknown
  [[nodiscard]] std::vector<ProjectionStatus> status() const;  // in the order of adding
  [[nodiscard]] std::vector<Runner*> runners() const;
  void stop();

  // The store, with the models that are `synchronous` in front of its appends: for everybody who appends, or whose
  // appends they are to have a say in. As long as there is none, it is the store.
  //
  // One append after the other, in the order in which they came, on a thread of its own: each model tries it out; it is
  // appended on condition that nothing was recorded meanwhile that a model listens to, or tried once more; each model
  // shows it; then it is answered, AppendCompletion running on that thread. So an append that is refused has left
  // nothing, one that is acknowledged is visible in each of these models, and a repeated one is applied once. What was
  // appended past this door counts like any other event, and cannot be refused any more.
  //
  // Errors, besides those of EventStore::append: Runner::try_out's, with nothing in the log; Runner::show's, with the
  // events there; `invalid` for a blocking append on the thread of one of the models (in project() or a callback);
  // `busy` when too many wait, or others append past it all the time. Versions and conditions conflict as ever.
  //
  // Lives as long as this object. A crash between the log and a model is made good when the projection starts again.
  [[nodiscard]] EventStore& appends();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// ---- The past

// Where in the log `moment` stands: everything up to and including that position had happened. A revision
// needs `stream`; "-20" is the state before the last 20 events of the stream, or of the log when there is
// none. A moment after the head is the head. Errors: not_found (the stream, or a revision it does not have),
// invalid.
[[nodiscard]] result<Position> position_of(EventStore& store, const Moment& moment,
                                           std::string_view stream = {});

// Applies what `events` holds up to `up_to` (inclusive) to a target, usually a scratch one, in batches. What
// the target does not ask for is skipped. Answers `up_to`.
result<Position> fold(ProjectionTarget& into, Cursor& events, Position up_to);
// The same from the whole log.
result<Position> fold(ProjectionTarget& into, EventStore& store, Position up_to);

// ---- Typed events

// Gives an event to the overload P::project(model, event, at) - or P::project(model, event) - that takes its
// type. P::Events lists the types, as in decider.hpp: its reader brings every old version up to the newest before
// it comes here.
template <class P, class Model>
result<void> project_event(Model& model, const EventView& at) {
  result<void> done;
  STELE_TRY([[maybe_unused]] const bool listed,
            each_event<typename P::Events>(at, [&]<class E>(const E& event) {
              if (!done) return;
              if constexpr (requires { P::project(model, event, at); })
                done = P::project(model, event, at);
              else
                done = P::project(model, event);
            }));
  return done;
}

// The events P lists, under every name they have been recorded by; only of streams of P::category, or of one of
// P::categories, where P has it. A log that several domains share needs that: a type name may mean one thing here
// and another there.
template <class P>
[[nodiscard]] Query events_of() {
  QueryItem item;
  item.types = detail::names_of(static_cast<const typename P::Events*>(nullptr));
  Query query = Query::of(std::move(item));
  if constexpr (requires { P::category; }) query.items->front().categories.emplace_back(P::category);
  if constexpr (requires { P::categories; })
    for (const auto& category : P::categories) query.items->front().categories.emplace_back(category);
  return query;
}

}  // namespace stele

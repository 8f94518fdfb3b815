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
//   no silence  an event that cannot be applied is retried with growing pauses, then the projection stops at
//               exactly that event and says why. Nothing is skipped; start() resumes at it.
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

  // Nothing between the checkpoint and `position` concerns the model. Cheap; may be remembered lazily.
  virtual void passed(Position position) = 0;
};

// ---- Looking at a running projection

enum class ProjectionState : std::uint8_t {
  stopped,      // not started, or stopped on request
  catching_up,  // working through the past
  live,         // has been at the head; now applies what comes
  retrying,     // an event could not be applied: trying again after a pause
  failed,       // gave up at an event; `reason` says which and why. start() tries again
};
[[nodiscard]] std::string_view to_string(ProjectionState state);

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
  std::string reason;  // of retrying and failed
  std::string note;    // e.g. "built anew: ..."
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

// A batch that has become visible.
struct ModelChange {
  Position position;
  std::span<const std::string> keys;  // as reported by the projection; valid during the call
};

// ---- Running one

struct RunnerOptions {
  std::size_t batch = 1024;                       // events per transaction, at most
  int tries = 5;                                  // for one event, before the projection stops
  std::chrono::microseconds first_pause{20'000};  // before the second try; doubles each time
  std::chrono::microseconds longest_pause{5'000'000};
  std::chrono::microseconds hold_back{0};  // see Runner::hold_back
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

  [[nodiscard]] ProjectionStatus status() const;
  [[nodiscard]] Position position() const;
  [[nodiscard]] LatencyHistogram latency() const;
  [[nodiscard]] ProjectionTarget& target() const;

  // Returns as soon as everything up to `position` is visible in the model; woken by the commit, never
  // polling. Errors: timeout (facts wanted, current, behind_events), unavailable (the projection failed or
  // was stopped; the message says why). A zero timeout asks without waiting.
  result<Position> wait(Position position, std::chrono::microseconds timeout);

  // The same without a thread: `reached` runs once, with the position or with `unavailable`; before this
  // returns when that is known already (then the ticket is 0). After cancel() has returned it does not run
  // any more; do not hold a lock that the callback takes. Cancelling twice, late, or ticket 0 does nothing.
  std::uint64_t notify_at(Position position, std::function<void(result<Position>)> reached);
  void cancel(std::uint64_t ticket);

  // Calls back after each commit that reported changed keys. Ends with the Watch.
  [[nodiscard]] std::unique_ptr<Watch> on_change(std::function<void(const ModelChange&)> changed);

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

  // Adds and starts one. `conflict` when the name is taken. The runner lives as long as this object.
  result<Runner*> add(std::shared_ptr<ProjectionTarget> target, RunnerOptions options = {});
  [[nodiscard]] Runner* find(std::string_view name) const;     // null when unknown
  [[nodiscard]] std::vector<ProjectionStatus> status() const;  // in the order of adding
  [[nodiscard]] std::vector<Runner*> runners() const;
  void stop();

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

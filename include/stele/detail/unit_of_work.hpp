// unit_of_work.hpp - aggregates loaded from a store, and several of them in one decision: Repository, Part
// and Work, which handler.hpp shows in use and makes its promises for.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "stele/decider.hpp"
#include "stele/detail/command_run.hpp"
#include "stele/detail/snapshots.hpp"
#include "stele/snapshot.hpp"
#include "stele/store.hpp"

namespace stele {

// ---- Loading

// "BankAccount-acct-42"
template <decider D>
[[nodiscard]] std::string stream_of(std::string_view id) {
  return std::string(D::category) + "-" + std::string(id);
}

template <decider D>
struct Loaded {
  std::string stream;
  typename D::State state{};                // the first state when there is no stream
  std::optional<Revision> revision{};       // of the last event folded; nothing: no stream
  std::uint64_t events_read = 0;            // those behind the snapshot, if it began with one
  std::optional<Revision> from_snapshot{};  // the last event in that snapshot; nothing: folded from the start
  detail::SnapshotTrack track{};            // for the toolkit: what decides whether a snapshot is due
};

// Aggregates by id. Holds nothing but references to the store and to whoever takes its snapshots.
template <decider D>
class Repository {
 public:
  explicit Repository(EventStore& store, Snapshotter* snapshotter = nullptr)
      : store_(store), snapshotter_(snapshotter) {}

  // The aggregate as it is, or as it was at `up_to` (inclusive). A stream that does not exist is no error.
  // Of a stream that lost its beginning (Retention), what is kept is folded, unless a snapshot stands for the rest.
  // Errors: corrupt, for an event that is unknown to D, unreadable, impossible where it stands, or behind one that is
  // missing (facts: stream, revision, position, type); whatever the store says.
  [[nodiscard]] result<Loaded<D>> load(std::string_view id, std::optional<Revision> up_to = {}) const;

  // Takes a snapshot now, whatever the policy says. False: there is nothing newer than the one there is.
  result<bool> take_snapshot(std::string_view id) const;

 private:
  template <class Refusals>
  friend class Work;
  // Loads and takes no snapshot.
  [[nodiscard]] result<Loaded<D>> fold(std::string_view id, std::optional<Revision> up_to) const;

  EventStore& store_;
  Snapshotter* snapshotter_;
};

// ---- Several aggregates in one decision

template <class Refusals>
class Work;

// One aggregate in a unit of work. A handle: copies see the same state. Valid as long as somebody holds it.
template <decider D>
class Part {
 public:
  // As decided so far in this unit of work.
  [[nodiscard]] const typename D::State& state() const { return held_->state; }
  // Of its last event, the decided ones included; final once they are appended.
  [[nodiscard]] std::optional<Revision> revision() const { return held_->revision; }
  // What was decided for it here, in order.
  [[nodiscard]] const std::vector<typename D::Events::any>& events() const { return held_->events; }

 private:
  template <class Refusals>
  friend class Work;
  struct Held {
    typename D::State state;
    std::optional<Revision> revision;
    std::vector<typename D::Events::any> events;
    std::size_t stream;
  };
  std::shared_ptr<Held> held_;
};

// Which events of the log a decision asks for: those with all of these tags, in one of these streams, of one of
// these categories. What is left empty asks nothing.
struct Where {
  std::vector<std::string> tags{};
  std::vector<std::string> streams{};
  std::vector<std::string> categories{};
};

// What a query over the log has found: the event as today's struct, and where it stands.
template <recorded... E>
struct Found {
  std::variant<E...> event;
  Position position;
  std::string stream;
  Timestamp recorded_at;
};

// The tag of a value that only one at a time may hold: what takes it and what gives it back both carry it, see
// Work::taken. The value is in it as a digest, spaces around it and (ASCII) case taken away.
[[nodiscard]] std::string unique_tag(std::string_view name, std::string_view value);

// The unit of work that transact() hands to its body. After the first refusal or failure further questions
// are not asked any more (ask() is false), and nothing is appended.
template <class Refusals>
class Work {
 public:
  using Refusal = typename Refusals::any;

  Work(detail::CommandRun& run, std::optional<detail::FirstAnswer> answered,
       std::optional<Refusal> refused_before = {})
      : run_(run),
        answered_(std::move(answered)),
        refused_before_(refused_before.has_value()),
        refusal_(std::move(refused_before)) {}
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;

  // Each aggregate once. One that is loaded and not changed is still checked by the append: the decision
  // rested on it. Errors: conflict when `expected` (e.g. of an If-Match) is not where it stands; as
  // Repository::load.
  template <decider D>
  [[nodiscard]] result<Part<D>> load(std::string_view id, ExpectedVersion expected = {});

  // The events of these types that match, in the order of the log; older versions and names of them included. The
  // decision rests on what was found and on what was not: when one more matching event has come before the append,
  // it is decided again. All queries of one try see the log up to the same position.
  template <recorded... E>
  [[nodiscard]] result<std::vector<Found<E...>>> query(Where where = {});

  // Is this value held? The newest event with unique_tag(name, value) says so: it is, unless that event is one of
  // Released, as today's struct or recorded under an older name of it. Nobody else can take it between this
  // answer and the append: of any number who try, one succeeds.
  template <recorded... Released>
  [[nodiscard]] result<bool> taken(std::string_view name, std::string_view value);

  // Who asks, and when.
  [[nodiscard]] const Asked& asked() const { return run_.asked(); }

  // Puts a command to one aggregate. True: accepted, and its state has moved on.
  template <decider D, class C>
  bool ask(Part<D>& part, const C& command);

  // A refusal that is the transaction's own. The first one stands.
  template <recorded R>
  void refuse(R why);
  [[nodiscard]] const std::optional<Refusal>& refusal() const { return refusal_; }
  // True: this is a repeat of an earlier command, and ask() decides nothing. Of one that was accepted every part is
  // as it was left then; of one that was refused refusal() is what it was, and the parts are as they are now.
  [[nodiscard]] bool repeated() const { return answered_.has_value() || refused_before_; }
  [[nodiscard]] std::uint64_t events_read() const { return events_read_; }

  // For transact(): appends what was decided. Nothing: there was nothing to append.
  [[nodiscard]] result<std::optional<AppendResult>> commit();

 private:
  bool fail(Error why);

  template <decider D>
  bool add(Part<D>& part, const typename D::Events::any& event);

  template <decider D, recorded E>
  void append_event(Part<D>& part, const E& event);

  // A repeated command: what was appended to this stream then.
  template <decider D>
  result<void> recall(Part<D>& part, const std::string& stream);

  // Remembers to look, when all is done, whether a snapshot of this part is due.
  template <decider D>
  void watch_snapshot(const Part<D>& part, std::string_view id, detail::SnapshotTrack track,
                      std::uint64_t read);
  void take_snapshots(const std::optional<AppendResult>& appended);

  detail::CommandRun& run_;
  std::optional<detail::FirstAnswer> answered_;
  const bool refused_before_;
  std::vector<detail::WorkStream> streams_;
  std::optional<Refusal> refusal_;
  std::optional<Error> failure_;
  std::uint64_t events_read_ = 0;
  std::vector<std::function<void(const std::optional<AppendResult>&)>> snapshots_;
};

// ---- The bodies

namespace detail {

// A remembered refusal as its struct; nothing when this program knows no such rule any more.
template <class... R>
std::optional<std::variant<R...>> refusal_of(const refusals<R...>*, const FirstRefusal& kept) {
  std::optional<std::variant<R...>> found;
  const auto look = [&]<class Rule>(const Rule*) {
    if (found || kept.rule != schema_of<Rule>.type) return;
    if (auto read = from_json<Rule>(std::string_view(kept.facts))) found.emplace(*std::move(read));
  };
  (look(static_cast<const R*>(nullptr)), ...);
  return found;
}
// What has no JSON form is not remembered.
template <class Refusal>
void remember_refusal(CommandRun& run, const Refusal& why) {
  const auto facts = guarded([&]() -> result<std::string> { return content_json(why); });
  if (facts) run.remember({std::string(type_name(why)), *facts});
}
// Asked only when the key has left no events.
template <class Refusals>
result<std::optional<typename Refusals::any>> refused_before(CommandRun& run, bool answered) {
  std::optional<typename Refusals::any> none;
  if (answered) return none;
  STELE_TRY(const auto kept, run.first_refusal());
  return kept ? refusal_of(static_cast<const Refusals*>(nullptr), *kept) : none;
}

// One event of a stream of D's. Errors: as Repository::load.
template <decider D>
result<void> fold_into(typename D::State& state, const EventView& event) {
  result<bool> possible = true;
  const auto fold = [&](const auto& read) {
    if (possible && *possible) possible = evolve<D>(state, read);
  };
  STELE_TRY(const bool known, each_event<typename D::Events>(event, fold));
  if (!known && !passes_over<D>(event.type)) return foreign_event(event, D::category);
  if (!possible) return unreadable_event(place_of(event), possible.error());
  if (!*possible) return impossible_history(event);
  return {};
}

// Where the state of this load may begin: with a snapshot, or before everything.
template <decider D>
void begin_with_snapshot(EventStore& store, std::optional<Revision> up_to, Loaded<D>& loaded) {
  auto state = snapshot_state<D>(store, loaded.stream, up_to, loaded.track);
  if (!state) return;
  loaded.state = *std::move(state);
  loaded.revision = loaded.from_snapshot = loaded.track.kept->revision;
}

// Folds what comes after `loaded` into it. False: that is gone, and the state stands before a gap.
template <decider D>
result<bool> fold_tail(EventStore& store, std::optional<Revision> up_to, Loaded<D>& loaded) {
  bool dense = true;
  const auto take = [&](const EventView& event) -> result<void> {
    dense = !loaded.revision || event.revision == loaded.revision->next();
    if (!dense) return missing_event(event, loaded.revision->next());
    STELE_CHECK(fold_into<D>(loaded.state, event));
    loaded.revision = event.revision;
    loaded.track.last = {event.revision, event.position, event.recorded_at};
    if (!loaded.track.since) loaded.track.since = event.recorded_at;
    ++loaded.events_read;
    return {};
  };
  const auto from = loaded.revision ? std::optional(loaded.revision->next()) : std::nullopt;
  const auto walked = walk_stream(store, loaded.stream, up_to, take, from);
  if (!dense && loaded.events_read == 0) return false;
  if (!walked) return walked.error();
  return true;
}

// A snapshot of what is in the log, by whoever takes them.
template <decider D>
void order_snapshot(EventStore& store, Snapshotter* snapshotter, const std::string& id,
                    const typename D::State& state, const SnapshotMark& mark, Timestamp now) {
  if (!snapshotter) return keep_snapshot<D>(store, stream_of<D>(id), state, mark, now);
  const bool asked = snapshotter->ask(stream_of<D>(id), [&store, id] {
    if (!Repository<D>(store).take_snapshot(id)) ++snapshot_tally<D>.failed;
  });
  if (!asked) ++snapshot_tally<D>.failed;
}

}  // namespace detail

template <decider D>
result<Loaded<D>> Repository<D>::load(std::string_view id, std::optional<Revision> up_to) const {
  STELE_TRY(auto loaded, fold(id, up_to));
  if constexpr (detail::has_snapshots<D>) {
    const auto now = detail::clock_now();
    if (!up_to && detail::snapshot_due(D::snapshots, loaded.track, loaded.revision, loaded.events_read, now,
                                       detail::SnapshotOccasion::loaded))
      detail::order_snapshot<D>(store_, snapshotter_, std::string(id), loaded.state, *loaded.track.last, now);
  }
  return loaded;
}

template <decider D>
result<bool> Repository<D>::take_snapshot(std::string_view id) const {
  static_assert(detail::has_snapshots<D>, "the decider declares no snapshots: give it a SnapshotPolicy");
  STELE_TRY(const auto loaded, fold(id, {}));
  if (!loaded.revision || loaded.revision == loaded.from_snapshot || loaded.track.newer) return false;
  detail::keep_snapshot<D>(store_, loaded.stream, loaded.state, *loaded.track.last, detail::clock_now());
  return true;
}

template <decider D>
result<Loaded<D>> Repository<D>::fold(std::string_view id, std::optional<Revision> up_to) const {
  Loaded<D> loaded{.stream = stream_of<D>(id)};
  if constexpr (detail::has_snapshots<D>) detail::begin_with_snapshot<D>(store_, up_to, loaded);
  STELE_TRY(const bool dense, detail::fold_tail<D>(store_, up_to, loaded));
  if (dense) return loaded;
  // The stream lost its beginning between the snapshot and its tail: what is kept is folded without it.
  ++detail::snapshot_tally<D>.ignored;
  Loaded<D> again{.stream = std::move(loaded.stream)};
  again.track.ignored = true;
  STELE_CHECK(detail::fold_tail<D>(store_, up_to, again));
  return again;
}

template <class Refusals>
template <decider D>
result<Part<D>> Work<Refusals>::load(std::string_view id, ExpectedVersion expected) {
  const std::string stream = stream_of<D>(id);
  const auto before = answered_ ? answered_->revision_of(stream) : std::nullopt;
  STELE_TRY(auto loaded, Repository<D>(run_.store()).fold(id, before));
  if (!repeated() && !expected.admits(loaded.revision))
    return detail::unexpected_head(stream, expected, loaded.revision);
  events_read_ += loaded.events_read;
  STELE_CHECK(detail::add_stream(streams_, stream, loaded.revision));
  Part<D> part;
  part.held_ = std::make_shared<typename Part<D>::Held>(
      std::move(loaded.state), loaded.revision, std::vector<typename D::Events::any>(), streams_.size() - 1);
  streams_.back().revision = {part.held_, &part.held_->revision};
  if (answered_) STELE_CHECK(recall(part, stream));
  if constexpr (detail::has_snapshots<D>)
    if (!answered_) watch_snapshot(part, id, loaded.track, loaded.events_read);
  return part;
}

template <class Refusals>
template <recorded... E>
result<std::vector<Found<E...>>> Work<Refusals>::query(Where where) {
  static_assert(sizeof...(E) > 0, "name the events that are asked for: work.template query<SeatTaken>(...)");
  std::vector<Found<E...>> all;
  if (repeated()) return all;
  QueryItem which{recorded_names<E...>(), std::move(where.tags), std::move(where.streams),
                  std::move(where.categories)};
  const auto take = [&](const EventView& event) -> result<void> {
    ++events_read_;
    const auto keep = [&](const auto& read) {
      all.push_back({read, event.position, std::string(event.stream), event.recorded_at});
    };
    STELE_CHECK(each_event<events<E...>>(event, keep));
    return {};
  };
  STELE_CHECK(run_.read_log(std::move(which), Direction::forward, no_limit, take));
  return all;
}

template <class Refusals>
template <recorded... Released>
result<bool> Work<Refusals>::taken(std::string_view name, std::string_view value) {
  bool held = false;
  if (repeated()) return held;
  const auto newest = [&](const EventView& event) -> result<void> {
    ++events_read_;
    held = true;
    if constexpr (sizeof...(Released) > 0) {  // under whatever name they were recorded
      for (const std::string& released : recorded_names<Released...>()) held = held && event.type != released;
    }
    return {};
  };
  QueryItem which;
  which.tags.push_back(unique_tag(name, value));
  STELE_CHECK(run_.read_log(std::move(which), Direction::backward, 1, newest));
  return held;
}

template <class Refusals>
template <decider D, class C>
bool Work<Refusals>::ask(Part<D>& part, const C& command) {
  static_assert(detail::is_listed<typename D::Commands, C>, "the decider does not list this command");
  if (refusal_ || failure_) return false;
  if (answered_) return true;
  auto decided = stele::ask<D>(part.state(), command, run_.asked());
  if (!decided) return fail(std::move(decided).error());
  if (decided->refused()) {
    std::visit([&](const auto& why) { refuse(why); }, decided->why());
    return false;
  }
  for (const auto& event : decided->events())
    if (!add(part, event)) return false;
  return true;
}

template <class Refusals>
template <recorded R>
void Work<Refusals>::refuse(R why) {
  detail::must_be_listed<Refusals, R>();
  if (!refusal_ && !answered_) refusal_ = Refusal(std::move(why));
}

template <class Refusals>
result<std::optional<AppendResult>> Work<Refusals>::commit() {
  if (failure_) return *failure_;
  if (answered_) return std::optional(answered_->appended);
  std::optional<AppendResult> appended;
  if (!refusal_) {
    STELE_TRY(appended, run_.append(streams_));
  }
  take_snapshots(appended);
  return appended;
}

template <class Refusals>
template <decider D>
void Work<Refusals>::watch_snapshot(const Part<D>& part, std::string_view id, detail::SnapshotTrack track,
                                    std::uint64_t read) {
  snapshots_.push_back([this, held = part.held_, id = std::string(id), track,
                        read](const std::optional<AppendResult>& appended) mutable {
    if (!held->events.empty()) {  // the state is in the log only if they are
      if (!appended) return;
      track.last = {*held->revision, *streams_[held->stream].last, appended->recorded_at};
      if (!track.since) track.since = appended->recorded_at;
    }
    const Timestamp now = run_.asked().at;
    if (detail::snapshot_due(D::snapshots, track, held->revision, read, now,
                             detail::SnapshotOccasion::decided))
      detail::order_snapshot<D>(run_.store(), run_.snapshotter(), id, held->state, *track.last, now);
  });
}

template <class Refusals>
void Work<Refusals>::take_snapshots(const std::optional<AppendResult>& appended) {
  if (appended && appended->was_duplicate) return;  // of which try the state is cannot be told
  for (const auto& look : snapshots_) look(appended);
}

template <class Refusals>
bool Work<Refusals>::fail(Error why) {
  failure_ = std::move(why);
  return false;
}

template <class Refusals>
template <decider D>
bool Work<Refusals>::add(Part<D>& part, const typename D::Events::any& event) {
  auto possible = detail::guarded([&]() -> result<bool> {
    std::visit([&](const auto& e) { append_event<D>(part, e); }, event);
    return evolve<D>(part.held_->state, event);
  });
  if (!possible) return fail(std::move(possible).error());
  if (!*possible) return fail(detail::impossible_decision(type_name(event), D::category));
  part.held_->events.push_back(event);
  auto& revision = part.held_->revision;
  revision = revision ? revision->next() : Revision();
  return true;
}

template <class Refusals>
template <decider D, recorded E>
void Work<Refusals>::append_event(Part<D>& part, const E& event) {
  auto payload = detail::payload_of(event);
  NewEvent added = run_.new_event(schema_of<E>, std::move(payload.data));
  if (!payload.json) added.content_type = binary_content;
  if constexpr (requires { D::tags(event); }) added.tags = D::tags(event);
  streams_[part.held_->stream].events.push_back(std::move(added));
}

template <class Refusals>
template <decider D>
result<void> Work<Refusals>::recall(Part<D>& part, const std::string& stream) {
  for (const RecordedEvent& event : answered_->events) {
    if (event.stream != stream) continue;
    STELE_TRY(const bool known, each_event<typename D::Events>(detail::view_of(event), [&](const auto& read) {
                part.held_->events.emplace_back(read);
              }));
    if (!known && !detail::passes_over<D>(event.type))
      return detail::foreign_event(detail::view_of(event), D::category);
  }
  return {};
}

}  // namespace stele

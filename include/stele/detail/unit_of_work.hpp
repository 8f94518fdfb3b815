// unit_of_work.hpp - aggregates loaded from a store, and several of them in one decision: Repository, Part
// and Work, which handler.hpp shows in use and makes its promises for.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "stele/decider.hpp"
#include "stele/detail/command_run.hpp"
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
  typename D::State state{};           // the first state when there is no stream
  std::optional<Revision> revision{};  // of the last event folded; nothing: no stream
  std::uint64_t events_read = 0;
};

// Aggregates by id. Holds nothing but a reference to the store.
template <decider D>
class Repository {
 public:
  explicit Repository(EventStore& store) : store_(store) {}

  // The aggregate as it is, or as it was at `up_to` (inclusive). A stream that does not exist is no error.
  // Errors: corrupt, for an event that is unknown to D, unreadable, or impossible where it stands (facts:
  // stream, revision, position, type); whatever the store says.
  [[nodiscard]] result<Loaded<D>> load(std::string_view id, std::optional<Revision> up_to = {}) const;

 private:
  static result<void> apply(typename D::State& state, const EventView& event);
  EventStore& store_;
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
  // Of its last event, the decided ones included.
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

// The unit of work that transact() hands to its body. After the first refusal or failure further questions
// are not asked any more (ask() is false), and nothing is appended.
template <class Refusals>
class Work {
 public:
  using Refusal = typename Refusals::any;

  Work(detail::CommandRun& run, std::optional<detail::FirstAnswer> answered)
      : run_(run), answered_(std::move(answered)) {}
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;

  // Each aggregate once. One that is loaded and not changed is still checked by the append: the decision
  // rested on it. Errors: conflict when `expected` (e.g. of an If-Match) is not where it stands; as
  // Repository::load.
  template <decider D>
  [[nodiscard]] result<Part<D>> load(std::string_view id, ExpectedVersion expected = {});

  // Puts a command to one aggregate. True: accepted, and its state has moved on.
  template <decider D, class C>
  bool ask(Part<D>& part, const C& command);

  // A refusal that is the transaction's own. The first one stands.
  template <recorded R>
  void refuse(R why);
  [[nodiscard]] const std::optional<Refusal>& refusal() const { return refusal_; }
  // True: this is a repeat of an earlier command; ask() decides nothing and every part is as it was left
  // then.
  [[nodiscard]] bool repeated() const { return answered_.has_value(); }
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

  detail::CommandRun& run_;
  std::optional<detail::FirstAnswer> answered_;
  std::vector<detail::WorkStream> streams_;
  std::optional<Refusal> refusal_;
  std::optional<Error> failure_;
  std::uint64_t events_read_ = 0;
};

// ---- The bodies

template <decider D>
result<Loaded<D>> Repository<D>::load(std::string_view id, std::optional<Revision> up_to) const {
  Loaded<D> loaded{.stream = stream_of<D>(id)};
  const auto fold = [&](const EventView& event) -> result<void> {
    STELE_CHECK(apply(loaded.state, event));
    loaded.revision = event.revision;
    ++loaded.events_read;
    return {};
  };
  STELE_CHECK(detail::walk_stream(store_, loaded.stream, up_to, fold));
  return loaded;
}

template <decider D>
result<void> Repository<D>::apply(typename D::State& state, const EventView& event) {
  result<bool> possible = true;
  const auto fold = [&](const auto& read) {
    if (possible && *possible) possible = evolve<D>(state, read);
  };
  STELE_TRY(const bool known, each_event<typename D::Events>(event, fold));
  if (!known) return detail::foreign_event(event, D::category);
  if (!possible) return detail::unreadable_event(detail::place_of(event), possible.error());
  if (!*possible) return detail::impossible_history(event);
  return {};
}

template <class Refusals>
template <decider D>
result<Part<D>> Work<Refusals>::load(std::string_view id, ExpectedVersion expected) {
  const std::string stream = stream_of<D>(id);
  const auto before = answered_ ? answered_->revision_of(stream) : std::nullopt;
  STELE_TRY(auto loaded, Repository<D>(run_.store()).load(id, before));
  if (!answered_ && !expected.admits(loaded.revision))
    return detail::unexpected_head(stream, expected, loaded.revision);
  events_read_ += loaded.events_read;
  STELE_CHECK(detail::add_stream(streams_, stream, loaded.revision));
  Part<D> part;
  part.held_ = std::make_shared<typename Part<D>::Held>(
      std::move(loaded.state), loaded.revision, std::vector<typename D::Events::any>(), streams_.size() - 1);
  if (answered_) STELE_CHECK(recall(part, stream));
  return part;
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
  if (refusal_) return std::optional<AppendResult>();
  if (answered_) return std::optional(answered_->appended);
  return run_.append(streams_);
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
  NewEvent added = run_.new_event(schema_of<E>, to_json(event));
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
    if (!known) return detail::foreign_event(detail::view_of(event), D::category);
  }
  return {};
}

}  // namespace stele

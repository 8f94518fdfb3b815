// handler.hpp - runs deciders against a store: load, decide, append, and again when somebody was faster. Not
// a bus and not a server: one call, on the caller's thread, that ends with an answer.
//
//   auto done = stele::handle<Account>(store, WithdrawMoney{"acct-42", 60_money, "rent"}, {.user = "ada"});
//   if (!done) ...                        an Error: the store or the program could not; retry or report
//   if (done->refusal) ...                the rules said no: a value, with its facts
//   done->state, done->revision, done->appended->last       what became of it
//
// What is promised
//   no lost update   an append names the revision that the decision has seen; on a conflict everything is
//   loaded and
//                    decided again, at most max_tries times, with growing random pauses.
//   one effect       with an idempotency key, event ids follow from the key. A repeat, also after a crash or
//   a restart,
//                    is recognised in the log before anything is decided and gets the first answer. The same
//                    key with another command is errc::invalid. (A refused command leaves no trace: a repeat
//                    decides anew.)
//   all or nothing   what one command does to several streams (transact) is one atomic append.
//   no exceptions    what rules throw becomes errc::invalid; a history that cannot be is errc::corrupt, with
//   stream,
//                    revision and type. Only std::bad_alloc passes.
//
// Each event's metadata says who and why: userId, correlationId, causationId, traceparent, command, and when
// they apply schemaVersion, idempotencyKey (a digest, not the key) and commandHash. A decider may name tags
// for the index: `static std::vector<std::string> tags(const auto& event)`.
//
// Threading: everything here may be called from any number of threads at once.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
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
  [[nodiscard]] result<Loaded<D>> load(std::string_view id, std::optional<Revision> up_to = {}) const {
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

 private:
  static result<void> apply(typename D::State& state, const EventView& event) {
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
  [[nodiscard]] result<Part<D>> load(std::string_view id, ExpectedVersion expected = {}) {
    const std::string stream = stream_of<D>(id);
    const auto before = answered_ ? answered_->revision_of(stream) : std::nullopt;
    STELE_TRY(auto loaded, Repository<D>(run_.store()).load(id, before));
    if (!answered_ && !expected.admits(loaded.revision))
      return detail::unexpected_head(stream, expected, loaded.revision);
    events_read_ += loaded.events_read;
    STELE_CHECK(detail::add_stream(streams_, stream, loaded.revision));
    Part<D> part;
    part.held_ =
        std::make_shared<typename Part<D>::Held>(std::move(loaded.state), loaded.revision,
                                                 std::vector<typename D::Events::any>(), streams_.size() - 1);
    if (answered_) STELE_CHECK(recall(part, stream));
    return part;
  }

  // Puts a command to one aggregate. True: accepted, and its state has moved on.
  template <decider D, class C>
  bool ask(Part<D>& part, const C& command) {
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

  // A refusal that is the transaction's own. The first one stands.
  template <recorded R>
  void refuse(R why) {
    detail::must_be_listed<Refusals, R>();
    if (!refusal_ && !answered_) refusal_ = Refusal(std::move(why));
  }
  [[nodiscard]] const std::optional<Refusal>& refusal() const { return refusal_; }
  // True: this is a repeat of an earlier command; ask() decides nothing and every part is as it was left
  // then.
  [[nodiscard]] bool repeated() const { return answered_.has_value(); }
  [[nodiscard]] std::uint64_t events_read() const { return events_read_; }

  // For transact(): appends what was decided. Nothing: there was nothing to append.
  [[nodiscard]] result<std::optional<AppendResult>> commit() {
    if (failure_) return *failure_;
    if (refusal_) return std::optional<AppendResult>();
    if (answered_) return std::optional(answered_->appended);
    return run_.append(streams_);
  }

 private:
  bool fail(Error why) {
    failure_ = std::move(why);
    return false;
  }

  template <decider D>
  bool add(Part<D>& part, const typename D::Events::any& event) {
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

  template <decider D, recorded E>
  void append_event(Part<D>& part, const E& event) {
    NewEvent added = run_.new_event(schema_of<E>, to_json(event));
    if constexpr (requires { D::tags(event); }) added.tags = D::tags(event);
    streams_[part.held_->stream].events.push_back(std::move(added));
  }

  // A repeated command: what was appended to this stream then.
  template <decider D>
  result<void> recall(Part<D>& part, const std::string& stream) {
    for (const RecordedEvent& event : answered_->events) {
      if (event.stream != stream) continue;
      STELE_TRY(const bool known,
                each_event<typename D::Events>(detail::view_of(event), [&](const auto& read) {
                  part.held_->events.emplace_back(read);
                }));
      if (!known) return detail::foreign_event(detail::view_of(event), D::category);
    }
    return {};
  }

  detail::CommandRun& run_;
  std::optional<detail::FirstAnswer> answered_;
  std::vector<detail::WorkStream> streams_;
  std::optional<Refusal> refusal_;
  std::optional<Error> failure_;
  std::uint64_t events_read_ = 0;
};

// What became of a command.
template <class Refusals>
struct Outcome {
  std::optional<typename Refusals::any> refusal;
  std::optional<AppendResult> appended;  // nothing when refused, or when nothing had to happen
  bool repeated = false;                 // this is the answer that the same key got before
  unsigned tries = 1;
  std::uint64_t events_read = 0;  // in the last try

  [[nodiscard]] bool accepted() const { return !refusal; }
};

// A command over several aggregates, decided by `body(Work<Refusals>&) -> result<void>` and appended as one.
// The body runs again from the start after a conflict, so it must not do anything but load, ask and refuse:
//
//   auto done = stele::transact<TransferRefusals>(store, transfer, context, {}, [&](auto& work) ->
//   stele::result<void> {
//     STELE_TRY(auto from, work.template load<Account>(transfer.from));
//     STELE_TRY(auto to, work.template load<Account>(transfer.to));
//     work.ask(from, WithdrawMoney{...});
//     work.ask(to, DepositMoney{...});
//     return {};
//   });
//
// Errors: conflict (fact "tries") when others were faster max_tries times; invalid; whatever the store says.
// `timeout` and `unavailable` mean that it may have happened: repeat it with the same idempotency key.
template <class Refusals, recorded C, class Body>
[[nodiscard]] result<Outcome<Refusals>> transact(EventStore& store, const C& command, const Context& context,
                                                 const HandleOptions& options, Body&& body) {
  STELE_TRY(const std::string json,
            detail::guarded([&]() -> result<std::string> { return to_json(command); }));
  detail::CommandRun run(store, schema_of<C>.type, json, context, options);
  while (true) {
    STELE_TRY(auto answered, run.first_answer());
    Work<Refusals> work(run, std::move(answered));
    STELE_CHECK(detail::guarded([&]() -> result<void> { return body(work); }));
    auto appended = work.commit();
    if (!appended && run.again(appended.error())) continue;
    if (!appended) return run.final_error(std::move(appended).error());
    return Outcome<Refusals>{work.refusal(), *std::move(appended), work.repeated(), run.tries(),
                             work.events_read()};
  }
}

// ---- One aggregate

template <decider D>
struct Handled : Outcome<typename D::Refusals> {
  std::vector<typename D::Events::any> events;  // what happened
  typename D::State state{};                    // after it: an answer can show it without reading again
  std::optional<Revision> revision;             // of the aggregate's last event
};

// Puts a command to the aggregate D::id(command). Errors as transact; and conflict, without retry, when
// options.expected is not where the aggregate stands (facts: stream, expected, actual).
template <decider D, recorded C>
[[nodiscard]] result<Handled<D>> handle(EventStore& store, const C& command, const Context& context = {},
                                        const HandleOptions& options = {}) {
  std::optional<Part<D>> part;
  STELE_TRY(auto outcome,
            transact<typename D::Refusals>(store, command, context, options, [&](auto& work) -> result<void> {
              STELE_TRY(part, work.template load<D>(detail::id_text(D::id(command)), options.expected));
              work.ask(*part, command);
              return {};
            }));
  Handled<D> handled{{std::move(outcome)}, part->events(), part->state(), part->revision()};
  return handled;
}

}  // namespace stele

// command_run.hpp - the part of handling a command that knows no domain types: tries, event ids, metadata,
// the answer given before. Only for handler.hpp, which says what it adds up to.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "stele/decider.hpp"
#include "stele/store.hpp"

namespace stele {

class Snapshotter;

// Who sends a command and why. Everything may be left empty.
struct Context {
  std::string user{};
  std::string correlation_id{};   // one for everything that belongs together; empty: a new one
  std::string causation_id{};     // the event or command that led to this one
  std::string traceparent{};      // W3C trace context, stored as it is
  std::string idempotency_key{};  // the caller's own, unique among all commands; empty: nothing is recognised
  std::optional<Timestamp> at{};  // what rules see as now; nothing: the clock
};

struct HandleOptions {
  unsigned max_tries = 10;
  ExpectedVersion expected{};                  // handle(): where the aggregate must stand before
  std::optional<Timestamp> recorded_at{};      // imports only, see AppendRequest
  std::optional<std::uint64_t> jitter_seed{};  // nothing: random
  // Waits between tries; nothing: sleeps. For tests, and for callers whose threads must not sleep.
  std::function<void(std::chrono::microseconds)> pause{};
  // Takes the snapshots that are due (snapshot.hpp); null: the caller's thread does.
  Snapshotter* snapshotter = nullptr;
  // Whether a command with this context may be decided at all, e.g. require_user; its error is the answer.
  std::function<result<void>(const Context&)> policy{};
  // How long the refusal of a command with an idempotency key is remembered in the store's records; zero: not at all.
  std::chrono::seconds remember_refusals = std::chrono::hours(24);
};

// A policy: nothing is appended that does not say who did it. Errors: denied.
[[nodiscard]] result<void> require_user(const Context& context);

namespace detail {

// What an earlier command with the same idempotency key has appended.
struct FirstAnswer {
  AppendResult appended;
  std::vector<RecordedEvent> events;
  [[nodiscard]] std::optional<Revision> revision_of(std::string_view stream) const;
};

// What one was refused for.
struct FirstRefusal {
  std::string rule;
  std::string facts;  // JSON
};

struct WorkStream {
  std::string stream;
  std::optional<Revision> head;  // when it was loaded
  std::vector<NewEvent> events;
  std::optional<Position> last{};                       // of its events, once they were appended
  std::shared_ptr<std::optional<Revision>> revision{};  // the part's; set right by the append
};
// Errors: invalid, when the stream is in the list already.
[[nodiscard]] result<void> add_stream(std::vector<WorkStream>& streams, std::string stream,
                                      std::optional<Revision> head);

// One command from its first try to its last.
class CommandRun {
 public:
  CommandRun(EventStore& store, std::string_view command, std::string_view command_json,
             const Context& context, const HandleOptions& options);

  [[nodiscard]] EventStore& store() const { return store_; }
  [[nodiscard]] const Asked& asked() const { return asked_; }
  [[nodiscard]] Snapshotter* snapshotter() const { return options_.snapshotter; }
  [[nodiscard]] unsigned tries() const { return tries_; }

  // Begins a try. Errors: invalid, when the key belongs to another command.
  [[nodiscard]] result<std::optional<FirstAnswer>> first_answer();
  // As far as is remembered. Errors: invalid, when the key belongs to another command.
  [[nodiscard]] result<std::optional<FirstRefusal>> first_refusal();
  void remember(const FirstRefusal& refusal);
  // Ids and metadata for the next event of this try.
  [[nodiscard]] NewEvent new_event(const Schema& schema, std::string json);
  // Reads what matches in the log as it was when this try first looked, and makes the append rest on it: it is
  // refused when one more has come since.
  [[nodiscard]] result<void> read_log(QueryItem which, Direction direction, std::uint64_t limit,
                                      const std::function<result<void>(const EventView&)>& take);
  // Written streams with their expected version, the others as also_expect, and the condition. Nothing when no
  // stream has an event.
  [[nodiscard]] result<std::optional<AppendResult>> append(std::vector<WorkStream>& streams);
  // Has waited, and the next try may begin; or the error is final.
  [[nodiscard]] bool again(const Error& error);
  [[nodiscard]] Error final_error(Error error) const;

 private:
  [[nodiscard]] Uuid event_id(std::size_t index) const;
  [[nodiscard]] std::string metadata(int version) const;
  [[nodiscard]] result<void> same_command(const RecordedEvent& first) const;
  void pause();

  EventStore& store_;
  std::string command_;
  Context context_;
  const HandleOptions& options_;
  Asked asked_;
  std::string key_digest_;
  std::string command_hash_;
  std::size_t events_ = 0;
  std::optional<AppendCondition> rests_on_;  // what this try has read of the log
  unsigned tries_ = 0;
  bool looked_again_ = false;
  std::minstd_rand jitter_;
};

// Calls `take` for each event of the stream up to `up_to`, from `from` on (nothing: its first); a stream that
// does not exist has none.
[[nodiscard]] result<void> walk_stream(EventStore& store, const std::string& stream,
                                       std::optional<Revision> up_to,
                                       const std::function<result<void>(const EventView&)>& take,
                                       std::optional<Revision> from = {});

[[nodiscard]] Timestamp clock_now();

// A view into a recorded event, without its tags.
[[nodiscard]] EventView view_of(const RecordedEvent& event);

// errc::corrupt: a type that the decider does not list; an event that cannot happen in the state before it; one that
// comes where `expected` should.
[[nodiscard]] Error foreign_event(const EventView& event, std::string_view category);
[[nodiscard]] Error impossible_history(const EventView& event);
[[nodiscard]] Error missing_event(const EventView& event, Revision expected);
// errc::invalid: decide() answered with an event that evolve() has no overload for in that state.
[[nodiscard]] Error impossible_decision(std::string_view type, std::string_view category);
// errc::conflict with the facts stream, expected, actual.
[[nodiscard]] Error unexpected_head(const std::string& stream, const ExpectedVersion& expected,
                                    std::optional<Revision> head);

// Ids may be text, numbers or UUIDs.
template <class Id>
[[nodiscard]] std::string id_text(const Id& id) {
  if constexpr (std::is_convertible_v<const Id&, std::string_view>)
    return std::string(std::string_view(id));
  else if constexpr (std::integral<Id>)
    return std::to_string(id);
  else
    return to_string(id);
}

}  // namespace detail
}  // namespace stele

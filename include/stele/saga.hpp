// saga.hpp - sagas (process managers): what goes on across several aggregates, and over time. A saga is a decider
// turned round: it hears events and answers with commands and timers. Not for decisions that must hold at once,
// which are one transact() (handler.hpp), and not for effects outside the store (outbox.hpp).
//
//   struct OrderPayment {
//     static constexpr std::string_view name = "OrderPayment";          // streams are Saga_OrderPayment-<instance>
//     using Reacts = stele::events<OrderPlaced, PaymentCaptured, PaymentFailed>;
//     using Reaction = stele::reaction<Payment, Order>;                   // the aggregates it sends commands to
//     static std::string route(const auto& event) { return event.order_id; }      // "": concerns no instance
//
//     struct New {};
//     struct Waiting { Money total; };
//     using State = std::variant<New, Waiting>;                           // begins as the first
//
//     static Reaction on(const OrderPlaced& e, const New&) {
//       return Reaction().send(CapturePayment{e.order_id, e.total}).schedule("payment", 15min);
//     }
//     static Reaction on(const PaymentFailed& e, const Waiting&) {
//       return Reaction().send(CancelOrder{e.order_id, "payment failed"}).complete();
//     }
//     static Reaction on(const auto&, const auto&) { return {}; }         // everything else: nothing, on purpose
//     static Reaction on_timer(const stele::TimerFired& timer, const auto& state);
//     static Reaction on_refused(const stele::Refused<CapturePayment>& refused, const auto& state);
//     static State evolve(const New&, const OrderPlaced& e) { return Waiting{e.total}; }
//   };
//   static_assert(stele::saga<OrderPayment>);
//
// Every event must be answered in every state; what is forgotten is a compile error that names it. evolve() is
// free: without an overload the state stays. A timer or a refusal nobody answers makes the instance stuck. Any of
// the three may take `const stele::Asked&` as its third parameter: `at` is when the event was recorded, or the
// present for timers and refusals. spec.hpp tests sagas: given_saga, when, after, sends.
//
// What is promised
//   once        each event is reacted to once, each command has one effect and each timer fires once, whenever the
//               process dies: a reaction is recorded in the instance's own stream, under an id that follows from
//               what it reacts to, before anything is sent; commands carry keys that follow from that record.
//   in order    by position. Only what is behind a stuck instance's trouble waits, in its order.
//   no silence  trouble is retried with growing random pauses, then the instance is stuck and says why, until
//               retry() or skip(). Other instances go on. A store that is busy, full or closing is outlasted.
//   traceable   commands and records carry the correlation id and the traceparent of what led to them, and as
//               causation id the event reacted to.
//
// A new saga begins with the log's first event, and sends commands for all of history. SagaOptions::begin_after
// says otherwise; never change it later.
//
// Running one: one process per store, one thread per saga. The log is the truth; the checkpoint and the timers in
// Records (space "saga") save reading it again. They may be lost as long as the log still holds everything: that a
// command was carried out is recognised by the events it left with its target. Once those were compacted away
// (EventStore retention, compact()), a lost checkpoint makes the command run again. So records.db belongs in the
// backup, beside the log, or what live sagas send commands to is not compacted.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stele/detail/clock.hpp"
#include "stele/detail/reaction.hpp"
#include "stele/detail/saga_kind.hpp"
#include "stele/store.hpp"

namespace stele {

struct SagaOptions {
  Position begin_after{};                         // the first start of all: events up to here are the past
  unsigned tries = 5;                             // before an instance is stuck
  std::chrono::microseconds first_pause{20'000};  // before the second try; doubles, each with jitter
  std::chrono::microseconds longest_pause{5'000'000};
  std::uint64_t checkpoint_every = 256;  // events; fewer are handled again (without effect) after a crash
  Clock* clock = nullptr;  // for timers and pauses; nothing: system_clock(). Must outlive the runner
};

// An instance that waits: for its next try, or - stuck - for somebody.
struct SagaTrouble {
  std::string instance;  // "#<position>": an event that cannot be read, so whose it is cannot be known
  bool stuck = false;
  std::string what;           // the event's type, or "timer <name>"
  Position position;          // of the event or record it happened at; 0 for a timer
  std::string error;          // of the last try
  Timestamp since;            // the first failure
  std::uint64_t tries = 0;    // so far
  std::uint64_t waiting = 0;  // events and records behind it, of the same instance
};

// A timer that has not run out yet, or waits behind an instance's trouble.
struct SagaTimer {
  std::string instance;
  std::string timer;
  Timestamp due;
};

struct SagaStatus {
  std::string name;
  bool running = false;
  Position position;  // everything up to here is handled, or waits behind an instance in trouble
  Position head;
  std::uint64_t reacted = 0;   // events that had a reaction, since the runner was made
  std::uint64_t sent = 0;      // commands, repeats included
  std::uint64_t repeated = 0;  // of them recognised as sent before
  std::uint64_t refused = 0;
  std::uint64_t fired = 0;    // timers
  std::uint64_t ignored = 0;  // events for instances that were complete
  std::uint64_t timers = 0;   // pending
  std::optional<Timestamp> next_timer;
  std::uint64_t troubled = 0;  // instances, the stuck ones included
  std::uint64_t stuck = 0;
  std::string reason;  // what the whole runner is waiting for, or why its checkpoint cannot be written
};

// Runs all instances of one saga. Make it with run_saga().
//
// Threading: every member may be called from any thread. The store must outlive it.
class SagaRunner {
 public:
  SagaRunner(EventStore& store, std::unique_ptr<detail::SagaKind> kind, SagaOptions options);
  ~SagaRunner();  // stops
  SagaRunner(const SagaRunner&) = delete;
  SagaRunner& operator=(const SagaRunner&) = delete;

  void start();
  // Returns when the step in progress is done. What is left undone is done after the next start.
  void stop();

  [[nodiscard]] SagaStatus status() const;
  // The instances in trouble, by name.
  [[nodiscard]] std::vector<SagaTrouble> troubles() const;
  // The next ones to run out, the earliest first. Waits for the step in progress.
  [[nodiscard]] std::vector<SagaTimer> timers(std::size_t most = 1'000) const;
  // Tries again now, from the beginning of its patience. Errors: not_found, when it is not in trouble.
  result<void> retry(std::string_view instance);
  // Gives up the event, timer or record in the way (of a record: the commands not sent yet) and goes on behind it.
  // That it was skipped is recorded; of "#<position>" when its instance can be known by then. Errors: not_found; as
  // EventStore::append.
  result<void> skip(std::string_view instance);

  // Returns when everything up to `position` is handled or waits behind an instance in trouble. Errors: timeout.
  result<void> wait(Position position, std::chrono::microseconds timeout);
  // Returns when there is nothing left to do now: everything in the log is handled, what followed from it too, no
  // timer is due and no try is due. Errors: timeout, with what is left.
  result<void> settle(std::chrono::microseconds timeout);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Starts one.
template <saga S>
[[nodiscard]] std::unique_ptr<SagaRunner> run_saga(EventStore& store, SagaOptions options = {}) {
  auto runner = std::make_unique<SagaRunner>(store, std::make_unique<detail::SagaKindOf<S>>(), options);
  runner->start();
  return runner;
}

// "Saga_OrderPayment-order-17": where an instance's records are.
template <saga S>
[[nodiscard]] std::string saga_stream(std::string_view instance) {
  return "Saga_" + std::string(S::name) + "-" + std::string(instance);
}

}  // namespace stele

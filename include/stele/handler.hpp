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
//                    loaded and decided again, at most max_tries times, with growing random pauses.
//   one effect       with an idempotency key, event ids follow from the key. A repeat, also after a crash or a
//                    restart, is recognised in the log before anything is decided and gets the first answer.
//                    The same key with another command is errc::invalid. A refusal is remembered beside the log
//                    (Records, space "refusal") for HandleOptions::remember_refusals, and repeated as it was.
//   all or nothing   what one command does to several streams (transact) is one atomic append.
//   no exceptions    what rules throw becomes errc::invalid; a history that cannot be is errc::corrupt, with
//                    stream, revision and type. Only std::bad_alloc passes.
//
// Each event's metadata says who and why: userId, correlationId, causationId, traceparent, command, and when
// they apply schemaVersion, idempotencyKey (a digest, not the key) and commandHash. A decider may name tags
// for the index: `static std::vector<std::string> tags(const auto& event)`.
//
// An application that must know who did what gives HandleOptions::policy, e.g. stele::require_user: a command
// without a user is errc::denied before anything is read.
//
// Threading: everything here may be called from any number of threads at once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stele/decider.hpp"
#include "stele/detail/command_run.hpp"
#include "stele/detail/unit_of_work.hpp"
#include "stele/store.hpp"

namespace stele {

// ---- Loading
//
//   Repository<Account>(store).load("acct-42")                 result of stream, state, revision
//   Repository<Account>(store).load("acct-42", Revision(203))  as it was then
//   stream_of<Account>("acct-42")                              "BankAccount-acct-42"
//
// ---- Deciding

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
//   auto done = stele::transact<TransferRefusals>(store, transfer, context, {},
//                                                 [&](auto& work) -> stele::result<void> {
//     STELE_TRY(auto from, work.template load<Account>(transfer.from));
//     STELE_TRY(auto to, work.template load<Account>(transfer.to));
//     work.ask(from, WithdrawMoney{...});
//     work.ask(to, DepositMoney{...});
//     return {};
//   });
//
// The body may also ask the log itself, e.g. for what only one may hold:
//
//     STELE_TRY(const bool held, work.template taken<EmailReleased>("email", command.email));
//     if (held) work.refuse(EmailTaken{command.email});
//
// What it found becomes the append's condition; see Work::query and Work::taken.
//
// Errors: conflict (fact "tries") when others were faster max_tries times; invalid; whatever the store says.
// `timeout` and `unavailable` mean that it may have happened: repeat it with the same idempotency key.
template <class Refusals, recorded C, class Body>
[[nodiscard]] result<Outcome<Refusals>> transact(EventStore& store, const C& command, const Context& context,
                                                 const HandleOptions& options, Body&& body) {
  if (options.policy) STELE_CHECK(options.policy(context));
  STELE_TRY(const std::string json,
            detail::guarded([&]() -> result<std::string> { return to_json(command); }));
  detail::CommandRun run(store, schema_of<C>.type, json, context, options);
  while (true) {
    STELE_TRY(auto answered, run.first_answer());
    STELE_TRY(auto refused, detail::refused_before<Refusals>(run, answered.has_value()));
    Work<Refusals> work(run, std::move(answered), std::move(refused));
    STELE_CHECK(detail::guarded([&]() -> result<void> { return body(work); }));
    auto appended = work.commit();
    if (!appended && run.again(appended.error())) continue;
    if (!appended) return run.final_error(std::move(appended).error());
    if (work.refusal() && !work.repeated()) detail::remember_refusal(run, *work.refusal());
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

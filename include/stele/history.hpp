// history.hpp - how an application lets people look through time: it names the deciders whose aggregates it answers
// for, once, and tools can show any of them as it was at any moment, step through it, search it, fork it. Not needed to
// write or read events, and nothing of it writes to the log.
//
//   app.aggregates(stele::aggregates<Account, Vigilance>());         app.hpp; GET /v1/aggregates/BankAccount/acct-42
//
//   auto then = stele::state_of(*store, *mine, "BankAccount", "acct-42", "2026-03-01");
//   then->state                                                      {"type":"Open","balance":"4820.50"}
//
// A decider's type is its category; its state is shown in its JSON form (wire.hpp), so it must have one. Events are
// read as the program reads them, upcasters included.
//
// A build of the rules becomes a plug-in, for `stele replay --code old.so --code new.so`, with one line in a source
// file of its own. It brings its rules along and takes the library from the tool that loads it, so nothing is linked,
// and its own symbols stay hidden: g++ -std=c++23 -fPIC -shared -fvisibility=hidden plugin.cpp -o new.so
//
//   STELE_HISTORY_PLUGIN(bank::Account, shop::Order)
//
// Threading: Aggregates are immutable once made. Their functions may be called from any thread; what `begin` gives
// belongs to one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stele/detail/aggregate_kind.hpp"
#include "stele/detail/history_plugin.hpp"
#include "stele/store.hpp"

namespace stele {

// ---- What an application answers for

// Its aggregates, their types left behind. Made by aggregates<...>(), given to App and to the functions below.
struct Aggregates {
  std::vector<detail::AggregateKind> kinds;

  // By category; null when this application has no such aggregates.
  [[nodiscard]] const detail::AggregateKind* find(std::string_view type) const {
    for (const auto& kind : kinds)
      if (kind.category == type) return &kind;
    return nullptr;
  }
};

// Every decider of the application that has a state worth looking at.
template <decider... D>
[[nodiscard]] std::shared_ptr<const Aggregates> aggregates() {
  return std::make_shared<const Aggregates>(Aggregates{{detail::aggregate_kind<D>()...}});
}

// ---- State at any moment

// An aggregate as it was.
struct AggregateThen {
  std::string stream;
  std::string state;                    // JSON; before the first event: the state that deciders begin with
  std::optional<Revision> revision;     // the last event in it; nothing: before the first
  std::optional<Timestamp> changed_at;  // when that was recorded
  Revision newest;                      // the last event there is
};

// The aggregate at a moment: everything that Moment (event.hpp) knows, "-20" being twenty events ago; or relative to
// the newest event of a type: "CheckedOut", "CheckedOut -10m" (ten minutes before it), "CheckedOut +2h".
// Errors: not_found (no such type, stream, version, or event), invalid (no moment), corrupt as Repository::load.
[[nodiscard]] result<AggregateThen> state_of(EventStore& store, const Aggregates& aggregates,
                                             std::string_view type, std::string_view id,
                                             std::string_view moment = "head");

}  // namespace stele

// Compiled into a shared object: the border that `stele replay --code` looks for. Once in a program.
#define STELE_HISTORY_PLUGIN(...)                                                                 \
  extern "C" __attribute__((visibility("default"))) const stele_history_plugin* stele_history() { \
    return stele::detail::plugin_of<__VA_ARGS__>();                                               \
  }

// evolution.hpp - before a new program meets an old log: replay all of it and report what the code cannot read, what
// it cannot believe, and what it now makes of the past that the old code did not. Reads only; how events change is
// declared in decider.hpp and described in docs/evolution.md.
//
//   auto report = stele::check_history<Account, Order>(*store, {.digests = "states.txt"});
//   for (const auto& problem : report->problems) ... problem.stream, problem.what
//
// With the old program, before it goes:
//
//   stele::write_state_digests<Account, Order>(*store, "states.txt");
//
// Every stream of a category that one of the deciders has is folded from its first event, without snapshots. States
// must have a JSON form (as for snapshots); a digest is one of that form, so a state whose fields were changed differs
// for every aggregate, and says so for each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stele/decider.hpp"
#include "stele/detail/history.hpp"
#include "stele/store.hpp"

namespace stele {

// ---- What is found

// An event that is of no known type or version, cannot be read or upcast, or cannot happen where it stands; or a
// state that is not what it was.
struct HistoryProblem {
  std::string stream;
  std::optional<Revision> revision;  // nothing: it is about the stream
  Position position;
  std::string type;
  std::string what;
};

struct HistoryReport {
  std::uint64_t streams = 0;
  std::uint64_t events = 0;
  std::uint64_t compared = 0;  // states, with those of the digests
  std::uint64_t found = 0;     // problems in all; the first ones are listed
  std::vector<HistoryProblem> problems;
  std::map<std::string, std::uint64_t> unowned;  // streams by category that none of the deciders has

  [[nodiscard]] bool good() const { return found == 0; }
};

struct HistoryOptions {
  std::filesystem::path digests;  // of write_state_digests(); empty: states are not compared
  std::size_t list = 1'000;       // problems in the report, at most
};

namespace detail {

[[nodiscard]] result<HistoryReport> check_history(EventStore& store, std::span<const HistoryKind> kinds,
                                                  const HistoryOptions& options);
[[nodiscard]] result<std::uint64_t> write_state_digests(EventStore& store, std::span<const HistoryKind> kinds,
                                                        const std::filesystem::path& file);
// Adds to each type what it was called before.
void add_older_names(Query& query, const std::vector<std::string>& names);

}  // namespace detail

// ---- The dry run

// Replays the whole log through this program's deciders. What is wrong with the history is in the report; errors are
// the store's, and invalid or not_found for the file of digests.
template <decider... D>
[[nodiscard]] result<HistoryReport> check_history(EventStore& store, const HistoryOptions& options = {}) {
  return detail::check_history(store, detail::history_kinds<D...>(), options);
}

// Writes one line for each aggregate: its stream, the revision it stands at, a digest of its state. Answers how many.
// Errors: corrupt, when a history cannot be folded; unavailable, when the file cannot be written.
template <decider... D>
[[nodiscard]] result<std::uint64_t> write_state_digests(EventStore& store,
                                                        const std::filesystem::path& file) {
  return detail::write_state_digests(store, detail::history_kinds<D...>(), file);
}

// ---- Queries by name

// The query, asking for the older names of each type it names as well, as these deciders know them. For queries that
// come as text; those made from structs (events_of, Work::query) do it by themselves.
template <decider... D>
[[nodiscard]] Query with_older_names(Query query) {
  const auto add = [&]<recorded... E>(const events<E...>*) {
    (detail::add_older_names(query, recorded_names<E>()), ...);
  };
  (add(static_cast<const typename D::Events*>(nullptr)), ...);
  return query;
}

}  // namespace stele

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
// Any program offers both to its operators with the first line of its main():
//
//   if (const auto code = stele::schema_command<Account, Order>(argc, argv)) return *code;
//
//   shop schema check --dir data --digests states.txt        exit code 7 when something was found
//
// Every stream of a category that one of the deciders has is folded from its first event, without snapshots. States
// must have a JSON form (as for snapshots); a digest is one of that form, so a state whose fields were changed differs
// for every aggregate, and says so for each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
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
// {"stream":"Book-b1","version":0,"position":4,"type":"BookGiven","what":"..."}
[[nodiscard]] std::string problem_json(const HistoryProblem& problem);
// "5 problems in 6 events of 3 streams; ..."
[[nodiscard]] std::string summary(const HistoryReport& report);

// A program's deciders, as its `schema` command needs them.
struct SchemaProgram {
  std::vector<HistoryKind> kinds;
  std::string vocabulary;
  std::function<result<std::unique_ptr<EventStore>>(const std::filesystem::path&)> open;
};
// `words` begin behind "schema".
[[nodiscard]] int schema_command(std::span<const std::string> words, const SchemaProgram& program,
                                 std::ostream& out, std::ostream& err);
[[nodiscard]] std::optional<int> schema_command(int argc, const char* const* argv,
                                                const std::function<SchemaProgram()>& program);
template <decider... D>
[[nodiscard]] SchemaProgram schema_program() {
  return {history_kinds<D...>(), (std::string() + ... + stele::vocabulary<D>()),
          [](const std::filesystem::path& directory) {
            OpenOptions following;
            following.access = Access::read_only;
            return stele::open(directory, following);
          }};
}

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

// ---- From the command line

// A program's `schema` command, when the first of its words is that; nothing otherwise. Reads the store beside the
// process that writes it. Exit codes are those of `stele`: 0 good, 7 something was found, 2 wrong words.
//
//   schema check --dir DIR [--digests FILE] [-o ndjson]   replays the log: one line for each problem
//   schema digests FILE --dir DIR                         writes the digests, with the old program
//   schema lock FILE                                      compares the vocabulary with the committed file
//   schema print                                          the vocabulary
template <decider... D>
[[nodiscard]] std::optional<int> schema_command(int argc, const char* const* argv) {
  return detail::schema_command(argc, argv, detail::schema_program<D...>);
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

// Each type these deciders know by more than one name: what it is called today, then its older names. For
// App::type_names (app.hpp), so that queries which come over HTTP find both.
template <decider... D>
[[nodiscard]] std::vector<std::vector<std::string>> type_names() {
  std::vector<std::vector<std::string>> all;
  const auto add = [&](std::vector<std::string> names) {
    if (names.size() > 1) all.push_back(std::move(names));
  };
  const auto add_each = [&]<recorded... E>(const events<E...>*) { (add(recorded_names<E>()), ...); };
  (add_each(static_cast<const typename D::Events*>(nullptr)), ...);
  return all;
}

}  // namespace stele

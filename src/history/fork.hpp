// fork.hpp - another history of one aggregate, in memory: without an event, with other data, with one more. What its
// states are beside the real ones, and a bundle that shows the same anywhere. Nothing is written to the log.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "history/change.hpp"
#include "history/timeline.hpp"

namespace stele::history {

// One edit, of the event that has this revision in reality. Several may concern the same event.
struct Edit {
  enum class Kind : std::uint8_t { drop, set, insert };
  Kind kind = Kind::drop;
  Revision at;
  std::string path{};  // set: a member of its data, "amount" or "price.net"
  std::string
      type{};  // insert: an event of this type in front of it; one behind the last revision is allowed
  std::string data{};  // set: the JSON value; insert: the event's data
};
// "v203"; "v203.amount=\"50.00\""; "v203 MoneyDeposited {...}". Errors: invalid.
[[nodiscard]] result<Edit> parse_drop(std::string_view text);
[[nodiscard]] result<Edit> parse_set(std::string_view text);
[[nodiscard]] result<Edit> parse_insert(std::string_view text);

// What became of it.
struct Forked {
  std::string stream;
  std::string type;
  std::string fold;
  std::uint64_t real_events = 0;
  std::uint64_t forked_events = 0;
  std::string real;  // the last states
  std::string forked;
  std::vector<Change> difference;           // from reality to the fork
  std::optional<Revision> first_different;  // in reality, where the fork's state was first another
  std::string impossible;  // the fork's history cannot be: which event, and why; `forked` is before it
};
[[nodiscard]] std::string forked_json(const Forked& forked);

struct ForkLimits {
  std::uint64_t events = 10'000'000;
  std::uint64_t bundle_bytes = 256u << 20;
};
// `bundle`: becomes the text of a bundle, one JSON object a line: what it is, then the fork's events with the state
// behind each. Errors: invalid (an edit names no event, or data that is none), too_large; corrupt when reality itself
// cannot be folded.
[[nodiscard]] result<Forked> fork_history(EventSource& source, const Fold& fold, const StreamInfo& info,
                                          std::vector<Edit> edits, const ForkLimits& limits = {},
                                          std::string* bundle = nullptr);

// ---- A bundle, somewhere else

struct Replayed {
  std::string stream;
  std::string fold;
  std::uint64_t events = 0;
  bool identical = true;
  std::optional<Revision> first_different;  // in the bundle's own numbers
  std::string expected;
  std::string got;
};
// A declared fold comes along in the bundle; otherwise `own` says what this program has for the category.
[[nodiscard]] result<Replayed> replay_bundle(
    std::string_view bundle, const std::function<result<const Fold*>(const std::string&)>& own);
[[nodiscard]] std::string replayed_json(const Replayed& replayed);

// ---- Two builds of the rules

struct Compared {
  std::uint64_t events = 0;
  std::optional<Revision> first_different;
  std::string event;  // its name and data; JSON
  std::string first;  // the state by the first build, or what it refuses
  std::string second;
};
[[nodiscard]] result<Compared> compare_folds(EventSource& source, const StreamInfo& info, const Fold& first,
                                             const Fold& second);

}  // namespace stele::history

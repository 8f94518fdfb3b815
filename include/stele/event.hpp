// event.hpp - the vocabulary of the log: what an event is, how streams are named, what can be asked for.
// Only shapes and their rules; who stores them is store.hpp.
//
//   event      something that happened, in the past tense, immutable: "MoneyDeposited"
//   stream     the events of one thing, in order: "BankAccount-acct-42"
//   category   all streams of one kind: the part of the name before the first '-', "BankAccount"
//   tag        a word that an event can be found by, across streams: "customer:17"
//   position   where an event stands in the whole log, from 1
//   revision   where an event stands in its stream, from 0
//
// Text fields (stream, type, tags, content type) are UTF-8 without control characters. Data and metadata are
// any bytes and come back unchanged. Every limit below is enforced before anything is written.
//
// Threading: plain values. Views (EventView, TagsView) borrow and say from whom.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "stele/detail/tags_view.hpp"
#include "stele/result.hpp"
#include "stele/types.hpp"

namespace stele {

// Hard limits, the same for every store; GET /v1/limits shows them. What is over one is refused with
// `too_large` and the limit as a fact.
struct Limits {
  static constexpr std::size_t stream_name_bytes = 512;
  static constexpr std::size_t event_type_bytes = 256;
  static constexpr std::size_t content_type_bytes = 128;
  static constexpr std::size_t tag_bytes = 256;
  static constexpr std::size_t tags_per_event = 64;
  // Of one event: its data, and its metadata.
  static constexpr std::size_t data_bytes = 16u << 20;
  static constexpr std::size_t metadata_bytes = 1u << 20;
  // Of one append: all of its events together, and the streams it writes or checks.
  static constexpr std::size_t events_per_append = 10'000;
  static constexpr std::size_t streams_per_append = 1'000;
  static constexpr std::size_t append_bytes = 64u << 20;
};

// The two content types that the server and the command line treat specially.
inline constexpr std::string_view json_content = "application/json";
inline constexpr std::string_view binary_content = "application/octet-stream";

// ---- Events

// An event that is about to be appended.
struct NewEvent {
  // Nil: the store gives one. A given id makes the append idempotent: sent again with the same content, it gets the
  // first answer; with other content, it is `invalid`.
  Uuid id;
  // Past tense, e.g. "MoneyDeposited". Persisted for ever: rename by adding an upcaster, never in place.
  std::string type;
  // The payload. Never parsed, re-encoded or normalised by the store.
  std::string data;
  // Empty, or a JSON object: userId, correlationId, causationId, anything. Not interpreted either.
  std::string metadata;
  // Distinct, in an order that is kept. What a query or an append condition finds the event by.
  std::vector<std::string> tags;
  // How readers should take `data`; JSON is shown as JSON, anything else as base64.
  std::string content_type{json_content};
};

struct RecordedEvent;

// A stored event, borrowed: every view in it points into the cursor or batch it came from and is valid until
// that is advanced or destroyed. to_owned() copies.
struct EventView {
  Position position;
  Revision revision;
  // When it was appended. Never decreases along the log; all events of one append have the same.
  Timestamp recorded_at;
  Uuid id;
  std::string_view stream;
  std::string_view type;
  std::string_view content_type;
  std::string_view data;
  std::string_view metadata;
  // A range of string_views: `for (auto tag : event.tags)`, `event.tags.contains("customer:17")`.
  TagsView tags;

  [[nodiscard]] RecordedEvent to_owned() const;
};

// The same, owning its bytes: may be kept, moved to another thread, compared.
struct RecordedEvent {
  Position position;
  Revision revision;
  Timestamp recorded_at;
  Uuid id;
  std::string stream;
  std::string type;
  std::string content_type;
  std::string data;
  std::string metadata;
  std::vector<std::string> tags;
  bool operator==(const RecordedEvent&) const = default;
};

// "BankAccount" of "BankAccount-acct-42": the part before the first '-', or all of it when there is none.
[[nodiscard]] std::string_view category_of(std::string_view stream);

// Names beginning with '$' are the store's own; the only ones that can be written are metadata streams, "$$" + the
// name of a stream (see Retention in store.hpp). Errors: invalid, too_large.
[[nodiscard]] result<void> check_stream_name(std::string_view name);
// Everything that can be wrong with one event before it meets the log. Errors: invalid, too_large.
[[nodiscard]] result<void> check_event(const NewEvent& event);

// ---- Expected versions

// What the writer believes about a stream. Compared with the stream's head inside the append, so that of any
// number of writers who saw the same revision one succeeds and the others get `conflict`.
//
//   any         whatever is there
//   no_stream   it has no events
//   exists      it has at least one
//   exact(r)    its last event has revision r
class ExpectedVersion {
 public:
  enum class Kind : std::uint8_t { any, no_stream, exists, exact };

  constexpr ExpectedVersion() = default;  // any
  static constexpr ExpectedVersion any() { return {}; }
  static constexpr ExpectedVersion no_stream() { return {Kind::no_stream, Revision{}}; }
  static constexpr ExpectedVersion exists() { return {Kind::exists, Revision{}}; }
  static constexpr ExpectedVersion exact(Revision at) { return {Kind::exact, at}; }
  // What a reader who saw `head` (nothing: no stream) expects.
  static constexpr ExpectedVersion of(std::optional<Revision> head) {
    return head ? exact(*head) : no_stream();
  }

  [[nodiscard]] constexpr Kind kind() const { return kind_; }
  // Of exact only; 0 otherwise.
  [[nodiscard]] constexpr Revision revision() const { return revision_; }
  // Whether a stream whose last event is at `head` (nothing: no stream) is as expected.
  [[nodiscard]] constexpr bool admits(std::optional<Revision> head) const {
    if (kind_ == Kind::exact) return head && *head == revision_;
    return kind_ == Kind::any || head.has_value() == (kind_ == Kind::exists);
  }
  bool operator==(const ExpectedVersion&) const = default;

 private:
  constexpr ExpectedVersion(Kind kind, Revision revision) : kind_(kind), revision_(revision) {}
  Kind kind_ = Kind::any;
  Revision revision_;
};
// "any", "no_stream", "exists" or the number: also how it is written in JSON and on the command line.
[[nodiscard]] std::string to_string(const ExpectedVersion& expected);

// ---- Queries

// Within an item the filled-in lists must all agree: type one of `types`, every one of `tags` present, stream one
// of `streams`, category one of `categories`. An empty list asks nothing; an item with four empty lists is refused
// by check_query, since it could mean everything or nothing.
struct QueryItem {
  std::vector<std::string> types;
  std::vector<std::string> tags;
  std::vector<std::string> streams;
  std::vector<std::string> categories;
  bool operator==(const QueryItem&) const = default;
};

// Which events: everything, or those that match at least one item. An empty list of items is refused, too.
struct Query {
  // Nothing: all events.
  std::optional<std::vector<QueryItem>> items;

  static Query all() { return {}; }
  static Query of(QueryItem item) { return {std::vector{std::move(item)}}; }
  // By looking at the event alone: the meaning of a query, whatever index answers it.
  [[nodiscard]] bool matches(const EventView& event) const;
  bool operator==(const Query&) const = default;
};
[[nodiscard]] result<void> check_query(const Query& query);

// "Refuse the append if an event behind `after` matches": the dynamic consistency boundary (dcb.events), for
// decisions that rest on a query over the log instead of on streams. Read with the query, decide, append with the
// same query and the last position read: of any number of writers who saw the same, one succeeds.
//
// Every event counts, however it was appended, also those of appends that are on their way. Whether the append's own
// events match does not matter. `after` beyond the last position is `invalid`.
struct AppendCondition {
  Query fail_if;
  // Exclusive: the last position that the decision has seen.
  Position after;
};

// ---- Places in history

// A place as people write it, the same in the command line, in addresses and in the library:
//
//   v204      a revision of the stream at hand        p90211      a position in the log
//   start     before everything                       head        the newest event
//   -20       the last 20                             -2h         an age; units s m h d w
//   2026-03-01, 2026-03-01T10:00Z, ...                a time, UTC unless it carries an offset
struct Moment {
  struct Start {
    bool operator==(const Start&) const = default;
  };
  struct Head {
    bool operator==(const Head&) const = default;
  };
  struct Last {
    std::uint64_t count;
    bool operator==(const Last&) const = default;
  };
  struct Ago {
    std::chrono::microseconds age;
    bool operator==(const Ago&) const = default;
  };
  std::variant<Start, Head, Revision, Position, Timestamp, Ago, Last> at;
  bool operator==(const Moment&) const = default;
};
// `invalid`, with the grammar as help, for anything else.
[[nodiscard]] result<Moment> parse_moment(std::string_view text);

}  // namespace stele

// event.hpp - the vocabulary of the log: what an event is, how streams are named, what can be asked for.
// Only shapes and their rules; who stores them is store.hpp.
//
// Text fields (stream, type, tags, content type) are UTF-8 without control characters. Data and metadata are
// any bytes and come back unchanged. Every limit below is enforced before anything is written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "stele/result.hpp"
#include "stele/types.hpp"

namespace stele {

// Hard limits, the same for every store; GET /v1/limits shows them.
struct Limits {
  static constexpr std::size_t stream_name_bytes = 512;
  static constexpr std::size_t event_type_bytes = 256;
  static constexpr std::size_t content_type_bytes = 128;
  static constexpr std::size_t tag_bytes = 256;
  static constexpr std::size_t tags_per_event = 64;
  static constexpr std::size_t data_bytes = 16u << 20;  // data alone
  static constexpr std::size_t metadata_bytes = 1u << 20;
  static constexpr std::size_t events_per_append = 10'000;
  static constexpr std::size_t streams_per_append = 1'000;  // written and checked ones together
  static constexpr std::size_t append_bytes = 64u << 20;    // all events of one append, encoded
};

inline constexpr std::string_view json_content = "application/json";
inline constexpr std::string_view binary_content = "application/octet-stream";

// An event that is about to be appended.
struct NewEvent {
  Uuid id;           // nil: the store gives one; a repeated id makes the append idempotent
  std::string type;  // past tense, e.g. "MoneyDeposited"
  std::string data;
  std::string metadata;  // empty, or a JSON object: correlationId, causationId, userId, anything
  std::vector<std::string> tags;
  std::string content_type{json_content};
};

// The tags of a stored event: a forward range of string_views over the encoded form
// (per tag: 2-byte little-endian length, bytes). Borrowed like the view it came from.
class TagsView {
 public:
  class iterator {
   public:
    using value_type = std::string_view;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::forward_iterator_tag;
    iterator() = default;
    explicit iterator(const char* at) : at_(at) {}
    std::string_view operator*() const { return {at_ + 2, size()}; }
    iterator& operator++() {
      at_ += 2 + size();
      return *this;
    }
    iterator operator++(int) {
      auto old = *this;
      ++*this;
      return old;
    }
    bool operator==(const iterator&) const = default;

   private:
    [[nodiscard]] std::size_t size() const {
      return static_cast<unsigned char>(at_[0]) + (std::size_t{static_cast<unsigned char>(at_[1])} << 8);
    }
    const char* at_ = nullptr;
  };

  TagsView() = default;
  explicit TagsView(std::string_view encoded) : encoded_(encoded) {}
  [[nodiscard]] iterator begin() const { return iterator(encoded_.data()); }
  [[nodiscard]] iterator end() const { return iterator(encoded_.data() + encoded_.size()); }
  [[nodiscard]] bool empty() const { return encoded_.empty(); }
  [[nodiscard]] bool contains(std::string_view tag) const;
  [[nodiscard]] std::string_view encoded() const { return encoded_; }

 private:
  std::string_view encoded_;
};

struct RecordedEvent;

// A stored event, borrowed: every view in it points into the cursor or batch it came from and is valid until
// that is advanced or destroyed. to_owned() copies.
struct EventView {
  Position position;
  Revision revision;
  Timestamp recorded_at;
  Uuid id;
  std::string_view stream;
  std::string_view type;
  std::string_view content_type;
  std::string_view data;
  std::string_view metadata;
  TagsView tags;

  [[nodiscard]] RecordedEvent to_owned() const;
};

// A stored event that owns its bytes.
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

// Names beginning with '$' are the store's own and cannot be written by applications.
[[nodiscard]] result<void> check_stream_name(std::string_view name);
// Everything that can be wrong with one event before it meets the log; `where` prefixes the message.
[[nodiscard]] result<void> check_event(const NewEvent& event);

// What the writer believes about a stream. Compared with the stream's head inside the append.
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
  [[nodiscard]] constexpr Revision revision() const { return revision_; }  // of exact only
  [[nodiscard]] constexpr bool admits(std::optional<Revision> head) const {
    switch (kind_) {
      case Kind::any:
        return true;
      case Kind::no_stream:
        return !head;
      case Kind::exists:
        return head.has_value();
      case Kind::exact:
        return head && *head == revision_;
    }
    return false;
  }
  bool operator==(const ExpectedVersion&) const = default;

 private:
  constexpr ExpectedVersion(Kind kind, Revision revision) : kind_(kind), revision_(revision) {}
  Kind kind_ = Kind::any;
  Revision revision_;
};
// "any", "no_stream", "exists" or the number.
[[nodiscard]] std::string to_string(const ExpectedVersion& expected);

// Which events: everything, or those that match at least one item. Within an item the filled-in lists must
// all agree: type one of `types`, every one of `tags` present, stream one of `streams`, category one of
// `categories`. An empty list in an item asks nothing; an item with four empty lists is refused by
// check_query.
struct QueryItem {
  std::vector<std::string> types;
  std::vector<std::string> tags;
  std::vector<std::string> streams;
  std::vector<std::string> categories;
  bool operator==(const QueryItem&) const = default;
};

struct Query {
  std::optional<std::vector<QueryItem>> items;  // nothing: all events

  static Query all() { return {}; }
  static Query of(QueryItem item) { return {std::vector{std::move(item)}}; }
  [[nodiscard]] bool matches(const EventView& event) const;
  bool operator==(const Query&) const = default;
};
[[nodiscard]] result<void> check_query(const Query& query);

// "Refuse the append if an event after `after` matches." The dynamic consistency boundary.
struct AppendCondition {
  Query fail_if;
  Position after;  // exclusive: the last position the decision has seen
};

// A place in history, as people write it: `v204` a revision, `p90211` a position, `start`, `head`, `-20` (the
// last 20), a time ("2026-03-01", "2026-03-01T10:00Z") or an age ("-2h", units s m h d w).
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
[[nodiscard]] result<Moment> parse_moment(std::string_view text);

}  // namespace stele

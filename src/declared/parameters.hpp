// parameters.hpp - `:data.amount` and its like in SQL: found, made into parameters that SQLite understands, and filled
// from an event. What a query is given from outside is question.hpp.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stele/detail/json.hpp"
#include "stele/event.hpp"
#include "stele/sqlite.hpp"

namespace stele::declared {

// SQL with `?1`, `?2` in place of names. As long as the text it was made of, so that places in one are places in the
// other.
struct NumberedSql {
  std::string sql;
  std::vector<std::string> names;    // without colon; the first is ?1
  std::vector<std::size_t> offsets;  // where each stood first
};

// What is wrong, and where in the text.
struct NamingFault {
  std::size_t offset;
  std::string what;
};

// `deterministic`: 'now', and functions that mean it, are wrong as well.
[[nodiscard]] std::expected<NumberedSql, NamingFault> number_parameters(std::string_view sql,
                                                                        bool deterministic);

// One value out of an event: ":data.items.0.price?".
struct EventParameter {
  enum class Source : std::uint8_t {
    stream,
    key,
    category,
    position,
    revision,
    id,
    type,
    time,
    data,
    metadata
  };
  Source source = Source::stream;
  std::vector<std::string> path{};  // into data or metadata
  bool optional = false;            // NULL where there is nothing
};

// Nothing: no event has that.
[[nodiscard]] std::optional<EventParameter> event_parameter(std::string_view name);
inline constexpr std::string_view event_parameter_names =
    ":stream, :key, :category, :position, :revision, :id, :type, :time, :data, :data.member, :metadata, "
    ":metadata.member";

// The values of one event, for one statement after the other. Views point into the event and into this.
class EventValues {
 public:
  explicit EventValues(const EventView& event) : event_(event) {}
  // Errors: invalid (the data is no JSON, or has no such member).
  result<SqlValue> value(const EventParameter& parameter);

 private:
  result<JsonValue> document(EventParameter::Source source);
  std::string_view keep(std::string text);

  const EventView& event_;
  std::optional<JsonDocument> data_;
  std::optional<JsonDocument> metadata_;
  std::deque<std::string> kept_;
};

}  // namespace stele::declared

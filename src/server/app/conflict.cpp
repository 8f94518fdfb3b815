// conflict.cpp - conflicts as problem documents.
#include "server/app/conflict.hpp"

#include "event/event_json.hpp"
#include "server/app/problems.hpp"
#include "server/http/uri.hpp"
#include "server/text.hpp"

namespace stele::server {
namespace {

constexpr std::size_t most_events_since = 10;
constexpr std::size_t most_bytes_since = 64u << 10;

// The first revision the caller has not seen; nothing when no list would help.
std::optional<Revision> first_unseen(const Error& conflict) {
  const auto expected = conflict.fact("expected");
  const auto actual = conflict.fact("actual").value_or("");
  if (!expected || !parse_u64(actual)) return std::nullopt;
  if (*expected == "no_stream") return Revision(0);
  const auto version = parse_u64(*expected);
  return version ? std::optional<Revision>(Revision(*version).next()) : std::nullopt;
}

struct EventsSince {
  std::string list = "[";
  bool complete = true;
};

// What is too much is left out at the end, never in between: the list is a prefix of what happened.
result<EventsSince> read_since(EventStore& store, std::string_view stream, Revision from) {
  EventsSince out;
  STELE_TRY(const auto cursor,
            store.read_stream({.stream = std::string(stream), .from = from, .limit = most_events_since + 1}));
  for (std::size_t count = 0;;) {
    STELE_TRY(const auto batch, cursor->next_batch(most_events_since + 1));
    if (batch.empty()) break;
    for (const auto& event : batch) {
      if (count == most_events_since || out.list.size() + event.data.size() > most_bytes_since) {
        out.complete = false;
        break;
      }
      if (count++ > 0) out.list += ',';
      append_event_json(out.list, event);
    }
    if (!out.complete) break;
  }
  out.list += ']';
  return out;
}

// The event that stands in the way of a condition, when it is small enough to be shown.
result<std::optional<std::string>> read_event_at(EventStore& store, std::uint64_t position) {
  STELE_TRY(const auto cursor, store.read({.query = Query::all(), .from = Position(position), .limit = 1}));
  STELE_TRY(const auto batch, cursor->next_batch(1));
  if (batch.empty() || batch.front().data.size() + batch.front().metadata.size() > most_bytes_since)
    return std::optional<std::string>{};
  std::string event;
  append_event_json(event, batch.front());
  return std::optional(std::move(event));
}

Problem condition_problem(EventStore& store, const Error& conflict, Problem problem) {
  const auto position = parse_u64(conflict.fact("position").value_or(""));
  if (!position) return problem;
  problem = std::move(problem).with("events", "/v1/events?from=p" + std::to_string(*position));
  auto event = read_event_at(store, *position);
  if (!event || !*event) return problem;
  return std::move(problem).with_json("event", **std::move(event));
}

}  // namespace

// A list that cannot be read is left out: the conflict is the message.
Problem conflict_problem(EventStore& store, const Error& conflict, bool conditional) {
  auto problem = problem_of(conflict, conditional);
  if (is_condition_conflict(conflict)) return condition_problem(store, conflict, std::move(problem));
  const auto stream = conflict.fact("stream");
  const auto from = first_unseen(conflict);
  if (!stream || !from) return problem;
  problem = std::move(problem).with(
      "events", "/v1/streams/" + percent_encode(*stream) + "/events?from=v" + std::to_string(from->value()));
  auto since = read_since(store, *stream, *from);
  if (!since) return problem;
  return std::move(problem)
      .with_json("events_since", std::move(since->list))
      .with_json("events_since_complete", since->complete ? "true" : "false");
}

}  // namespace stele::server

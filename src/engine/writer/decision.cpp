// decision.cpp - expected versions, idempotent ids, limits.
#include "engine/writer/decision.hpp"

#include <algorithm>
#include <string>
#include <unordered_set>

#include "base/assert.hpp"
#include "event/retention.hpp"

namespace stele::engine {
namespace {

Error invalid_request(std::string message) { return {errc::invalid, std::move(message)}; }

Error too_many(std::string_view what, std::size_t count, std::size_t limit) {
  STELE_ASSERT(count > limit, "only what is beyond a limit is refused", count, limit);
  return Error(errc::too_large, "the append has " + std::to_string(count) + " " + std::string(what) +
                                    ", the limit is " + std::to_string(limit))
      .with("limit", limit)
      .help("split it");
}

std::size_t payload_bytes(const NewEvent& event) {
  std::size_t bytes = event.data.size() + event.metadata.size() + event.type.size() + 64;
  for (const auto& tag : event.tags) bytes += tag.size() + 2;
  return bytes;
}

result<void> check_totals(const AppendRequest& request) {
  std::size_t events = 0;
  std::size_t bytes = 0;
  for (const auto& write : request.writes) {
    events += write.events.size();
    for (const auto& event : write.events) bytes += payload_bytes(event);
  }
  const auto streams = request.writes.size() + request.also_expect.size();
  if (streams > Limits::streams_per_append) return too_many("streams", streams, Limits::streams_per_append);
  if (events > Limits::events_per_append) return too_many("events", events, Limits::events_per_append);
  if (bytes > Limits::append_bytes) return too_many("bytes", bytes, Limits::append_bytes);
  return {};
}

result<void> check_write(const StreamWrite& write, std::size_t index) {
  const auto where = "writes[" + std::to_string(index) + "]";
  if (auto name = check_stream_name(write.stream); !name) return std::move(name).error().at(where);
  if (write.events.empty()) {
    return invalid_request(where + ": no events for stream '" + write.stream + "'")
        .help("to check a stream without writing it, name it in also_expect");
  }
  for (std::size_t i = 0; i < write.events.size(); ++i) {
    if (auto event = check_event(write.events[i]); !event) {
      return std::move(event).error().at(where + ".events[" + std::to_string(i) + "]");
    }
  }
  if (auto own = check_store_events(write); !own) return std::move(own).error().at(where);
  return {};
}

// Two of the same in one list, whatever `key` says identifies them.
template <class List, class Key>
const typename List::value_type* repeated(const List& list, Key key) {
  if (list.size() < 2) return nullptr;
  std::unordered_set<std::string_view> seen;
  for (const auto& entry : list) {
    if (!seen.insert(key(entry)).second) return &entry;
  }
  return nullptr;
}

result<void> check_repeated_ids(const AppendRequest& request) {
  if (request.writes.size() == 1 && request.writes.front().events.size() == 1) return {};
  std::vector<Uuid> ids;
  for (const auto& write : request.writes) {
    for (const auto& event : write.events) {
      if (!event.id.is_nil()) ids.push_back(event.id);
    }
  }
  std::ranges::sort(ids);
  const auto twice = std::ranges::adjacent_find(ids);
  if (twice == ids.end()) return {};
  return invalid_request("the event id " + to_string(*twice) + " is given twice in one append");
}

result<void> check_distinct(const AppendRequest& request) {
  const auto name = [](const auto& entry) -> std::string_view { return entry.stream; };
  if (const auto* twice = repeated(request.writes, name)) {
    return invalid_request("the stream '" + twice->stream + "' is written twice in one append")
        .help("put its events into one write");
  }
  if (const auto* twice = repeated(request.also_expect, name)) {
    return invalid_request("the stream '" + twice->stream + "' is checked twice in one append");
  }
  return check_repeated_ids(request);
}

Error conflict_error(const std::string& stream, const ExpectedVersion& expected,
                     std::optional<Revision> actual, Position head) {
  STELE_ASSERT(!expected.admits(actual), "only what is not admitted conflicts", to_string(expected));
  const auto stands =
      actual ? "at revision " + std::to_string(actual->value()) : std::string("without events");
  const auto wanted = expected.kind() == ExpectedVersion::Kind::exact
                          ? "revision " + std::to_string(expected.revision().value())
                          : to_string(expected);
  return Error(errc::conflict, "stream '" + stream + "' is " + stands + ", you expected " + wanted)
      .with("stream", stream)
      .with("expected", to_string(expected))
      .with("actual", actual ? std::to_string(actual->value()) : "no_stream")
      .with("position", head.value())
      .help("read what arrived since and decide again");
}

Error gone_error(std::string_view stream) {
  return Error(errc::gone, "the stream '" + std::string(stream) + "' was ended for good")
      .with("stream", std::string(stream));
}

// Where a stream goes on that takes an event or is checked. One that was ended for good takes nothing, and with it
// its metadata cannot be written.
result<StreamEnd> open_end(const Index& state, std::string_view stream) {
  if (is_metadata_stream(stream)) {
    STELE_TRY(const auto about, state.stream_end(stream_of_metadata(stream)));
    if (about.ended) return gone_error(stream_of_metadata(stream));
  }
  STELE_TRY(const auto end, state.stream_end(stream));
  if (end.ended) return gone_error(stream);
  return end;
}

result<void> check_expected(const Index& state, const std::string& stream, const ExpectedVersion& expected,
                            Revision next, const Deletions* deletions) {
  if (expected.kind() == ExpectedVersion::Kind::any) return {};
  std::optional<Revision> head;
  if (next != Revision{}) head.emplace(next.value() - 1);
  // Who deleted a stream may write it as a new one; its numbering is still known to those who ask for it.
  if (head && deletions != nullptr && expected.kind() != ExpectedVersion::Kind::exact) {
    STELE_TRY(const bool deleted, deletions->deleted(stream, next));
    if (deleted) head.reset();
  }
  if (expected.admits(head)) return {};
  return conflict_error(stream, expected, head, state.last());
}

// Where the first event stands when all of them are in the log; nothing when none is.
result<std::optional<Position>> find_ids(const Index& state, const AppendRequest& request) {
  std::size_t found = 0;
  std::size_t count = 0;
  std::optional<Position> first;
  const NewEvent* known = nullptr;
  for (const auto& write : request.writes) {
    for (const auto& event : write.events) {
      STELE_ASSERT(!event.id.is_nil(), "every event has its id by now", count);
      STELE_TRY(const auto position, state.find_id(event.id));
      if (count++ == 0) first = position;
      if (position) {
        ++found;
        known = &event;
      }
    }
  }
  STELE_ASSERT(found <= count, "no more are found than asked for", found, count);
  if (found == 0) return std::optional<Position>{};
  if (found == count) return first;
  return invalid_request("the event id " + to_string(known->id) +
                         " is in the log already, others of this append are not")
      .with("id", to_string(known->id))
      .help("repeat an append with exactly the events it had, or use new ids");
}

}  // namespace

result<void> check_request(const AppendRequest& request) {
  if (request.writes.empty())
    return invalid_request("the append writes nothing").help("give it at least one event");
  STELE_CHECK(check_totals(request));
  for (std::size_t i = 0; i < request.writes.size(); ++i) STELE_CHECK(check_write(request.writes[i], i));
  for (const auto& check : request.also_expect) STELE_CHECK(check_stream_name(check.stream));
  if (request.condition) STELE_CHECK(check_condition(*request.condition));
  return check_distinct(request);
}

result<Decision> decide(const Index& state, const AppendRequest& request, bool fresh_ids,
                        const Deletions* deletions, const Foreseen& foreseen) {
  if (!fresh_ids) {
    STELE_TRY(const auto duplicate, find_ids(state, request));
    if (duplicate) return Decision{*duplicate, {}, true};
  }
  Decision decision{state.last().next(), {}, false};
  STELE_ASSERT(decision.first > Position{}, "positions are not used up", state.last().value());
  decision.first_revisions.reserve(request.writes.size());
  for (const auto& write : request.writes) {
    STELE_TRY(const auto end, open_end(state, write.stream));
    STELE_CHECK(check_expected(state, write.stream, write.expected, end.next, deletions));
    decision.first_revisions.push_back(end.next);
  }
  for (const auto& check : request.also_expect) {
    if (check.expected.kind() == ExpectedVersion::Kind::any) continue;
    STELE_TRY(const auto end, open_end(state, check.stream));
    STELE_CHECK(check_expected(state, check.stream, check.expected, end.next, deletions));
  }
  if (request.condition) STELE_CHECK(decide_condition(state, *request.condition, foreseen));
  return decision;
}

}  // namespace stele::engine

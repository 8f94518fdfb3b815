// read_plan.hpp - from the query parameters of a reading request to what the store is asked. Shared by JSON pages,
// NDJSON and event streams, for the whole log and for one stream.
#pragma once

#include <optional>
#include <string>

#include "stele/app.hpp"
#include "stele/store.hpp"

namespace stele::server {

inline constexpr std::uint64_t default_page = 100;
inline constexpr std::uint64_t largest_page = 1000;

struct ReadPlan {
  std::string stream;  // empty: the whole log
  Query query;         // includes the stream
  Direction direction = Direction::forward;
  Position from;  // inclusive
  Position upto;  // no event behind it (as_of); never beyond the head
  std::optional<std::uint64_t> limit{};
  std::optional<StreamInfo> info{};  // of the stream, when there is one
};

// Errors: invalid (a parameter, by name), not_found (the stream). `must_exist`: false for event streams, which may
// wait for a stream's first event.
[[nodiscard]] result<ReadPlan> plan_read(EventStore& store, const Request& request, bool must_exist);

// The walk that the plan describes, of at most `count` events.
[[nodiscard]] result<std::unique_ptr<Cursor>> open_plan(EventStore& store, const ReadPlan& plan,
                                                        std::uint64_t count);

// What `from` must say to go on behind this event; nothing when the walk backward has arrived.
[[nodiscard]] std::optional<std::string> next_from(const ReadPlan& plan, const EventView& last);

}  // namespace stele::server

// trace.hpp - who and why, as an event's metadata says it: the members that the command handler writes. Events of other
// programs may have none of them, or others.
#pragma once

#include <string>

#include "stele/event.hpp"

namespace stele::history {

struct Trace {
  std::string user;         // userId
  std::string correlation;  // correlationId
  std::string causation;    // causationId
  std::string command;
};
[[nodiscard]] Trace trace_of(std::string_view metadata);

// {"version":203,"position":41,"type":"MoneyWithdrawn","at":"…","id":"…","user":…,"correlation":…}: an event named, not
// shown. Without the closing brace.
[[nodiscard]] std::string event_members(const EventView& event);

}  // namespace stele::history

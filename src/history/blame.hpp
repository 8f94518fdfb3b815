// blame.hpp - which event gave each field of a state the value it has, and everything that ever changed one field.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "history/change.hpp"
#include "history/timeline.hpp"

namespace stele::history {

// A field and its last setter. Fields of the state that deciders begin with, never set since, have no event.
struct Blame {
  std::string pointer;
  std::string value;   // JSON
  std::string event;   // event_members() of trace.hpp, closed; empty: none
  std::string before;  // JSON; empty: it was not there
};

// Of the state at `revision` (nothing: before the first event), by pointer. Walks the whole history.
[[nodiscard]] result<std::vector<Blame>> blame_at(Timeline& timeline, std::optional<Revision> revision);
// {"field":"balance","value":"-100.00","before":"2900.00","version":203,…}
[[nodiscard]] std::string blame_json(const Blame& blame);

// Everything that changed a field (or what lies below it) up to `revision`, newest first, at most `most`. The field as
// a condition names it: balance, items."p-1". Errors: invalid for no such name.
[[nodiscard]] result<std::vector<Blame>> changes_of_field(Timeline& timeline, std::string_view field,
                                                          Revision revision, std::size_t most);

}  // namespace stele::history

// model_parking.hpp - parked events of a model, in a table of its file. What is parked, and when it is tried again, is
// the runner's decision.
#pragma once

#include <vector>

#include "base/sqlite.hpp"
#include "stele/projection.hpp"

namespace stele::targets {

// The table is made by the first event that is parked; models without trouble have none.
[[nodiscard]] result<std::vector<ParkedEvent>> list_parked(sqlite::Connection& db);
// Both inside the transaction.
[[nodiscard]] result<void> put_parked(sqlite::Connection& db, const ParkedEvent& event);
// False: it was not there.
[[nodiscard]] result<bool> remove_parked(sqlite::Connection& db, Position position);

}  // namespace stele::targets

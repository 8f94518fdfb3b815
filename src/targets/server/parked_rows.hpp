// parked_rows.hpp - parked events of a model, in a table beside its own. What is parked, and when it is tried again, is
// the runner's decision.
#pragma once

#include <vector>

#include "stele/projection.hpp"
#include "targets/server/sql_link.hpp"

namespace stele::targets {

// Not inside a transaction: MariaDB would commit it. Every model has the table from the beginning; this is for those
// that were made before there was one.
[[nodiscard]] result<void> ensure_parked_table(SqlLink& link, const std::string& space);
// What make_empty() creates it by.
[[nodiscard]] std::string parked_table_of(SqlDialect dialect);

[[nodiscard]] result<std::vector<ParkedEvent>> list_parked(SqlLink& link);  // by position
// Both inside the transaction. Removing answers false where there was none: of two who apply a parked event only one
// can remove it.
[[nodiscard]] result<void> put_parked(SqlLink& link, const ParkedEvent& event);
[[nodiscard]] result<bool> remove_parked(SqlLink& link, Position position);

}  // namespace stele::targets

// space_compare.hpp - whether two models on one database server hold the same rows, and which ones they do not share.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "stele/projection.hpp"
#include "targets/server/sql_link.hpp"

namespace stele::targets {

// Of the application's tables in either space. Both must stand still meanwhile.
[[nodiscard]] result<std::vector<TableComparison>> compare_spaces(SqlLink& link, const std::string& before,
                                                                  const std::string& after,
                                                                  std::size_t examples);

}  // namespace stele::targets

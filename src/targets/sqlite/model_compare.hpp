// model_compare.hpp - whether two model files hold the same rows, and which ones they do not share.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "stele/projection.hpp"

namespace stele::targets {

// Of the application's tables in either file. Both must stand still meanwhile.
[[nodiscard]] result<std::vector<TableComparison>> compare_models(const std::string& before,
                                                                  const std::string& after,
                                                                  std::size_t examples);

}  // namespace stele::targets

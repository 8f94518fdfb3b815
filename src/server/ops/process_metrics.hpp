// process_metrics.hpp - the standard process_* series, from /proc/self.
#pragma once

#include <vector>

#include "stele/app.hpp"

namespace stele::server {

[[nodiscard]] std::vector<Metric> process_metrics();

}  // namespace stele::server

// projection_json.hpp - how projections, their rebuilds and their parked events look in JSON.
#pragma once

#include <string>

#include "stele/projection.hpp"

namespace stele::server {

[[nodiscard]] std::string projection_json(const ProjectionStatus& status);
// The same with what takes longer to gather: the way of events into the model, and what applying costs.
[[nodiscard]] std::string projection_details_json(const Runner& runner);
[[nodiscard]] std::string parked_json(const ParkedEvent& event);
[[nodiscard]] std::string estimate_json(const RebuildEstimate& estimate);

}  // namespace stele::server

// ops_routes.hpp - what operators and tools ask: health, metrics, version, limits, OpenAPI, problem pages.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "server/app/core.hpp"
#include "server/http/router.hpp"

namespace stele::server {

[[nodiscard]] std::vector<ServedRoute> ops_routes(const std::shared_ptr<Core>& core);

// OpenAPI 3.1, generated from the route table.
[[nodiscard]] std::string openapi_document(const std::vector<ServedRoute>& routes, const App* app);

}  // namespace stele::server
